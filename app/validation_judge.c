/* SPDX-License-Identifier: Apache-2.0 */
/* What the runs of a validation come to. */
#include <math.h>
#include <string.h>

#include "app/validation.h"
#include "base/check.h"
#include "base/sample.h"

const char *gw_validation_verdict_word(gw_validation_verdict verdict)
{
    switch (verdict) {
    case GW_VALIDATION_SPREAD:
        return "within spread";
    case GW_VALIDATION_TOLERANCE:
        return "within tolerance";
    case GW_VALIDATION_OFF:
        return "off";
    case GW_VALIDATION_FAILED:
        return "failed";
    default:
        gw_check(!"a verdict");
        return "";
    }
}

/* --- Numbers --- */

static const gw_phase_report *report_at(const GPtrArray *reports, guint index)
{
    return (const gw_phase_report *)reports->pdata[index];
}

/* The median, the least and the most of `values`, which it takes; NAN of none. */
static double summarize(GArray *values, double *out_lowest, double *out_highest)
{
    double median = *out_lowest = *out_highest = NAN;
    if (values->len > 0) {
        median = gw_sample_median(values); /* It has sorted them. */
        *out_lowest = g_array_index(values, double, 0);
        *out_highest = g_array_index(values, double, values->len - 1);
    }
    g_array_unref(values);
    return median;
}

/* Takes both, each of which may be empty. */
static gw_validation_pair make_pair(GArray *predicted, GArray *measured)
{
    gw_validation_pair made;
    made.predicted = summarize(predicted, &made.predicted_lowest, &made.predicted_highest);
    made.measured = summarize(measured, &made.lowest, &made.highest);
    return made;
}

static GArray *list_steps(const GPtrArray *reports, guint job)
{
    GArray *values = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint r = 0; r < reports->len; r++) {
        const double step_ns = report_at(reports, r)->step_ns[job];
        if (!isnan(step_ns))
            g_array_append_val(values, step_ns);
    }
    return values;
}

static gw_validation_pair make_step(const gw_validation_case *at, guint job)
{
    return make_pair(list_steps(at->predicted, job), list_steps(at->counted, job));
}

/* Of one run, per device and step. */
static double phase_ns(const gw_phase_report *report, guint device, gw_phase phase)
{
    double sum_ns = 0;
    for (guint i = 0; i < report->devices->len; i++)
        if (device == GW_INDEX_NONE || device == i)
            sum_ns += g_array_index(report->devices, gw_phase_device, i).ns[phase];
    const double count = device == GW_INDEX_NONE ? (double)report->devices->len : 1;
    return sum_ns / count / (double)report->step_count;
}

static GArray *list_phases(const GPtrArray *reports, guint device, gw_phase phase)
{
    GArray *values = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint r = 0; r < reports->len; r++) {
        const double value_ns = phase_ns(report_at(reports, r), device, phase);
        g_array_append_val(values, value_ns);
    }
    return values;
}

gw_validation_pair gw_validation_phase(const gw_validation_case *at, guint device, gw_phase phase)
{
    return make_pair(list_phases(at->predicted, device, phase),
                     list_phases(at->counted, device, phase));
}

/* That whose job has a step time the nearest to what is given for each; NAN: it has none. */
static const gw_phase_report *find_typical(const GPtrArray *reports, const double *medians_ns,
                                           guint job_count)
{
    guint job = 0, nearest = 0;
    while (job < job_count && isnan(medians_ns[job]))
        job++;
    double least_ns = INFINITY;
    for (guint r = 0; job < job_count && r < reports->len; r++) {
        const double apart_ns = fabs(report_at(reports, r)->step_ns[job] - medians_ns[job]);
        if (apart_ns < least_ns) {
            least_ns = apart_ns;
            nearest = r;
        }
    }
    return report_at(reports, nearest);
}

const gw_phase_report *gw_validation_typical_run(const gw_validation_case *at)
{
    const guint count = at->job_names->len;
    g_autofree double *medians_ns = g_new(double, count);
    for (guint j = 0; j < count; j++)
        medians_ns[j] = at->steps[j].measured;
    return find_typical(at->counted, medians_ns, count);
}

const gw_phase_report *gw_validation_typical_prediction(const gw_validation_case *at)
{
    const guint count = at->job_names->len;
    g_autofree double *medians_ns = g_new(double, count);
    for (guint j = 0; j < count; j++)
        medians_ns[j] = at->steps[j].predicted;
    return find_typical(at->predicted, medians_ns, count);
}

/* --- Verdicts --- */

static bool is_within(const gw_validation_pair *pair)
{
    return pair->predicted >= pair->lowest && pair->predicted <= pair->highest;
}

static void count_runs(gw_validation_case *at)
{
    g_ptr_array_set_size(at->counted, 0);
    for (guint r = 0; r < at->measured->len; r++) {
        const gw_phase_report *report = report_at(at->measured, r);
        if (isnan(report->foreign) || report->foreign <= GW_VALIDATION_FOREIGN_MAX)
            g_ptr_array_add(at->counted, at->measured->pdata[r]);
    }
    const bool is_none = at->counted->len == 0;
    for (guint r = 0; is_none && r < at->measured->len; r++)
        g_ptr_array_add(at->counted, at->measured->pdata[r]);
}

static void judge_case(const gw_validation *validation, gw_validation_case *at)
{
    count_runs(at);
    at->verdict = GW_VALIDATION_FAILED;
    at->error = NAN;
    g_free(at->steps);
    at->steps = g_new0(gw_validation_pair, at->job_names->len);
    if (at->failure != NULL)
        return;
    bool is_in_spread = true;
    for (guint j = 0; j < at->job_names->len; j++) {
        const gw_validation_pair *pair = &at->steps[j];
        at->steps[j] = make_step(at, j);
        const double error = pair->predicted / pair->measured - 1;
        if (isnan(error))
            continue;
        is_in_spread = is_in_spread && is_within(pair);
        if (isnan(at->error) || fabs(error) > fabs(at->error))
            at->error = error;
    }
    if (isnan(at->error)) {
        at->failure = g_strdup("no job has a step time both simulated and executed");
        at->exit_code = 1;
    } else if (is_in_spread) {
        at->verdict = GW_VALIDATION_SPREAD;
    } else {
        at->verdict =
            fabs(at->error) <= validation->tolerance ? GW_VALIDATION_TOLERANCE : GW_VALIDATION_OFF;
    }
}

/* --- Orders --- */

static guint find_job(const gw_validation_case *at, const char *name)
{
    for (guint j = 0; j < at->job_names->len; j++)
        if (strcmp((const char *)at->job_names->pdata[j], name) == 0)
            return j;
    return GW_INDEX_NONE;
}

static void compare_cases(gw_validation *validation, guint first, guint second)
{
    const gw_validation_case *a = gw_validation_case_at(validation, first);
    const gw_validation_case *b = gw_validation_case_at(validation, second);
    if (MIN(a->counted->len, b->counted->len) < 2)
        return; /* One run has no spread, and tells nothing apart. */
    for (guint j = 0; j < a->job_names->len; j++) {
        const guint other = find_job(b, (const char *)a->job_names->pdata[j]);
        if (other == GW_INDEX_NONE)
            continue;
        const gw_validation_pair *x = &a->steps[j], *y = &b->steps[other];
        const bool is_less = x->highest<y->lowest, is_more = x->lowest> y->highest;
        if ((!is_less && !is_more) || isnan(x->predicted) || isnan(y->predicted))
            continue;
        const gw_validation_order order = {
            .group = a->group,
            .first = first,
            .second = second,
            .first_job = j,
            .second_job = other,
            .holds = is_less ? x->predicted < y->predicted : x->predicted > y->predicted,
        };
        g_array_append_val(validation->orders, order);
    }
}

static void judge_orders(gw_validation *validation)
{
    g_array_set_size(validation->orders, 0);
    for (guint a = 0; a < validation->cases->len; a++)
        for (guint b = a + 1; b < validation->cases->len; b++) {
            const gw_validation_case *x = gw_validation_case_at(validation, a);
            const gw_validation_case *y = gw_validation_case_at(validation, b);
            if (x->group == y->group && x->failure == NULL && y->failure == NULL)
                compare_cases(validation, a, b);
        }
}

/* --- All --- */

static double median_foreign(const gw_validation *validation)
{
    g_autoptr(GArray) shares = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        for (guint r = 0; r < at->measured->len; r++)
            if (!isnan(report_at(at->measured, r)->foreign))
                g_array_append_val(shares, report_at(at->measured, r)->foreign);
    }
    return shares->len > 0 ? gw_sample_median(shares) : (double)NAN;
}

void gw_validation_judge(gw_validation *validation)
{
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
    validation->within_count = validation->spread_count = validation->failed_count = 0;
    validation->left_out_count = 0;
    for (guint c = 0; c < validation->cases->len; c++) {
        gw_validation_case *at = (gw_validation_case *)validation->cases->pdata[c];
        judge_case(validation, at);
        const double error = fabs(at->error);
        validation->left_out_count += at->measured->len - at->counted->len;
        validation->failed_count += at->verdict == GW_VALIDATION_FAILED;
        validation->spread_count += at->verdict == GW_VALIDATION_SPREAD;
        validation->within_count += error <= validation->tolerance;
        if (!isnan(error))
            g_array_append_val(errors, error);
    }
    validation->median_error = errors->len > 0 ? gw_sample_median(errors) : (double)NAN;
    validation->foreign = median_foreign(validation);
    judge_orders(validation);
}

static guint doubt_case(gw_validation *validation, guint index)
{
    gw_validation_case *at = (gw_validation_case *)validation->cases->pdata[index];
    const guint count = !at->is_again;
    at->is_again = true;
    return count;
}

guint gw_validation_doubt(gw_validation *validation)
{
    guint count = 0;
    gw_validation_judge(validation);
    for (guint i = 0; i < validation->orders->len; i++) {
        const gw_validation_order *order =
            &g_array_index(validation->orders, gw_validation_order, i);
        if (!order->holds)
            count += doubt_case(validation, order->first) + doubt_case(validation, order->second);
    }
    return count;
}

bool gw_validation_holds(const gw_validation *validation)
{
    for (guint i = 0; i < validation->orders->len; i++)
        if (!g_array_index(validation->orders, gw_validation_order, i).holds)
            return false;
    return validation->failed_count == 0 &&
           validation->within_count >= GW_VALIDATION_SHARE_MIN * validation->cases->len;
}
