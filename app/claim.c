/* SPDX-License-Identifier: Apache-2.0 */
/* A kind answers with a number or with words; one function compares it with what was published. */
#include "app/claim.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define CURVES_MAX    64
#define TOLERANCE_MAX 10.0
#define WHOLE_SHARE   1.0
#define ANY_X         G_MAXDOUBLE
#define NO_ANSWER     "none"
#define SHARE_DIGITS  1e-9 /* Rounding of a quotient. */

typedef struct {
    double value; /* NAN: words, or no answer. */
    char *words;  /* NULL: a number. */
    double error; /* Of words; NAN: they have to be those published. */
    bool holds;   /* Of words with an error, or none to compare with. */
} answer;

typedef enum { WHOLE_CURVES = 1, FROM_TO, FROM_ALONE } claim_scope; /* Points looked at. */

typedef struct {
    const char *name;
    guint curve_count_min, curve_count_max;
    bool has_words;
    claim_scope scope;
    answer (*work_out)(const gw_claim *claim, const gw_curve *curves);
} claim_kind;

struct gw_claim {
    const claim_kind *kind;
    const char *item;
    guint curves[CURVES_MAX], curve_count;
    double from, to, share;
    bool is_between, is_absolute;
    bool has_number;                    /* published is a number, */
    double published;                   /* this one; */
    const char *statement;              /* else words. */
    double tolerance, minimum, maximum; /* Bounds that are not given are infinite. */
};

/* --- Numbers --- */

static const gw_curve *curve_of(const gw_claim *claim, const gw_curve *curves, guint place)
{
    gw_check(place < claim->curve_count);
    return &curves[claim->curves[place]];
}

/* NAN: it has no such point. */
static double value_at(const gw_curve *curve, double x)
{
    for (guint i = 0; i < curve->count; i++)
        if (curve->x[i] == x)
            return curve->y[i];
    return NAN;
}

/* How far `value` is from where it has to be, as a share of that unless the claim says otherwise.
 */
static double error_of(const gw_claim *claim, double value)
{
    double bound = claim->has_number ? claim->published : value;
    if (!claim->has_number && value < claim->minimum)
        bound = claim->minimum;
    if (!claim->has_number && value > claim->maximum)
        bound = claim->maximum;
    if (bound == 0 || claim->is_absolute)
        return value - bound;
    return value / bound - 1;
}

/* The value that is nearest to breaking the claim, or breaks it most. */
static bool is_worse(const gw_claim *claim, double value, double than)
{
    if (isnan(than))
        return true;
    if (claim->has_number)
        return fabs(error_of(claim, value)) > fabs(error_of(claim, than));
    return isfinite(claim->minimum) ? value < than : value > than;
}

/* Over the points of the first curve; with a second, of the quotient.  NAN: a point is missing. */
static double find_worst(const gw_claim *claim, const gw_curve *first, const gw_curve *second)
{
    double worst = NAN;
    for (guint i = 0; i < first->count; i++) {
        if (first->x[i] < claim->from || first->x[i] > claim->to)
            continue;
        double value = first->y[i];
        if (second != NULL)
            value /= value_at(second, first->x[i]);
        if (isnan(value))
            return NAN;
        if (is_worse(claim, value, worst))
            worst = value;
    }
    return worst;
}

static answer work_out_value(const gw_claim *claim, const gw_curve *curves)
{
    return (answer){.value = find_worst(claim, curve_of(claim, curves, 0), NULL)};
}

static answer work_out_ratio(const gw_claim *claim, const gw_curve *curves)
{
    return (answer){.value =
                        find_worst(claim, curve_of(claim, curves, 0), curve_of(claim, curves, 1))};
}

static double find_highest(const gw_curve *curve)
{
    double highest = NAN;
    for (guint i = 0; i < curve->count; i++)
        if (!(curve->y[i] <= highest))
            highest = curve->y[i];
    return highest;
}

static answer work_out_best_ratio(const gw_claim *claim, const gw_curve *curves)
{
    return (answer){.value = find_highest(curve_of(claim, curves, 0)) /
                             find_highest(curve_of(claim, curves, 1))};
}

/* Where first/second comes to `share` for good; NAN: nowhere. */
static double find_reach(const gw_claim *claim, const gw_curve *first, const gw_curve *second)
{
    double share = claim->share * (1 - SHARE_DIGITS);
    guint i = first->count;
    while (i > 0 && first->y[i - 1] / value_at(second, first->x[i - 1]) >= share)
        i--;
    if (i == first->count)
        return NAN;
    if (i == 0 || !claim->is_between)
        return first->x[i];
    double before = first->y[i - 1] / value_at(second, first->x[i - 1]);
    double after = first->y[i] / value_at(second, first->x[i]);
    if (isnan(before))
        return NAN;
    double part = (claim->share - before) / (after - before);
    return first->x[i - 1] + part * (first->x[i] - first->x[i - 1]);
}

static answer work_out_reach(const gw_claim *claim, const gw_curve *curves)
{
    return (answer){.value =
                        find_reach(claim, curve_of(claim, curves, 0), curve_of(claim, curves, 1))};
}

/* --- Words --- */

static char *format_number(double value)
{
    if (isnan(value))
        return g_strdup(NO_ANSWER);
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    return g_strdup(g_ascii_formatd(digits, sizeof digits, "%.4g", value));
}

static answer work_out_falls(const gw_claim *claim, const gw_curve *curves)
{
    g_autoptr(GString) words = g_string_new(NULL);
    bool is_falling = true;
    double first = NAN, last = NAN;
    for (guint i = 0; i < claim->curve_count; i += 2) {
        double reach =
            find_reach(claim, curve_of(claim, curves, i), curve_of(claim, curves, i + 1));
        g_autofree char *number = format_number(reach);
        g_string_append_printf(words, "%s%s", i > 0 ? ", " : "", number);
        is_falling = is_falling && (i == 0 ? !isnan(reach) : reach <= last);
        first = i == 0 ? reach : first;
        last = reach;
    }
    return (answer){.value = NAN,
                    .words = g_strdup(words->str),
                    .error = NAN,
                    .holds = is_falling && last < first};
}

typedef struct {
    const gw_claim *claim;
    const gw_curve *curves;
} ordering;

/* From the highest down; as published where they are equal. */
static int compare_places(const void *a, const void *b, void *data)
{
    const ordering *by = (const ordering *)data;
    guint left = *(const guint *)a, right = *(const guint *)b;
    double high = value_at(curve_of(by->claim, by->curves, left), by->claim->from);
    double low = value_at(curve_of(by->claim, by->curves, right), by->claim->from);
    if (high != low)
        return high > low ? -1 : 1;
    return left < right ? -1 : 1;
}

/* The error is the largest step up where a step down was published. */
static answer work_out_order(const gw_claim *claim, const gw_curve *curves)
{
    guint places[CURVES_MAX];
    double error = 0;
    for (guint i = 0; i < claim->curve_count; i++) {
        places[i] = i;
        double here = value_at(curve_of(claim, curves, i), claim->from);
        if (isnan(here))
            return (answer){.value = NAN};
        double before = i == 0 ? here : value_at(curve_of(claim, curves, i - 1), claim->from);
        error = MAX(error, here / before - 1);
    }
    ordering by = {claim, curves};
    g_qsort_with_data(places, (gint)claim->curve_count, sizeof *places, compare_places, &by);
    GString *words = g_string_new(NULL);
    for (guint i = 0; i < claim->curve_count; i++)
        g_string_append_printf(words, "%s%s", i > 0 ? ", " : "",
                               curve_of(claim, curves, places[i])->name);
    return (answer){.value = NAN,
                    .words = g_string_free(words, FALSE),
                    .error = error,
                    .holds = error <= claim->tolerance};
}

/* A phase lasts until the curve has come back by the tolerance from its highest or lowest. */
static answer work_out_phases(const gw_claim *claim, const gw_curve *curves)
{
    const gw_curve *curve = curve_of(claim, curves, 0);
    GString *words = g_string_new(NULL);
    int direction = 0;
    double low = NAN, high = NAN;
    for (guint i = 0; i < curve->count; i++) {
        double y = curve->y[i];
        low = y <= low || isnan(low) ? y : low;
        high = y >= high || isnan(high) ? y : high;
        int now = direction;
        if (direction <= 0 && y > low * (1 + claim->tolerance))
            now = 1;
        else if (direction >= 0 && y < high * (1 - claim->tolerance))
            now = -1;
        if (now == direction)
            continue;
        g_string_append_printf(words, "%s%s", words->len > 0 ? ", " : "", now > 0 ? "up" : "down");
        direction = now;
        low = high = y;
    }
    if (words->len == 0)
        g_string_append(words, "flat");
    bool holds = claim->statement != NULL && strcmp(words->str, claim->statement) == 0;
    return (answer){
        .value = NAN, .words = g_string_free(words, FALSE), .error = NAN, .holds = holds};
}

static const claim_kind kinds[] = {
    {"ratio", 2, 2, false, FROM_TO, work_out_ratio},
    {"best_ratio", 2, 2, false, WHOLE_CURVES, work_out_best_ratio},
    {"reach", 2, 2, false, WHOLE_CURVES, work_out_reach},
    {"value", 1, 1, false, FROM_TO, work_out_value},
    {"order", 2, CURVES_MAX, true, FROM_ALONE, work_out_order},
    {"phases", 1, 1, true, WHOLE_CURVES, work_out_phases},
    {"falls", 4, CURVES_MAX, true, WHOLE_CURVES, work_out_falls},
};
static const char *const kind_names[] = {"ratio", "best_ratio", "reach", "value",
                                         "order", "phases",     "falls", NULL};

/* --- Reading --- */

static bool read_curve(gw_claim *claim, gw_params *element, const char *const *names, guint count,
                       GError **error)
{
    const char *name = NULL;
    if (!gw_params_as_string(element, &name, error))
        return false;
    for (guint i = 0; i < count; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        claim->curves[claim->curve_count++] = i;
        return true;
    }
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(known, (void *)names[i]);
    g_ptr_array_add(known, NULL);
    g_autofree char *list = g_strjoinv(", ", (char **)known->pdata);
    g_autofree char *found = gw_error_quote(name);
    g_autofree char *hint = gw_error_hint(name, (const char *const *)known->pdata);
    gw_params_error(element, NULL, error, "found %s, expected a curve of this figure: %s%s", found,
                    list, hint);
    return false;
}

static bool read_curves(gw_claim *claim, gw_params *object, const char *const *names, guint count,
                        GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(object, "curves", true, &list, error))
        return false;
    guint length = gw_params_length(list);
    if (length < claim->kind->curve_count_min || length > claim->kind->curve_count_max) {
        gw_params_error(list, NULL, error, "found %u curves, expected %u to %u for \"%s\"", length,
                        claim->kind->curve_count_min, claim->kind->curve_count_max,
                        claim->kind->name);
        return false;
    }
    for (guint i = 0; i < length; i++)
        if (!read_curve(claim, gw_params_at(list, i), names, count, error))
            return false;
    if (strcmp(claim->kind->name, "falls") == 0 && length % 2 != 0) {
        gw_params_error(list, NULL, error, "found %u curves, expected pairs", length);
        return false;
    }
    return true;
}

/* A number with its tolerance, or words: with a bound where the kind answers with a number. */
static bool read_published(gw_claim *claim, gw_params *object, GError **error)
{
    gw_params *published = NULL;
    if (!gw_params_value(object, "published", true, &published, error))
        return false;
    claim->has_number = !gw_params_is_string(published);
    if (claim->has_number ? !gw_params_as_number(published, &claim->published, error)
                          : !gw_params_as_string(published, &claim->statement, error))
        return false;
    if (!gw_params_number(object, "tolerance", claim->has_number, 0, TOLERANCE_MAX,
                          &claim->tolerance, error) ||
        !gw_params_number(object, "minimum", false, -G_MAXDOUBLE, G_MAXDOUBLE, &claim->minimum,
                          error) ||
        !gw_params_number(object, "maximum", false, -G_MAXDOUBLE, G_MAXDOUBLE, &claim->maximum,
                          error))
        return false;
    bool has_minimum = isfinite(claim->minimum), has_maximum = isfinite(claim->maximum);
    bool wants_bound = !claim->has_number && !claim->kind->has_words;
    if (claim->has_number && claim->kind->has_words) {
        gw_params_error(object, "published", error, "found a number, expected words for \"%s\"",
                        claim->kind->name);
        return false;
    }
    if (has_minimum + has_maximum != (wants_bound ? 1 : 0)) {
        gw_params_error(object, NULL, error, "found %d of \"minimum\" and \"maximum\", expected %s",
                        has_minimum + has_maximum,
                        wants_bound ? "one, to go with words under \"published\""
                                    : "none: what was published says it");
        return false;
    }
    return true;
}

static bool read_range(gw_claim *claim, gw_params *object, GError **error)
{
    bool is_order = strcmp(claim->kind->name, "order") == 0;
    if (!gw_params_number(object, "from", is_order, -ANY_X, ANY_X, &claim->from, error) ||
        !gw_params_number(object, "to", false, -ANY_X, ANY_X, &claim->to, error) ||
        !gw_params_number(object, "share", false, 0, 1, &claim->share, error) ||
        !gw_params_bool(object, "between", false, &claim->is_between, error) ||
        !gw_params_bool(object, "absolute", false, &claim->is_absolute, error))
        return false;
    if (claim->to < claim->from) {
        gw_params_error(object, "to", error, "expected no less than \"from\"");
        return false;
    }
    return true;
}

gw_claim *gw_claim_read(gw_params *object, const char *const *names, guint count, GError **error)
{
    g_autoptr(gw_claim) claim = g_new0(gw_claim, 1);
    guint32 kind = 0;
    claim->from = -ANY_X;
    claim->to = ANY_X;
    claim->share = WHOLE_SHARE;
    claim->is_between = true;
    claim->minimum = -INFINITY;
    claim->maximum = INFINITY;
    if (!gw_params_choice(object, "kind", true, kind_names, &kind, error))
        return NULL;
    claim->kind = &kinds[kind];
    if (!gw_params_string(object, "item", true, &claim->item, error) ||
        !read_curves(claim, object, names, count, error) || !read_published(claim, object, error) ||
        !read_range(claim, object, error) || !gw_params_finish(object, error))
        return NULL;
    return g_steal_pointer(&claim);
}

void gw_claim_free(gw_claim *claim)
{
    g_free(claim);
}

/* --- The verdict --- */

bool gw_claim_looks_at(const gw_claim *claim, guint curve, double x)
{
    const claim_scope scope = claim->kind->scope;
    double from = scope == WHOLE_CURVES ? -ANY_X : claim->from;
    double to = scope == WHOLE_CURVES ? ANY_X : scope == FROM_TO ? claim->to : claim->from;
    for (guint i = 0; i < claim->curve_count; i++)
        if (claim->curves[i] == curve)
            return x >= from && x <= to;
    return false;
}

gw_claim_row *gw_claim_judge(const gw_claim *claim, const char *source, const gw_curve *curves)
{
    answer ours = claim->kind->work_out(claim, curves);
    gw_claim_row *row = g_new0(gw_claim_row, 1);
    row->source = g_strdup(source);
    row->item = g_strdup(claim->item);
    row->published =
        claim->has_number ? format_number(claim->published) : g_strdup(claim->statement);
    row->published_value = claim->has_number ? claim->published : NAN;
    row->ours_value = ours.value;
    row->is_number = !claim->kind->has_words;
    row->tolerance = isnan(ours.error) ? NAN : claim->tolerance;
    row->error = ours.error;
    row->holds = ours.words != NULL && ours.holds;
    row->ours = ours.words;
    if (ours.words != NULL)
        return row;
    row->ours = format_number(ours.value);
    row->error = isnan(ours.value) ? NAN : error_of(claim, ours.value);
    row->holds = fabs(row->error) <= claim->tolerance * (1 + SHARE_DIGITS);
    return row;
}

void gw_claim_row_free(gw_claim_row *row)
{
    if (row == NULL)
        return;
    g_free(row->source);
    g_free(row->item);
    g_free(row->published);
    g_free(row->ours);
    g_free(row);
}
