/* SPDX-License-Identifier: Apache-2.0 */
/* When a node of one island may be ordered, by what the others have told. */
#include <check.h>
#include <signal.h>

#include "controller/gate.h"
#include "run_suite.h"
#include "small_control.h"

/* Three islands of one device; mesh m lies on island m. */
typedef struct {
    gw_directory *directory;
    gw_builder *builder;
    gw_program *program;
    gw_plan *plan;
    uint32_t meshes[3];
} bench;

static const uint32_t first[] = {0, 1, 2, 3}, devices[] = {0, 1, 2};

static void init_bench(bench *made)
{
    const gw_island island = {
        .host_count = 1, .devices_per_host = 1, .shape = {1, 1, 1}, .hbm_bytes = 1 << 20};
    const gw_island islands[] = {island, island, island};
    *made =
        (bench){.directory = gw_directory_new(islands, 3, 1), .builder = gw_builder_new("gate")};
    for (uint32_t m = 0; m < 3; m++) {
        made->meshes[m] = small_mesh(made->builder, 1);
    }
}

static gw_gate *make_gate(bench *made, uint32_t island)
{
    const gw_assignment assignment = {3, first, devices};
    if (made->plan == NULL) {
        made->program = small_finish(made->builder);
        made->plan = gw_plan_new(made->program);
    }
    return gw_gate_new(made->plan, &assignment, made->directory, island);
}

static void clear_bench(bench *made)
{
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    gw_directory_free(made->directory);
}

static gw_node_id scheduler_of(const bench *made, uint32_t island)
{
    return gw_directory_scheduler(made->directory, island);
}

static bool is_open(const gw_gate *gate, uint32_t run, uint32_t node)
{
    gw_node_id peer;
    return gw_gate_is_open(gate, run, node, &peer);
}

/* a (island 0) -> b (1) -> c (0), d (0) apart; e (2) alone. */
static void draw_there_and_back(bench *made)
{
    init_bench(made);
    const uint32_t a = small_node(made->builder, "a", made->meshes[0], "> s1");
    const uint32_t b = small_node(made->builder, "b", made->meshes[1], "s1 > s1");
    const uint32_t c = small_node(made->builder, "c", made->meshes[0], "s1 >");
    small_node(made->builder, "d", made->meshes[0], ">");
    small_node(made->builder, "e", made->meshes[2], ">");
    gw_builder_add_edge(made->builder, a, 0, b, 0);
    gw_builder_add_edge(made->builder, b, 0, c, 0);
}

START_TEST(program_on_one_island_has_none)
{
    bench made;
    draw_there_and_back(&made);
    ck_assert_ptr_null(make_gate(&made, 2)); /* e shares no edge. */
    clear_bench(&made);
}
END_TEST

START_TEST(gang_waits_for_what_comes_before_it_elsewhere)
{
    bench made;
    draw_there_and_back(&made);
    g_autoptr(gw_gate) gate = make_gate(&made, 0);
    ck_assert_uint_eq(gate->peer_count, 1);
    gw_node_id peer = {0};
    ck_assert(is_open(gate, 0, 0));                 /* a */
    ck_assert(!gw_gate_is_open(gate, 0, 2, &peer)); /* c reads what b writes, */
    ck_assert_uint_eq(peer.index, scheduler_of(&made, 1).index);
    ck_assert(!is_open(gate, 0, 3)); /* and d comes after b's copy gave memory back. */
    gw_gate_hear(gate, scheduler_of(&made, 1), 0, 1);
    ck_assert(is_open(gate, 0, 2));
    ck_assert(is_open(gate, 0, 3));
    ck_assert(is_open(gate, 1, 0)); /* Run 1's a waits for run 0's b alone. */
    ck_assert(!is_open(gate, 1, 2));
    ck_assert(!is_open(gate, 2, 0));
    gw_gate_hear(gate, scheduler_of(&made, 1), 1, 1);
    ck_assert(is_open(gate, 2, 0));
    clear_bench(&made);
}
END_TEST

START_TEST(peers_hear_once_of_what_they_share)
{
    bench made;
    draw_there_and_back(&made);
    g_autoptr(gw_gate) gate = make_gate(&made, 0);
    ck_assert(gw_gate_tell(gate, 0, 0, 0));
    ck_assert(!gw_gate_tell(gate, 0, 0, 0));
    ck_assert(gw_gate_tell(gate, 0, 0, 2));
    ck_assert(!gw_gate_tell(gate, 0, 0, 3)); /* d shares nothing. */
    ck_assert(gw_gate_tell(gate, 0, 1, 3));  /* Past a and c of run 1. */
    clear_bench(&made);
}
END_TEST

START_TEST(news_of_a_run_is_not_lost_in_the_next)
{
    bench made;
    init_bench(&made);
    small_node(made.builder, "free", made.meshes[0], ">");
    const uint32_t a = small_node(made.builder, "a", made.meshes[0], "> s1");
    const uint32_t b = small_node(made.builder, "b", made.meshes[1], "s1 >");
    gw_builder_add_edge(made.builder, a, 0, b, 0);
    g_autoptr(gw_gate) gate = make_gate(&made, 0);
    ck_assert(gw_gate_tell(gate, 0, 1, 0)); /* A batch that ended in run 1, before its a. */
    ck_assert(!gw_gate_tell(gate, 0, 1, 0));
    clear_bench(&made);
}
END_TEST

/* A job that has moved goes on with run 3, as another instance. */
START_TEST(instance_may_begin_with_a_later_run)
{
    bench made;
    draw_there_and_back(&made);
    g_autoptr(gw_gate) gate = make_gate(&made, 0);
    ck_assert(!is_open(gate, 3, 0));
    gw_gate_begin(gate, 3);
    ck_assert(is_open(gate, 3, 0));
    ck_assert(!is_open(gate, 3, 2));
    gw_gate_hear(gate, scheduler_of(&made, 1), 3, 1);
    gw_gate_begin(gate, 3); /* Later than the news: nothing is forgotten. */
    ck_assert(is_open(gate, 3, 2));
    clear_bench(&made);
}
END_TEST

START_TEST(set_up_counts_in_run_0_only)
{
    bench made;
    init_bench(&made);
    const uint32_t init = small_once(made.builder, "init", made.meshes[1], "> s1");
    const uint32_t a = small_node(made.builder, "a", made.meshes[0], "s1 >");
    gw_builder_add_edge(made.builder, init, 0, a, 0);
    g_autoptr(gw_gate) gate = make_gate(&made, 0);
    ck_assert(!is_open(gate, 0, a));
    ck_assert(!is_open(gate, 5, a)); /* As long as not even run 0's has its place. */
    gw_gate_hear(gate, scheduler_of(&made, 1), 0, init);
    ck_assert(is_open(gate, 0, a));
    ck_assert(is_open(gate, 5, a));
    clear_bench(&made);
}
END_TEST

START_TEST(going_back_aborts)
{
    bench made;
    draw_there_and_back(&made);
    gw_gate *gate = make_gate(&made, 0);
    gw_gate_hear(gate, scheduler_of(&made, 1), 1, 1);
    gw_gate_hear(gate, scheduler_of(&made, 1), 0, 1);
}
END_TEST

START_TEST(stranger_aborts)
{
    bench made;
    draw_there_and_back(&made);
    gw_gate *gate = make_gate(&made, 0);
    gw_gate_hear(gate, scheduler_of(&made, 2), 0, 4);
}
END_TEST

static Suite *gate_suite(void)
{
    Suite *suite = suite_create("gate");
    TCase *tcase = tcase_create("gate");
    tcase_add_test(tcase, program_on_one_island_has_none);
    tcase_add_test(tcase, gang_waits_for_what_comes_before_it_elsewhere);
    tcase_add_test(tcase, peers_hear_once_of_what_they_share);
    tcase_add_test(tcase, news_of_a_run_is_not_lost_in_the_next);
    tcase_add_test(tcase, instance_may_begin_with_a_later_run);
    tcase_add_test(tcase, set_up_counts_in_run_0_only);
    tcase_add_test_raise_signal(tcase, going_back_aborts, SIGABRT);
    tcase_add_test_raise_signal(tcase, stranger_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return gw_run_suite(gate_suite());
}
