/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves a call, by the way of submitting. */
#include <check.h>

#include "controller/fetch.h"
#include "run_suite.h"
#include "small_program.h"

/* One node after the other: outputs of start (set-up), a, b, end, each with two slots or one. */
typedef struct {
    gw_program *program;
    gw_plan *plan;
    uint32_t start, a, b, end;
} chain;

/* start -> every a; a.0 -> b; b.0 -> end on another mesh; a.1 read by nobody; b.1 carried to a. */
static void init_chain(chain *made, bool has_result)
{
    gw_builder *builder = gw_builder_new("chain");
    const uint32_t left = small_mesh(builder, 4), right = small_mesh(builder, 2);
    made->start = small_once(builder, "start", left, "> r1 r1");
    made->a = small_node(builder, "a", left, "r1 r1 > r1 s4");
    made->b = small_node(builder, "b", left, "r1 > s4 r1");
    made->end = small_node(builder, "end", right, "s8 > r1");
    gw_builder_add_edge(builder, made->start, 0, made->a, 0);
    gw_builder_add_carried(builder, made->b, 1, made->start, 1, made->a, 1);
    gw_builder_add_edge(builder, made->a, 0, made->b, 0);
    gw_builder_add_edge(builder, made->b, 0, made->end, 0);
    if (has_result)
        gw_builder_add_result(builder, "value", made->end, 0);
    made->program = small_finish(builder);
    made->plan = gw_plan_new(made->program);
}

static void clear_chain(chain *made)
{
    gw_plan_free(made->plan);
    gw_program_free(made->program);
}

static bool leaves(const chain *made, gw_submit_mode submit, uint32_t node, uint32_t output)
{
    g_autofree bool *slots = gw_fetch_slots(made->plan, submit);
    return slots[made->plan->nodes[node].first_slot + output];
}

START_TEST(state_never_leaves)
{
    static const gw_submit_mode modes[] = {GW_SUBMIT_OP_BY_OP, GW_SUBMIT_CHAINED, GW_SUBMIT_FUSED};
    chain made;
    init_chain(&made, false);
    for (uint32_t m = 0; m < G_N_ELEMENTS(modes); m++) {
        ck_assert(!leaves(&made, modes[m], made.start, 0)); /* For all runs. */
        ck_assert(!leaves(&made, modes[m], made.start, 1)); /* The first of what is carried. */
        ck_assert(!leaves(&made, modes[m], made.b, 1));     /* Carried. */
    }
    clear_chain(&made);
}
END_TEST

START_TEST(what_another_call_reads_leaves)
{
    chain made;
    init_chain(&made, false);
    ck_assert(leaves(&made, GW_SUBMIT_OP_BY_OP, made.a, 0));
    ck_assert(leaves(&made, GW_SUBMIT_OP_BY_OP, made.b, 0));
    ck_assert(!leaves(&made, GW_SUBMIT_CHAINED, made.a, 0));
    ck_assert(!leaves(&made, GW_SUBMIT_CHAINED, made.b, 0));
    clear_chain(&made);
}
END_TEST

START_TEST(what_nobody_reads_leaves)
{
    chain made;
    init_chain(&made, false);
    ck_assert(leaves(&made, GW_SUBMIT_CHAINED, made.a, 1));
    ck_assert(leaves(&made, GW_SUBMIT_CHAINED, made.end, 0));
    ck_assert(leaves(&made, GW_SUBMIT_OP_BY_OP, made.end, 0));
    clear_chain(&made);
}
END_TEST

START_TEST(results_travel_by_themselves)
{
    chain made;
    init_chain(&made, true);
    ck_assert(!leaves(&made, GW_SUBMIT_CHAINED, made.end, 0));
    ck_assert(!leaves(&made, GW_SUBMIT_OP_BY_OP, made.end, 0));
    clear_chain(&made);
}
END_TEST

/* Slots that transfers arrive in are no outputs. */
START_TEST(inbound_slots_do_not_leave)
{
    chain made;
    init_chain(&made, false);
    g_autofree bool *slots = gw_fetch_slots(made.plan, GW_SUBMIT_OP_BY_OP);
    uint32_t count = 0;
    for (uint32_t s = 0; s < made.plan->slot_count; s++)
        count += slots[s];
    ck_assert_uint_eq(count, 4); /* a.0, a.1, b.0, end.0 */
    clear_chain(&made);
}
END_TEST

START_TEST(a_sharded_value_is_read_whole)
{
    chain made;
    init_chain(&made, false);
    ck_assert_uint_eq(gw_fetch_shard_count(made.plan, made.a, 0), 1);
    ck_assert_uint_eq(gw_fetch_shard_count(made.plan, made.a, 1), 4);
    ck_assert_uint_eq(gw_fetch_shard_count(made.plan, made.end, 0), 1);
    clear_chain(&made);
}
END_TEST

static Suite *fetch_suite(void)
{
    Suite *suite = suite_create("fetch");
    TCase *cases = tcase_create("fetch");
    tcase_add_test(cases, state_never_leaves);
    tcase_add_test(cases, what_another_call_reads_leaves);
    tcase_add_test(cases, what_nobody_reads_leaves);
    tcase_add_test(cases, results_travel_by_themselves);
    tcase_add_test(cases, inbound_slots_do_not_leave);
    tcase_add_test(cases, a_sharded_value_is_read_whole);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return gw_run_suite(fetch_suite());
}
