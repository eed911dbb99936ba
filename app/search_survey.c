/* SPDX-License-Identifier: Apache-2.0 */
/* Points that differ in tensor, stages or data have no small program in common, so each group of
 * the others is one process's work.  A process answers with a line for each point of its group:
 *
 *     c BOUND BYTES   it may fit        m BYTES   it needs too much
 *     i WHY           it cannot be      l         as m, but for a larger micro-batch
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
#include "base/check.h"
#include "base/error.h"

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

/* *inout_full: the latest point that needed too much; NULL: none. */
static void look_at(gw_search_estimator *estimator, const gw_search_point *point, double most_bytes,
                    const gw_search_point **inout_full, GString *answer)
{
    g_autofree char *reason = NULL;
    double memory_bytes;
    if (*inout_full != NULL && is_larger(point, *inout_full)) {
        g_string_append_c(answer, 'l');
    } else if (!gw_search_estimate_memory(estimator, point, &memory_bytes, &reason)) {
        g_autofree char *escaped = g_strescape(reason, NULL);
        g_string_append_printf(answer, "i %s", escaped);
    } else if (memory_bytes > most_bytes) {
        *inout_full = point;
        g_string_append_c(answer, 'm');
        append_real(answer, memory_bytes);
    } else {
        g_string_append_c(answer, 'c');
        append_real(answer, gw_search_estimate_bound_ns(estimator, point));
        append_real(answer, memory_bytes);
    }
}

static bool estimate_group(void *context, guint index, GString *answer, GError **error)
{
    (void)error; /* What cannot be is an answer. */
    const survey_maker *maker = (const survey_maker *)context;
    const group *own = &g_array_index(maker->groups, group, index);
    const double most_bytes = (1 + MEMORY_DOUBT) * (double)gw_search_survey_memory(maker->space);
    const gw_search_point *full = NULL;
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(maker->space);
    for (guint i = own->first; i < own->first + own->count; i++) {
        if (i > own->first)
            g_string_append_c(answer, '\n');
        look_at(estimator, point_at(maker, i), most_bytes, &full, answer);
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

/* A line of an answer. */
static void take_point(gw_search_survey *survey, const survey_maker *maker, guint index,
                       const char *line)
{
    gw_search_candidate made = {.point = *point_at(maker, index), .index = index};
    const char *rest = line + 1;
    switch (*line) {
    case 'i':
        survey->impossible_count++;
        if (survey->impossible == NULL)
            survey->impossible = g_strcompress(rest + 1);
        return;
    case 'm':
        made.memory_bytes = read_real(&rest);
        survey->least_bytes = MIN(survey->least_bytes, made.memory_bytes);
        survey->memory_count++;
        return;
    case 'l':
        survey->memory_count++;
        return;
    default:
        gw_check(*line == 'c');
        made.bound_ns = read_real(&rest);
        made.memory_bytes = read_real(&rest);
        survey->least_bytes = MIN(survey->least_bytes, made.memory_bytes);
        g_array_append_val(survey->candidates, made);
    }
}

static gint compare_candidates(gconstpointer a, gconstpointer b)
{
    const gw_search_candidate *one = a, *other = b;
    if (one->bound_ns != other->bound_ns)
        return one->bound_ns < other->bound_ns ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

/* Points in their order, whatever the order in which groups came. */
static void take_answers(gw_search_survey *survey, const survey_maker *maker,
                         const GPtrArray *answers)
{
    g_autofree char **lines = g_new0(char *, maker->points->len);
    g_autoptr(GPtrArray) parted = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (guint g = 0; g < maker->groups->len; g++) {
        const group *own = &g_array_index(maker->groups, group, g);
        char **texts = g_strsplit(((const gw_children_answer *)answers->pdata[g])->text, "\n", -1);
        g_ptr_array_add(parted, texts);
        gw_check(g_strv_length(texts) == own->count);
        memcpy(lines + own->first, texts, own->count * sizeof *lines);
    }
    for (guint i = 0; i < maker->points->len; i++)
        take_point(survey, maker, i, lines[i]);
    g_array_sort(survey->candidates, compare_candidates);
}

gw_search_survey *gw_search_survey_new(const gw_search_space *space,
                                       const gw_search_survey_settings *settings, GError **error)
{
    g_autoptr(gw_search_survey) survey = g_new0(gw_search_survey, 1);
    g_autoptr(GArray) points = gw_search_space_list(space);
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(group));
    survey_maker maker = {.space = space, .points = points, .groups = groups};
    const gw_children children = {.count_max = settings->process_count_max,
                                  .context = &maker,
                                  .job = estimate_group,
                                  .answered = note_answer,
                                  .goes_on = goes_on};
    survey->candidates = g_array_new(FALSE, FALSE, sizeof(gw_search_candidate));
    survey->point_count = points->len;
    survey->least_bytes = INFINITY;
    part_points(&maker);
    gw_progress_line_init(&maker.line, settings->is_quiet);
    maker.line.noun = "ways";
    g_autoptr(GPtrArray) answers = gw_children_run(&children, groups->len, error);
    gw_progress_line_clear(&maker.line);
    if (answers == NULL)
        return NULL;
    take_answers(survey, &maker, answers);
    return g_steal_pointer(&survey);
}
