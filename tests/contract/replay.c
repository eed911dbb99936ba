/* SPDX-License-Identifier: Apache-2.0 */
/* Promise 1 as a test: a controller is made of its inputs.  Every node of a run, in every world,
 * is taped (tests/lib/tape_port.h), and a fresh controller that is handed the same inputs makes
 * the same calls, byte for byte.  So it has no other source: no clock of its own, no thread, no
 * address, nothing left over in memory. */
#include <string.h>

#include "controller/controller.h"
#include "scenario/counts.h"
#include "scenario/scenario.h"
#include "tape_port.h"
#include "tests/contract/suites.h"
#include "tests/contract/world.h"

typedef struct {
    const char *path;
    const char *settings[4]; /* Ended by NULL. */
} replay_case;

static const replay_case cases[] = {
    {"configs/quickstart.json", {NULL}},
    {"configs/mlp_cpu.json", {NULL}},
    {"configs/mlp_cpu.json", {"jobs.submit=op_by_op", NULL}},
    {"configs/mlp_cpu.json", {"jobs.submit=fused", NULL}},
    {"configs/mlp_cpu.json", {"control.dispatch=sequential", NULL}},
    {"configs/mlp_cpu.json", {"control.policy=none", NULL}},
    {"configs/mlp_cpu.json", {"control.lookahead=1", "jobs.in_flight=4", NULL}},
    {"tests/scenario/back_pressure.json", {"jobs.0.steps=5", NULL}},
    {"tests/scenario/pipeline.json", {"jobs.0.steps=4", NULL}},
    {"tests/scenario/result.json", {NULL}},
    {"tests/scenario/two_islands.json", {"jobs.0.steps=3", NULL}},
    {"tests/scenario/two_islands.json", {"control.dispatch=sequential", NULL}},
    {"tests/scenario/crossing_islands.json", {NULL}},
    {"tests/scenario/two_clients.json", {NULL}},
    {"tests/scenario/two_clients.json", {"control.policy=none", NULL}},
    {"tests/scenario/scheduled.json", {NULL}},
    {"tests/scenario/fanout.json", {"jobs.steps=4", NULL}},
    {"tests/scenario/fanout.json", {"control.dispatch=sequential", NULL}},
    {"tests/scenario/fanout.json", {"control.policy=none", NULL}},
    {"tests/scenario/client_fails.json", {"control.lease=100ms", NULL}},
    {"tests/scenario/client_fails_alone.json", {"control.lease=100ms", NULL}},
    {"tests/scenario/drain.json", {NULL}},
    {"configs/mlp_cpu.json",
     {"cluster.islands.0.hosts=3",
      "faults=[{\"at\":\"5ms\",\"remove\":{\"island\":0,\"hosts\":[0]}}]", NULL}},
    {"tests/scenario/conditional.json", {NULL}},
    {"tests/scenario/until.json", {NULL}},
    {"tests/scenario/leave.json", {NULL}},
    {"tests/scenario/spill.json", {NULL}},
    {"tests/scenario/short_of_memory.json", {NULL}},
    {"tests/scenario/passed_over.json", {NULL}},
    {"tests/scenario/op_by_op.json", {NULL}},
    {"tests/scenario/policy_deadline.json", {NULL}},
    {"tests/scenario/policy_priority.json", {NULL}},
    {"tests/scenario/policy_round_robin.json", {NULL}},
    {"tests/scenario/policy_share.json", {NULL}},
    {"tests/scenario/policy_shortest.json", {NULL}},
    {"tests/scenario/multi_pipeline.json", {NULL}},
    {"tests/scenario/ray_chained.json", {NULL}},
    {"tests/scenario/ray_op_by_op.json", {NULL}},
    {"tests/scenario/tf1_chained.json", {NULL}},
    {"tests/scenario/tf1_op_by_op.json", {NULL}},
    {"tests/scenario/exchange.json", {"jobs.0.steps=5", NULL}},
    {"tests/scenario/exchange.json", {"jobs.submit=op_by_op", "control.dispatch=sequential", NULL}},
};

typedef struct { /* A run on tape. */
    gw_scenario *scenario;
    gw_directory *directory;
    uint32_t node_count;
    tape_port **ports; /* By node. */
    gw_controller **controllers;
} taped_run;

static gw_scenario *load_case(const replay_case *replayed)
{
    g_autofree char *path = g_build_filename(GW_SOURCE_DIR, replayed->path, NULL);
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario = gw_scenario_load(path, replayed->settings, &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

static void handle_taped(void *context, gw_node_id node, const gw_input *input)
{
    const taped_run *run = context;
    tape_port_hear(run->ports[node.index], input);
    gw_controller_handle(run->controllers[node.index], input);
}

static void deal_rows(void *context, uint32_t job, uint32_t edge, uint32_t run, uint32_t shard,
                      uint32_t *out_counts)
{
    gw_scenario_counts(((const taped_run *)context)->scenario, job, edge, run, shard, out_counts);
}

static uint32_t count_lines(const taped_run *run, uint32_t node, tape_kind kind, const char *words)
{
    const GArray *lines = tape_port_lines(run->ports[node]);
    uint32_t count = 0;
    for (uint32_t i = 0; i < lines->len; i++) {
        const tape_line *line = &g_array_index(lines, tape_line, i);
        count += line->kind == kind && g_str_has_prefix(line->words, words);
    }
    return count;
}

/* How a job can end: done, or failed with nothing left of it. */
static bool has_ended(const taped_run *run, uint32_t job)
{
    g_autofree char *done = g_strdup_printf("note JOB_DONE, job %u", job);
    g_autofree char *collected = g_strdup_printf("note JOB_COLLECTED, job %u", job);
    g_autofree char *failed = g_strdup_printf("note CLIENT_FAILED, job %u, 0", job);
    const char *const ends[] = {done, collected, failed};
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->node_count; i++) {
        for (uint32_t e = 0; e < G_N_ELEMENTS(ends); e++) {
            count += count_lines(run, i, TAPE_NOTE, ends[e]);
        }
    }
    return count > 0;
}

/* The whole scenario in a world, every node on tape, up to its end. */
static void tape_case(taped_run *run, const replay_case *replayed, const contract_world *kind)
{
    *run = (taped_run){.scenario = load_case(replayed)};
    run->directory = gw_scenario_directory(run->scenario);
    run->node_count = gw_directory_node_count(run->directory);
    run->ports = g_new0(tape_port *, run->node_count);
    run->controllers = g_new0(gw_controller *, run->node_count);
    void *world = kind->create(run->directory, handle_taped, deal_rows, run);
    for (uint32_t i = 0; i < run->node_count; i++) {
        const gw_node_id node = {i};
        run->ports[i] = tape_port_new(run->directory, node, kind->port(world, node));
        run->controllers[i] =
            gw_controller_new(run->directory, &run->scenario->control, run->scenario->jobs, node,
                              tape_port_base(run->ports[i]), NULL);
        ck_assert_ptr_nonnull(run->controllers[i]);
    }
    ck_assert(kind->run(world));
    for (uint32_t i = 0; i < run->node_count; i++) {
        gw_controller_free(run->controllers[i]);
    }
    kind->destroy(world);
    for (uint32_t j = 0; j < run->scenario->job_count; j++) {
        ck_assert(has_ended(run, j));
    }
}

static void clear_run(taped_run *run)
{
    for (uint32_t i = 0; i < run->node_count; i++) {
        tape_port_free(run->ports[i]);
    }
    g_free(run->ports);
    g_free(run->controllers);
    gw_directory_free(run->directory);
    gw_scenario_free(run->scenario);
}

/* By a scenario that was read again: not even addresses are the same. */
static bool replay_node(const taped_run *run, const gw_scenario *again, uint32_t node,
                        GString *out_difference)
{
    return tape_replay(tape_port_lines(run->ports[node]), run->directory, &again->control,
                       again->jobs, (gw_node_id){node}, out_difference);
}

/* `_i`: a world and a case. */
START_TEST(a_fresh_controller_makes_the_same_calls)
{
    const contract_world *kind = contract_worlds[_i % contract_world_count];
    const replay_case *replayed = &cases[_i / contract_world_count];
    g_autoptr(gw_scenario) again = load_case(replayed);
    g_autoptr(GString) difference = g_string_new(NULL);
    taped_run run;
    tape_case(&run, replayed, kind);
    for (uint32_t node = 0; node < run.node_count; node++) {
        ck_assert_msg(replay_node(&run, again, node, difference), "%s, %s: %s", kind->name,
                      replayed->path, difference->str);
    }
    clear_run(&run);
}
END_TEST

/* --- It can fail --- */

static uint32_t find_line(const GArray *lines, tape_kind kind, const char *words)
{
    for (uint32_t i = 0; i < lines->len; i++) {
        const tape_line *line = &g_array_index(lines, tape_line, i);
        if (line->kind == kind && g_str_has_prefix(line->words, words)) {
            return i;
        }
    }
    ck_abort_msg("no line \"%s\"", words);
    return 0;
}

/* That the replay of node `node` stops at `line` of its tape, or anywhere (GW_INDEX_NONE), and
 * says so with `words`. */
static void expect_difference(const taped_run *run, uint32_t node, uint32_t line, const char *words)
{
    g_autoptr(GString) difference = g_string_new(NULL);
    g_autofree char *place = g_strdup_printf("node %u (", node);
    g_autofree char *number = g_strdup_printf(", line %u of its tape\n", line);
    ck_assert(!replay_node(run, run->scenario, node, difference));
    ck_assert_msg(g_str_has_prefix(difference->str, place), "%s", difference->str);
    ck_assert_msg(line == GW_INDEX_NONE || strstr(difference->str, number) != NULL, "%s: %s",
                  number, difference->str);
    ck_assert_msg(strstr(difference->str, words) != NULL, "%s", difference->str);
}

static const replay_case small_case = {"tests/scenario/two_islands.json", {NULL}};

/* Whichever byte of whichever call is another one, of every node. */
START_TEST(every_changed_call_is_noticed)
{
    taped_run run;
    tape_case(&run, &small_case, contract_worlds[_i]);
    uint32_t changed_count = 0;
    for (uint32_t node = 0; node < run.node_count; node++) {
        const GArray *lines = tape_port_lines(run.ports[node]);
        for (uint32_t i = 0; i < lines->len; i++) {
            const tape_line *line = &g_array_index(lines, tape_line, i);
            if (line->kind == TAPE_INPUT || line->bytes->len == 0) {
                continue;
            }
            uint8_t *byte = &line->bytes->data[(i * 7) % line->bytes->len];
            *byte ^= 1;
            expect_difference(&run, node, i, "first other byte");
            *byte ^= 1;
            changed_count++;
        }
        g_autoptr(GString) difference = g_string_new(NULL);
        ck_assert_msg(replay_node(&run, run.scenario, node, difference), "%s", difference->str);
    }
    ck_assert_uint_gt(changed_count, 20);
    clear_run(&run);
}
END_TEST

START_TEST(a_call_too_few_or_too_many_is_noticed)
{
    taped_run run;
    tape_case(&run, &small_case, contract_worlds[_i]);
    GArray *lines = tape_port_lines(run.ports[0]);
    const uint32_t enqueue = find_line(lines, TAPE_ENQUEUE, "enqueue gang");
    tape_line more = g_array_index(lines, tape_line, enqueue);
    g_byte_array_ref(more.bytes);
    more.words = g_strdup("one enqueue more");
    g_array_insert_val(lines, enqueue, more);
    expect_difference(&run, 0, enqueue + 1, "on tape:  enqueue gang");
    g_array_remove_range(lines, enqueue, 2);
    expect_difference(&run, 0, enqueue, "replayed: enqueue gang");
    tape_line last = g_array_index(lines, tape_line, 0);
    g_byte_array_ref(last.bytes);
    last.kind = TAPE_SEND;
    last.words = g_strdup("one send after the end");
    g_array_set_size(lines, enqueue - 1);
    g_array_append_val(lines, last);
    g_autoptr(GString) difference = g_string_new(NULL);
    ck_assert(!replay_node(&run, run.scenario, 0, difference));
    ck_assert_ptr_nonnull(strstr(difference->str, "on tape:  one send after the end"));
    clear_run(&run);
}
END_TEST

/* A life that ends between two inputs is one; anywhere else calls are missing. */
START_TEST(a_tape_cut_short_is_noticed)
{
    taped_run run;
    tape_case(&run, &small_case, contract_worlds[_i]);
    for (uint32_t node = 0; node < run.node_count; node++) {
        GArray *whole = tape_port_lines(run.ports[node]);
        for (uint32_t length = 1; length < whole->len; length++) {
            g_autoptr(GArray) cut = g_array_new(FALSE, FALSE, sizeof(tape_line));
            g_autoptr(GString) difference = g_string_new(NULL);
            g_array_append_vals(cut, whole->data, length); /* The lines stay the whole tape's. */
            const bool is_same = tape_replay(cut, run.directory, &run.scenario->control,
                                             run.scenario->jobs, (gw_node_id){node}, difference);
            const bool is_life = g_array_index(whole, tape_line, length).kind == TAPE_INPUT;
            ck_assert_msg(is_same == is_life, "node %u, %u lines: %s", node, length,
                          difference->str);
            ck_assert(is_life || strstr(difference->str, "no further call for this input") != NULL);
        }
    }
    clear_run(&run);
}
END_TEST

/* What the world said counts as much: full where it was not, an input that never came. */
START_TEST(another_answer_is_noticed)
{
    taped_run run;
    tape_case(&run, &small_case, contract_worlds[_i]);
    GArray *lines = tape_port_lines(run.ports[0]);
    tape_line *reserve =
        &g_array_index(lines, tape_line, find_line(lines, TAPE_RESERVE, "reserve"));
    ck_assert_uint_eq(reserve->answer, 1);
    reserve->answer = 0;
    expect_difference(&run, 0, GW_INDEX_NONE, "on tape: ");
    reserve->answer = 1;
    g_array_remove_index(lines, find_line(lines, TAPE_INPUT, "is handed KERNEL_DONE"));
    expect_difference(&run, 0, GW_INDEX_NONE, "replayed: no such call");
    clear_run(&run);
}
END_TEST

Suite *contract_replay_suite(void)
{
    Suite *suite = suite_create("contract/replay");
    TCase *replays = tcase_create("all worlds");
    TCase *changes = tcase_create("changed tapes");
    tcase_set_timeout(replays, 120);
    tcase_set_timeout(changes, 120);
    tcase_add_loop_test(replays, a_fresh_controller_makes_the_same_calls, 0,
                        (int)G_N_ELEMENTS(cases) * contract_world_count);
    tcase_add_loop_test(changes, every_changed_call_is_noticed, 0, contract_world_count);
    tcase_add_loop_test(changes, a_call_too_few_or_too_many_is_noticed, 0, contract_world_count);
    tcase_add_loop_test(changes, a_tape_cut_short_is_noticed, 0, contract_world_count);
    tcase_add_loop_test(changes, another_answer_is_noticed, 0, contract_world_count);
    suite_add_tcase(suite, replays);
    suite_add_tcase(suite, changes);
    return suite;
}
