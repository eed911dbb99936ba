/* SPDX-License-Identifier: Apache-2.0 */
/* Room on devices: what is full, for whom, and who is freed by what. */
#include <check.h>
#include <signal.h>

#include "controller/room.h"
#include "run_suite.h"

/* Two islands of two hosts of two devices; the room is in charge of the second: devices 4 to 7. */
typedef struct {
    gw_directory *directory;
    gw_room *room;
    GPtrArray *freed;
} bench;

static void init_bench(bench *made, uint32_t lookahead)
{
    const gw_island islands[] = {
        {.host_count = 2, .devices_per_host = 2, .shape = {4, 1, 1}},
        {.host_count = 2, .devices_per_host = 2, .shape = {4, 1, 1}},
    };
    made->directory = gw_directory_new(islands, 2, 0);
    made->room = gw_room_new(made->directory, 4, 4, lookahead);
    made->freed = g_ptr_array_new();
}

static void clear_bench(bench *made)
{
    gw_room_free(made->room);
    g_ptr_array_unref(made->freed);
    gw_directory_free(made->directory);
}

/* How many slices that frees. */
static uint32_t give(bench *made, uint32_t device, uint32_t count)
{
    g_ptr_array_set_size(made->freed, 0);
    gw_room_give(made->room, device, count, made->freed);
    return made->freed->len;
}

#define OPEN(made, ...)                                                                            \
    gw_room_open((made)->room, (const uint32_t[]){__VA_ARGS__},                                    \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

START_TEST(slice_has_its_devices_and_hosts)
{
    bench made;
    init_bench(&made, 1);
    const gw_slice *slice = OPEN(&made, 7, 1, 4, 5);
    ck_assert_uint_eq(slice->device_count, 3); /* Device 1 is somebody else's. */
    ck_assert_uint_eq(slice->devices[0], 7);
    ck_assert_uint_eq(slice->devices[1], 4);
    ck_assert_uint_eq(slice->devices[2], 5);
    ck_assert_uint_eq(slice->host_count, 2);
    ck_assert_uint_eq(slice->hosts[0], 3);
    ck_assert_uint_eq(slice->hosts[1], 2);
    ck_assert_uint_eq(OPEN(&made, 0, 3)->device_count, 0);
    clear_bench(&made);
}
END_TEST

START_TEST(same_devices_are_one_slice)
{
    bench made;
    init_bench(&made, 1);
    gw_slice *first = OPEN(&made, 4, 5);
    ck_assert_ptr_eq(OPEN(&made, 4, 5), first);
    ck_assert_ptr_eq(OPEN(&made, 4, 0, 5), first);
    ck_assert_ptr_ne(OPEN(&made, 5, 4), first);
    ck_assert_ptr_ne(OPEN(&made, 4), first);
    ck_assert_uint_eq(first->users, 3);
    gw_room_close(made.room, first);
    gw_room_close(made.room, first);
    ck_assert_ptr_eq(OPEN(&made, 4, 5), first);
    clear_bench(&made);
}
END_TEST

START_TEST(slice_is_full_when_one_device_is)
{
    bench made;
    init_bench(&made, 2);
    gw_slice *wide = OPEN(&made, 4, 5, 6), *narrow = OPEN(&made, 5), *other = OPEN(&made, 7);
    gw_room_take(made.room, wide);
    ck_assert(gw_room_is_free(made.room, wide));
    gw_room_take(made.room, narrow);
    ck_assert(!gw_room_is_free(made.room, wide));
    ck_assert(!gw_room_is_free(made.room, narrow));
    ck_assert(gw_room_is_free(made.room, other));
    clear_bench(&made);
}
END_TEST

START_TEST(giving_frees_those_who_wait_for_the_device)
{
    bench made;
    init_bench(&made, 1);
    gw_slice *wide = OPEN(&made, 4, 5), *left = OPEN(&made, 4), *right = OPEN(&made, 5);
    gw_room_take(made.room, left);
    gw_room_take(made.room, right);
    ck_assert(!gw_room_is_free(made.room, wide));
    ck_assert(!gw_room_is_free(made.room, left));
    ck_assert_uint_eq(give(&made, 4, 1), 1); /* Wide needs the other one, too. */
    ck_assert_ptr_eq(g_ptr_array_index(made.freed, 0), left);
    ck_assert(!gw_room_is_free(made.room, wide));
    ck_assert_uint_eq(give(&made, 5, 1), 1);
    ck_assert_ptr_eq(g_ptr_array_index(made.freed, 0), wide);
    ck_assert(gw_room_is_free(made.room, wide));
    clear_bench(&made);
}
END_TEST

/* What was found free may be taken by others before the rest is. */
START_TEST(room_that_is_lost_again_is_noticed)
{
    bench made;
    init_bench(&made, 1);
    gw_slice *wide = OPEN(&made, 4, 5), *left = OPEN(&made, 4), *right = OPEN(&made, 5);
    gw_room_take(made.room, left);
    gw_room_take(made.room, right);
    ck_assert(!gw_room_is_free(made.room, wide));
    ck_assert_uint_eq(give(&made, 4, 1), 0);
    gw_room_take(made.room, left);
    ck_assert_uint_eq(give(&made, 5, 1), 0);
    ck_assert(!gw_room_is_free(made.room, wide));
    ck_assert_uint_eq(give(&made, 4, 1), 1);
    ck_assert(gw_room_is_free(made.room, wide));
    clear_bench(&made);
}
END_TEST

START_TEST(full_slice_waits_for_a_quarter_of_the_lookahead)
{
    bench made;
    init_bench(&made, 8);
    gw_slice *slice = OPEN(&made, 4, 5);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert(gw_room_is_free(made.room, slice));
        gw_room_take(made.room, slice);
    }
    ck_assert(!gw_room_is_free(made.room, slice));
    ck_assert_uint_eq(give(&made, 4, 8), 0);
    ck_assert_uint_eq(give(&made, 5, 1) + give(&made, 5, 1), 0);
    ck_assert(!gw_room_is_free(made.room, slice));
    ck_assert_uint_eq(give(&made, 5, 1), 1);
    for (uint32_t i = 0; i < 3; i++) { /* Free again, up to the last place. */
        ck_assert(gw_room_is_free(made.room, slice));
        gw_room_take(made.room, slice);
    }
    ck_assert(!gw_room_is_free(made.room, slice));
    clear_bench(&made);
}
END_TEST

START_TEST(small_lookahead_frees_with_every_gang)
{
    for (uint32_t lookahead = 1; lookahead < 4; lookahead++) {
        bench made;
        init_bench(&made, lookahead);
        gw_slice *slice = OPEN(&made, 6);
        for (uint32_t i = 0; i < lookahead; i++) {
            gw_room_take(made.room, slice);
        }
        ck_assert(!gw_room_is_free(made.room, slice));
        ck_assert_uint_eq(give(&made, 6, 1), 1);
        ck_assert(gw_room_is_free(made.room, slice));
        clear_bench(&made);
    }
}
END_TEST

START_TEST(closed_slice_is_met_nowhere)
{
    bench made;
    init_bench(&made, 1);
    gw_slice *slice = OPEN(&made, 4, 5), *other = OPEN(&made, 4);
    gw_room_take(made.room, other);
    ck_assert(!gw_room_is_free(made.room, other));
    ck_assert(!gw_room_is_free(made.room, slice));
    gw_room_close(made.room, slice);
    ck_assert_uint_eq(give(&made, 4, 1), 1);
    ck_assert_ptr_eq(g_ptr_array_index(made.freed, 0), other);
    clear_bench(&made);
}
END_TEST

/* Against a plain count, over slices that overlap, however they take and give. */
START_TEST(nobody_waits_where_there_is_room)
{
    static const uint32_t devices[5][4] = {{4, 5, 6, 7}, {6, 5}, {7, 4}, {5}, {4, 6, 7}};
    static const uint32_t counts[5] = {4, 2, 2, 1, 3};
    const uint32_t lookahead = 1 + (uint32_t)_i % 9;
    uint32_t state = (uint32_t)_i + 1, ordered[8] = {0};
    bool is_waiting[5] = {false};
    gw_slice *slices[5];
    bench made;
    init_bench(&made, lookahead);
    for (uint32_t s = 0; s < 5; s++) {
        slices[s] = gw_room_open(made.room, devices[s], counts[s]);
    }
    for (uint32_t step = 0; step < 5000; step++) {
        state = state * 1664525 + 1013904223;
        const uint32_t s = (state >> 16) % 5, device = 4 + (state >> 20) % 4;
        if ((state >> 24) % 2 == 0 && !is_waiting[s]) {
            is_waiting[s] = !gw_room_is_free(made.room, slices[s]);
            for (uint32_t d = 0; !is_waiting[s] && d < counts[s]; d++) {
                ck_assert_uint_le(++ordered[devices[s][d]], lookahead);
            }
            if (!is_waiting[s]) {
                gw_room_take(made.room, slices[s]);
            }
        } else if (ordered[device] > 0) {
            ordered[device]--;
            give(&made, device, 1);
            for (uint32_t f = 0; f < made.freed->len; f++) {
                for (uint32_t i = 0; i < 5; i++) {
                    is_waiting[i] = is_waiting[i] && g_ptr_array_index(made.freed, f) != slices[i];
                }
            }
        }
        bool is_claimed = false;
        for (uint32_t i = 0; i < 5; i++) {
            is_claimed = is_claimed || slices[i]->is_claiming;
        }
        for (uint32_t i = 0; i < 5; i++) { /* Who waits, waits for a device that is used, or that
                                              somebody claims. */
            uint32_t most = 0;
            for (uint32_t d = 0; d < counts[i]; d++) {
                most = MAX(most, ordered[devices[i][d]]);
            }
            ck_assert(!is_waiting[i] || is_claimed || most >= lookahead - lookahead / 4);
        }
    }
    for (uint32_t device = 4; device < 8; device++) { /* Nobody waits for nothing. */
        give(&made, device, ordered[device]);
        for (uint32_t f = 0; f < made.freed->len; f++) {
            for (uint32_t i = 0; i < 5; i++) {
                is_waiting[i] = is_waiting[i] && g_ptr_array_index(made.freed, f) != slices[i];
            }
        }
    }
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert(!is_waiting[i]);
        ck_assert(gw_room_is_free(made.room, slices[i]));
    }
    clear_bench(&made);
}
END_TEST

/* A wide slice beside endless narrow ones, one on each of its devices, all gangs equally long. */
typedef struct {
    bench made;
    gw_slice *narrow[4], *wide;
    uint32_t ordered[4]; /* By device. */
    uint32_t passed;     /* Narrow gangs ordered since the wide one was found full. */
    uint32_t most_passed, turns, least_ordered;
} contest;

static void fill(contest *run, uint32_t device)
{
    while (gw_room_is_free(run->made.room, run->narrow[device])) {
        gw_room_take(run->made.room, run->narrow[device]);
        run->ordered[device]++;
        run->passed++;
    }
}

static void take_turn(contest *run)
{
    while (gw_room_is_free(run->made.room, run->wide)) {
        gw_room_take(run->made.room, run->wide);
        run->turns++;
        for (uint32_t d = 0; d < 4; d++) {
            run->ordered[d]++;
        }
    }
    run->most_passed = MAX(run->most_passed, run->passed);
    run->passed = 0;
}

/* A gang ends on `device`.  Whoever is freed takes all that there is; the wide one first. */
static void end_gang(contest *run, uint32_t device)
{
    if (run->ordered[device] == 0) {
        run->least_ordered = 0;
        return;
    }
    run->ordered[device]--;
    give(&run->made, 4 + device, 1);
    for (uint32_t f = 0; f < run->made.freed->len; f++) {
        if (g_ptr_array_index(run->made.freed, f) == run->wide) {
            take_turn(run);
        }
    }
    for (uint32_t f = 0; f < run->made.freed->len; f++) {
        for (uint32_t d = 0; d < 4; d++) {
            if (g_ptr_array_index(run->made.freed, f) == run->narrow[d]) {
                fill(run, d);
            }
        }
    }
    run->least_ordered = MIN(run->least_ordered, run->ordered[device]);
}

START_TEST(wide_slice_has_its_turn_and_no_device_idles)
{
    static const uint32_t lookaheads[] = {4, 8, 13, 64, 256};
    const uint32_t lookahead = lookaheads[_i], rounds = 50 * lookahead;
    contest run = {.least_ordered = UINT32_MAX};
    init_bench(&run.made, lookahead);
    for (uint32_t d = 0; d < 4; d++) {
        run.narrow[d] = gw_room_open(run.made.room, (const uint32_t[]){4 + d}, 1);
    }
    run.wide = OPEN(&run.made, 4, 5, 6, 7);
    for (uint32_t d = 0; d < 4; d++) {
        fill(&run, d);
    }
    ck_assert(!gw_room_is_free(run.made.room, run.wide));
    run.passed = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t d = 0; d < 4; d++) { /* In another order every time. */
            end_gang(&run, (d * 3 + round) % 4);
        }
    }
    ck_assert_uint_gt(run.turns, rounds / (2 * lookahead));
    ck_assert_uint_le(run.most_passed, 2 * 4 * lookahead); /* Twice the lookahead per device. */
    ck_assert_uint_gt(run.least_ordered, 0);
    clear_bench(&run.made);
}
END_TEST

START_TEST(claims_are_met_in_the_order_of_raising)
{
    bench made;
    init_bench(&made, 1);
    gw_slice *left = OPEN(&made, 4, 5), *right = OPEN(&made, 5, 6);
    gw_slice *four = OPEN(&made, 4), *five = OPEN(&made, 5), *six = OPEN(&made, 6);
    gw_room_take(made.room, four);
    gw_room_take(made.room, five);
    gw_room_take(made.room, six);
    ck_assert(!gw_room_is_free(made.room, left));
    ck_assert(!gw_room_is_free(made.room, right));
    ck_assert_uint_eq(give(&made, 4, 1), 0);
    gw_room_take(made.room, four); /* Passes `left`. */
    ck_assert_uint_eq(give(&made, 6, 1), 0);
    gw_room_take(made.room, six);            /* Passes `right`. */
    ck_assert_uint_eq(give(&made, 5, 1), 0); /* `left` claims 4 and 5, and `right` what is left. */
    ck_assert(left->is_claiming);
    ck_assert(right->is_claiming);
    ck_assert(!gw_room_is_free(made.room, five));
    ck_assert_uint_eq(give(&made, 6, 1), 0);
    ck_assert(!gw_room_is_free(made.room, six));
    ck_assert_uint_eq(give(&made, 4, 1), 4); /* And those that waited for the claims. */
    ck_assert_ptr_eq(g_ptr_array_index(made.freed, 0), left);
    uint32_t right_place = 0, five_place = 0;
    for (uint32_t f = 0; f < made.freed->len; f++) {
        right_place = g_ptr_array_index(made.freed, f) == right ? f : right_place;
        five_place = g_ptr_array_index(made.freed, f) == five ? f : five_place;
    }
    ck_assert_uint_gt(right_place, 0);
    ck_assert_uint_gt(five_place, right_place);
    clear_bench(&made);
}
END_TEST

START_TEST(who_shares_all_devices_is_never_passed_over)
{
    bench made;
    init_bench(&made, 2);
    gw_slice *slice = OPEN(&made, 4, 5);
    for (uint32_t i = 0; i < 100; i++) {
        while (gw_room_is_free(made.room, slice)) {
            gw_room_take(made.room, slice);
        }
        give(&made, 4, 1);
        ck_assert(!slice->is_claiming);
        give(&made, 5, 1);
    }
    clear_bench(&made);
}
END_TEST

START_TEST(claim_of_a_closed_slice_is_dropped)
{
    bench made;
    init_bench(&made, 1);
    gw_slice *wide = OPEN(&made, 4, 5), *four = OPEN(&made, 4), *five = OPEN(&made, 5);
    gw_room_take(made.room, four);
    gw_room_take(made.room, five);
    ck_assert(!gw_room_is_free(made.room, wide));
    give(&made, 4, 1);
    gw_room_take(made.room, four);
    give(&made, 5, 1);
    ck_assert(wide->is_claiming);
    gw_room_close(made.room, wide);
    ck_assert(gw_room_is_free(made.room, five));
    clear_bench(&made);
}
END_TEST

START_TEST(giving_more_than_was_taken_aborts)
{
    bench made;
    init_bench(&made, 4);
    gw_room_take(made.room, OPEN(&made, 4));
    give(&made, 4, 2);
}
END_TEST

START_TEST(giving_for_a_foreign_device_aborts)
{
    bench made;
    init_bench(&made, 4);
    give(&made, 3, 0);
}
END_TEST

START_TEST(closing_while_somebody_waits_aborts)
{
    bench made;
    init_bench(&made, 4);
    gw_slice *slice = OPEN(&made, 4);
    GList waiter = {0};
    g_queue_push_tail_link(&slice->waiting, &waiter);
    gw_room_close(made.room, slice);
}
END_TEST

/* --- Who waits no longer --- */

START_TEST(a_claim_that_is_given_up_frees_others)
{
    bench made;
    init_bench(&made, 1);
    gw_slice *wide = OPEN(&made, 4, 5), *left = OPEN(&made, 4), *right = OPEN(&made, 5);
    gw_room_take(made.room, left);
    gw_room_take(made.room, right);
    ck_assert(!gw_room_is_free(made.room, wide));
    wide->wanted = 1;
    give(&made, 4, 1);
    gw_room_take(made.room, left); /* Passed over: it claims. */
    give(&made, 5, 1);
    ck_assert(wide->is_claiming);
    ck_assert(!gw_room_is_free(made.room, right)); /* Nothing is ordered there, and yet. */
    g_ptr_array_set_size(made.freed, 0);
    gw_room_leave(made.room, wide, made.freed); /* Somebody waits for it. */
    ck_assert(wide->is_claiming);
    ck_assert_uint_eq(made.freed->len, 0);
    wide->wanted = 0;
    gw_room_leave(made.room, wide, made.freed);
    ck_assert_uint_eq(made.freed->len, 1);
    ck_assert_ptr_eq(g_ptr_array_index(made.freed, 0), right);
    ck_assert(gw_room_is_free(made.room, right));
    gw_room_leave(made.room, wide, made.freed); /* Once more changes nothing. */
    ck_assert_uint_eq(made.freed->len, 1);
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("room");
    tcase_add_test(cases, slice_has_its_devices_and_hosts);
    tcase_add_test(cases, same_devices_are_one_slice);
    tcase_add_test(cases, slice_is_full_when_one_device_is);
    tcase_add_test(cases, giving_frees_those_who_wait_for_the_device);
    tcase_add_test(cases, room_that_is_lost_again_is_noticed);
    tcase_add_test(cases, full_slice_waits_for_a_quarter_of_the_lookahead);
    tcase_add_test(cases, small_lookahead_frees_with_every_gang);
    tcase_add_test(cases, closed_slice_is_met_nowhere);
    tcase_add_loop_test(cases, nobody_waits_where_there_is_room, 0, 18);
    tcase_add_loop_test(cases, wide_slice_has_its_turn_and_no_device_idles, 0, 5);
    tcase_add_test(cases, claims_are_met_in_the_order_of_raising);
    tcase_add_test(cases, who_shares_all_devices_is_never_passed_over);
    tcase_add_test(cases, claim_of_a_closed_slice_is_dropped);
    tcase_add_test_raise_signal(cases, giving_more_than_was_taken_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, giving_for_a_foreign_device_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, closing_while_somebody_waits_aborts, SIGABRT);
    tcase_add_test(cases, a_claim_that_is_given_up_frees_others);
    Suite *suite = suite_create("room");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
