/* SPDX-License-Identifier: Apache-2.0 */
/* Builders that the tests of pipeline schedules share. */
#pragma once

#include <check.h>

#include "base/error.h"
#include "run_suite.h"
#include "workload/workload_schedule.h"

static const gw_schedule_ops *const schedules_for_all[] = {&gw_schedule_1f1b,  &gw_schedule_gpipe,
                                                           &gw_schedule_zb_h1, &gw_schedule_zb_h2,
                                                           &gw_schedule_zb_1p, &gw_schedule_zb_2p};

/* As of request; it has to be made, and to pass the check. */
static inline gw_workload_schedule *make_schedule(const gw_schedule_ops *ops,
                                                  const gw_schedule_request *request)
{
    g_autoptr(GError) error = NULL;
    gw_workload_schedule *schedule = ops->make(request, &error);
    ck_assert_msg(schedule != NULL, "%s: %s", ops->name, error != NULL ? error->message : "?");
    ck_assert_msg(gw_workload_schedule_check(schedule, &error), "%s: %s", ops->name,
                  error != NULL ? error->message : "?");
    return schedule;
}

/* F, B and W of equal length, no transfers. */
static inline gw_stage_times *make_even_times(uint32_t stage_count, gw_span pass_ns)
{
    gw_stage_times *times = g_new0(gw_stage_times, stage_count);
    for (uint32_t i = 0; i < stage_count; i++) {
        times[i] = (gw_stage_times){
            .forward_ns = pass_ns, .backward_ns = 2 * pass_ns, .weight_ns = pass_ns};
    }
    return times;
}

/* "F0F1BW0F2" of chunk 0, "F0.1" of chunk 1.  The caller frees. */
static inline char *spell_stage(const gw_workload_schedule *schedule, uint32_t stage)
{
    static const char *const names[] = {"?", "F", "BW", "B", "W"};
    GString *words = g_string_new(NULL);
    for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        const gw_slot *slot = &schedule->slots[i];
        g_string_append_printf(words, "%s%u", names[slot->kind], slot->microbatch);
        if (slot->chunk > 0) {
            g_string_append_printf(words, ".%u", slot->chunk);
        }
    }
    return g_string_free(words, FALSE);
}

static inline void expect_stage(const gw_workload_schedule *schedule, uint32_t stage,
                                const char *expected)
{
    g_autofree char *found = spell_stage(schedule, stage);
    ck_assert_str_eq(found, expected);
}

/* The longest that any stage is at work in a run, from its first start to its last end.  So far
 * runs are apart that follow each other closely, where nothing makes stages wait for each other
 * between them. */
static inline gw_span find_period(const gw_workload_schedule *schedule, const gw_stage_times *times,
                                  const gw_time *start_ns)
{
    gw_span longest_ns = 0;
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        const uint32_t first = schedule->first_slot[stage];
        const uint32_t last = schedule->first_slot[stage + 1] - 1;
        const gw_time end_ns =
            start_ns[last] + gw_workload_slot_ns(schedule, &times[stage], &schedule->slots[last]);
        longest_ns = MAX(longest_ns, end_ns - start_ns[first]);
    }
    return longest_ns;
}

/* Played by `times`: the period, and how long all of it takes. */
static inline gw_span play_schedule(const gw_workload_schedule *schedule,
                                    const gw_stage_times *times, gw_time *out_end_ns)
{
    g_autoptr(GError) error = NULL;
    g_autofree gw_time *start_ns = g_new(gw_time, schedule->first_slot[schedule->stage_count]);
    ck_assert_msg(gw_workload_schedule_play(schedule, times, start_ns, &error), "%s",
                  error != NULL ? error->message : "?");
    *out_end_ns = 0;
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
            *out_end_ns =
                MAX(*out_end_ns, start_ns[i] + gw_workload_slot_ns(schedule, &times[stage],
                                                                   &schedule->slots[i]));
        }
    }
    return find_period(schedule, times, start_ns);
}

/* Qi et al., "Zero Bubble Pipeline Parallelism" (2024): times in us as measured, and by them bubble
 * rates, (cost - m (TF + TB + TW)) / cost. */
typedef struct {
    uint32_t stages, microbatches;
    gw_span forward_us, inputs_us, weight_us, transfer_us;
    double bubble_1f1b, bubble_interleaved, bubble_zb_h1, bubble_zb_h2, bubble_zb_2p;
    double kept_share; /* docs/MODEL.md, "Pipelines". */
} published_row;

static const published_row published[] = {
    {8, 24, 18522, 18086, 9337, 601, .2431, .1055, .1585, .1083, .0433, 442368. / 1207296},
    {8, 32, 18513, 18086, 9331, 626, .1985, .0818, .1242, .0837, .0039, 442368. / 1207296},
    {8, 64, 18546, 18097, 9321, 762, .1240, .0443, .0674, .0444, .0026, 442368. / 1207296},
    {16, 48, 11347, 11248, 8132, 377, .2552, .1104, .1397, .0672, .0066, 163840. / 378880},
    {16, 64, 11307, 11254, 8101, 379, .2082, .0852, .1088, .0516, .0054, 163840. / 378880},
    {16, 128, 11325, 11308, 8109, 378, .1251, .0445, .0576, .0266, .0028, 163840. / 378880},
};

static inline gw_workload_schedule *make_published(const published_row *row,
                                                   const gw_schedule_ops *ops, uint32_t chunk_count,
                                                   gw_stage_times *out_times)
{
    for (uint32_t i = 0; i < row->stages; i++) {
        out_times[i] = (gw_stage_times){.forward_ns = row->forward_us * 1000,
                                        .backward_ns = (row->inputs_us + row->weight_us) * 1000,
                                        .transfer_ns = row->transfer_us * 1000,
                                        .weight_ns = row->weight_us * 1000};
    }
    return make_schedule(ops, &(gw_schedule_request){.stage_count = row->stages,
                                                     .microbatch_count = row->microbatches,
                                                     .chunk_count = chunk_count,
                                                     .times = out_times,
                                                     .kept_share = row->kept_share});
}

/* The bubble rate of runs that follow each other. */
static inline double find_bubble(const published_row *row, const gw_schedule_ops *ops,
                                 uint32_t chunk_count)
{
    gw_stage_times times[16];
    gw_time end_ns;
    g_autoptr(gw_workload_schedule) schedule = make_published(row, ops, chunk_count, times);
    const double cost_ns = (double)play_schedule(schedule, times, &end_ns);
    const double work_ns = (double)row->microbatches *
                           (double)(row->forward_us + row->inputs_us + row->weight_us) * 1000;
    return (cost_ns - work_ns) / cost_ns;
}

static inline int run_cases(const char *name, TCase *cases)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
