/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that take their data along to other devices, and the search for places. */
#include "run_suite.h"
#include "tests/unit/test_resources.h"

/* --- The search --- */

/* The mesh that needs more memory per device takes the larger island first in every order; only
 * when it is sent to the other one do both fit. */
START_TEST(meshes_try_other_islands)
{
    bench made;
    init_bench(&made, 2, (const uint32_t[]){4, 2}, (const uint64_t[]){100, 100});
    set_uneven_job(&made, 0, 2, (const uint32_t[]){2, 4}, (const uint32_t[]){20, 15});
    request(&made, 0); /* 80 and 60 bytes. */
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 4 5, "
                           "mesh 1 on 0 1 2 3\n");
    clear_bench(&made);
}
END_TEST

/* Device 0 carries a job already, so the mesh that goes first takes device 1, and there are no
 * three in a row any more: the mesh of three goes first then. */
START_TEST(mesh_that_finds_no_place_goes_first)
{
    bench made;
    init_bench(&made, 1, (const uint32_t[]){4}, (const uint64_t[]){100});
    set_job(&made, 0, 1, (const uint32_t[]){1}, 2);
    set_uneven_job(&made, 1, 2, (const uint32_t[]){1, 3}, (const uint32_t[]){20, 15});
    request(&made, 0);
    record_port_clear(made.port);
    request(&made, 1);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 0, mesh "
                           "1 on 1 2 3\n");
    clear_bench(&made);
}
END_TEST

static uint32_t question_count;

static bool count_question(const gw_placement *placement, const gw_placement_view *view,
                           const gw_placement_request *request, uint32_t *out_devices)
{
    question_count++;
    return gw_placement_spread.place(placement, view, request, out_devices);
}

static gw_placement *create_counting(gw_params *params, GError **error);

static void destroy_counting(gw_placement *placement)
{
    gw_placement_spread.destroy(placement);
}

static const gw_placement_ops counting = {.abi = GW_PLACEMENT_ABI,
                                          .size_bytes = sizeof(gw_placement_ops),
                                          .name = "counting",
                                          .summary = "spread, and counts",
                                          .create = create_counting,
                                          .destroy = destroy_counting,
                                          .place = count_question};

static gw_placement *create_counting(gw_params *params, GError **error)
{
    gw_placement *made = gw_placement_spread.create(params, error);
    made->ops = &counting;
    return made;
}

/* Ten meshes, and nine devices with room for one each: 10! orders and 3^9 choices of islands. */
START_TEST(search_for_places_is_bounded)
{
    bench made;
    uint32_t sizes[10], rows[10];
    init_bench(&made, 3, (const uint32_t[]){3, 3, 3}, (const uint64_t[]){100, 100, 100});
    made.control.placement = &counting;
    gw_resources_free(made.resources);
    made.resources =
        gw_resources_new(made.directory, &made.control, made.jobs, &made.port->base, NULL);
    for (uint32_t m = 0; m < 10; m++) {
        sizes[m] = 1;
        rows[m] = 15 + m % 3;
    }
    set_uneven_job(&made, 0, 10, sizes, rows);
    question_count = 0;
    request(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_REFUSED, reason 2\n");
    /* With what is free, with all, without its memory (which succeeds), and with all again: 10 of
     * the program's order and 10 + 200 besides. */
    ck_assert_uint_eq(question_count, 220 + 220 + 10 + 220);
    clear_bench(&made);
}
END_TEST

/* --- Jobs that take their data along --- */

/* Its node's output of 10 rows is kept between runs; besides it has 40 more bytes at its peak. */
static void set_lasting_job(bench *made, uint32_t job)
{
    gw_builder *builder = gw_builder_new("lasting");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "start", mesh, "> r10");
    small_node(builder, "step", mesh, "r10 > r10");
    gw_builder_add_carried(builder, 1, 0, 0, 0, 1, 0);
    made->programs[job] = small_finish(builder);
    made->plans[job] = gw_plan_new(made->programs[job]);
    made->jobs[job] = (gw_job){.name = "lasting",
                               .program = made->programs[job],
                               .plan = made->plans[job],
                               .runs = 9,
                               .in_flight = 1};
}

static void move(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_SLICE_MOVE, instance);
    gw_resources_move(made->resources, &message);
}

START_TEST(job_with_data_stays_where_there_is_no_place)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = both_hosts, .host_count = 2}};
    bench made;
    init_changing(&made, changes, 1);
    set_lasting_job(&made, 0);
    request(&made, 0);
    record_port_clear(made.port);
    change(&made, 0);
    CHECK_CALLS(made.port, "note JOB_STAYED, job 0, 0\n");
    release(&made, 0);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 10);
    request(&made, 1);
    CHECK_CALLS(made.port, "send to client 1: SLICE_REFUSED, reason 3\n");
    clear_bench(&made);
}
END_TEST

START_TEST(job_moves_beside_what_it_leaves)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1},
        {.at_ns = 90, .hosts = host_0, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 2);
    set_lasting_job(&made, 0);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 10);
    set_job(&made, 2, 1, (const uint32_t[]){1}, 20);
    request(&made, 0); /* 80 bytes of 100, 40 of them between runs. */
    record_port_clear(made.port);
    change(&made, 0);
    CHECK_CALLS(made.port, "set timer 1 to 90 ns\n"
                           "send to client 0: SLICE_RECALL, instance 0\n");
    move(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 4 of job 0, mesh 0 on 1\n");
    change(&made, 1); /* Put back while it moves: it is not called back. */
    CHECK_CALLS(made.port, "");
    request(&made, 1);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 0\n");
    request(&made, 2); /* 80 bytes: beside what was left there is no room. */
    CHECK_CALLS(made.port, "");
    release(&made, 0);
    CHECK_CALLS(made.port, "");
    release(&made, 1);
    CHECK_CALLS(made.port, "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 0\n");
    release(&made, 4);
    clear_bench(&made);
}
END_TEST

/* The other host is full: as soon as it is not, the job is told to leave, and the place is kept. */
START_TEST(job_that_stays_is_served_before_those_that_wait)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 1);
    set_lasting_job(&made, 0);
    for (uint32_t j = 1; j < 4; j++) {
        set_job(&made, j, 1, (const uint32_t[]){1}, j < 3 ? 20 : 1);
    }
    request(&made, 0);
    request(&made, 1);
    request(&made, 2);
    record_port_clear(made.port);
    change(&made, 0);
    CHECK_CALLS(made.port, "note JOB_STAYED, job 0, 0\n");
    release(&made, 1);
    CHECK_CALLS(made.port, "send to client 0: SLICE_RECALL, instance 0\n");
    request(&made, 3);
    CHECK_CALLS(made.port, "");
    move(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 4 of job 0, mesh 0 on 1\n");
    release(&made, 0);
    CHECK_CALLS(made.port, "");
    release(&made, 4);
    CHECK_CALLS(made.port, "send to client 2: SLICE_GRANT, instance 2 of job 2, mesh 0 on 1\n"
                           "send to client 3: SLICE_GRANT, instance 3 of job 3, mesh 0 on 1\n");
    clear_bench(&made);
}
END_TEST

/* It ends while it is to leave: the place is not kept any longer. */
START_TEST(job_that_ends_before_it_asks_keeps_no_place)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 1);
    set_lasting_job(&made, 0);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 10);
    request(&made, 0);
    change(&made, 0);
    record_port_clear(made.port);
    request(&made, 1);
    CHECK_CALLS(made.port, "");
    release(&made, 0);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 1\n");
    clear_bench(&made);
}
END_TEST

/* Two on one host, and room for one: the other is told to stay, and follows when it can. */
START_TEST(two_that_leave_may_meet_at_one_place)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1}};
    bench made;
    init_bench(&made, 1, (const uint32_t[]){2}, (const uint64_t[]){170});
    made.control.changes = changes;
    made.control.change_count = 1;
    made.control.placement = gw_placement_find("pack");
    gw_resources_free(made.resources);
    made.resources =
        gw_resources_new(made.directory, &made.control, made.jobs, &made.port->base, NULL);
    gw_resources_start(made.resources);
    set_lasting_job(&made, 0);
    set_lasting_job(&made, 1);
    set_job(&made, 2, 1, (const uint32_t[]){1}, 10);
    static const uint32_t pin_1[] = {1};
    static const uint32_t *const on_1[] = {pin_1};
    made.jobs[2].devices = on_1;
    for (uint32_t j = 0; j < 3; j++) {
        request(&made, j);
    }
    record_port_clear(made.port);
    change(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_RECALL, instance 0\n"
                           "send to client 1: SLICE_RECALL, instance 1\n");
    move(&made, 1);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 4 of job 1, mesh 0 on 1\n");
    move(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_STAY, instance 0\n"
                           "note JOB_STAYED, job 0, 0\n");
    release(&made, 1);
    CHECK_CALLS(made.port, "");
    release(&made, 2);
    CHECK_CALLS(made.port, "send to client 0: SLICE_RECALL, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(job_that_need_not_move_any_more_stays_without_a_word)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1},
        {.at_ns = 60, .hosts = host_0, .host_count = 1},
        {.at_ns = 70, .is_removal = true, .hosts = host_0, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 3);
    set_lasting_job(&made, 0);
    request(&made, 0);
    change(&made, 0);
    change(&made, 1);
    record_port_clear(made.port);
    move(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_STAY, instance 0\n");
    change(&made, 2); /* Removed once more: it is asked once more. */
    CHECK_CALLS(made.port, "send to client 0: SLICE_RECALL, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(what_a_job_moves_to_may_be_removed_meanwhile)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1},
        {.at_ns = 60, .hosts = host_0, .host_count = 1},
        {.at_ns = 70, .is_removal = true, .hosts = host_1, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 3);
    set_lasting_job(&made, 0);
    request(&made, 0);
    change(&made, 0);
    move(&made, 0);
    record_port_clear(made.port);
    change(&made, 1);
    change(&made, 2); /* It is on its way there: the move is carried through. */
    CHECK_CALLS(made.port, "set timer 2 to 70 ns\n");
    release(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_RECALL, instance 4\n");
    move(&made, 4);
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 5 of job 0, mesh 0 on 0\n");
    clear_bench(&made);
}
END_TEST

/* It leaves while its answer is on its way: what it was granted comes back, then what it had. */
START_TEST(grant_that_comes_too_late_is_given_back)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_0, .host_count = 1}};
    bench made;
    init_changing(&made, changes, 1);
    set_lasting_job(&made, 0);
    set_job(&made, 1, 1, (const uint32_t[]){1}, 25);
    request(&made, 0);
    change(&made, 0);
    move(&made, 0);
    record_port_clear(made.port);
    request(&made, 1); /* All of a device. */
    release(&made, 4);
    CHECK_CALLS(made.port, "send to client 1: SLICE_GRANT, instance 1 of job 1, mesh 0 on 1\n");
    release(&made, 0);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

/* Of two meshes one lies on the host that is removed: the other keeps its device. */
START_TEST(mesh_that_need_not_move_keeps_its_devices)
{
    static const gw_change changes[] = {
        {.at_ns = 50, .is_removal = true, .hosts = host_1, .host_count = 1}};
    bench made;
    init_bench(&made, 1, (const uint32_t[]){4}, (const uint64_t[]){200});
    made.control.changes = changes;
    made.control.change_count = 1;
    gw_resources_start(made.resources);
    set_job(&made, 0, 2, (const uint32_t[]){1, 1}, 10);
    made.plans[0]->nodes[0].is_once = true;
    request(&made, 0);
    CHECK_CALLS(made.port, "set timer 0 to 50 ns\n"
                           "send to client 0: SLICE_GRANT, instance 0 of job 0, mesh 0 on 0, mesh "
                           "1 on 1\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_LOWER], 2);
    change(&made, 0);
    record_port_clear(made.port);
    move(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: SLICE_GRANT, instance 4 of job 0, mesh 0 on 0, mesh "
                           "1 on 2\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_LOWER], 3);
    clear_bench(&made);
}
END_TEST

START_TEST(move_of_what_was_not_recalled_aborts)
{
    bench made;
    init_changing(&made, NULL, 0);
    set_lasting_job(&made, 0);
    request(&made, 0);
    move(&made, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("resources_moving");
    tcase_add_test(cases, meshes_try_other_islands);
    tcase_add_test(cases, mesh_that_finds_no_place_goes_first);
    tcase_add_test(cases, search_for_places_is_bounded);
    tcase_add_test(cases, job_with_data_stays_where_there_is_no_place);
    tcase_add_test(cases, job_moves_beside_what_it_leaves);
    tcase_add_test(cases, job_that_stays_is_served_before_those_that_wait);
    tcase_add_test(cases, job_that_ends_before_it_asks_keeps_no_place);
    tcase_add_test(cases, two_that_leave_may_meet_at_one_place);
    tcase_add_test(cases, job_that_need_not_move_any_more_stays_without_a_word);
    tcase_add_test(cases, what_a_job_moves_to_may_be_removed_meanwhile);
    tcase_add_test(cases, grant_that_comes_too_late_is_given_back);
    tcase_add_test(cases, mesh_that_need_not_move_keeps_its_devices);
    tcase_add_test_raise_signal(cases, move_of_what_was_not_recalled_aborts, SIGABRT);
    Suite *suite = suite_create("resources_moving");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
