/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which devices, who waits, who is refused and why. */
#include "tests/unit/test_resources.h"
#include "controller/lease.h"
#include "run_suite.h"

START_TEST(slices_are_granted_at_once)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){4}, (const uint64_t[]){1000});
    set_job(&made, 2, 2, (const uint32_t[]){2, 1}, 10);
    request(&made, 2);
    CHECK_CALLS(made.port,
                "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 0 1, mesh 1 on 2\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_LOWER], 3);
    clear_bench(&made);
}
END_TEST

START_TEST(jobs_are_spread)
{
    bench made;
    init_bench(&made, 2, (const uint32_t[]){4, 2}, (const uint64_t[]){1000, 1000});
    for (uint32_t j = 0; j < 4; j++) {
        set_job(&made, j, 1, (const uint32_t[]){2}, 10);
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0 1\n"
                           "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 2 3\n"
                           "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 4 5\n"
                           "send to client 3: SLICE_GRANT, instance 3 of job 3, mesh 0 on 0 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(peaks_share_a_device_until_it_is_full)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){1}, (const uint64_t[]){100});
    for (uint32_t j = 0; j < 3; j++) {
        set_job(&made, j, 1, (const uint32_t[]){1}, 12); /* 48 bytes. */
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0\n"
                           "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 0\n");
    release(&made, 1);
    CHECK_CALLS(made.port, "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(who_came_first_is_served_first)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){2}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 20); /* On device 0. */
    set_job(&made, 1, 1, (const uint32_t[]){2}, 20); /* Needs both. */
    set_job(&made, 2, 1, (const uint32_t[]){1}, 1);  /* Would fit, but came later. */
    set_job(&made, 3, 1, (const uint32_t[]){1}, 1);
    for (uint32_t j = 0; j < 4; j++) {
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0\n");
    release(&made, 0);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 0 1\n"
                           "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 0\n"
                           "send to client 3: SLICE_GRANT, instance 3 of job 3, mesh 0 on 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(too_large_a_mesh_is_refused_for_its_shape)
{
    bench made;
    init_bench(&made, 2, (const uint32_t[]){4, 2}, (const uint64_t[]){100, 100});
    set_job(&made, 0, 1, (const uint32_t[]){5}, 1);
    request(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_REFUSED, reason 1\n");
    ck_assert_int_eq(GW_REFUSAL_SHAPE, 1);
    clear_bench(&made);
}
END_TEST

START_TEST(too_large_for_its_island_is_refused)
{
    static const uint32_t second[] = {1};
    bench made;
    init_bench(&made, 2, (const uint32_t[]){4, 2}, (const uint64_t[]){100, 100});
    set_job(&made, 0, 1, (const uint32_t[]){3}, 1);
    made.jobs[0].islands = second;
    request(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_REFUSED, reason 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(too_much_memory_is_refused)
{
    bench made;
    init_bench(&made, 2, (const uint32_t[]){4, 2}, (const uint64_t[]){100, 200});
    set_job(&made, 0, 1, (const uint32_t[]){2}, 51); /* 204 bytes. */
    set_job(&made, 1, 1, (const uint32_t[]){2}, 50);
    set_job(&made, 2, 1, (const uint32_t[]){4}, 50); /* The roomy island is too small. */
    for (uint32_t j = 0; j < 3; j++) {
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_REFUSED, reason 2\n"
                           "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 4 5\n"
                           "send to client 2: SLICE_REFUSED, reason 2\n");
    clear_bench(&made);
}
END_TEST

START_TEST(meshes_of_one_job_add_up)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){1}, (const uint64_t[]){100});
    set_job(&made, 0, 2, (const uint32_t[]){1, 1}, 12); /* Twice 48 on one device. */
    set_job(&made, 1, 3, (const uint32_t[]){1, 1, 1}, 12);
    request(&made, 0);
    request(&made, 1);
    CHECK_CALLS(made.port,
                "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0, mesh 1 on 0\n"
                "send to client 1: SLICE_REFUSED, reason 2\n");
    clear_bench(&made);
}
END_TEST

START_TEST(refusal_does_not_wait_its_turn)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){1}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 25);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 25);
    set_job(&made, 2, 1, (const uint32_t[]){2}, 1);
    for (uint32_t j = 0; j < 3; j++) {
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0\n"
                           "send to client 2: SLICE_REFUSED, reason 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(pinned_devices_are_taken_as_they_are)
{
    static const uint32_t pins[] = {3, 1}, islands[] = {GW_INDEX_NONE, GW_INDEX_NONE};
    static const uint32_t *const devices[] = {NULL, pins};
    bench made;
    init_bench(&made, 1, (const uint32_t[]){4}, (const uint64_t[]){100});
    set_job(&made, 0, 2, (const uint32_t[]){2, 2}, 1);
    made.jobs[0].devices = devices;
    made.jobs[0].islands = islands;
    request(&made, 0);
    CHECK_CALLS(
        made.port,
        "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0 1, mesh 1 on 3 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(pinned_devices_wait_for_their_memory)
{
    static const uint32_t pins[] = {1};
    static const uint32_t *const devices[] = {pins};
    bench made;
    init_bench(&made, 1, (const uint32_t[]){2}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 20);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 20);
    set_job(&made, 2, 1, (const uint32_t[]){1}, 26);
    made.jobs[0].devices = made.jobs[1].devices = made.jobs[2].devices = devices;
    for (uint32_t j = 0; j < 3; j++) {
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 1\n"
                           "send to client 2: SLICE_REFUSED, reason 2\n");
    release(&made, 0);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 1\n");
    clear_bench(&made);
}
END_TEST

/* In the program's order the small mesh takes the roomy device, where alone the large one fits. */
START_TEST(meshes_are_tried_by_need_where_their_order_fails)
{
    bench made;
    init_bench(&made, 2, (const uint32_t[]){1, 1}, (const uint64_t[]){100, 60});
    set_uneven_job(&made, 0, 2, (const uint32_t[]){1, 1}, (const uint32_t[]){10, 20});
    set_uneven_job(&made, 1, 3, (const uint32_t[]){1, 1, 1}, (const uint32_t[]){10, 20, 10});
    request(&made, 0); /* 40 and 80 bytes. */
    request(&made, 1); /* 40 more, for which there is no room in any order. */
    CHECK_CALLS(made.port,
                "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 1, mesh 1 on 0\n"
                "send to client 1: SLICE_REFUSED, reason 2\n");
    clear_bench(&made);
}
END_TEST

START_TEST(accelerator_that_is_asked_for_is_given)
{
    static const uint32_t other[] = {1}, nobodys[] = {2};
    bench made;
    init_bench(&made, 2, (const uint32_t[]){4, 2}, (const uint64_t[]){100, 100});
    made.directory->islands[1].accelerator = 1;
    for (uint32_t j = 0; j < 3; j++) {
        set_job(&made, j, 1, (const uint32_t[]){2}, 10);
        made.jobs[j].accelerators = j < 2 ? other : nobodys;
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 4 5\n"
                           "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 4 5\n"
                           "send to client 2: SLICE_REFUSED, reason 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(policy_of_the_control_plane_places)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){4}, (const uint64_t[]){100});
    gw_resources_free(made.resources);
    made.control.placement = gw_placement_find("pack");
    made.resources =
        gw_resources_new(made.directory, &made.control, made.jobs, &made.port->base, NULL);
    for (uint32_t j = 0; j < 3; j++) {
        set_job(&made, j, 1, (const uint32_t[]){2}, 10); /* 40 bytes. */
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0 1\n"
                           "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 0 1\n"
                           "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 2 3\n");
    clear_bench(&made);
}
END_TEST

START_TEST(who_gives_up_holds_up_nobody)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){2}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 20);
    set_job(&made, 1, 1, (const uint32_t[]){2}, 20);
    set_job(&made, 2, 1, (const uint32_t[]){1}, 1);
    for (uint32_t j = 0; j < 3; j++) {
        request(&made, j);
    }
    record_port_clear(made.port);
    release(&made, 1); /* From the head of the queue. */
    CHECK_CALLS(made.port, "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 1\n");
    release(&made, 0);
    release(&made, 2);
    set_job(&made, 3, 1, (const uint32_t[]){3}, 1);
    request(&made, 3);
    record_port_clear(made.port);
    release(&made, 3); /* It was refused meanwhile. */
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

/* --- Hosts that leave and come --- */

static void exchange(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_SLICE_EXCHANGE, instance);
    gw_resources_exchange(made->resources, &message);
}

START_TEST(job_leaves_a_host_that_is_removed)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1},
        {.at_ns = 90, .hosts = host_0, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 2);
    set_job(&made, 0, 1, (const uint32_t[]){1}, 10);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 10);
    request(&made, 0);
    request(&made, 1); /* On the other host: nothing happens to it. */
    record_port_clear(made.port);
    change(&made, 0);
    CHECK_CALLS(made.port, "set timer 1 to 90 ns\n"
                           "send to client 0: SLICE_RECALL, instance 0\n");
    exchange(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 4 of job 0, mesh 0 on 1\n");
    change(&made, 1);
    CHECK_CALLS(made.port, "");
    release(&made, 4);
    set_job(&made, 2, 1, (const uint32_t[]){2}, 10);
    request(&made, 2); /* Both are there again. */
    CHECK_CALLS(made.port, "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 0 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(job_waits_for_hosts_that_are_put_back)
{
    static const gw_change changes[] = {
        {.at_ns = 0, .is_removal = true, .hosts = both_hosts, .host_count = 2},
        {.at_ns = 70, .hosts = host_1, .host_count = 1}};
    static const uint32_t pin_0[] = {0}, pin_1[] = {1};
    static const uint32_t *const on_0[] = {pin_0}, *const on_1[] = {pin_1};
    g_autoptr(GString) text = g_string_new(NULL);
    bench made;
    init_changing(&made, changes, 2);
    CHECK_CALLS(made.port, "set timer 1 to 70 ns\n");
    for (uint32_t j = 0; j < 3; j++) {
        set_job(&made, j, 1, (const uint32_t[]){1}, 10);
        made.jobs[j].devices = j == 0 ? on_0 : j == 1 ? on_1 : NULL;
        request(&made, j);
    }
    CHECK_CALLS(made.port, "send to client 0: SLICE_REFUSED, reason 3\n");
    gw_resources_explain(made.resources, text);
    ck_assert_str_eq(text->str, "resource manager: job job waits for devices with free memory; "
                                "placement policy spread finds none, and some were removed\n"
                                "resource manager: job job waits for devices with free memory; "
                                "placement policy spread finds none, and some were removed\n");
    change(&made, 1);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 1\n"
                           "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(who_waits_for_an_island_that_is_removed_is_refused)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = both_hosts, .host_count = 2}};
    bench made;
    init_changing(&made, changes, 1);
    set_job(&made, 0, 1, (const uint32_t[]){2}, 20);
    set_job(&made, 1, 1, (const uint32_t[]){2}, 20);
    request(&made, 0);
    request(&made, 1);
    record_port_clear(made.port);
    change(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_RECALL, instance 0\n"
                           "send to client 1: SLICE_REFUSED, reason 3\n");
    exchange(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_REFUSED, reason 3\n");
    release(&made, 0); /* Its client left before it heard of that. */
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

/* It first asked before job 1, so what it needs is kept for it. */
START_TEST(job_that_moves_keeps_its_turn)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1},
        {.at_ns = 60, .hosts = host_0, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 2);
    set_job(&made, 0, 1, (const uint32_t[]){2}, 20);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 20);
    request(&made, 0);
    request(&made, 1);
    change(&made, 0);
    record_port_clear(made.port);
    exchange(&made, 0);
    CHECK_CALLS(made.port, "");
    change(&made, 1);
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 4 of job 0, mesh 0 on 0 1\n");
    release(&made, 4);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(exchange_of_what_was_not_recalled_aborts)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){1}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 1);
    request(&made, 0);
    exchange(&made, 0);
}
END_TEST

/* After everybody has left, the next one finds an empty cluster. */
START_TEST(everything_comes_back)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){4}, (const uint64_t[]){100});
    for (uint32_t j = 0; j < 3; j++) {
        set_job(&made, j, 2, (const uint32_t[]){1, 2}, 8);
        request(&made, j);
    }
    for (uint32_t j = 0; j < 3; j++) {
        release(&made, j);
    }
    record_port_clear(made.port);
    set_job(&made, 3, 1, (const uint32_t[]){4}, 25); /* All of all devices. */
    request(&made, 3);
    CHECK_CALLS(made.port,
                "send to client 3: SLICE_GRANT, instance 3 of job 3, mesh 0 on 0 1 2 3\n");
    clear_bench(&made);
}
END_TEST

START_TEST(explains_who_waits)
{
    bench made;
    g_autoptr(GString) text = g_string_new(NULL);
    init_bench(&made, 1, (const uint32_t[]){1}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 25);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 25);
    made.jobs[1].name = "second";
    request(&made, 0);
    gw_resources_explain(made.resources, text);
    ck_assert_str_eq(text->str, "");
    request(&made, 1);
    gw_resources_explain(made.resources, text);
    ck_assert_str_eq(text->str, "resource manager: job second waits for devices with free memory; "
                                "placement policy spread finds none\n");
    clear_bench(&made);
}
END_TEST

START_TEST(asking_twice_aborts)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){1}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 1);
    request(&made, 0);
    request(&made, 0);
}
END_TEST

START_TEST(releasing_what_was_not_granted_aborts)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){1}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 1);
    release(&made, 0);
}
END_TEST

/* --- Clients that do not answer --- */

static void look_at_leases(bench *made, gw_time now_ns)
{
    const gw_tag tag = {GW_LEASE_TAG};
    made->port->now_ns = now_ns;
    const gw_input input = record_port_answer(made->port, RECORD_WATCH_SET, tag, 0);
    gw_resources_timer(made->resources, input.tag);
}

static void init_leased(bench *made)
{
    init_bench(made, 1, (const uint32_t[]){1}, (const uint64_t[]){1000});
    gw_resources_free(made->resources);
    made->control.lease_ns = 90;
    made->resources =
        gw_resources_new(made->directory, &made->control, made->jobs, &made->port->base, NULL);
}

/* Collected step by step, and then its devices are the next one's. */
START_TEST(who_does_not_answer_is_given_up)
{
    bench made;
    init_leased(&made);
    set_job(&made, 0, 1, (const uint32_t[]){1}, 200);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 200);
    request(&made, 0);
    request(&made, 1);
    record_port_clear(made.port);
    look_at_leases(&made, 30);
    CHECK_CALLS(made.port, "send to client 0: LEASE, job 0\n"
                           "send to client 1: LEASE, job 1\n"
                           "watch until 120 ns\n");
    const gw_lease_message kept = {{GW_MESSAGE_LEASE_KEPT, sizeof kept}, 1};
    gw_resources_lease_kept(made.resources, &kept);
    look_at_leases(&made, 120);
    CHECK_CALLS(made.port, "send to client 1: LEASE, job 1\n"
                           "watch until 210 ns\n"
                           "note LEASE_EXPIRED, job 0, 0\n"
                           "send to client 0: LEASE_LOST, job 0\n"
                           "send to host 0: ABANDON, instance 0\n");
    release(&made, 0); /* It comes back late: nothing that it says counts. */
    CHECK_CALLS(made.port, "");
    const gw_extent_message abandoned = {{GW_MESSAGE_ABANDONED, sizeof abandoned}, 0, {0, 0, 1}};
    const gw_instance_message drained = small_instance_message(GW_MESSAGE_DRAINED, 0);
    const gw_instance_message retired = small_instance_message(GW_MESSAGE_RETIRED, 0);
    gw_resources_abandoned(made.resources, (gw_node_id){0}, &abandoned);
    gw_resources_drained(made.resources, &drained);
    record_port_clear(made.port);
    gw_resources_retired(made.resources, &retired);
    CHECK_CALLS(made.port, "note JOB_COLLECTED, job 0, 0\n"
                           "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 0\n");
    release(&made, 1);
    CHECK_CALLS(made.port, "cancel timer 0\n");
    clear_bench(&made);
}
END_TEST

/* It owns nothing but its turn. */
START_TEST(who_waits_and_does_not_answer_leaves_the_queue)
{
    bench made;
    init_leased(&made);
    for (uint32_t j = 0; j < 3; j++) {
        set_job(&made, j, 1, (const uint32_t[]){1}, 200);
        request(&made, j);
    }
    look_at_leases(&made, 30);
    for (uint32_t j = 0; j < 3; j += 2) {
        const gw_lease_message kept = {{GW_MESSAGE_LEASE_KEPT, sizeof kept}, j};
        gw_resources_lease_kept(made.resources, &kept);
    }
    look_at_leases(&made, 120);
    record_port_clear(made.port);
    release(&made, 0);
    CHECK_CALLS(made.port, "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 0\n");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("resources");
    tcase_add_test(cases, who_does_not_answer_is_given_up);
    tcase_add_test(cases, who_waits_and_does_not_answer_leaves_the_queue);
    tcase_add_test(cases, slices_are_granted_at_once);
    tcase_add_test(cases, jobs_are_spread);
    tcase_add_test(cases, peaks_share_a_device_until_it_is_full);
    tcase_add_test(cases, who_came_first_is_served_first);
    tcase_add_test(cases, too_large_a_mesh_is_refused_for_its_shape);
    tcase_add_test(cases, too_large_for_its_island_is_refused);
    tcase_add_test(cases, too_much_memory_is_refused);
    tcase_add_test(cases, meshes_of_one_job_add_up);
    tcase_add_test(cases, refusal_does_not_wait_its_turn);
    tcase_add_test(cases, pinned_devices_are_taken_as_they_are);
    tcase_add_test(cases, pinned_devices_wait_for_their_memory);
    tcase_add_test(cases, meshes_are_tried_by_need_where_their_order_fails);
    tcase_add_test(cases, accelerator_that_is_asked_for_is_given);
    tcase_add_test(cases, policy_of_the_control_plane_places);
    tcase_add_test(cases, who_gives_up_holds_up_nobody);
    tcase_add_test(cases, job_leaves_a_host_that_is_removed);
    tcase_add_test(cases, job_waits_for_hosts_that_are_put_back);
    tcase_add_test(cases, who_waits_for_an_island_that_is_removed_is_refused);
    tcase_add_test(cases, job_that_moves_keeps_its_turn);
    tcase_add_test(cases, everything_comes_back);
    tcase_add_test(cases, explains_who_waits);
    tcase_add_test_raise_signal(cases, asking_twice_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, exchange_of_what_was_not_recalled_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, releasing_what_was_not_granted_aborts, SIGABRT);
    Suite *suite = suite_create("resources");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
