/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers by reference: numbers, counts, what is full and what is given back. */
#include <check.h>
#include <signal.h>

#include "controller/store.h"
#include "run_suite.h"
#include "small_control.h"

/* One host of two devices; a program of one mesh: slot 0 is permanent (set-up, 8 rows), slots 1
 * and 2 (4 and 2 rows) are of every run; 16 rows of workspace. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_program *program;
    gw_plan *plan;
    gw_store store;
    gw_block block;
} bench;

static gw_program *make_program(void)
{
    gw_builder *builder = gw_builder_new("store");
    const uint32_t mesh = small_mesh(builder, 2);
    small_once(builder, "setup", mesh, "> s8");
    small_node(builder, "work", mesh, "s8 > s4 s2 / 16");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    return small_finish(builder);
}

static void init_bench(bench *made)
{
    made->directory = small_directory(1, 2, 1);
    made->port = record_port_new(made->directory, (gw_node_id){0});
    made->program = make_program();
    made->plan = gw_plan_new(made->program);
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, 0, made->program, (const uint32_t[]){0, 1});
    const gw_executable executable = small_executable(made->program, message);
    made->port->base.devices->load(&made->port->base, &executable);
    gw_store_init(&made->store, &made->port->base);
    gw_store_open(&made->store, &made->block, 0, made->plan, (gw_slots){0, 3}, 3);
    record_port_clear(made->port);
}

static void clear_bench(bench *made)
{
    if (made->block.refs != NULL) {
        gw_store_close(&made->store, &made->block);
    }
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

START_TEST(entries_are_a_ring_over_runs)
{
    bench made;
    init_bench(&made);
    ck_assert_uint_eq(made.plan->slot_count, 3);
    ck_assert_uint_eq(gw_block_entry(&made.block, 2, 0), 2);
    ck_assert_uint_eq(gw_block_entry(&made.block, 0, 1), 3);
    ck_assert_uint_eq(gw_block_entry(&made.block, 2, 2), 8);
    ck_assert_uint_eq(gw_block_entry(&made.block, 2, 3), 2);
    ck_assert_uint_eq(gw_block_entry(&made.block, 1, 3000001), 4);
    clear_bench(&made);
}
END_TEST

START_TEST(a_buffer_changes_hands)
{
    gw_builder *builder = gw_builder_new("hands");
    const uint32_t mesh = small_mesh(builder, 2);
    small_node(builder, "make", mesh, "> s4");
    small_node(builder, "take", mesh, "s4 > s4=1");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    g_autoptr(gw_program) program = small_finish(builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    bench made;
    gw_block block;
    init_bench(&made);
    gw_store_open(&made.store, &block, 0, plan, (gw_slots){0, 2}, 3);
    const uint32_t maker = gw_block_entry(&block, 0, 1), taker = gw_block_entry(&block, 1, 1);
    ck_assert(gw_store_reserve(&made.store, &block, 0, 1, 8, 2));
    gw_block_take_over(&block, 1, 1, 9, 1, maker);
    ck_assert_uint_eq(gw_block_buffer(&block, taker), block.first_buffer + maker);
    record_port_clear(made.port);
    gw_store_release(&made.store, &block, 0, 1); /* The maker's gang, and the taker's. */
    gw_store_release(&made.store, &block, 0, 1);
    ck_assert_str_eq(record_port_text(made.port), "");
    ck_assert_uint_eq(record_port_held_count(made.port), 1);
    gw_store_release(&made.store, &block, 1, 1);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    ck_assert_uint_eq(gw_block_buffer(&block, taker), block.first_buffer + taker);
    ck_assert(gw_store_reserve(&made.store, &block, 0, 4, 10, 2)); /* The same entry again. */
    gw_block_take_over(&block, 1, 4, 11, 1, maker);
    gw_store_close(&made.store, &block); /* Once, whoever of them holds it. */
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

START_TEST(blocks_share_no_number)
{
    bench made;
    gw_block second;
    init_bench(&made);
    gw_store_open(&made.store, &second, 1, made.plan, (gw_slots){0, 3}, 2);
    ck_assert_uint_eq(made.block.first_buffer, 0);
    ck_assert_uint_eq(second.first_buffer, 3 * 3 + 1); /* Its slots, and one workspace. */
    ck_assert_uint_eq(made.store.next_buffer, 3 * 3 + 1 + 2 * 3 + 1);
    gw_store_close(&made.store, &second);
    clear_bench(&made);
}
END_TEST

START_TEST(a_block_has_entries_of_its_slots_alone)
{
    bench made;
    gw_block few;
    init_bench(&made);
    gw_store_open(&made.store, &few, 0, made.plan, (gw_slots){1, 2}, 2);
    ck_assert_uint_eq(made.store.next_buffer, 3 * 3 + 1 + 2 * 2 + 1);
    ck_assert_uint_eq(gw_block_entry_count(&few), 4);
    for (uint32_t run = 0; run < 5; run++) {
        for (uint32_t slot = 1; slot < 3; slot++) {
            const uint32_t entry = gw_block_entry(&few, slot, run);
            ck_assert_uint_eq(entry, run % 2 * 2 + slot - 1);
            ck_assert_uint_eq(gw_block_slot(&few, entry), slot);
        }
    }
    record_port_clear(made.port);
    ck_assert(gw_store_reserve(&made.store, &few, 1, 1, 8, 1));
    ck_assert(gw_store_reserve(&made.store, &few, 2, 0, 9, 1));
    gw_store_close(&made.store, &few);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 12 of instance 0 on mesh 0\n"
                           "reserve 8 B for buffer 11 of instance 0 on mesh 0\n"
                           "release 8 B for buffer 11 of instance 0 on mesh 0\n"
                           "release 16 B for buffer 12 of instance 0 on mesh 0\n");
    gw_store_open(&made.store, &few, 0, made.plan, (gw_slots){0, 0}, 2);
    gw_store_close(&made.store, &few); /* Of a host with no mesh: nothing. */
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(last_reference_gives_the_memory_back)
{
    bench made;
    init_bench(&made);
    ck_assert(gw_store_reserve(&made.store, &made.block, 1, 4, 99, 3));
    ck_assert_uint_eq(made.block.refs[4], 3);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 4 of instance 0 on mesh 0\n");
    gw_store_release(&made.store, &made.block, 1, 4);
    gw_store_release(&made.store, &made.block, 1, 4);
    CHECK_CALLS(made.port, "");
    ck_assert(!made.store.was_released);
    ck_assert_uint_eq(record_port_held_bytes(made.port, 1), 16);
    gw_store_release(&made.store, &made.block, 1, 4);
    CHECK_CALLS(made.port, "release 16 B for buffer 4 of instance 0 on mesh 0\n");
    ck_assert(made.store.was_released);
    ck_assert_uint_eq(record_port_held_bytes(made.port, 1), 0);
    ck_assert_uint_eq(made.block.refs[4], 0);
    clear_bench(&made);
}
END_TEST

START_TEST(full_memory_takes_nothing)
{
    bench made;
    init_bench(&made);
    made.port->limit_bytes = 40;
    ck_assert(gw_store_reserve(&made.store, &made.block, 0, 0, 1, 1));
    ck_assert(!gw_store_reserve(&made.store, &made.block, 1, 0, 2, 1));
    ck_assert_uint_eq(made.block.refs[1], 0);
    ck_assert(gw_store_reserve(&made.store, &made.block, 2, 0, 2, 1)); /* 8 bytes still fit. */
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 40);
    CHECK_CALLS(made.port, "reserve 32 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 16 B for buffer 1 of instance 0 on mesh 0: full\n"
                           "reserve 8 B for buffer 2 of instance 0 on mesh 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(undoing_is_no_release_to_others)
{
    bench made;
    init_bench(&made);
    ck_assert(gw_store_reserve(&made.store, &made.block, 1, 0, 2, 5));
    gw_store_undo(&made.store, &made.block, 1, 0);
    ck_assert(!made.store.was_released);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    ck_assert(gw_store_reserve(&made.store, &made.block, 1, 0, 2, 1));
    gw_store_release(&made.store, &made.block, 1, 0);
    ck_assert(made.store.was_released);
    ck_assert(gw_store_reserve(&made.store, &made.block, 1, 0, 2, 1));
    gw_store_undo(&made.store, &made.block, 1, 0);
    ck_assert(made.store.was_released); /* As it was. */
    clear_bench(&made);
}
END_TEST

START_TEST(permanent_slots_outlive_their_readers)
{
    bench made;
    init_bench(&made);
    ck_assert(made.plan->slots[0].is_permanent);
    ck_assert(gw_store_reserve(&made.store, &made.block, 0, 0, 1, 1));
    for (uint32_t i = 0; i < 10; i++) {
        gw_store_release(&made.store, &made.block, 0, 0);
    }
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 32);
    gw_store_close(&made.store, &made.block);
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 0);
    ck_assert(made.store.was_released);
    clear_bench(&made);
}
END_TEST

START_TEST(closing_gives_everything_back)
{
    bench made;
    init_bench(&made);
    for (uint32_t run = 0; run < 3; run++) {
        for (uint32_t slot = 0; slot < 3; slot++) {
            ck_assert(gw_store_reserve(&made.store, &made.block, slot, run, run, 1 + slot));
        }
    }
    gw_store_release(&made.store, &made.block, 1, 1);
    gw_store_release(&made.store, &made.block, 1, 1);
    ck_assert_uint_eq(record_port_held_count(made.port), 8);
    gw_store_close(&made.store, &made.block);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 0);
    clear_bench(&made);
}
END_TEST

START_TEST(workspace_has_a_number_of_its_own)
{
    bench made;
    init_bench(&made);
    made.port->limit_bytes = 63;
    ck_assert(!gw_store_reserve_workspace(&made.store, &made.block, 0));
    made.port->limit_bytes = 64;
    ck_assert(gw_store_reserve_workspace(&made.store, &made.block, 0));
    gw_store_release_workspace(&made.store, &made.block, 0);
    ck_assert(made.store.was_released);
    CHECK_CALLS(made.port, "reserve 64 B for buffer 9 of instance 0 on mesh 0: full\n"
                           "reserve 64 B for buffer 9 of instance 0 on mesh 0\n"
                           "release 64 B for buffer 9 of instance 0 on mesh 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(reserving_twice_aborts)
{
    bench made;
    init_bench(&made);
    gw_store_reserve(&made.store, &made.block, 1, 0, 1, 1);
    gw_store_reserve(&made.store, &made.block, 1, 3, 1, 1); /* The same entry. */
}
END_TEST

START_TEST(releasing_what_is_not_held_aborts)
{
    bench made;
    init_bench(&made);
    gw_store_release(&made.store, &made.block, 1, 0);
}
END_TEST

START_TEST(reserving_for_nobody_aborts)
{
    bench made;
    init_bench(&made);
    gw_store_reserve(&made.store, &made.block, 1, 0, 1, 0);
}
END_TEST

static void add_up(void *context, const gw_block *block, uint32_t mesh, uint64_t size_bytes)
{
    ck_assert_uint_eq(block->instance, 0);
    ck_assert_uint_eq(mesh, 0);
    *(uint64_t *)context += size_bytes;
}

START_TEST(listener_hears_what_is_given_back_and_nothing_else)
{
    bench made;
    uint64_t heard_bytes = 0;
    init_bench(&made);
    gw_store_listen(&made.store, add_up, &heard_bytes);
    ck_assert(gw_store_reserve_workspace(&made.store, &made.block, 0));
    ck_assert(gw_store_reserve(&made.store, &made.block, 0, 0, 0, 2));
    ck_assert(gw_store_reserve(&made.store, &made.block, 1, 0, 0, 2));
    ck_assert(gw_store_reserve(&made.store, &made.block, 2, 0, 0, 1));
    gw_store_undo(&made.store, &made.block, 2, 0);
    gw_store_release(&made.store, &made.block, 0, 0); /* Permanent. */
    gw_store_release(&made.store, &made.block, 1, 0);
    ck_assert_uint_eq(heard_bytes, 0);
    gw_store_release(&made.store, &made.block, 1, 0);
    ck_assert_uint_eq(heard_bytes, 4 * SMALL_ROW_BYTES);
    gw_store_release_workspace(&made.store, &made.block, 0);
    ck_assert_uint_eq(heard_bytes, 4 * SMALL_ROW_BYTES);
    gw_store_close(&made.store, &made.block);
    ck_assert_uint_eq(heard_bytes, (4 + 8) * SMALL_ROW_BYTES);
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("store");
    tcase_add_test(cases, entries_are_a_ring_over_runs);
    tcase_add_test(cases, a_buffer_changes_hands);
    tcase_add_test(cases, blocks_share_no_number);
    tcase_add_test(cases, a_block_has_entries_of_its_slots_alone);
    tcase_add_test(cases, last_reference_gives_the_memory_back);
    tcase_add_test(cases, full_memory_takes_nothing);
    tcase_add_test(cases, undoing_is_no_release_to_others);
    tcase_add_test(cases, permanent_slots_outlive_their_readers);
    tcase_add_test(cases, closing_gives_everything_back);
    tcase_add_test(cases, workspace_has_a_number_of_its_own);
    tcase_add_test(cases, listener_hears_what_is_given_back_and_nothing_else);
    tcase_add_test_raise_signal(cases, reserving_twice_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, releasing_what_is_not_held_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, reserving_for_nobody_aborts, SIGABRT);
    Suite *suite = suite_create("store");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
