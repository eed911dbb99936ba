/* SPDX-License-Identifier: Apache-2.0 */
/* The three steps of a collection: who is asked what, and what the answers add up to. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "controller/collect.h"
#include "run_suite.h"
#include "small_control.h"

/* Two islands of two hosts with a device each: hosts are nodes 0 to 3, schedulers 4 and 5. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_collector *collector;
} bench;

static void init_bench(bench *made, const char *policy)
{
    const gw_island islands[] = {
        {.host_count = 2, .devices_per_host = 1, .shape = {2, 1, 1}},
        {.host_count = 2, .devices_per_host = 1, .shape = {2, 1, 1}},
    };
    *made = (bench){0};
    made->directory = gw_directory_new(islands, 2, 1);
    made->port = record_port_new(made->directory, gw_directory_resources(made->directory));
    made->control.policy = policy == NULL ? NULL : gw_policy_find(policy);
    made->collector = gw_collector_new(made->directory, &made->control, &made->port->base);
}

static void clear_bench(bench *made)
{
    gw_collector_free(made->collector);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static void abandoned(bench *made, uint32_t source, uint32_t instance, gw_extent extent)
{
    const gw_extent_message message = {{GW_MESSAGE_ABANDONED, sizeof message}, instance, extent};
    gw_collector_abandoned(made->collector, (gw_node_id){source}, &message);
}

static void drained(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_DRAINED, instance);
    gw_collector_drained(made->collector, &message);
}

static bool retired(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_RETIRED, instance);
    return gw_collector_retired(made->collector, &message);
}

START_TEST(schedulers_say_how_far_their_island_is)
{
    bench made;
    init_bench(&made, "fifo");
    gw_collector_begin(made.collector, 7, (const uint32_t[]){2, 1, 2, 3}, 4);
    CHECK_CALLS(made.port, "send to scheduler 1: ABANDON, instance 7\n"
                           "send to scheduler 0: ABANDON, instance 7\n");
    abandoned(&made, 4, 7, (gw_extent){2, 3, 1});
    CHECK_CALLS(made.port, "");
    abandoned(&made, 5, 7, (gw_extent){2, 2, 9});
    CHECK_CALLS(made.port,
                "send to host 2: DRAIN, instance 7 from run 2 to before node 9 of run 2\n"
                "send to host 1: DRAIN, instance 7 from run 2 to before node 1 of run 3\n"
                "send to host 3: DRAIN, instance 7 from run 2 to before node 9 of run 2\n");
    drained(&made, 7);
    drained(&made, 7);
    CHECK_CALLS(made.port, "");
    drained(&made, 7);
    CHECK_CALLS(made.port, "send to host 2: RETIRE, instance 7\n"
                           "send to host 1: RETIRE, instance 7\n"
                           "send to host 3: RETIRE, instance 7\n"
                           "send to scheduler 1: RETIRE, instance 7\n"
                           "send to scheduler 0: RETIRE, instance 7\n");
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(!retired(&made, 7));
    }
    ck_assert(retired(&made, 7));
    clear_bench(&made);
}
END_TEST

/* The least that has all that any host has heard. */
START_TEST(without_schedulers_hosts_add_up_what_they_heard)
{
    bench made;
    init_bench(&made, NULL);
    gw_collector_begin(made.collector, 0, (const uint32_t[]){0, 1, 2}, 3);
    CHECK_CALLS(made.port, "send to host 0: ABANDON, instance 0\n"
                           "send to host 1: ABANDON, instance 0\n"
                           "send to host 2: ABANDON, instance 0\n");
    abandoned(&made, 1, 0, (gw_extent){4, 5, 2});
    abandoned(&made, 0, 0, (gw_extent){0, 0, 0}); /* Not installed yet: nothing. */
    abandoned(&made, 2, 0, (gw_extent){3, 5, 1});
    CHECK_CALLS(made.port,
                "send to host 0: DRAIN, instance 0 from run 3 to before node 2 of run 5\n"
                "send to host 1: DRAIN, instance 0 from run 3 to before node 2 of run 5\n"
                "send to host 2: DRAIN, instance 0 from run 3 to before node 2 of run 5\n");
    for (uint32_t i = 0; i < 3; i++) {
        drained(&made, 0);
    }
    CHECK_CALLS(made.port, "send to host 0: RETIRE, instance 0\n"
                           "send to host 1: RETIRE, instance 0\n"
                           "send to host 2: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(several_at_a_time_keep_apart)
{
    bench made;
    init_bench(&made, "fifo");
    gw_collector_begin(made.collector, 1, (const uint32_t[]){0}, 1);
    gw_collector_begin(made.collector, 5, (const uint32_t[]){0}, 1);
    record_port_clear(made.port);
    abandoned(&made, 4, 5, (gw_extent){0, 0, 3});
    CHECK_CALLS(made.port,
                "send to host 0: DRAIN, instance 5 from run 0 to before node 3 of run 0\n");
    g_autoptr(GString) text = g_string_new(NULL);
    gw_collector_explain(made.collector, text);
    ck_assert_str_eq(text->str,
                     "resource manager: instance 1, whose client failed, waits for 1 node to "
                     "abandon it\n"
                     "resource manager: instance 5, whose client failed, waits for 1 node to "
                     "finish what was ordered of it\n");
    drained(&made, 5);
    ck_assert(!retired(&made, 5));
    ck_assert(retired(&made, 5));
    g_string_truncate(text, 0);
    gw_collector_explain(made.collector, text);
    ck_assert_ptr_null(strstr(text->str, "instance 5"));
    clear_bench(&made);
}
END_TEST

START_TEST(answer_out_of_turn_ends_the_program)
{
    bench made;
    init_bench(&made, "fifo");
    gw_collector_begin(made.collector, 1, (const uint32_t[]){0}, 1);
    drained(&made, 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("collect");
    tcase_add_test(cases, schedulers_say_how_far_their_island_is);
    tcase_add_test(cases, without_schedulers_hosts_add_up_what_they_heard);
    tcase_add_test(cases, several_at_a_time_keep_apart);
    tcase_add_test_raise_signal(cases, answer_out_of_turn_ends_the_program, SIGABRT);
    Suite *suite = suite_create("collect");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
