/* SPDX-License-Identifier: Apache-2.0 */
/* Which buffers rest, and which of them goes first. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "controller/spill.h"
#include "controller/system.h"
#include "run_suite.h"
#include "small_control.h"

/* One host of two devices; outputs of 8, 24 and 16 bytes a shard, and one that is a result. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_program *program;
    gw_job job;
    gw_store store;
    gw_host_instance *instance;
    gw_spill *spill;
} bench;

static void init_bench(bench *made, const char *policy, uint64_t memory_bytes)
{
    *made = (bench){.directory = small_directory(1, 2, 1)};
    made->port = record_port_new(made->directory, (gw_node_id){0});
    gw_builder *builder = gw_builder_new("spill");
    const uint32_t mesh = small_mesh(builder, 2);
    small_node(builder, "makes", mesh, "> s2 s6 s4 s1");
    small_node(builder, "reads", mesh, "s2 s6 s4 >");
    for (uint32_t i = 0; i < 3; i++) {
        gw_builder_add_edge(builder, 0, i, 1, i);
    }
    gw_builder_add_result(builder, "value", 0, 3);
    made->program = small_finish(builder);
    made->job = (gw_job){
        .program = made->program, .plan = gw_plan_new(made->program), .runs = 9, .in_flight = 1};
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, 0, made->program, (const uint32_t[]){0, 1});
    const gw_executable executable = small_executable(made->program, message);
    gw_store_init(&made->store, &made->port->base);
    made->instance = gw_host_instance_new(made->directory, (gw_node_id){0}, &made->job, &executable,
                                          gw_system_of(&(gw_control){0}), &made->store);
    made->instance->block.is_away =
        g_new0(uint8_t, gw_block_entry_count(&made->instance->block) + 1);
    uint32_t p = 0;
    while (strcmp(gw_spills[p]->name, policy) != 0) {
        p++;
    }
    made->spill = gw_spill_new(gw_spills[p], memory_bytes);
    gw_spill_open(made->spill, made->instance);
}

static void clear_bench(bench *made)
{
    gw_spill_close(made->spill, made->instance);
    gw_spill_free(made->spill);
    gw_host_instance_free(made->instance, &made->store);
    gw_plan_free((gw_plan *)made->job.plan);
    gw_program_free(made->program);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static gw_spillable *find(bench *made, uint32_t slot)
{
    return gw_spill_find(made->spill, 0, slot, slot);
}

/* It is written, and held. */
static gw_spillable *write_down(bench *made, uint32_t slot)
{
    gw_spillable *buffer = find(made, slot);
    gw_spill_use(made->spill, buffer);
    gw_spill_end_use(made->spill, buffer, true, true);
    return buffer;
}

static bool is_any(const void *context, const gw_spillable *buffer)
{
    return context == NULL || buffer != context;
}

static const gw_spillable *choose(const bench *made, const gw_spillable *but)
{
    return gw_spill_choose(made->spill, is_any, but);
}

START_TEST(policies_differ_in_who_goes_first)
{
    static const char *const names[] = {"oldest", "largest"};
    static const uint32_t first[] = {2, 1}, second[] = {0, 2};
    bench made;
    init_bench(&made, names[_i], 1000);
    ck_assert_ptr_null(choose(&made, NULL));
    write_down(&made, 2);
    write_down(&made, 0);
    write_down(&made, 1);
    ck_assert_uint_eq(choose(&made, NULL)->slot, first[_i]);
    ck_assert_uint_eq(choose(&made, find(&made, first[_i]))->slot, second[_i]);
    clear_bench(&made);
}
END_TEST

START_TEST(only_what_rests_goes)
{
    bench made;
    init_bench(&made, "oldest", 1000);
    ck_assert_ptr_null(find(&made, 3)); /* A result. */
    gw_spillable *buffer = find(&made, 0);
    gw_spill_use(made.spill, buffer);
    ck_assert_ptr_null(choose(&made, NULL)); /* It is being written. */
    gw_spill_end_use(made.spill, buffer, true, true);
    ck_assert_ptr_eq(choose(&made, NULL), buffer);
    buffer->is_wanted = true;
    ck_assert_ptr_null(choose(&made, NULL));
    buffer->is_wanted = false;
    gw_spill_use(made.spill, buffer);
    ck_assert_ptr_null(choose(&made, NULL)); /* It is being read, */
    gw_spill_end_use(made.spill, buffer, false, false);
    ck_assert_ptr_null(choose(&made, NULL)); /* and was, for the last time. */
    clear_bench(&made);
}
END_TEST

START_TEST(host_has_what_it_has)
{
    bench made;
    init_bench(&made, "oldest", 60);
    gw_spillable *first = write_down(&made, 0), *second = write_down(&made, 1);
    gw_spill_begin(made.spill, second); /* 48 bytes, on two devices. */
    ck_assert_uint_eq(gw_spill_leaving_bytes(made.spill, is_any, NULL), 24);
    ck_assert_uint_eq(gw_spill_leaving_bytes(made.spill, is_any, second), 0);
    ck_assert_ptr_null(choose(&made, NULL)); /* It would need 16 of 12. */
    second->copies_left = 0;
    gw_spill_give_back(made.spill, second);
    ck_assert_ptr_eq(choose(&made, NULL), first);
    clear_bench(&made);
}
END_TEST

START_TEST(what_is_away_at_the_end_is_given_back)
{
    bench made;
    init_bench(&made, "oldest", 16); /* For one. */
    gw_spillable *buffer = write_down(&made, 0);
    gw_spill_begin(made.spill, buffer);
    buffer->copies_left = 0;
    made.instance->block.is_away[0] = 1;
    ck_assert_ptr_null(choose(&made, NULL));
    gw_spill_close(made.spill, made.instance);
    made.instance->block.is_away[0] = 0;
    gw_spill_open(made.spill, made.instance);
    ck_assert_ptr_null(choose(&made, NULL));
    buffer = write_down(&made, 0);
    ck_assert_ptr_eq(choose(&made, NULL), buffer);
    clear_bench(&made);
}
END_TEST

START_TEST(giving_back_what_was_not_taken_aborts)
{
    bench made;
    init_bench(&made, "oldest", 60);
    gw_spill_give_back(made.spill, write_down(&made, 0));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("spill");
    tcase_add_loop_test(cases, policies_differ_in_who_goes_first, 0, 2);
    tcase_add_test(cases, only_what_rests_goes);
    tcase_add_test(cases, host_has_what_it_has);
    tcase_add_test(cases, what_is_away_at_the_end_is_given_back);
    tcase_add_test_raise_signal(cases, giving_back_what_was_not_taken_aborts, SIGABRT);
    Suite *suite = suite_create("spill");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
