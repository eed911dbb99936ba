/* SPDX-License-Identifier: Apache-2.0 */
/* Points that differ in tensor, stages or data have no small program in common, so each group of
 * the others is one process's work.  A process answers with a line for each point of its group:
 *
 *     c BOUND BYTES   it may fit        m BYTES   it needs too much
 *     r BOUND BYTES   as c, and rough   l         as m, but for a larger micro-batch
 *     i WHY           it cannot be      s         no better than one that is written down
 *
 * numbers as the bits of a double, so that none is changed on the way. */
#include "app/search_survey.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/children.h"
#include "app/command.h"
#include "app/progress_line.h"
#include "app/search_estimate.h"
#include "app/search_schedule.h"
#include "base/check.h"
#include "base/error.h"
#include "workload/workload_schedule.h"

/* What is estimated to need so much more than there is may fit all the same: small programs are
 * carried on, and of several chunks that may count slopes too early
 * (docs/MODEL.md, "Planning").  Admission decides. */
#define MEMORY_DOUBT 0.1

typedef struct { /* Points [first, first + count). */
    guint first, count;
} group;

typedef struct {
    const gw_search_space *space;
    GArray *points; /* gw_search_point */
    GArray *groups; /* group, the largest first, so that none is left alone for long. */
    bool is_whole;  /* They are estimated wholly: nothing is rough. */
    gw_progress_line line;
    guint done_count; /* Points. */
} survey_maker;

guint64 gw_search_survey_memory(const gw_search_space *space)
{
    const gw_cluster_spec *cluster = &space->machine->cluster;
    guint64 most_bytes = 0;
    for (guint i = 0; i < cluster->island_count; i++)
        most_bytes =
            MAX(most_bytes, cluster->accelerators[cluster->islands[i].accelerator].hbm_bytes);
    return most_bytes;
}

void gw_search_survey_free(gw_search_survey *survey)
{
    if (survey == NULL)
        return;
    g_array_unref(survey->candidates);
    g_free(survey->impossible);
    g_free(survey);
}

/* --- Groups --- */

static const gw_search_point *point_at(const survey_maker *maker, guint index)
{
    return &g_array_index(maker->points, gw_search_point, index);
}

static bool shares_programs(const gw_search_point *one, const gw_search_point *other)
{
    return one->values[GW_SEARCH_TENSOR] == other->values[GW_SEARCH_TENSOR] &&
           one->values[GW_SEARCH_STAGES] == other->values[GW_SEARCH_STAGES] &&
           one->values[GW_SEARCH_DATA] == other->values[GW_SEARCH_DATA];
}

static gint compare_groups(gconstpointer a, gconstpointer b)
{
    const group *one = a, *other = b;
    if (one->count != other->count)
        return one->count > other->count ? -1 : 1;
    return one->first < other->first ? -1 : one->first > other->first;
}

static void part_points(const survey_maker *maker)
{
    group next = {0, 0};
    for (guint i = 0; i < maker->points->len; i++) {
        if (i > 0 && !shares_programs(point_at(maker, i), point_at(maker, i - 1))) {
            g_array_append_val(maker->groups, next);
            next = (group){i, 0};
        }
        next.count++;
    }
    if (next.count > 0)
        g_array_append_val(maker->groups, next);
    g_array_sort(maker->groups, compare_groups);
}

/* --- In a process --- */

static void append_real(GString *answer, double value)
{
    guint64 bits;
    memcpy(&bits, &value, sizeof bits);
    g_string_append_printf(answer, " %" PRIx64, bits);
}

/* The same but for a larger micro-batch, which needs no less memory. */
static bool is_larger(const gw_search_point *point, const gw_search_point *other)
{
    for (guint i = 0; i < GW_SEARCH_MICROBATCH; i++)
        if (point->values[i] != other->values[i])
            return false;
    return point->values[GW_SEARCH_MICROBATCH] > other->values[GW_SEARCH_MICROBATCH];
}

typedef struct {
    gw_search_estimator *estimator;
    double most_bytes;
    double least_bytes; /* Of all that have been wholly estimated. */
    bool is_whole;
    bool leaves_out;             /* What is searched for and no better than what is written down. */
    const gw_search_point *full; /* The latest that needed too much; NULL: none. */
} looker;

typedef struct {
    double memory_bytes, bound_ns;
    bool is_rough; /* Neither is less than this. */
} estimated;

/* How much a way needs that does not fit matters only if all others need more. */
static bool estimate_memory(looker *at, const gw_search_point *point, double *out_bytes,
                            bool *out_is_rough, char **out_reason)
{
    if (!gw_search_estimate_held(at->estimator, point, out_bytes, out_reason))
        return false;
    const bool is_all = gw_search_schedule_splits(point);
    const bool may_fit = *out_bytes <= at->most_bytes;
    *out_is_rough = !is_all && !at->is_whole && may_fit;
    if (!is_all && !*out_is_rough && (may_fit || *out_bytes < at->least_bytes) &&
        !gw_search_estimate_memory(at->estimator, point, out_bytes, out_reason))
        return false;
    if (!*out_is_rough)
        at->least_bytes = MIN(at->least_bytes, *out_bytes);
    return true;
}

static bool estimate(looker *at, const gw_search_point *point, estimated *out, char **out_reason)
{
    out->is_rough = !at->is_whole && gw_search_schedule_is_searched(point);
    if (out->is_rough)
        return gw_search_estimate_least(at->estimator, point, &out->memory_bytes, &out->bound_ns,
                                        out_reason);
    if (!estimate_memory(at, point, &out->memory_bytes, &out->is_rough, out_reason))
        return false;
    out->bound_ns = out->memory_bytes > at->most_bytes
                        ? INFINITY /* Nobody asks. */
                        : gw_search_estimate_bound_ns(at->estimator, point);
    return true;
}

/* Whether a schedule that is written down takes no longer and holds no more: then a search has
 * found it again, or nothing better. */
static bool is_found_again(looker *at, const gw_search_point *point, const estimated *found)
{
    for (guint i = 0; gw_workload_schedules[i] != NULL; i++) {
        const gw_schedule_ops *ops = gw_workload_schedules[i];
        gw_search_point other = *point;
        other.values[GW_SEARCH_SCHEDULE] = i;
        g_autofree char *reason = NULL;
        estimated plain;
        if (ops->splits && !ops->is_searched && estimate(at, &other, &plain, &reason) &&
            plain.memory_bytes <= found->memory_bytes && plain.bound_ns <= found->bound_ns)
            return true;
    }
    return false;
}

static void look_at(looker *at, const gw_search_point *point, GString *answer)
{
    g_autofree char *reason = NULL;
    estimated found;
    if (at->full != NULL && is_larger(point, at->full)) {
        g_string_append_c(answer, 'l');
    } else if (!estimate(at, point, &found, &reason)) {
        g_autofree char *escaped = g_strescape(reason, NULL);
        g_string_append_printf(answer, "i %s", escaped);
    } else if (found.memory_bytes > at->most_bytes) {
        at->full = point;
        g_string_append_c(answer, 'm');
        append_real(answer, found.memory_bytes);
    } else if (at->leaves_out && gw_search_schedule_is_searched(point) &&
               is_found_again(at, point, &found)) {
        g_string_append_c(answer, 's');
    } else {
        g_string_append_c(answer, found.is_rough ? 'r' : 'c');
        append_real(answer, found.bound_ns);
        append_real(answer, found.memory_bytes);
    }
}

static bool estimate_group(void *context, guint index, GString *answer, GError **error)
{
    (void)error; /* What cannot be is an answer. */
    const survey_maker *maker = (const survey_maker *)context;
    const group *own = &g_array_index(maker->groups, group, index);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(maker->space);
    looker at = {.estimator = estimator,
                 .most_bytes = (1 + MEMORY_DOUBT) * (double)gw_search_survey_memory(maker->space),
                 .least_bytes = INFINITY,
                 .is_whole = maker->is_whole,
                 .leaves_out = maker->is_whole && !maker->space->is_fixed[GW_SEARCH_SCHEDULE]};
    for (guint i = own->first; i < own->first + own->count; i++) {
        if (i > own->first)
            g_string_append_c(answer, '\n');
        look_at(&at, point_at(maker, i), answer);
    }
    return true;
}

/* --- In this one --- */

static bool note_answer(void *context, guint index, gw_children_answer *answer, GError **error)
{
    survey_maker *maker = (survey_maker *)context;
    maker->done_count += g_array_index(maker->groups, group, index).count;
    if (answer->exit_code == 0)
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "ways could not be estimated: %s", answer->text);
    return false;
}

static bool goes_on(void *context, guint done_count)
{
    (void)done_count; /* Of groups, which are of all sizes. */
    survey_maker *maker = (survey_maker *)context;
    gw_progress_line_update(&maker->line, maker->done_count, maker->points->len, 0);
    return !gw_command_is_interrupted();
}

static double read_real(const char **inout_text)
{
    char *end;
    const guint64 bits = g_ascii_strtoull(*inout_text, &end, 16);
    double value;
    gw_check(end != *inout_text);
    memcpy(&value, &bits, sizeof value);
    *inout_text = end;
    return value;
}

/* A line of an answer about the candidate; false: it is none, and counted. */
static bool take_point(gw_search_survey *survey, gw_search_candidate *candidate, const char *line)
{
    const char *rest = line + 1;
    switch (*line) {
    case 'i':
        survey->impossible_count++;
        if (survey->impossible == NULL)
            survey->impossible = g_strcompress(rest + 1);
        return false;
    case 'm':
        candidate->memory_bytes = read_real(&rest);
        survey->least_bytes = MIN(survey->least_bytes, candidate->memory_bytes);
        survey->memory_count++;
        return false;
    case 's':
        survey->same_count++;
        return false;
    case 'l':
        survey->memory_count++;
        return false;
    default:
        gw_check(*line == 'c' || *line == 'r');
        candidate->is_rough = *line == 'r';
        candidate->bound_ns = read_real(&rest);
        candidate->memory_bytes = read_real(&rest);
        if (!candidate->is_rough)
            survey->least_bytes = MIN(survey->least_bytes, candidate->memory_bytes);
        return true;
    }
}

static gint compare_candidates(gconstpointer a, gconstpointer b)
{
    const gw_search_candidate *one = a, *other = b;
    if (one->bound_ns != other->bound_ns)
        return one->bound_ns < other->bound_ns ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

/* By point, whatever the order in which groups came; the caller frees.  NULL: as gw_children_run.
 */
static char **ask(survey_maker *maker, const gw_search_survey_settings *settings, GError **error)
{
    const gw_children children = {.count_max = settings->process_count_max,
                                  .context = maker,
                                  .job = estimate_group,
                                  .answered = note_answer,
                                  .goes_on = goes_on};
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(group));
    maker->groups = groups;
    part_points(maker);
    gw_progress_line_init(&maker->line, settings->is_quiet);
    maker->line.noun = "ways";
    g_autoptr(GPtrArray) answers = gw_children_run(&children, groups->len, error);
    gw_progress_line_clear(&maker->line);
    if (answers == NULL)
        return NULL;
    char **lines = g_new0(char *, maker->points->len + 1);
    for (guint g = 0; g < groups->len; g++) {
        const group *own = &g_array_index(groups, group, g);
        char **texts = g_strsplit(((const gw_children_answer *)answers->pdata[g])->text, "\n", -1);
        gw_check(g_strv_length(texts) == own->count);
        memcpy(lines + own->first, texts, own->count * sizeof *lines);
        g_free(texts); /* Not what it holds. */
    }
    return lines;
}

gw_search_survey *gw_search_survey_new(const gw_search_space *space,
                                       const gw_search_survey_settings *settings, GError **error)
{
    g_autoptr(gw_search_survey) survey = g_new0(gw_search_survey, 1);
    g_autoptr(GArray) points = gw_search_space_list(space);
    survey_maker maker = {.space = space, .points = points};
    survey->candidates = g_array_new(FALSE, FALSE, sizeof(gw_search_candidate));
    survey->point_count = points->len;
    survey->least_bytes = INFINITY;
    g_auto(GStrv) lines = ask(&maker, settings, error);
    if (lines == NULL)
        return NULL;
    for (guint i = 0; i < points->len; i++) {
        gw_search_candidate made = {.point = *point_at(&maker, i), .index = i};
        if (take_point(survey, &made, lines[i]))
            g_array_append_val(survey->candidates, made);
    }
    g_array_sort(survey->candidates, compare_candidates);
    return g_steal_pointer(&survey);
}

/* --- The rough ones --- */

/* Those of one schedule lie together: stages of ZeRO make no difference to it. */
static gint compare_kin(gconstpointer a, gconstpointer b)
{
    const gw_search_candidate *one = a, *other = b;
    for (guint i = 0; i < GW_SEARCH_DIMENSIONS; i++)
        if (i != GW_SEARCH_ZERO && one->point.values[i] != other->point.values[i])
            return one->point.values[i] < other->point.values[i] ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

/* Takes them out, of which there are `count_max` at most; the caller unrefs. */
static GArray *take_rough(gw_search_survey *survey, guint first, double end_ns, guint count_max)
{
    GArray *taken = g_array_new(FALSE, FALSE, sizeof(gw_search_candidate));
    guint kept_count = first;
    for (guint i = first; i < survey->candidates->len; i++) {
        const gw_search_candidate at = g_array_index(survey->candidates, gw_search_candidate, i);
        if (at.is_rough && at.bound_ns < end_ns && taken->len < count_max)
            g_array_append_val(taken, at);
        else
            g_array_index(survey->candidates, gw_search_candidate, kept_count++) = at;
    }
    g_array_set_size(survey->candidates, kept_count);
    return taken;
}

bool gw_search_survey_refine(gw_search_survey *survey, const gw_search_space *space,
                             const gw_search_survey_settings *settings, guint first, double end_ns,
                             guint count_max, GError **error)
{
    g_autoptr(GArray) taken = take_rough(survey, first, end_ns, count_max);
    g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(gw_search_point));
    g_array_sort(taken, compare_kin);
    for (guint i = 0; i < taken->len; i++)
        g_array_append_val(points, g_array_index(taken, gw_search_candidate, i).point);
    survey_maker maker = {.space = space, .points = points, .is_whole = true};
    g_auto(GStrv) lines = ask(&maker, settings, error);
    if (lines == NULL)
        return false;
    for (guint i = 0; i < taken->len; i++) {
        gw_search_candidate *at = &g_array_index(taken, gw_search_candidate, i);
        if (take_point(survey, at, lines[i]))
            g_array_append_vals(survey->candidates, at, 1);
    }
    if (survey->candidates->len > first)
        qsort(&g_array_index(survey->candidates, gw_search_candidate, first),
              survey->candidates->len - first, sizeof(gw_search_candidate), compare_candidates);
    return true;
}
