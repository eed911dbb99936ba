/* SPDX-License-Identifier: Apache-2.0 */
/* When an output takes over an input's buffer: only where the order of nodes alone makes it safe.
 */
#include <check.h>

#include "controller/donation.h"
#include "controller/spill.h"
#include "controller/system.h"
#include "run_suite.h"
#include "small_control.h"

/* init -> pass and update of every run; update reads what pass makes; 4 rows of state. */
typedef struct {
    gw_builder *builder;
    uint32_t mesh, init, pass, update;
} training;

static training begin_training(const char *update)
{
    training made = {.builder = gw_builder_new("training")};
    made.mesh = small_mesh(made.builder, 2);
    made.init = small_once(made.builder, "init", made.mesh, "> s4");
    made.pass = small_node(made.builder, "pass", made.mesh, "s4 > s3");
    made.update = small_node(made.builder, "update", made.mesh, update);
    gw_builder_add_carried(made.builder, made.update, 0, made.init, 0, made.pass, 0);
    gw_builder_add_edge(made.builder, made.pass, 0, made.update, 0);
    gw_builder_add_carried(made.builder, made.update, 0, made.init, 0, made.update, 1);
    return made;
}

static uint64_t find_peak(gw_plan *plan)
{
    uint64_t peak_bytes = 0;
    gw_plan_peak_bytes(plan, &peak_bytes);
    return peak_bytes;
}

/* Whether the first output of `node` takes a buffer over. */
static bool takes_over(gw_builder *builder, uint32_t node)
{
    g_autoptr(gw_program) program = small_finish(builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    const bool is_taken = plan->slots[plan->nodes[node].first_slot].taken_input > 0;
    ck_assert_int_eq(is_taken, plan->has_donations);
    return is_taken;
}

START_TEST(an_update_takes_over_what_it_replaces)
{
    training made = begin_training("s3 s4 > s4=2");
    g_autoptr(gw_program) program = small_finish(made.builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    const gw_plan_node *update = &plan->nodes[made.update];
    ck_assert(plan->has_donations);
    ck_assert_uint_eq(plan->slots[update->first_slot].taken_input, update->first_input + 1 + 1);
    ck_assert_uint_eq(find_peak(plan), (4 + 3) * 4); /* One state, and what pass makes. */
    gw_plan_forgo_donations(plan);
    ck_assert(!plan->has_donations);
    ck_assert_uint_eq(find_peak(plan), (4 + 3 + 4) * 4);
}
END_TEST

START_TEST(without_being_offered_nothing_is_taken)
{
    training made = begin_training("s3 s4 > s4");
    ck_assert(!takes_over(made.builder, made.update));
}
END_TEST

START_TEST(a_reader_behind_it_forbids_it)
{
    training made = begin_training("s3 s4 > s4=2");
    const uint32_t later = small_node(made.builder, "later", made.mesh, "s4 >");
    gw_builder_add_carried(made.builder, made.update, 0, made.init, 0, later, 0);
    ck_assert(!takes_over(made.builder, made.update));
}
END_TEST

/* In every run but the first. */
START_TEST(a_later_reader_of_the_initial_buffer_forbids_it)
{
    training made = begin_training("s3 s4 > s4=2");
    const uint32_t other = small_once(made.builder, "other", made.mesh, "s4 > s1");
    const uint32_t use = small_node(made.builder, "use", made.mesh, "s1 >");
    gw_builder_add_edge(made.builder, made.init, 0, other, 0);
    gw_builder_add_edge(made.builder, other, 0, use, 0);
    ck_assert(!takes_over(made.builder, made.update));
}
END_TEST

START_TEST(what_every_run_reads_is_kept)
{
    gw_builder *builder = gw_builder_new("kept");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t init = small_once(builder, "init", mesh, "> s4");
    const uint32_t work = small_node(builder, "work", mesh, "s4 > s4=1");
    gw_builder_add_edge(builder, init, 0, work, 0);
    ck_assert(!takes_over(builder, work));
}
END_TEST

START_TEST(a_copy_to_another_mesh_forbids_it)
{
    training made = begin_training("s3 s4 > s4=2");
    const uint32_t away = small_mesh(made.builder, 1);
    const uint32_t watch = small_node(made.builder, "watch", away, "s8 >");
    gw_builder_add_carried(made.builder, made.update, 0, made.init, 0, watch, 0);
    ck_assert(!takes_over(made.builder, made.update));
}
END_TEST

START_TEST(what_arrives_is_not_taken_over)
{
    gw_builder *builder = gw_builder_new("arrives");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 2);
    const uint32_t make = small_node(builder, "make", left, "> s4");
    const uint32_t take = small_node(builder, "take", right, "s4 > s4=1");
    gw_builder_add_edge(builder, make, 0, take, 0);
    ck_assert(!takes_over(builder, take));
}
END_TEST

START_TEST(a_result_forbids_it)
{
    gw_builder *builder = gw_builder_new("result");
    const uint32_t mesh = small_mesh(builder, 1);
    const uint32_t make = small_node(builder, "make", mesh, "> r1");
    const uint32_t take = small_node(builder, "take", mesh, "r1 > r1=1");
    gw_builder_add_edge(builder, make, 0, take, 0);
    gw_builder_add_result(builder, "value", make, 0);
    ck_assert(!takes_over(builder, take));
}
END_TEST

/* Sums of slopes go from one micro-batch to the next in one buffer. */
START_TEST(a_chain_within_a_run_has_one_buffer)
{
    gw_builder *builder = gw_builder_new("chain");
    const uint32_t mesh = small_mesh(builder, 2);
    uint32_t before = small_node(builder, "first", mesh, "> s4");
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t next = small_node(builder, "next", mesh, "s4 > s4=1");
        gw_builder_add_edge(builder, before, 0, next, 0);
        before = next;
    }
    g_autoptr(gw_program) program = small_finish(builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    for (uint32_t n = 1; n < 4; n++)
        ck_assert_uint_gt(plan->slots[plan->nodes[n].first_slot].taken_input, 0);
    ck_assert_uint_eq(find_peak(plan), 4 * 4);
}
END_TEST

START_TEST(reading_twice_forbids_it)
{
    gw_builder *builder = gw_builder_new("twice");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t make = small_node(builder, "make", mesh, "> s4");
    const uint32_t take = small_node(builder, "take", mesh, "s4 s4 > s4=1");
    gw_builder_add_edge(builder, make, 0, take, 0);
    gw_builder_add_edge(builder, make, 0, take, 1);
    ck_assert(!takes_over(builder, take));
}
END_TEST

/* The buffer of run r would be another's in run r + 1, and so on: only one's own goes round. */
START_TEST(only_its_own_is_carried_over)
{
    gw_builder *builder = gw_builder_new("swapped");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t init = small_once(builder, "init", mesh, "> s4");
    const uint32_t one = small_node(builder, "one", mesh, "s4 > s4=1");
    const uint32_t other = small_node(builder, "other", mesh, "> s4");
    gw_builder_add_carried(builder, other, 0, init, 0, one, 0);
    ck_assert(!takes_over(builder, one));
}
END_TEST

START_TEST(who_else_reads_buffers_forbids_all)
{
    gw_control control = {0};
    ck_assert(gw_control_may_donate(&control));
    control.spill = gw_spills[0];
    ck_assert(!gw_control_may_donate(&control));
    control.spill = NULL;
    control.system = &gw_system_ray;
    ck_assert(!gw_control_may_donate(&control));
    control.system = &gw_system_multi_controller;
    ck_assert(gw_control_may_donate(&control));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("donation");
    TCase *cases = tcase_create("donation");
    tcase_add_test(cases, an_update_takes_over_what_it_replaces);
    tcase_add_test(cases, without_being_offered_nothing_is_taken);
    tcase_add_test(cases, a_reader_behind_it_forbids_it);
    tcase_add_test(cases, a_later_reader_of_the_initial_buffer_forbids_it);
    tcase_add_test(cases, what_every_run_reads_is_kept);
    tcase_add_test(cases, a_copy_to_another_mesh_forbids_it);
    tcase_add_test(cases, what_arrives_is_not_taken_over);
    tcase_add_test(cases, a_result_forbids_it);
    tcase_add_test(cases, a_chain_within_a_run_has_one_buffer);
    tcase_add_test(cases, reading_twice_forbids_it);
    tcase_add_test(cases, only_its_own_is_carried_over);
    tcase_add_test(cases, who_else_reads_buffers_forbids_all);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
