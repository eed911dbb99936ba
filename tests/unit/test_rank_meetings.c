/* SPDX-License-Identifier: Apache-2.0 */
/* Each collective across ranks against the one between threads, bit for bit: for several ways in
 * which members lie on ranks, small and large, whoever comes last.  Here ranks are tables in one
 * process, and a part that is sent is there at once. */
#include <check.h>
#include <string.h>

#include "base/random.h"
#include "real/rank_meetings.h"
#include "run_suite.h"

#define MEMBERS_MAX 6
#define RANKS_MAX   6

typedef struct town town;
typedef struct {
    town *all;
    uint32_t self;
    gw_activity activity;
    gw_rank_meetings *meetings;
} house;
struct town {
    uint32_t count;
    house houses[RANKS_MAX];
};

static void carry(void *context, uint32_t target, gw_packet *packet)
{
    house *from = context;
    ck_assert_uint_ne(target, from->self);
    ck_assert_uint_lt(target, from->all->count);
    gw_rank_meetings_take(from->all->houses[target].meetings, from->self, packet);
}

static void town_open(town *opened, uint32_t count)
{
    opened->count = count;
    for (uint32_t r = 0; r < count; r++) {
        house *made = &opened->houses[r];
        made->all = opened;
        made->self = r;
        gw_activity_init(&made->activity);
        made->meetings = gw_rank_meetings_new(&made->activity, r, count, carry, made);
    }
}

/* Nothing is active in it any more. */
static void town_close(town *closed)
{
    for (uint32_t r = 0; r < closed->count; r++) {
        ck_assert_uint_eq(gw_activity_count(&closed->houses[r].activity), 0);
        gw_rank_meetings_free(closed->houses[r].meetings);
        gw_activity_clear(&closed->houses[r].activity);
    }
}

typedef struct {
    gw_activity *activity;
    gw_cpu_meetings *plain; /* Or: */
    gw_rank_meetings *meetings;
    const uint32_t *ranks;
    gw_cpu_member member;
    float *input, *output;
    uint64_t output_count;
    uint32_t delay_us, round_count;
    bool is_done;
    uint64_t before_ns, last_ns;
    pthread_t thread;
} guest;

static uint64_t output_count_of(const gw_operation *operation, uint32_t members, uint64_t inputs)
{
    return operation->kind == GW_OPERATION_ALL_GATHER       ? inputs * members
           : operation->kind == GW_OPERATION_REDUCE_SCATTER ? inputs / members
                                                            : inputs;
}

static void prepare_guest(guest *made, const gw_operation *operation, uint32_t position,
                          uint32_t members, uint64_t inputs)
{
    *made = (guest){.round_count = 1,
                    .output_count = output_count_of(operation, members, inputs),
                    .input = g_new(float, inputs + 1)};
    made->output = g_new0(float, made->output_count + 1);
    made->output[made->output_count] = 77;
    for (uint64_t i = 0; i < inputs; i++) {
        made->input[i] = (float)(gw_random_at(position, i) >> 40) / (1 << 20) - 3;
    }
    made->member = (gw_cpu_member){.gang = 100,
                                   .operation_index = 3,
                                   .group = 2,
                                   .position = position,
                                   .member_count = members,
                                   .operation = operation,
                                   .input = made->input,
                                   .output = made->output,
                                   .input_count = inputs};
}

static void free_guest(guest *made)
{
    ck_assert_float_eq(made->output[made->output_count], 77); /* Nothing behind its end. */
    g_free(made->input);
    g_free(made->output);
}

static void *visit(void *context)
{
    guest *visitor = context;
    gw_activity_begin(visitor->activity, 1);
    g_usleep(visitor->delay_us);
    gw_cpu_member member = visitor->member;
    for (uint32_t round = 0; round < visitor->round_count; round++) {
        visitor->before_ns = gw_monotonic_ns();
        visitor->is_done = visitor->plain != NULL
                               ? gw_cpu_meetings_join(visitor->plain, &member, &visitor->last_ns)
                               : gw_rank_meetings_join(visitor->meetings, &member, visitor->ranks,
                                                       &visitor->last_ns);
        member.gang++;
    }
    gw_activity_end(visitor->activity);
    return NULL;
}

static void start_guest(guest *visitor)
{
    ck_assert_int_eq(pthread_create(&visitor->thread, NULL, visit, visitor), 0);
}

static void join_guest(const guest *visitor)
{
    ck_assert_int_eq(pthread_join(visitor->thread, NULL), 0);
}

/* What threads of one process make of it. */
static void meet_plainly(guest *guests, uint32_t members)
{
    gw_activity activity;
    gw_activity_init(&activity);
    gw_cpu_meetings *plain = gw_cpu_meetings_new(&activity);
    for (uint32_t i = 0; i < members; i++) {
        guests[i].activity = &activity;
        guests[i].plain = plain;
        start_guest(&guests[i]);
    }
    for (uint32_t i = 0; i < members; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
    }
    gw_cpu_meetings_free(plain);
    gw_activity_clear(&activity);
}

static void send_to_house(guest *visitor, town *in, const uint32_t *ranks)
{
    house *at = &in->houses[ranks[visitor->member.position]];
    visitor->activity = &at->activity;
    visitor->meetings = at->meetings;
    visitor->ranks = ranks;
}

static void check_meeting(const gw_operation *operation, const uint32_t *ranks, uint32_t members,
                          uint64_t inputs, uint32_t last)
{
    town in;
    town_open(&in, RANKS_MAX);
    guest guests[MEMBERS_MAX], plain[MEMBERS_MAX];
    for (uint32_t i = 0; i < members; i++) {
        prepare_guest(&plain[i], operation, i, members, inputs);
        prepare_guest(&guests[i], operation, i, members, inputs);
        send_to_house(&guests[i], &in, ranks);
        guests[i].delay_us = i == last ? 2000 : 0;
        start_guest(&guests[i]);
    }
    meet_plainly(plain, members);
    for (uint32_t i = 0; i < members; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
    }
    for (uint32_t i = 0; i < members; i++) {
        ck_assert_uint_ge(guests[i].last_ns, guests[last].before_ns);
        ck_assert_msg(
            memcmp(guests[i].output, plain[i].output, guests[i].output_count * sizeof(float)) == 0,
            "kind %d, member %u of %u, %u inputs", (int)operation->kind, i, members,
            (uint32_t)inputs);
        free_guest(&guests[i]);
        free_guest(&plain[i]);
    }
    town_close(&in);
}

/* Members on ranks: in turn, in blocks, one each, unevenly, and backwards. */
static const struct {
    uint32_t members;
    uint32_t ranks[MEMBERS_MAX];
} ways[] = {
    {2, {0, 1}},
    {2, {5, 2}},
    {4, {0, 0, 1, 1}},
    {4, {0, 1, 0, 1}},
    {6, {2, 2, 2, 0, 1, 1}},
    {3, {4, 0, 2}},
    {5, {1, 3, 3, 3, 0}},
};

START_TEST(bits_are_those_of_threads)
{
    const gw_operation operation = {
        .kind = (gw_operation_kind)_i, .axes = 1, .root = 1, .shift = 2};
    for (uint32_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        const uint32_t n = ways[i].members;
        check_meeting(&operation, ways[i].ranks, n, n, n - 1);
        check_meeting(&operation, ways[i].ranks, n, 7 * n, 0);
        check_meeting(&operation, ways[i].ranks, n, 4001 * n, 1); /* Cut, not evenly. */
        check_meeting(&operation, ways[i].ranks, n, 0, 1);
    }
}
END_TEST

/* A sum whose output is its input, on ranks and between threads, is what it is elsewhere. */
START_TEST(sums_in_place_have_the_same_bits)
{
    const gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    const uint32_t members = ways[_i].members, inputs = 4001 * members;
    for (uint64_t count = 7; count <= inputs; count += inputs - 7) {
        town in;
        town_open(&in, RANKS_MAX);
        guest apart[MEMBERS_MAX], plain[MEMBERS_MAX], guests[MEMBERS_MAX];
        for (uint32_t i = 0; i < members; i++) {
            prepare_guest(&apart[i], &operation, i, members, count);
            prepare_guest(&plain[i], &operation, i, members, count);
            prepare_guest(&guests[i], &operation, i, members, count);
            plain[i].member.output = plain[i].input;
            guests[i].member.output = guests[i].input;
            send_to_house(&guests[i], &in, ways[_i].ranks);
            start_guest(&guests[i]);
        }
        meet_plainly(apart, members);
        meet_plainly(plain, members);
        for (uint32_t i = 0; i < members; i++) {
            join_guest(&guests[i]);
            ck_assert(guests[i].is_done);
        }
        for (uint32_t i = 0; i < members; i++) {
            ck_assert_mem_eq(plain[i].input, apart[i].output, count * sizeof(float));
            ck_assert_mem_eq(guests[i].input, apart[i].output, count * sizeof(float));
            free_guest(&apart[i]);
            free_guest(&plain[i]);
            free_guest(&guests[i]);
        }
        town_close(&in);
    }
}
END_TEST

START_TEST(sums_are_cut_only_when_they_are_large)
{
    const gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    for (uint64_t inputs = GW_RANK_WHOLE_ELEMENTS_MAX - 1; inputs <= GW_RANK_WHOLE_ELEMENTS_MAX + 1;
         inputs++) {
        check_meeting(&operation, ways[5].ranks, 3, inputs, 2);
    }
}
END_TEST

/* Two groups that lie on the same ranks, in many rounds, each at its own pace: no order between
 * them is asked for. */
START_TEST(groups_need_no_order_between_them)
{
    static const uint32_t ranks[] = {0, 1};
    const gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    town in;
    town_open(&in, 2);
    guest guests[4];
    for (uint32_t i = 0; i < 4; i++) {
        prepare_guest(&guests[i], &operation, i % 2, 2, i < 2 ? 50 : 9000);
        send_to_house(&guests[i], &in, ranks);
        guests[i].member.group = i / 2;
        guests[i].round_count = 300;
        start_guest(&guests[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
    }
    for (uint32_t i = 0; i < 4; i++) {
        const guest *first = &guests[i / 2 * 2];
        for (uint64_t k = 0; k < first->output_count; k++) {
            ck_assert_float_eq(guests[i].output[k], first[0].input[k] + first[1].input[k]);
        }
    }
    for (uint32_t i = 0; i < 4; i++) {
        free_guest(&guests[i]);
    }
    town_close(&in);
}
END_TEST

START_TEST(who_waits_is_not_active_and_says_for_whom)
{
    static const uint32_t ranks[] = {0, 0, 1};
    const gw_operation operation = {.kind = GW_OPERATION_BROADCAST, .axes = 1};
    town in;
    town_open(&in, 2);
    guest guests[3];
    for (uint32_t i = 0; i < 3; i++) {
        prepare_guest(&guests[i], &operation, i, 3, 8);
        send_to_house(&guests[i], &in, ranks);
    }
    start_guest(&guests[0]);
    start_guest(&guests[1]);
    g_autoptr(GString) words = g_string_new(NULL);
    while (strstr(words->str, "2 of 2 members here have come, waits for rank 1\n") == NULL) {
        g_string_truncate(words, 0);
        gw_rank_meetings_explain(in.houses[0].meetings, words);
        g_usleep(100);
    }
    while (gw_activity_count(&in.houses[0].activity) > 0) {
        g_usleep(100);
    }
    start_guest(&guests[2]);
    for (uint32_t i = 0; i < 3; i++) {
        join_guest(&guests[i]);
        ck_assert(guests[i].is_done);
        free_guest(&guests[i]);
    }
    town_close(&in);
}
END_TEST

START_TEST(abort_lets_everybody_go_and_nobody_wait_again)
{
    static const uint32_t ranks[] = {0, 0, 1, 1};
    const gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    town in;
    town_open(&in, 2);
    guest guests[3];
    for (uint32_t i = 0; i < 3; i++) {
        prepare_guest(&guests[i], &operation, i, 4, 8);
        send_to_house(&guests[i], &in, ranks);
    }
    start_guest(&guests[0]);
    start_guest(&guests[1]);
    g_usleep(2000); /* Asleep by then, as a rule; right either way. */
    gw_rank_meetings_abort(in.houses[0].meetings);
    gw_rank_meetings_abort(in.houses[1].meetings);
    start_guest(&guests[2]);
    for (uint32_t i = 0; i < 3; i++) {
        join_guest(&guests[i]);
        ck_assert(!guests[i].is_done);
        free_guest(&guests[i]);
    }
    town_close(&in);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rank_meetings");
    TCase *tcase = tcase_create("ranks");
    tcase_set_timeout(tcase, 120);
    const int first = GW_OPERATION_ALL_REDUCE, end = GW_OPERATION_PERMUTE + 1;
    tcase_add_loop_test(tcase, bits_are_those_of_threads, first, end);
    tcase_add_loop_test(tcase, sums_in_place_have_the_same_bits, 0, (int)G_N_ELEMENTS(ways));
    tcase_add_test(tcase, sums_are_cut_only_when_they_are_large);
    tcase_add_test(tcase, groups_need_no_order_between_them);
    tcase_add_test(tcase, who_waits_is_not_active_and_says_for_whom);
    tcase_add_test(tcase, abort_lets_everybody_go_and_nobody_wait_again);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
