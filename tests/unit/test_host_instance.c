/* SPDX-License-Identifier: Apache-2.0 */
/* What a host counts of a program: references by slot, operations by run. */
#include <check.h>
#include <signal.h>

#include "controller/host_instance.h"
#include "controller/system.h"
#include "run_suite.h"
#include "small_control.h"

/* Four hosts of one device; the instance as host `host` sees it. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_program *program;
    gw_plan *plan;
    gw_job job;
    gw_store store;
    gw_host_instance *instance;
} bench;

/* Takes `program`. */
static void init_bench(bench *made, gw_program *program, uint32_t host, uint32_t in_flight,
                       const uint32_t *devices)
{
    *made = (bench){.program = program};
    made->directory = small_directory(4, 1, 1);
    made->port = record_port_new(made->directory, (gw_node_id){host});
    made->plan = gw_plan_new(program);
    made->job = (gw_job){
        .name = "job", .program = program, .plan = made->plan, .runs = 9, .in_flight = in_flight};
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, 0, program, devices);
    const gw_executable executable = small_executable(program, message);
    gw_store_init(&made->store, &made->port->base);
    made->port->base.devices->load(&made->port->base, &executable);
    made->instance = gw_host_instance_new(made->directory, (gw_node_id){host}, &made->job,
                                          &executable, gw_systems[0], &made->store);
}

static void clear_bench(bench *made)
{
    gw_host_instance_free(made->instance, &made->store);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

/* Slots of meshes that lie elsewhere have none. */
static void check_references(const bench *made, const uint32_t *refs, const uint32_t *refs_next)
{
    const gw_slots slots = made->instance->block.slots;
    for (uint32_t s = 0; s < made->plan->slot_count; s++) {
        if (s - slots.first < slots.count) {
            ck_assert_uint_eq(*gw_host_instance_refs(made->instance, s), refs[s]);
            ck_assert_uint_eq(*gw_host_instance_refs_next(made->instance, s), refs_next[s]);
        } else {
            ck_assert_uint_eq(refs[s] + refs_next[s], 0);
        }
    }
}

/* work -> work by the next run, from init; two results of work, one of look. */
static gw_program *make_results(void)
{
    gw_builder *builder = gw_builder_new("results");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t init = small_once(builder, "init", mesh, "> s4");
    const uint32_t work = small_node(builder, "work", mesh, "s4 > s4 r1 r1");
    const uint32_t look = small_node(builder, "look", mesh, "r1 > r1");
    gw_builder_add_carried(builder, work, 0, init, 0, work, 0);
    gw_builder_add_edge(builder, work, 1, look, 0);
    gw_builder_add_result(builder, "first", work, 1);
    gw_builder_add_result(builder, "second", work, 2);
    gw_builder_add_result(builder, "third", look, 0);
    return small_finish(builder);
}

START_TEST(host_of_first_shard_reads_results)
{
    bench made;
    init_bench(&made, make_results(), 1, 1, (const uint32_t[]){1, 0});
    /* Slots: init's; work's state, first, second; look's.  The writer counts as one. */
    check_references(&made, (const uint32_t[]){2, 1, 3, 2, 2}, (const uint32_t[]){0, 1, 0, 0, 0});
    ck_assert_uint_eq(made.instance->operations_in_run_0, 3 + 3);
    ck_assert_uint_eq(made.instance->operations_per_run, 2 + 3);
    clear_bench(&made);
}
END_TEST

START_TEST(host_of_another_shard_does_not)
{
    bench made;
    init_bench(&made, make_results(), 0, 1, (const uint32_t[]){1, 0});
    check_references(&made, (const uint32_t[]){2, 1, 2, 1, 1}, (const uint32_t[]){0, 1, 0, 0, 0});
    ck_assert_uint_eq(made.instance->operations_in_run_0, 3);
    ck_assert_uint_eq(made.instance->operations_per_run, 2);
    clear_bench(&made);
}
END_TEST

/* weights (once, two shards) -> every run of use, and once to prepare; use -> back, carried. */
static gw_program *make_transfers(void)
{
    gw_builder *builder = gw_builder_new("transfers");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 2);
    const uint32_t weights = small_once(builder, "weights", left, "> s4");
    const uint32_t prepare = small_once(builder, "prepare", right, "s4 > s4");
    const uint32_t use = small_node(builder, "use", right, "r8 s4 > s4");
    gw_builder_add_edge(builder, weights, 0, prepare, 0);
    gw_builder_add_edge(builder, weights, 0, use, 0);
    gw_builder_add_carried(builder, use, 0, prepare, 0, use, 1);
    return small_finish(builder);
}

START_TEST(host_without_lasting_gangs_counts_run_0_alone)
{
    bench made;
    init_bench(&made, make_transfers(), 0, 2, (const uint32_t[]){0, 1, 2, 3});
    /* Its shard goes to prepare in one piece, and in every run whole to both shards of use; the
     * slot is permanent, so the latter are counted neither as readers nor as part of a run. */
    ck_assert(made.plan->slots[0].is_permanent);
    ck_assert_uint_eq(*gw_host_instance_refs(made.instance, 0), 2);
    ck_assert_uint_eq(made.instance->operations_in_run_0, 1 + 1);
    ck_assert_uint_eq(made.instance->operations_per_run, 0);
    gw_host_instance_begin_run(made.instance, 5);
    ck_assert(!gw_host_instance_count_down(made.instance, 5));
    ck_assert(!gw_host_instance_count_down(made.instance, 5));
    clear_bench(&made);
}
END_TEST

START_TEST(host_that_only_receives_counts_its_gangs)
{
    bench made;
    init_bench(&made, make_transfers(), 3, 2, (const uint32_t[]){0, 1, 2, 3});
    ck_assert_uint_eq(made.instance->operations_in_run_0, 2);
    ck_assert_uint_eq(made.instance->operations_per_run, 1);
    clear_bench(&made);
}
END_TEST

START_TEST(host_without_shards_counts_nothing)
{
    bench made;
    init_bench(&made, make_transfers(), 3, 2, (const uint32_t[]){0, 1, 1, 2});
    ck_assert_uint_eq(made.instance->operations_in_run_0, 0);
    ck_assert_uint_eq(made.instance->operations_per_run, 0);
    clear_bench(&made);
}
END_TEST

/* What is carried over to another mesh counts to the run that receives it. */
START_TEST(carried_pieces_are_of_the_next_run)
{
    gw_builder *builder = gw_builder_new("carried");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 2);
    const uint32_t init = small_once(builder, "init", left, "> r4");
    const uint32_t make = small_node(builder, "make", left, "> r4");
    const uint32_t take = small_node(builder, "take", right, "s2 >");
    gw_builder_add_carried(builder, make, 0, init, 0, take, 0);
    bench made;
    init_bench(&made, small_finish(builder), 0, 1, (const uint32_t[]){0, 1, 2});
    check_references(&made, (const uint32_t[]){3, 1, 0}, (const uint32_t[]){0, 2, 0});
    ck_assert_uint_eq(made.instance->operations_in_run_0, 2 + 2); /* init's pieces. */
    ck_assert_uint_eq(made.instance->operations_per_run, 1 + 2);  /* make's of the run before. */
    clear_bench(&made);
}
END_TEST

START_TEST(runs_in_flight_are_counted_apart)
{
    bench made;
    init_bench(&made, make_results(), 0, 2, (const uint32_t[]){1, 0});
    ck_assert_uint_eq(made.instance->block.depth, 4);
    gw_host_instance_begin_run(made.instance, 0);
    gw_host_instance_begin_run(made.instance, 1);
    ck_assert(!gw_host_instance_count_down(made.instance, 0));
    ck_assert(!gw_host_instance_count_down(made.instance, 1));
    gw_host_instance_begin_run(made.instance, 0); /* Begun already. */
    ck_assert(gw_host_instance_count_down(made.instance, 1));
    ck_assert(!gw_host_instance_count_down(made.instance, 0));
    ck_assert(gw_host_instance_count_down(made.instance, 0));
    gw_host_instance_begin_run(made.instance, 4); /* The place of run 0, which is done. */
    ck_assert(!gw_host_instance_count_down(made.instance, 4));
    ck_assert(gw_host_instance_count_down(made.instance, 4));
    clear_bench(&made);
}
END_TEST

START_TEST(inputs_are_found_where_they_were_made)
{
    const gw_plan_input plain = {.slot = 3, .initial_slot = 9};
    const gw_plan_input permanent = {.slot = 4, .is_permanent = true};
    const gw_plan_input carried = {.slot = 5, .initial_slot = 6, .is_carried = true};
    static const uint32_t runs[] = {0, 1, 7};
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t run = runs[i];
        ck_assert_uint_eq(gw_host_instance_source_run(&plain, run), run);
        ck_assert_uint_eq(gw_host_instance_source_slot(&plain, run), 3);
        ck_assert_uint_eq(gw_host_instance_source_run(&permanent, run), 0);
        ck_assert_uint_eq(gw_host_instance_source_slot(&permanent, run), 4);
        ck_assert_uint_eq(gw_host_instance_source_run(&carried, run), run == 0 ? 0 : run - 1);
        ck_assert_uint_eq(gw_host_instance_source_slot(&carried, run), run == 0 ? 6 : 5);
    }
}
END_TEST

START_TEST(freeing_gives_back_what_is_held)
{
    bench made;
    init_bench(&made, make_results(), 0, 1, (const uint32_t[]){1, 0});
    ck_assert(gw_store_reserve(&made.store, &made.instance->block, 1, 2, 8, 3));
    gw_host_instance_free(made.instance, &made.store);
    made.instance = NULL;
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

START_TEST(counting_a_run_that_did_not_begin_aborts)
{
    bench made;
    init_bench(&made, make_results(), 0, 1, (const uint32_t[]){1, 0});
    gw_host_instance_count_down(made.instance, 3);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("host_instance");
    tcase_add_test(cases, host_of_first_shard_reads_results);
    tcase_add_test(cases, host_of_another_shard_does_not);
    tcase_add_test(cases, host_without_lasting_gangs_counts_run_0_alone);
    tcase_add_test(cases, host_that_only_receives_counts_its_gangs);
    tcase_add_test(cases, host_without_shards_counts_nothing);
    tcase_add_test(cases, carried_pieces_are_of_the_next_run);
    tcase_add_test(cases, runs_in_flight_are_counted_apart);
    tcase_add_test(cases, inputs_are_found_where_they_were_made);
    tcase_add_test(cases, freeing_gives_back_what_is_held);
    tcase_add_test_raise_signal(cases, counting_a_run_that_did_not_begin_aborts, SIGABRT);
    Suite *suite = suite_create("host_instance");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
