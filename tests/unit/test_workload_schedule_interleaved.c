/* SPDX-License-Identifier: Apache-2.0 */
/* Interleaved 1F1B: order, closed form, memory, and how far it is from what was published. */
#include <string.h>

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

typedef struct {
    const gw_workload_schedule *schedule;
    const gw_stage_times *times;
    gw_time *end_ns;  /* By place of the pipeline and micro-batch, of forwards, then backwards; */
    gw_time *free_ns; /* by stage; */
    uint32_t *next;   /* by stage: how many slots of it are done. */
    bool waits_for_all;
    uint32_t early_count; /* Passes that began before their input was there. */
} stage_play;

#define NOT_DONE UINT64_MAX

static gw_time *end_of(const stage_play *play, bool is_forward, uint32_t place, uint32_t microbatch)
{
    const gw_workload_schedule *schedule = play->schedule;
    const uint32_t places = schedule->stage_count * schedule->chunk_count;
    return &play->end_ns[((is_forward ? 0 : places) + place) * schedule->microbatch_count +
                         microbatch];
}

/* When what the slot needs is there; NOT_DONE: not known yet. */
static gw_time find_input_ns(const stage_play *play, const gw_slot *slot, uint32_t place)
{
    const uint32_t last = play->schedule->stage_count * play->schedule->chunk_count - 1;
    const bool is_forward = slot->kind == GW_SLOT_FORWARD;
    if (place == (is_forward ? 0 : last)) {
        return is_forward ? 0 : *end_of(play, true, place, slot->microbatch);
    }
    const gw_time end_ns =
        *end_of(play, is_forward, is_forward ? place - 1 : place + 1, slot->microbatch);
    return end_ns == NOT_DONE ? NOT_DONE : end_ns + play->times[0].transfer_ns;
}

/* From the last stage to the first, or back. */
static bool goes_round(const stage_play *play, const gw_slot *slot, uint32_t stage)
{
    const uint32_t stages = play->schedule->stage_count, chunks = play->schedule->chunk_count;
    return slot->kind == GW_SLOT_FORWARD ? stage == 0 && slot->chunk > 0
                                         : stage == stages - 1 && slot->chunk < chunks - 1;
}

/* The stage's next slot, if it can be told when it begins. */
static bool play_next(stage_play *play, uint32_t stage)
{
    const gw_workload_schedule *schedule = play->schedule;
    const uint32_t index = schedule->first_slot[stage] + play->next[stage];
    if (index == schedule->first_slot[stage + 1]) {
        return false;
    }
    const gw_slot *slot = &schedule->slots[index];
    const uint32_t place = slot->chunk * schedule->stage_count + stage;
    const bool waits = play->waits_for_all || !goes_round(play, slot, stage) ||
                       slot->microbatch % schedule->stage_count == 0;
    const gw_time input_ns = find_input_ns(play, slot, place);
    if (waits && input_ns == NOT_DONE) {
        return false;
    }
    const gw_time start_ns = waits ? MAX(play->free_ns[stage], input_ns) : play->free_ns[stage];
    play->early_count += input_ns > start_ns;
    play->free_ns[stage] = start_ns + gw_workload_slot_ns(schedule, &play->times[stage], slot);
    *end_of(play, slot->kind == GW_SLOT_FORWARD, place, slot->microbatch) = play->free_ns[stage];
    play->next[stage]++;
    return true;
}

/* Bubble rate of a run, stages in rounds as long as one gets on. */
static double play_published(const published_row *row, bool waits_for_all, uint32_t *out_early)
{
    gw_stage_times times[16];
    gw_time free_ns[16] = {0};
    uint32_t next[16] = {0};
    g_autoptr(gw_workload_schedule) schedule =
        make_published(row, &gw_schedule_interleaved, 3, times);
    const uint32_t pass_count = 2 * row->stages * 3 * row->microbatches;
    g_autofree gw_time *end_ns = g_new(gw_time, pass_count);
    memset(end_ns, 0xff, pass_count * sizeof *end_ns);
    stage_play play = {schedule, times, end_ns, free_ns, next, waits_for_all, 0};
    bool goes_on = true;
    while (goes_on) {
        goes_on = false;
        for (uint32_t stage = 0; stage < row->stages; stage++) {
            while (play_next(&play, stage)) {
                goes_on = true;
            }
        }
    }
    ck_assert_uint_eq(next[0], schedule->first_slot[1]);
    *out_early = play.early_count;
    const double work_ns = (double)row->microbatches *
                           (double)(row->forward_us + row->inputs_us + row->weight_us) * 1000;
    return 1 - work_ns / (double)free_ns[0];
}

/* Of a group of micro-batches that goes from the last stage round to the first, or back, the
 * printed rates have the first one alone wait for its input; passes of the others begin before it
 * is there.  With that left out the rates are those printed, to their last digit; with it they are
 * ours.  docs/MODEL.md, "Pipelines". */
START_TEST(published_bubbles_leave_waits_out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        const published_row *row = &published[i];
        uint32_t early_count;
        ck_assert_double_eq_tol(play_published(row, false, &early_count), row->bubble_interleaved,
                                0.00005001);
        ck_assert_uint_gt(early_count, 0);
        ck_assert_double_eq_tol(play_published(row, true, &early_count),
                                find_bubble(row, &gw_schedule_interleaved, 3), 1e-9);
        ck_assert_uint_eq(early_count, 0);
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
    tcase_add_test(cases, published_bubbles_leave_waits_out);
    tcase_add_test(cases, published_bubbles_lack_one_sweep_of_transfers);
    tcase_add_test(cases, what_cannot_be_made_is_told);
    return run_cases("workload schedule interleaved", cases);
}
