/* SPDX-License-Identifier: Apache-2.0 */
/* Each collective against a plain loop, in several orders of arrival; bits do not depend on the
 * order; members who wait leave when the run is aborted, and are not counted as active. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "real/cpu_collective.h"
#include "run_suite.h"

#define MEMBERS_MAX 6

typedef struct {
    gw_activity activity;
    gw_cpu_meetings *meetings;
} hall;

typedef struct {
    hall *in;
    gw_cpu_member member;
    float *input, *output;
    uint32_t output_count;
    gw_span delay_ns;
    uint32_t round_count;
    bool is_done;
    uint64_t before_ns, last_ns, after_ns;
    pthread_t thread;
} guest;

static void hall_open(hall *opened)
{
    gw_activity_init(&opened->activity);
    opened->meetings = gw_cpu_meetings_new(&opened->activity);
}

static void hall_close(hall *opened)
{
    gw_cpu_meetings_free(opened->meetings);
    gw_activity_clear(&opened->activity);
}

static float number_of(uint32_t position, uint32_t i)
{
    return (float)(gw_random_at(position, i) >> 40) / (1 << 20) - 3;
}

static void prepare_guest(guest *made, hall *in, const gw_operation *operation, uint32_t position,
                          uint32_t member_count, uint32_t input_count)
{
    const bool is_gather = operation->kind == GW_OPERATION_ALL_GATHER;
    const bool is_scatter = operation->kind == GW_OPERATION_REDUCE_SCATTER;
    *made = (guest){.in = in, .round_count = 1};
    made->output_count = is_gather    ? input_count * member_count
                         : is_scatter ? input_count / member_count
                                      : input_count;
    made->input = g_new(float, input_count + 1);
    made->output = g_new(float, made->output_count + 1);
    for (uint32_t i = 0; i < input_count; i++) {
        made->input[i] = number_of(position, i);
    }
    for (uint32_t i = 0; i <= made->output_count; i++) {
        made->output[i] = NAN;
    }
    made->member = (gw_cpu_member){.gang = 100,
                                   .operation_index = 3,
                                   .group = 2,
                                   .position = position,
                                   .member_count = member_count,
                                   .operation = operation,
                                   .input = made->input,
                                   .output = made->output,
                                   .input_count = input_count};
}

static void free_guest(guest *made)
{
    ck_assert(isnan(made->output[made->output_count])); /* Nothing behind its end. */
    g_free(made->input);
    g_free(made->output);
}

static void *visit(void *context)
{
    guest *visitor = context;
    gw_activity_begin(&visitor->in->activity, 1);
    if (visitor->delay_ns > 0) {
        g_usleep(visitor->delay_ns / 1000);
    }
    gw_cpu_member member = visitor->member;
    for (uint32_t round = 0; round < visitor->round_count; round++) {
        visitor->before_ns = gw_monotonic_ns();
        visitor->is_done = gw_cpu_meetings_join(visitor->in->meetings, &member, &visitor->last_ns);
        visitor->after_ns = gw_monotonic_ns();
        member.gang++;
    }
    gw_activity_end(&visitor->in->activity);
    return NULL;
}

static void start_guest(guest *visitor)
{
    ck_assert_int_eq(pthread_create(&visitor->thread, NULL, visit, visitor), 0);
}

static void join_guest(guest *visitor)
{
    ck_assert_int_eq(pthread_join(visitor->thread, NULL), 0);
}

/* What member `position` gets as element `i`, from the definition. */
static float expected_of(const gw_operation *operation, uint32_t member_count, uint32_t input_count,
                         uint32_t position, uint32_t i)
{
    const uint32_t block = input_count / member_count;
    float sum = 0;
    switch (operation->kind) {
    case GW_OPERATION_ALL_REDUCE:
        for (uint32_t m = 0; m < member_count; m++) {
            sum = m == 0 ? number_of(0, i) : sum + number_of(m, i);
        }
        return sum;
    case GW_OPERATION_REDUCE_SCATTER:
        for (uint32_t m = 0; m < member_count; m++) {
            const float x = number_of(m, position * block + i);
            sum = m == 0 ? x : sum + x;
        }
        return sum;
    case GW_OPERATION_ALL_GATHER:
        return number_of(i / input_count, i % input_count);
    case GW_OPERATION_ALL_TO_ALL:
        return number_of(i / block, position * block + i % block);
    case GW_OPERATION_BROADCAST:
        return number_of(operation->root, i);
    case GW_OPERATION_PERMUTE:
        return number_of((position + member_count - operation->shift % member_count) % member_count,
                         i);
    default:
        ck_abort_msg("kind %d is not known here", (int)operation->kind);
        return 0;
    }
}

/* All members meet, the one at `last` well behind the others; bits are as in group order. */
static void check_meeting(const gw_operation *operation, uint32_t member_count,
                          uint32_t input_count, uint32_t last)
{
    hall in;
    hall_open(&in);
    guest guests[MEMBERS_MAX];
    for (uint32_t i = 0; i < member_count; i++) {
        prepare_guest(&guests[i], &in, operation, i, member_count, input_count);
        guests[i].delay_ns = i == last ? 3000000 : 0;
        start_guest(&guests[i]);
    }
    for (uint32_t i = 0; i < member_count; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
        ck_assert_uint_eq(guests[i].last_ns, guests[0].last_ns);
        ck_assert_uint_ge(guests[i].last_ns, guests[last].before_ns);
        ck_assert_uint_ge(guests[i].after_ns, guests[i].last_ns);
        uint32_t wrong_count = 0;
        for (uint32_t k = 0; k < guests[i].output_count; k++) {
            wrong_count +=
                guests[i].output[k] != expected_of(operation, member_count, input_count, i, k);
        }
        ck_assert_msg(wrong_count == 0, "kind %d, member %u of %u: %u of %u elements are wrong",
                      (int)operation->kind, i, member_count, wrong_count, guests[i].output_count);
    }
    for (uint32_t i = 0; i < member_count; i++) {
        free_guest(&guests[i]);
    }
    ck_assert(gw_activity_wait(&in.activity, 0));
    hall_close(&in);
}

START_TEST(collectives_agree_with_their_definitions)
{
    const gw_operation operation = {
        .kind = (gw_operation_kind)_i, .axes = 1, .root = 1, .shift = 2};
    static const uint32_t member_counts[] = {2, 3, 5};
    for (uint32_t i = 0; i < G_N_ELEMENTS(member_counts); i++) {
        const uint32_t n = member_counts[i];
        check_meeting(&operation, n, n, n - 1);
        check_meeting(&operation, n, 7 * n, 0);
        check_meeting(&operation, n, 20011 * n, 1); /* Several pieces, the last one short. */
    }
}
END_TEST

START_TEST(a_group_of_one_meets_itself)
{
    const gw_operation operation = {.kind = (gw_operation_kind)_i, .axes = 1, .shift = 5};
    check_meeting(&operation, 1, 10, 0);
}
END_TEST

START_TEST(nothing_to_move_is_still_a_meeting)
{
    const gw_operation operation = {.kind = (gw_operation_kind)_i, .axes = 1};
    check_meeting(&operation, 3, 0, 2);
}
END_TEST

/* Without end, nobody leaves a collective before the last has come, whoever that is. */
START_TEST(many_rounds_in_a_row_stay_apart)
{
    const gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    hall in;
    hall_open(&in);
    guest guests[4];
    for (uint32_t i = 0; i < 4; i++) {
        prepare_guest(&guests[i], &in, &operation, i, 4, 50);
        guests[i].round_count = 2000;
        start_guest(&guests[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
        for (uint32_t k = 0; k < 50; k++) {
            ck_assert_float_eq(guests[i].output[k], expected_of(&operation, 4, 50, i, k));
        }
    }
    for (uint32_t i = 0; i < 4; i++) {
        free_guest(&guests[i]);
    }
    hall_close(&in);
}
END_TEST

/* Two groups of one gang, and two operations of it, do not get in each other's way. */
START_TEST(groups_and_operations_are_meetings_of_their_own)
{
    const gw_operation operation = {.kind = GW_OPERATION_BROADCAST, .axes = 1};
    hall in;
    hall_open(&in);
    guest guests[6];
    for (uint32_t i = 0; i < 6; i++) {
        prepare_guest(&guests[i], &in, &operation, i % 2, 2, 4);
        guests[i].member.group = i / 2 == 1 ? 9 : 2;
        guests[i].member.operation_index = i / 2 == 2 ? 9 : 3;
        guests[i].input[0] = (float)i;
        start_guest(&guests[i]);
    }
    for (uint32_t i = 0; i < 6; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
    }
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_float_eq(guests[i].output[0], (float)(i / 2 * 2));
        free_guest(&guests[i]);
    }
    hall_close(&in);
}
END_TEST

START_TEST(who_waits_is_not_active_and_the_missing_are_known)
{
    const gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    hall in;
    hall_open(&in);
    guest guests[3];
    gw_activity_begin(&in.activity, 1); /* This thread, until two of three wait. */
    for (uint32_t i = 0; i < 3; i++) {
        prepare_guest(&guests[i], &in, &operation, i, 3, 8);
    }
    bool is_missing[3];
    ck_assert(!gw_cpu_meetings_missing(in.meetings, 100, 3, 2, 3, is_missing));
    start_guest(&guests[0]);
    start_guest(&guests[2]);
    while (!gw_cpu_meetings_missing(in.meetings, 100, 3, 2, 3, is_missing) || is_missing[0] ||
           is_missing[2]) {
        g_usleep(100);
    }
    ck_assert(is_missing[1]);
    ck_assert(!gw_activity_wait(&in.activity, 0)); /* This thread is. */
    gw_activity_end(&in.activity);
    ck_assert(gw_activity_wait(&in.activity, UINT64_C(10000000000)));
    start_guest(&guests[1]);
    for (uint32_t i = 0; i < 3; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
        free_guest(&guests[i]);
    }
    ck_assert(gw_activity_wait(&in.activity, 0));
    hall_close(&in);
}
END_TEST

START_TEST(abort_lets_everybody_go_and_nobody_wait_again)
{
    const gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    hall in;
    hall_open(&in);
    guest guests[3];
    for (uint32_t i = 0; i < 3; i++) {
        prepare_guest(&guests[i], &in, &operation, i, 4, 8);
    }
    start_guest(&guests[0]);
    start_guest(&guests[1]);
    g_usleep(2000); /* Asleep by then, as a rule; right either way. */
    gw_cpu_meetings_abort(in.meetings);
    start_guest(&guests[2]);
    for (uint32_t i = 0; i < 3; i++) {
        join_guest(&guests[i]);
        ck_assert(!guests[i].is_done);
        free_guest(&guests[i]);
    }
    ck_assert(gw_activity_wait(&in.activity, 0));
    hall_close(&in);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_collective");
    TCase *tcase = tcase_create("meetings");
    tcase_set_timeout(tcase, 120);
    const int first = GW_OPERATION_ALL_REDUCE, end = GW_OPERATION_PERMUTE + 1;
    tcase_add_loop_test(tcase, collectives_agree_with_their_definitions, first, end);
    tcase_add_loop_test(tcase, a_group_of_one_meets_itself, first, end);
    tcase_add_loop_test(tcase, nothing_to_move_is_still_a_meeting, first, end);
    tcase_add_test(tcase, many_rounds_in_a_row_stay_apart);
    tcase_add_test(tcase, groups_and_operations_are_meetings_of_their_own);
    tcase_add_test(tcase, who_waits_is_not_active_and_the_missing_are_known);
    tcase_add_test(tcase, abort_lets_everybody_go_and_nobody_wait_again);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
