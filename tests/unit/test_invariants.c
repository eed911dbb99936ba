/* SPDX-License-Identifier: Apache-2.0 */
/* The bookkeeper: silent about a good run, and each kind of bad one is named. */

#include "run_suite.h"
#include "test_device.h"
#include "world/invariants.h"

/* Two hosts of two devices, a gang on all four, and its plan. */
typedef struct {
    device_bench bench;
    gw_gang_layout *layout;
    gw_gang_plan *plan;
    gw_invariants *invariants;
} watch;

static void watch_init(watch *made)
{
    device_bench_init(&made->bench, 2, 2);
    made->layout = lay_mesh(&made->bench, 1, 4, 0);
    made->plan = plan_work(made->layout, 100);
    made->invariants = gw_invariants_new(made->bench.cluster);
}

static void watch_clear(watch *made)
{
    gw_invariants_free(made->invariants);
    gw_gang_plan_free(made->plan);
    gw_gang_layout_free(made->layout);
    device_bench_clear(&made->bench);
}

/* The violation contains `words`; NULL: there is none. */
static void assert_violation(const watch *made, const char *words)
{
    const char *found = gw_invariants_violation(made->invariants);
    if (words == NULL) {
        ck_assert_msg(found == NULL, "%s", found);
    } else {
        ck_assert_ptr_nonnull(found);
        ck_assert_msg(strstr(found, words) != NULL, "\"%s\" does not say \"%s\"", found, words);
    }
}

static void launched(watch *made, uint64_t gang, uint32_t host, const uint32_t *arrivals)
{
    gw_launch launch = launch_of(made->plan, gang, host);
    launch.arrivals = arrivals;
    gw_invariants_launched(made->invariants, &launch, NULL, 0);
}

static void ended(watch *made, uint64_t gang, uint32_t first, uint32_t count, gw_time start_ns,
                  gw_time end_ns)
{
    const gw_shard_span span = {
        .first_device = first, .device_count = count, .start_ns = start_ns, .end_ns = end_ns};
    gw_invariants_shards_ended(made->invariants, gang, &span);
}

/* A whole life of a gang. */
static void lived(watch *made, uint64_t gang, gw_time start_ns, gw_time end_ns)
{
    launched(made, gang, 0, NULL);
    launched(made, gang, 1, NULL);
    ended(made, gang, 0, 4, start_ns, end_ns);
    gw_invariants_gang_ended(made->invariants, gang);
    gw_invariants_launch_done(made->invariants, 0, gang * 100);
    gw_invariants_launch_done(made->invariants, 1, gang * 100 + 1);
}

START_TEST(good_run_is_not_complained_about)
{
    watch made;
    watch_init(&made);
    const uint32_t devices[] = {0, 1};
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    gw_devices_reserve(made.bench.devices, devices, 2, 10);
    gw_invariants_look(made.invariants, made.bench.devices);
    for (uint64_t gang = 0; gang < 5; gang++) {
        gw_invariants_ordered(made.invariants, gang);
        lived(&made, gang, 100 * gang, 100 * gang + 100);
    }
    gw_invariants_released(made.invariants, 0, 5, devices, 2, 10);
    gw_devices_release(made.bench.devices, devices, 2, 10);
    gw_invariants_finish(made.invariants, made.bench.devices);
    assert_violation(&made, NULL);
    watch_clear(&made);
}
END_TEST

START_TEST(gangs_out_of_order_are_seen)
{
    watch made;
    watch_init(&made);
    gw_invariants_ordered(made.invariants, 1);
    gw_invariants_ordered(made.invariants, 2);
    lived(&made, 2, 0, 100);
    assert_violation(&made, NULL);
    lived(&made, 1, 100, 200);
    assert_violation(&made, "gang 0x1 runs on device 0 after one ordered behind it");
    watch_clear(&made);
}
END_TEST

/* Where hosts count gangs each for itself, one may say of the second that it has its place before
 * another says it of the first. */
START_TEST(order_is_that_of_numbers)
{
    watch made;
    watch_init(&made);
    gw_invariants_ordered(made.invariants, 2);
    gw_invariants_ordered(made.invariants, 1);
    lived(&made, 1, 0, 100);
    lived(&made, 2, 100, 200);
    assert_violation(&made, NULL);
    lived(&made, 0, 200, 300);
    assert_violation(&made, "gang 0 runs on device 0 after one ordered behind it");
    watch_clear(&made);
}
END_TEST

START_TEST(orders_of_two_dispatchers_are_apart)
{
    watch made;
    watch_init(&made);
    const uint64_t other = (uint64_t)7 << GW_GANG_SEQUENCE_BITS;
    gw_invariants_ordered(made.invariants, 0);
    gw_invariants_ordered(made.invariants, other);
    gw_invariants_ordered(made.invariants, 1);
    lived(&made, other, 0, 100);
    lived(&made, 0, 100, 200);
    lived(&made, 1, 200, 300);
    assert_violation(&made, NULL);
    watch_clear(&made);
}
END_TEST

START_TEST(two_places_in_the_order_are_seen)
{
    watch made;
    watch_init(&made);
    gw_invariants_ordered(made.invariants, 3);
    gw_invariants_ordered(made.invariants, 3);
    assert_violation(&made, "gang 0x3 was given two places");
    watch_clear(&made);
}
END_TEST

START_TEST(shard_that_runs_twice_is_seen)
{
    watch made;
    watch_init(&made);
    launched(&made, 0, 0, NULL);
    ended(&made, 0, 0, 2, 0, 100);
    ended(&made, 0, 1, 1, 100, 200);
    assert_violation(&made, "gang 0 runs twice on device 1");
    watch_clear(&made);
}
END_TEST

START_TEST(gang_that_lives_twice_is_seen)
{
    watch made;
    watch_init(&made);
    lived(&made, 0, 0, 100);
    launched(&made, 0, 1, NULL);
    assert_violation(&made, "gang 0 is launched again on host 1");
    watch_clear(&made);
}
END_TEST

START_TEST(shard_that_never_ran_is_missed)
{
    watch made;
    watch_init(&made);
    launched(&made, 0, 0, NULL);
    launched(&made, 0, 1, NULL);
    ended(&made, 0, 0, 3, 0, 100);
    gw_invariants_gang_ended(made.invariants, 0);
    assert_violation(&made, "gang 0 is called done before all its shards have run");
    watch_clear(&made);
}
END_TEST

START_TEST(shard_without_a_launch_is_seen)
{
    watch made;
    watch_init(&made);
    launched(&made, 0, 0, NULL);
    ended(&made, 0, 1, 2, 0, 100);
    assert_violation(&made, "gang 0 runs on device 2 without a launch");
    watch_clear(&made);
}
END_TEST

START_TEST(launching_twice_is_seen)
{
    watch made;
    watch_init(&made);
    launched(&made, 0, 1, NULL);
    launched(&made, 0, 1, NULL);
    assert_violation(&made, "gang 0 is launched twice on device 2");
    watch_clear(&made);
}
END_TEST

START_TEST(start_before_the_launch_is_seen)
{
    watch made;
    watch_init(&made);
    gw_launch launch = launch_of(made.plan, 0, 0);
    launch.issued_ns = 50;
    gw_invariants_launched(made.invariants, &launch, NULL, 0);
    ended(&made, 0, 0, 1, 49, 100);
    assert_violation(&made, "starts on device 0 before its launch");
    watch_clear(&made);
}
END_TEST

START_TEST(two_gangs_at_once_are_seen)
{
    watch made;
    watch_init(&made);
    lived(&made, 0, 0, 100);
    lived(&made, 1, 99, 200);
    assert_violation(&made, "gang 0x1 starts on device 0 while another runs there");
    watch_clear(&made);
}
END_TEST

/* The first is told of last: it was long on other devices. */
START_TEST(late_news_is_put_in_order)
{
    watch made;
    watch_init(&made);
    for (uint64_t gang = 1; gang <= 4; gang++)
        gw_invariants_ordered(made.invariants, gang);
    lived(&made, 2, 100, 200);
    lived(&made, 1, 0, 100);
    lived(&made, 3, 200, 200);
    assert_violation(&made, NULL);
    lived(&made, 4, 50, 60); /* Also inside the first. */
    assert_violation(&made, "gang 0x4 runs on device 0 after one ordered behind it");
    watch_clear(&made);
}
END_TEST

START_TEST(late_news_of_two_at_once_is_seen)
{
    watch made;
    watch_init(&made);
    lived(&made, 2, 100, 200);
    lived(&made, 1, 0, 101);
    assert_violation(&made, "gang 0x1 starts on device 0 while another runs there");
    watch_clear(&made);
}
END_TEST

/* --- Copies --- */

START_TEST(copies_may_come_before_or_after_the_launch)
{
    watch made;
    watch_init(&made);
    const uint32_t devices[] = {0, 1}, arrivals[] = {2, 0};
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    for (uint32_t i = 0; i < 2; i++) {
        gw_invariants_copy_asked(made.invariants, 0, 5);
    }
    gw_invariants_copy_arrived(made.invariants, 0, 5, false, 4, 2, 40);
    launched(&made, 4, 1, arrivals);
    gw_invariants_copy_arrived(made.invariants, 0, 5, false, 4, 2, 50);
    ended(&made, 4, 2, 2, 50, 100);
    assert_violation(&made, NULL);
    watch_clear(&made);
}
END_TEST

START_TEST(start_without_its_copies_is_seen)
{
    watch made;
    watch_init(&made);
    const uint32_t devices[] = {0, 1}, arrivals[] = {0, 1};
    launched(&made, 4, 1, arrivals);
    ended(&made, 4, 2, 1, 0, 100);
    assert_violation(&made, NULL);
    ended(&made, 4, 3, 1, 0, 100);
    assert_violation(&made, "gang 0x4 starts on device 3 before its copies have come");
    watch_clear(&made);

    watch_init(&made);
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    gw_invariants_copy_asked(made.invariants, 0, 5);
    launched(&made, 4, 1, arrivals);
    gw_invariants_copy_arrived(made.invariants, 0, 5, false, 4, 3, 60);
    ended(&made, 4, 3, 1, 59, 100); /* It came, but later. */
    assert_violation(&made, "before its copies have come");
    watch_clear(&made);
}
END_TEST

START_TEST(copy_for_what_is_over_is_seen)
{
    watch made;
    watch_init(&made);
    const uint32_t devices[] = {0, 1};
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    gw_invariants_copy_asked(made.invariants, 0, 5);
    lived(&made, 0, 0, 100);
    gw_invariants_copy_arrived(made.invariants, 0, 5, false, 0, 1, 60);
    assert_violation(&made, "a copy comes to device 1 for gang 0, which is over there");
    watch_clear(&made);
}
END_TEST

/* --- Memory --- */

START_TEST(release_while_in_use_is_seen)
{
    watch made;
    watch_init(&made);
    const uint32_t devices[] = {0, 1}, buffers[] = {5};
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    const gw_launch launch = launch_of(made.plan, 0, 0);
    gw_invariants_launched(made.invariants, &launch, buffers, 1);
    gw_invariants_released(made.invariants, 0, 5, devices, 2, 10);
    assert_violation(&made, "host 0: buffer 5 is released while it is in use");
    watch_clear(&made);

    watch_init(&made); /* A copy reads it. */
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    gw_invariants_copy_asked(made.invariants, 0, 5);
    gw_invariants_released(made.invariants, 0, 5, devices, 2, 10);
    assert_violation(&made, "released while it is in use");
    watch_clear(&made);

    watch_init(&made); /* Nobody does any more. */
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    const gw_launch over = launch_of(made.plan, 0, 0);
    gw_invariants_launched(made.invariants, &over, buffers, 1);
    gw_invariants_launch_done(made.invariants, 0, over.tag);
    gw_invariants_copy_asked(made.invariants, 0, 5);
    gw_invariants_copy_arrived(made.invariants, 0, 5, true, 0, 0, 60);
    gw_invariants_released(made.invariants, 0, 5, devices, 2, 10);
    assert_violation(&made, NULL);
    watch_clear(&made);
}
END_TEST

START_TEST(use_of_what_is_not_reserved_is_seen)
{
    watch made;
    watch_init(&made);
    const uint32_t buffers[] = {5};
    const gw_launch launch = launch_of(made.plan, 0, 0);
    gw_invariants_launched(made.invariants, &launch, buffers, 1);
    assert_violation(&made, "host 0: buffer 5 is in use and not reserved");
    watch_clear(&made);
}
END_TEST

START_TEST(reservations_and_releases_have_to_match)
{
    watch made;
    const uint32_t devices[] = {0, 1};
    watch_init(&made);
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    gw_invariants_reserved(made.invariants, 0, 1, 5, devices, 2, 10); /* Another host's. */
    assert_violation(&made, NULL);
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    assert_violation(&made, "host 0: buffer 5 is reserved twice");
    watch_clear(&made);

    watch_init(&made);
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    gw_invariants_released(made.invariants, 0, 5, devices, 2, 11);
    assert_violation(&made, "host 0: buffer 5 is released and was not so reserved");
    watch_clear(&made);

    watch_init(&made);
    gw_invariants_released(made.invariants, 0, 5, devices, 2, 10);
    assert_violation(&made, "was not so reserved");
    watch_clear(&made);
}
END_TEST

START_TEST(figures_that_disagree_are_seen)
{
    watch made;
    watch_init(&made);
    const uint32_t devices[] = {0, 1};
    gw_devices_reserve(made.bench.devices, devices, 2, 10);
    gw_invariants_look(made.invariants, made.bench.devices);
    assert_violation(&made, "device 0 counts 10 bytes in use instead of 0");
    watch_clear(&made);
}
END_TEST

/* --- The end --- */

START_TEST(what_is_left_behind_is_seen)
{
    watch made;
    const uint32_t devices[] = {0, 1};
    watch_init(&made);
    gw_invariants_reserved(made.invariants, 0, 0, 5, devices, 2, 10);
    gw_devices_reserve(made.bench.devices, devices, 2, 10);
    gw_invariants_finish(made.invariants, made.bench.devices);
    assert_violation(&made, "1 buffers were not released");
    watch_clear(&made);

    watch_init(&made);
    launched(&made, 0, 0, NULL);
    gw_invariants_finish(made.invariants, made.bench.devices);
    assert_violation(&made, "1 gangs were begun and not ended");
    watch_clear(&made);

    watch_init(&made);
    launched(&made, 0, 0, NULL);
    launched(&made, 0, 1, NULL);
    ended(&made, 0, 0, 4, 0, 100);
    gw_invariants_gang_ended(made.invariants, 0);
    gw_invariants_finish(made.invariants, made.bench.devices);
    assert_violation(&made, "2 launches were never answered");
    watch_clear(&made);

    watch_init(&made);
    gw_invariants_launch_done(made.invariants, 1, 4);
    assert_violation(&made, "host 1 is told of the end of a launch that it never made");
    watch_clear(&made);
}
END_TEST

/* Of one instance; another's buffers do not count. */
START_TEST(buffers_of_a_collected_instance_are_seen)
{
    watch made;
    watch_init(&made);
    const uint32_t devices[] = {0, 1};
    gw_invariants_reserved(made.invariants, 3, 0, 5, devices, 2, 10);
    gw_invariants_reserved(made.invariants, 4, 0, 6, devices, 2, 10);
    gw_invariants_reserved(made.invariants, 3, 0, 7, devices, 2, 10);
    gw_invariants_released(made.invariants, 0, 5, devices, 2, 10);
    gw_invariants_collected(made.invariants, 9);
    assert_violation(&made, NULL);
    gw_invariants_collected(made.invariants, 3);
    assert_violation(&made, "instance 3 is called collected and holds 1 buffers");
    watch_clear(&made);
    watch_init(&made);
    gw_invariants_reserved(made.invariants, 3, 0, 7, devices, 2, 10);
    gw_invariants_reserved(made.invariants, 4, 0, 6, devices, 2, 10);
    gw_invariants_released(made.invariants, 0, 7, devices, 2, 10);
    gw_invariants_collected(made.invariants, 3);
    assert_violation(&made, NULL);
    watch_clear(&made);
}
END_TEST

/* --- Exchanges --- */

START_TEST(shard_before_its_rows_is_named)
{
    static const uint32_t arrivals[] = {1, 1};
    watch made;
    watch_init(&made);
    launched(&made, 0, 0, arrivals);
    launched(&made, 0, 1, NULL);
    gw_invariants_expected(made.invariants, 0, 0, 0, 0); /* Nothing comes there. */
    gw_invariants_expected(made.invariants, 0, 1, 2, 9);
    ended(&made, 0, 0, 1, 10, 110);
    assert_violation(&made, NULL);
    ended(&made, 0, 1, 1, 10, 110);
    assert_violation(&made, "starts on device 1 before its copies have come");
    watch_clear(&made);
}
END_TEST

START_TEST(rows_told_to_nobody_are_named)
{
    watch made;
    watch_init(&made);
    launched(&made, 0, 0, NULL);
    gw_invariants_expected(made.invariants, 0, 0, 1, 1);
    assert_violation(&made, "is told to expect copies on device 0, and awaits none there");
    watch_clear(&made);
}
END_TEST

START_TEST(lost_rows_are_named)
{
    static const uint32_t arrivals[] = {1, 1};
    watch made;
    watch_init(&made);
    launched(&made, 0, 0, arrivals);
    gw_invariants_dealt(made.invariants, 10);
    gw_invariants_expected(made.invariants, 0, 0, 1, 6);
    gw_invariants_dropped(made.invariants, 3);
    gw_invariants_finish(made.invariants, made.bench.devices);
    assert_violation(&made, "1 gangs were begun and not ended"); /* Told first. */
    watch_clear(&made);
    watch_init(&made);
    gw_invariants_dealt(made.invariants, 10);
    gw_invariants_dropped(made.invariants, 3);
    gw_invariants_finish(made.invariants, made.bench.devices);
    assert_violation(&made, "10 rows were dealt, and 0 came and 3 were dropped");
    watch_clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invariants");
    TCase *cases = tcase_create("invariants");
    tcase_add_test(cases, good_run_is_not_complained_about);
    tcase_add_test(cases, buffers_of_a_collected_instance_are_seen);
    tcase_add_test(cases, gangs_out_of_order_are_seen);
    tcase_add_test(cases, order_is_that_of_numbers);
    tcase_add_test(cases, orders_of_two_dispatchers_are_apart);
    tcase_add_test(cases, two_places_in_the_order_are_seen);
    tcase_add_test(cases, shard_that_runs_twice_is_seen);
    tcase_add_test(cases, gang_that_lives_twice_is_seen);
    tcase_add_test(cases, shard_that_never_ran_is_missed);
    tcase_add_test(cases, shard_without_a_launch_is_seen);
    tcase_add_test(cases, launching_twice_is_seen);
    tcase_add_test(cases, start_before_the_launch_is_seen);
    tcase_add_test(cases, two_gangs_at_once_are_seen);
    tcase_add_test(cases, late_news_is_put_in_order);
    tcase_add_test(cases, late_news_of_two_at_once_is_seen);
    tcase_add_test(cases, copies_may_come_before_or_after_the_launch);
    tcase_add_test(cases, start_without_its_copies_is_seen);
    tcase_add_test(cases, copy_for_what_is_over_is_seen);
    tcase_add_test(cases, release_while_in_use_is_seen);
    tcase_add_test(cases, use_of_what_is_not_reserved_is_seen);
    tcase_add_test(cases, reservations_and_releases_have_to_match);
    tcase_add_test(cases, figures_that_disagree_are_seen);
    tcase_add_test(cases, what_is_left_behind_is_seen);
    tcase_add_test(cases, shard_before_its_rows_is_named);
    tcase_add_test(cases, rows_told_to_nobody_are_named);
    tcase_add_test(cases, lost_rows_are_named);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
