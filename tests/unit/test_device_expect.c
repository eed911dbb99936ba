/* SPDX-License-Identifier: Apache-2.0 */
/* Shards that are told late what they wait for and how long they compute. */
#include <signal.h>

#include "run_suite.h"
#include "test_device.h"

/* Host 0 with device 0, host 1 with device 1: a gang on both, whose members are apart. */
typedef struct {
    device_bench bench;
    gw_gang_layout *layout;
    gw_gang_plan *plan;
} pair;

/* Two collectives over both: 100 ns before each and after, 20 ns each. */
static void pair_init(pair *made, uint32_t collective_count)
{
    static const gw_span local_ns[] = {100, 100, 100};
    static const uint8_t axes[] = {3, 3};
    hand_timing timing;
    device_bench_init(&made->bench, 2, 1);
    made->layout = lay_mesh(&made->bench, 1, 2, 0);
    hand_timing_init(&timing, made->layout, collective_count, local_ns, axes, 20);
    made->plan = gw_gang_plan_new_apart(made->layout, &timing.timing);
}

static void pair_clear(pair *made)
{
    gw_gang_plan_free(made->plan);
    gw_gang_layout_free(made->layout);
    device_bench_clear(&made->bench);
}

/* Each shard awaits one arrival. */
static void launch_both(pair *made, uint64_t gang)
{
    static const uint32_t arrivals[] = {1};
    for (uint32_t host = 0; host < 2; host++) {
        gw_launch launch = launch_of(made->plan, gang, host);
        launch.issued_ns = gw_engine_now(made->bench.engine);
        launch.arrivals = arrivals;
        gw_devices_launch(made->bench.devices, &launch);
    }
}

static void expect(pair *made, uint64_t gang, uint32_t device, uint32_t copy_count,
                   const gw_span *spans_ns)
{
    const gw_device_expectation told = {.gang = gang,
                                        .device = device,
                                        .copy_count = copy_count,
                                        .issued_ns = gw_engine_now(made->bench.engine) + 30,
                                        .spans_ns = spans_ns};
    gw_devices_expect(made->bench.devices, &told);
}

START_TEST(each_takes_the_time_that_it_is_told)
{
    pair made;
    pair_init(&made, 0);
    launch_both(&made, 0);
    expect(&made, 0, 0, 0, (const gw_span[]){7});
    expect(&made, 0, 1, 0, NULL);
    run_out(&made.bench);
    assert_shard(&made.bench, 0, 0, 40, 47); /* It hears 10 ns after the 30. */
    assert_shard(&made.bench, 0, 1, 40, 140);
    ck_assert_uint_eq(find_shard(&made.bench, 0, 0)->local_ns, 7);
    ck_assert_uint_eq(find_shard(&made.bench, 0, 1)->local_ns, 100);
    pair_clear(&made);
}
END_TEST

START_TEST(collectives_wait_for_the_slower_each_time)
{
    pair made;
    pair_init(&made, 2);
    ck_assert_uint_eq(made.plan->stage_count, 2); /* Not one, though the groups are the same. */
    launch_both(&made, 0);
    expect(&made, 0, 0, 0, (const gw_span[]){5, 80, 1});
    expect(&made, 0, 1, 0, (const gw_span[]){50, 8, 2});
    run_out(&made.bench);
    /* 40 + 50 + 20, and 80 + 20 from there. */
    assert_shard(&made.bench, 0, 0, 40, 211);
    assert_shard(&made.bench, 0, 1, 40, 212);
    ck_assert_uint_eq(find_shard(&made.bench, 0, 1)->local_ns, 60);
    ck_assert_uint_eq(find_shard(&made.bench, 0, 1)->collective_ns, 40);
    pair_clear(&made);
}
END_TEST

START_TEST(copies_that_are_told_are_awaited)
{
    pair made;
    pair_init(&made, 0);
    launch_both(&made, 0);
    launch_both(&made, 1);
    expect(&made, 0, 0, 0, NULL);
    expect(&made, 0, 1, 0, NULL);
    expect(&made, 1, 0, 2, (const gw_span[]){30});
    expect(&made, 1, 1, 0, (const gw_span[]){0});
    copy_between(&made.bench, 0, 1, 1, 0, 50, 7); /* From 140 to 190, */
    copy_between(&made.bench, 0, 0, 1, 0, 60, 8); /* and to 200. */
    run_out(&made.bench);
    assert_shard(&made.bench, 1, 0, 200, 230);
    assert_shard(&made.bench, 1, 1, 140, 140);
    ck_assert_uint_eq(gw_devices_gang_count(made.bench.devices), 0);
    pair_clear(&made);
}
END_TEST

START_TEST(what_is_not_told_is_waited_for)
{
    pair made;
    pair_init(&made, 0);
    launch_both(&made, 0);
    expect(&made, 0, 1, 0, NULL);
    run_out(&made.bench);
    ck_assert_uint_eq(gw_devices_gang_count(made.bench.devices), 1);
    gw_device_wait wait;
    bool is_launched;
    ck_assert(gw_devices_blocked(made.bench.devices, (gw_device_id){0}, &wait, &is_launched));
    ck_assert_int_eq(wait.kind, GW_WAIT_COPY);
    pair_clear(&made);
}
END_TEST

START_TEST(told_twice_aborts)
{
    pair made;
    pair_init(&made, 0);
    launch_both(&made, 0);
    expect(&made, 0, 1, 0, NULL);
    expect(&made, 0, 1, 0, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_expect");
    TCase *tcase = tcase_create("expect");
    tcase_add_test(tcase, each_takes_the_time_that_it_is_told);
    tcase_add_test(tcase, collectives_wait_for_the_slower_each_time);
    tcase_add_test(tcase, copies_that_are_told_are_awaited);
    tcase_add_test(tcase, what_is_not_told_is_waited_for);
    tcase_add_test_raise_signal(tcase, told_twice_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
