/* SPDX-License-Identifier: Apache-2.0 */
/* Interleaved 1F1B: order, closed form, memory, and how far it is from what was published. */
#include "test_workload_schedule.h"

START_TEST(order_by_stage)
{
    g_autoptr(gw_workload_schedule) schedule = make_schedule(
        &gw_schedule_interleaved,
        &(gw_schedule_request){.stage_count = 2, .microbatch_count = 4, .chunk_count = 2});
    expect_stage(schedule, 0, "F0F1F0.1F1.1F2BW0.1F3BW1.1F2.1BW0F3.1BW1BW2.1BW3.1BW2BW3");
    expect_stage(schedule, 1, "F0F1F0.1BW0.1F1.1BW1.1F2BW0F3BW1F2.1BW2.1F3.1BW3.1BW2BW3");
}
END_TEST

/* Narayanan et al. (2021): the bubble is that of 1F1B divided by the chunks, (p - 1)(TF + TB) / v;
 * stage s holds the warm-up's chunks and one more. */
START_TEST(closed_form_and_memory)
{
    for (uint32_t stages = 1; stages <= 6; stages++) {
        for (uint32_t chunks = 2; chunks <= 4; chunks++) {
            g_autofree gw_stage_times *times = make_even_times(stages, 12);
            g_autoptr(gw_workload_schedule) schedule = make_schedule(
                &gw_schedule_interleaved, &(gw_schedule_request){.stage_count = stages,
                                                                 .microbatch_count = 3 * stages,
                                                                 .chunk_count = chunks});
            gw_time end_ns;
            play_schedule(schedule, times, &end_ns);
            ck_assert_uint_eq(end_ns, 3 * stages * 36 + (stages - 1) * 36 / chunks);
            for (uint32_t stage = 0; stage < stages; stage++) {
                const uint32_t held = 2 * (stages - stage - 1) + (chunks - 1) * stages + 1;
                ck_assert_double_eq(gw_workload_schedule_peak(schedule, stage, 1),
                                    (double)held / chunks);
            }
        }
    }
}
END_TEST

/* --- How far it is from what was published --- */

/* Of the micro-batch's pass at a place of the pipeline, in a run that begins slots at `start_ns`.
 */
static gw_time find_end(const gw_workload_schedule *schedule, const gw_stage_times *times,
                        const gw_time *start_ns, bool is_forward, uint32_t place,
                        uint32_t microbatch)
{
    const uint32_t stage = place % schedule->stage_count;
    for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        const gw_slot *slot = &schedule->slots[i];
        if ((slot->kind == GW_SLOT_FORWARD) == is_forward && slot->microbatch == microbatch &&
            slot->chunk == place / schedule->stage_count) {
            return start_ns[i] + gw_workload_slot_ns(schedule, &times[stage], slot);
        }
    }
    ck_abort_msg("no pass of micro-batch %u at place %u", microbatch, place);
}

/* Passes that begin before what the place before, or behind, gives them is there. */
static uint32_t count_early(const gw_workload_schedule *schedule, const gw_stage_times *times,
                            const gw_time *start_ns)
{
    const uint32_t last = schedule->stage_count * schedule->chunk_count - 1;
    uint32_t early_count = 0;
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
            const gw_slot *slot = &schedule->slots[i];
            const bool is_forward = slot->kind == GW_SLOT_FORWARD;
            const uint32_t place = slot->chunk * schedule->stage_count + stage;
            if (place == (is_forward ? 0 : last)) {
                continue;
            }
            const gw_time end_ns = find_end(schedule, times, start_ns, is_forward,
                                            is_forward ? place - 1 : place + 1, slot->microbatch);
            early_count += start_ns[i] < end_ns + times[0].transfer_ns;
        }
    }
    return early_count;
}

/* Bubble rate of a run. */
static double play_published(const published_row *row, bool wraps_early, uint32_t *out_early)
{
    gw_stage_times times[16];
    g_autoptr(gw_workload_schedule) schedule =
        make_published(row, &gw_schedule_interleaved, 3, times);
    g_autofree gw_time *start_ns = g_new(gw_time, schedule->first_slot[row->stages]);
    schedule->wraps_early = wraps_early;
    ck_assert(gw_workload_schedule_play(schedule, times, start_ns, NULL));
    *out_early = count_early(schedule, times, start_ns);
    const double work_ns = (double)row->microbatches *
                           (double)(row->forward_us + row->inputs_us + row->weight_us) * 1000;
    return 1 - work_ns / (double)find_period(schedule, times, start_ns);
}

/* Of a group of micro-batches that goes from the last stage round to the first, or back, the
 * printed rates have the first one alone wait for its input; passes of the others begin before it
 * is there.  With that left out the rates are those printed, to their last digit; with it no pass
 * is early.  docs/MODEL.md, "Pipelines". */
START_TEST(published_bubbles_leave_waits_out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        const published_row *row = &published[i];
        uint32_t early_count;
        ck_assert_double_eq_tol(play_published(row, true, &early_count), row->bubble_interleaved,
                                0.00005001);
        ck_assert_uint_gt(early_count, 0);
        ck_assert_double_eq_tol(play_published(row, false, &early_count),
                                find_bubble(row, &gw_schedule_interleaved, 3), 1e-9);
        ck_assert_uint_eq(early_count, 0);
    }
}
END_TEST

/* One way round each: what comes from the last stage to the first, and back. */
START_TEST(who_waits)
{
    g_autoptr(gw_workload_schedule) schedule = make_schedule(
        &gw_schedule_interleaved,
        &(gw_schedule_request){.stage_count = 2, .microbatch_count = 4, .chunk_count = 2});
    for (uint32_t early = 0; early < 2; early++) {
        schedule->wraps_early = early == 1;
        for (uint32_t i = 0; i < 4; i++) {
            const gw_slot first = {.kind = GW_SLOT_FORWARD, .microbatch = i};
            const gw_slot second = {.kind = GW_SLOT_FORWARD, .microbatch = i, .chunk = 1};
            const gw_slot back = {.kind = GW_SLOT_BACKWARD, .microbatch = i};
            const gw_slot last = {.kind = GW_SLOT_BACKWARD, .microbatch = i, .chunk = 1};
            const bool waits_round = early == 0 || i % 2 == 0;
            ck_assert(!gw_workload_slot_waits(schedule, 0, &first));
            ck_assert(gw_workload_slot_waits(schedule, 1, &first));
            ck_assert(gw_workload_slot_waits(schedule, 0, &second) == waits_round);
            ck_assert(gw_workload_slot_waits(schedule, 1, &second));
            ck_assert(!gw_workload_slot_waits(schedule, 1, &last));
            ck_assert(gw_workload_slot_waits(schedule, 0, &last));
            ck_assert(gw_workload_slot_waits(schedule, 1, &back) == waits_round);
            ck_assert(gw_workload_slot_waits(schedule, 0, &back));
        }
    }
}
END_TEST

/* So every row comes out longer than printed by p transfers. */
START_TEST(published_bubbles_lack_one_sweep_of_transfers)
{
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        const published_row *row = &published[i];
        const double work_us =
            row->microbatches * (double)(row->forward_us + row->inputs_us + row->weight_us);
        const double cost_us = work_us / (1 - find_bubble(row, &gw_schedule_interleaved, 3));
        const double sweep_us = row->stages * (double)row->transfer_us;
        ck_assert_double_eq_tol(1 - work_us / (cost_us - sweep_us), row->bubble_interleaved,
                                0.0001);
    }
}
END_TEST

static void expect_refusal(uint32_t count, uint32_t chunks, const char *expected)
{
    g_autoptr(GError) error = NULL;
    const gw_schedule_request request = {
        .stage_count = 4, .microbatch_count = count, .chunk_count = chunks};
    ck_assert_ptr_null(gw_schedule_interleaved.make(&request, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_str_eq(error->message, expected);
}

START_TEST(what_cannot_be_made_is_told)
{
    expect_refusal(8, 1, "found 1 chunk per stage, expected \"chunks\" of 2 at least");
    expect_refusal(9, 2, "found 9 micro-batches, expected a multiple of the 4 stages");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("interleaved");
    tcase_add_test(cases, order_by_stage);
    tcase_add_test(cases, closed_form_and_memory);
    tcase_add_test(cases, who_waits);
    tcase_add_test(cases, published_bubbles_leave_waits_out);
    tcase_add_test(cases, published_bubbles_lack_one_sweep_of_transfers);
    tcase_add_test(cases, what_cannot_be_made_is_told);
    return run_cases("workload schedule interleaved", cases);
}
