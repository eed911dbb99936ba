/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines: the generated order, played in order, meets published bubbles and closed forms;
 * memory follows the schedule; and mistakes. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "run_suite.h"
#include "test_workload.h"
#include "workload/workload.h"
#include "workload/workload_schedule.h"

static gw_program *build_good(const char *json)
{
    return workload_build_good(&gw_workload_pipeline, 1, json);
}

static void build_bad(const char *json, const char *part)
{
    workload_build_bad(&gw_workload_pipeline, 1, json, part);
}

/* --- Builders --- */

static gw_span node_ns(const gw_program *program, uint32_t node)
{
    const gw_function *function = gw_program_function(program, node);
    ck_assert_uint_eq(function->operations->len, 1);
    ck_assert_int_eq(gw_function_operation(function, 0)->kind, GW_OPERATION_DURATION);
    return gw_function_operation(function, 0)->duration_ns;
}

/* When each node starts if every mesh runs its nodes one by one in the program's order, each as
 * soon as its inputs are there, transfers beside.  Returns when all is done. */
static gw_time play(const gw_program *program, gw_time *out_start_ns)
{
    g_autofree gw_time *free_ns = g_new0(gw_time, program->meshes->len);
    gw_time end_ns = 0;
    for (uint32_t node = 0; node < program->nodes->len; node++) {
        gw_time *mesh_free_ns = &free_ns[gw_program_node(program, node)->mesh];
        gw_time start_ns = *mesh_free_ns;
        for (uint32_t i = program->first_edge[node]; i < program->first_edge[node + 1]; i++) {
            const gw_edge *edge = gw_program_edge(program, i);
            start_ns = MAX(start_ns, out_start_ns[edge->source_node] +
                                         node_ns(program, edge->source_node) + edge->duration_ns);
        }
        out_start_ns[node] = start_ns;
        *mesh_free_ns = start_ns + node_ns(program, node);
        end_ns = MAX(end_ns, *mesh_free_ns);
    }
    return end_ns;
}

static gw_time play_all(const gw_program *program)
{
    g_autofree gw_time *start_ns = g_new0(gw_time, program->nodes->len);
    return play(program, start_ns);
}

/* --- Time --- */

/* Qi et al., "Zero Bubble Pipeline Parallelism" (2024): measured stage times in ms, and the bubble
 * rate of 1F1B, (T - m (TF + TB + TW)) / T.  Printed to 4 digits from times to 5. */
START_TEST(published_bubbles_of_1f1b)
{
    static const struct {
        uint32_t stages, microbatches;
        double forward_ms, backward_ms, weight_ms, transfer_ms, bubble;
    } rows[] = {
        {8, 24, 18.522, 18.086, 9.337, .601, .2431},  {8, 32, 18.513, 18.086, 9.331, .626, .1985},
        {8, 64, 18.546, 18.097, 9.321, .762, .1240},  {16, 48, 11.347, 11.248, 8.132, .377, .2552},
        {16, 64, 11.307, 11.254, 8.101, .379, .2082}, {16, 128, 11.325, 11.308, 8.109, .378, .1251},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        g_autofree char *json = g_strdup_printf(
            "{\"stages\": %u, \"microbatches\": %u, \"schedule\": \"1f1b\", \"forward\": "
            "\"%.3fms\", \"backward\": \"%.3fms\", \"weight\": \"%.3fms\", \"transfer\": "
            "\"%.3fms\"}",
            rows[i].stages, rows[i].microbatches, rows[i].forward_ms, rows[i].backward_ms,
            rows[i].weight_ms, rows[i].transfer_ms);
        g_autoptr(gw_program) program = build_good(json);
        const double total_ms = (double)play_all(program) / 1e6;
        const double useful_ms =
            rows[i].microbatches * (rows[i].forward_ms + rows[i].backward_ms + rows[i].weight_ms);
        ck_assert_double_eq_tol((total_ms - useful_ms) / total_ms, rows[i].bubble, 0.0002);
    }
}
END_TEST

/* Without transfers both schedules take (m + p - 1)(TF + TB + TW): the same bubble. */
START_TEST(closed_form_of_equal_stages)
{
    for (uint32_t stages = 1; stages <= 6; stages++) {
        for (uint32_t count = 1; count <= 9; count++) {
            for (uint32_t name = 0; name < 2; name++) {
                g_autofree char *json = g_strdup_printf(
                    "{\"stages\": %u, \"microbatches\": %u, \"schedule\": \"%s\", \"forward_ns\": "
                    "300, \"backward_ns\": 400, \"weight_ns\": 200}",
                    stages, count, name == 0 ? "1f1b" : "gpipe");
                g_autoptr(gw_program) program = build_good(json);
                ck_assert_uint_eq(play_all(program), (uint64_t)(count + stages - 1) * 900);
            }
        }
    }
}
END_TEST

/* The order is by start, ties by stage: so a plain play in that order gives those very starts. */
START_TEST(nodes_are_in_order_of_start)
{
    static const char *const names[] = {"1f1b", "gpipe"};
    for (size_t i = 0; i < 2; i++) {
        g_autofree char *json = g_strdup_printf(
            "{\"stages\": 4, \"microbatches\": 7, \"schedule\": \"%s\", \"forward\": [\"3us\", "
            "\"5us\", \"2us\", \"4us\"], \"backward\": \"6us\", \"weight\": [\"1us\", \"0us\", "
            "\"2us\", \"2us\"], \"transfer_ns\": [500, 700, 100, 200]}",
            names[i]);
        g_autoptr(gw_program) program = build_good(json);
        ck_assert_uint_eq(program->nodes->len, 4 * 7 * 2);
        g_autofree gw_time *start_ns = g_new0(gw_time, program->nodes->len);
        play(program, start_ns);
        for (uint32_t node = 1; node < program->nodes->len; node++) {
            ck_assert_uint_le(start_ns[node - 1], start_ns[node]);
            if (start_ns[node - 1] == start_ns[node]) {
                ck_assert_uint_lt(gw_program_node(program, node - 1)->stage,
                                  gw_program_node(program, node)->stage);
            }
        }
    }
}
END_TEST

START_TEST(times_go_to_their_stages)
{
    g_autoptr(gw_program) program = build_good(
        "{\"stages\": 2, \"microbatches\": 1, \"forward\": [\"3us\", \"5us\"], \"backward\": "
        "\"6us\", \"weight\": [\"1us\", \"2us\"], \"transfer\": [\"7us\", \"9us\"]}");
    static const struct {
        const char *name;
        gw_span ns;
        uint32_t stage;
    } nodes[] = {{"forward0.s0", 3000, 0},
                 {"forward0.s1", 5000, 1},
                 {"backward0.s1", 8000, 1},
                 {"backward0.s0", 7000, 0}};
    for (uint32_t i = 0; i < 4; i++) {
        const gw_node *node = gw_program_node(program, i);
        ck_assert_str_eq(node->name, nodes[i].name);
        ck_assert_uint_eq(node_ns(program, i), nodes[i].ns);
        ck_assert_uint_eq(node->stage, nodes[i].stage);
        ck_assert_uint_eq(node->mesh, nodes[i].stage);
        ck_assert_uint_eq(node->microbatch, 0);
        ck_assert_uint_eq(gw_program_function(program, i)->computations, 1);
    }
    ck_assert_uint_eq(gw_program_edge(program, 0)->duration_ns, 7000); /* Stage 0 sends. */
    ck_assert_uint_eq(gw_program_edge(program, 1)->duration_ns, 0);    /* Its own activation. */
    ck_assert_uint_eq(gw_program_edge(program, 2)->duration_ns, 9000); /* Stage 1 sends. */
    ck_assert_uint_eq(gw_program_edge(program, 3)->duration_ns, 0);
    ck_assert_uint_eq(play_all(program), 3000 + 7000 + 5000 + 8000 + 9000 + 7000);
    ck_assert_str_eq(gw_program_mesh(program, 1)->name, "stage1");
}
END_TEST

/* --- Memory --- */

/* How many activations a stage holds at most: forwards run there whose backward has not. */
static uint32_t count_held(const gw_program *program, uint32_t stage)
{
    uint32_t held = 0, most = 0;
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        if (gw_program_node(program, i)->stage == stage) {
            held += gw_program_node(program, i)->name[0] == 'f' ? 1U : -1U;
            most = MAX(most, held);
        }
    }
    ck_assert_uint_eq(held, 0);
    return most;
}

START_TEST(memory_follows_the_schedule)
{
    g_autoptr(gw_program) early = build_good("{\"stages\": 4, \"microbatches\": 10, \"forward\": "
                                             "\"1ms\", \"backward\": \"2ms\"}");
    g_autoptr(gw_program) late =
        build_good("{\"stages\": 4, \"microbatches\": 10, \"forward\": \"1ms\", \"backward\": "
                   "\"2ms\", \"schedule\": \"gpipe\"}");
    for (uint32_t stage = 0; stage < 4; stage++) {
        ck_assert_uint_eq(count_held(early, stage), 4 - stage);
        ck_assert_uint_eq(count_held(late, stage), 10);
    }
}
END_TEST

START_TEST(activations_stay_until_their_backward)
{
    g_autoptr(gw_program) program =
        build_good("{\"stages\": 3, \"microbatches\": 5, \"forward\": \"1ms\", \"backward\": "
                   "\"2ms\", \"activation\": \"64KiB\", \"devices_per_stage\": 4}");
    uint32_t kept_count = 0, sent_count = 0;
    for (uint32_t i = 0; i < program->edges->len; i++) {
        const gw_edge *edge = gw_program_edge(program, i);
        const gw_node *source = gw_program_node(program, edge->source_node);
        const gw_node *target = gw_program_node(program, edge->target_node);
        const gw_function *maker = gw_program_function(program, edge->source_node);
        ck_assert_uint_eq(source->microbatch, target->microbatch);
        ck_assert_uint_eq(gw_value_bytes(gw_function_value(
                              maker, gw_function_output(maker, edge->source_output))),
                          65536);
        if (source->mesh == target->mesh) {
            ck_assert_int_eq(source->name[0], 'f');
            ck_assert_int_eq(target->name[0], 'b');
            kept_count++;
        } else {
            ck_assert_int_eq(source->name[0], target->name[0]);
            const int step = source->name[0] == 'f' ? 1 : -1;
            ck_assert_int_eq((int)target->stage, (int)source->stage + step);
            sent_count++;
        }
    }
    ck_assert_uint_eq(kept_count, 3 * 5);
    ck_assert_uint_eq(sent_count, 2 * 2 * 5);
    ck_assert_uint_eq(program->meshes->len, 3);
    ck_assert_uint_eq(gw_mesh_device_count(gw_program_mesh(program, 2)), 4);
}
END_TEST

/* --- Splitting, chunks and files --- */

#define SMALL "\"stages\": 2, \"microbatches\": 2, \"forward\": \"1us\", \"backward\": \"2us\""

static const gw_node *find_node(const gw_program *program, const char *name, uint32_t *out_index)
{
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        if (strcmp(gw_program_node(program, i)->name, name) == 0) {
            *out_index = i;
            return gw_program_node(program, i);
        }
    }
    ck_abort_msg("no node \"%s\"", name);
    return NULL;
}

static uint64_t input_bytes(const gw_program *program, const char *name, uint32_t input)
{
    uint32_t node;
    find_node(program, name, &node);
    const gw_function *function = gw_program_function(program, node);
    ck_assert_uint_lt(input, function->input_count);
    return gw_value_bytes(gw_function_value(function, gw_function_input(function, input)));
}

START_TEST(the_pass_for_weights_reads_what_is_kept)
{
    g_autoptr(gw_program) program = build_good(
        "{" SMALL ", \"weight\": \"3us\", \"schedule\": \"zb-h1\", \"transfer\": \"1us\", "
        "\"activation\": \"8KiB\", \"weight_activation\": \"2KiB\"}");
    ck_assert_uint_eq(program->nodes->len, 2 * 2 * 3);
    uint32_t node, maker;
    ck_assert_uint_eq(find_node(program, "weights1.s1", &node)->mesh, 1);
    ck_assert_uint_eq(node_ns(program, node), 3000);
    ck_assert_uint_eq(program->first_edge[node + 1] - program->first_edge[node], 1);
    find_node(program, "inputs1.s1", &maker);
    ck_assert_uint_eq(node_ns(program, maker), 2000);
    ck_assert_uint_eq(gw_program_edge(program, program->first_edge[node])->source_node, maker);
    ck_assert_uint_eq(input_bytes(program, "weights0.s0", 0), 2048);
    ck_assert_uint_eq(input_bytes(program, "inputs0.s0", 0), 8192); /* From stage 1. */
    ck_assert_uint_eq(input_bytes(program, "inputs0.s0", 1), 8192); /* Its own. */
}
END_TEST

START_TEST(chunks_go_round_the_stages)
{
    g_autoptr(gw_program) program =
        build_good("{" SMALL ", \"weight\": \"3us\", \"schedule\": \"interleaved\", \"chunks\": 2, "
                   "\"transfer\": [\"7us\", \"9us\"]}");
    ck_assert_uint_eq(program->nodes->len, 2 * 2 * 2 * 2);
    uint32_t node, source;
    find_node(program, "forward1.s0.c1", &node);
    find_node(program, "forward1.s1.c0", &source);
    ck_assert_uint_eq(node_ns(program, node), 500);
    const gw_edge *edge = gw_program_edge(program, program->first_edge[node]);
    ck_assert_uint_eq(edge->source_node, source);
    ck_assert_uint_eq(edge->duration_ns, 9000);
    find_node(program, "backward1.s1.c0", &node);
    find_node(program, "backward1.s0.c1", &source);
    ck_assert_uint_eq(node_ns(program, node), 2500);
    edge = gw_program_edge(program, program->first_edge[node]);
    ck_assert_uint_eq(edge->source_node, source);
    ck_assert_uint_eq(edge->duration_ns, 7000);
}
END_TEST

START_TEST(chunks_of_one_stage_send_nothing)
{
    g_autoptr(gw_program) program =
        build_good("{\"stages\": 1, \"microbatches\": 3, \"forward\": \"2us\", \"backward\": "
                   "\"4us\", \"schedule\": \"interleaved\", \"chunks\": 2, \"transfer\": "
                   "\"1ms\"}");
    ck_assert_uint_eq(play_all(program), 3 * 6000);
}
END_TEST

/* Of two stages every second micro-batch does not wait where it goes round: its pass has no input
 * from there, and the others are as they were. */
START_TEST(waits_are_left_out_when_asked)
{
    for (uint32_t early = 0; early < 2; early++) {
        g_autofree char *json = g_strdup_printf(
            "{\"stages\": 2, \"microbatches\": 4, \"forward\": \"4us\", \"backward\": \"4us\", "
            "\"schedule\": \"interleaved\", \"chunks\": 2, \"transfer\": \"1us\", "
            "\"wrap_waits\": \"%s\"}",
            early == 1 ? "first" : "all");
        g_autoptr(gw_program) program = build_good(json);
        uint32_t node, edge_count[2];
        for (uint32_t i = 0; i < 4; i++) {
            for (uint32_t kind = 0; kind < 2; kind++) {
                g_autofree char *name = kind == 0 ? g_strdup_printf("forward%u.s0.c1", i)
                                                  : g_strdup_printf("backward%u.s1.c0", i);
                find_node(program, name, &node);
                edge_count[kind] = program->first_edge[node + 1] - program->first_edge[node];
            }
            const uint32_t waits = early == 0 || i % 2 == 0 ? 1 : 0;
            ck_assert_uint_eq(edge_count[0], waits);
            ck_assert_uint_eq(edge_count[1], 1 + waits); /* Its own forward. */
        }
        /* m (F + B), (p - 1) (F + B) / v, and 2 (v p - 1) transfers, of which p are not waited for.
         */
        ck_assert_uint_eq(play_all(program), 32000 + 4000 + (early == 0 ? 6 : 4) * 1000);
    }
}
END_TEST

START_TEST(peaks_are_told)
{
    g_autoptr(gw_program) program =
        build_good("{\"stages\": 3, \"microbatches\": 5, \"forward\": \"1us\", \"backward\": "
                   "\"2us\", \"weight\": \"1us\"}");
    for (uint32_t stage = 0; stage < 3; stage++) {
        ck_assert_double_eq(gw_program_mesh(program, stage)->activations_max, 3 - stage);
    }
}
END_TEST

START_TEST(mistakes_of_schedules_are_told)
{
    build_bad("{" SMALL ", \"schedule\": \"zb-h1\"}",
              "/weight: schedule \"zb-h1\" has W 0 on stage 0, which takes no time; expected a "
              "\"weight\"");
    build_bad("{" SMALL ", \"chunks\": 2}",
              "/chunks: found 2 with schedule \"1f1b\", expected 1, or a schedule that knows");
    build_bad("{" SMALL ", \"schedule\": \"interleaved\"}", "/schedule: found 1 chunk per stage");
    build_bad("{\"stages\": 2, \"microbatches\": 3, \"forward\": \"1us\", \"backward\": \"2us\", "
              "\"schedule\": \"interleaved\", \"chunks\": 2}",
              "/schedule: found 3 micro-batches, expected a multiple of the 2 stages");
    build_bad("{" SMALL ", \"schedule\": \"interleaved\", \"chunks\": 65}", "/chunks: found 65");
    build_bad(
        "{" SMALL ", \"schedule\": \"gpipe\", \"wrap_waits\": \"first\"}",
        "/wrap_waits: found \"first\" with schedule \"gpipe\" and stages 2, expected \"all\"");
    build_bad("{\"stages\": 1, \"microbatches\": 3, \"forward\": \"2us\", \"backward\": \"4us\", "
              "\"schedule\": \"interleaved\", \"chunks\": 2, \"wrap_waits\": \"first\"}",
              "/wrap_waits: found \"first\" with schedule \"interleaved\" and stages 1");
    build_bad("{" SMALL ", \"wrap_waits\": \"none\"}", "/wrap_waits: found \"none\"");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"forward_ns\": 2, \"backward\": \"2us\", "
              "\"schedule\": \"interleaved\", \"chunks\": 3}",
              "/forward_ns: found 2 ns, expected 3 ns");
    build_bad("{" SMALL ", \"schedule\": \"zb-auto\", \"weight\": \"1us\"}",
              "found no \"activations_max\"");
    build_bad("{" SMALL ", \"schedule\": \"zb-auto\", \"activations_max\": 0.5}",
              "/activations_max: found 0.5");
    build_bad("{" SMALL ", \"schedule\": \"gpipe\", \"activations_max\": 1}",
              "/activations_max: found 1, expected 2 at least, which is what schedule \"gpipe\" "
              "holds on stage 0");
    build_bad("{" SMALL ", \"weight_activation\": \"2MiB\"}",
              "/weight_activation: found 2097152 bytes, expected at most the activation's 1048576");
    build_bad("{" SMALL ", \"schedule\": \"file\"}", "found no \"schedule_file\"");
    build_bad("{" SMALL ", \"schedule_file\": \"own.csv\"}",
              "/schedule_file: found one with schedule \"1f1b\", expected schedule \"file\"");
    build_bad("{" SMALL ", \"schedule\": \"file\", \"schedule_file\": \"/none/own.csv\"}",
              "/schedule_file: Failed to open file");
    build_bad("{\"stages\": 512, \"microbatches\": 200, \"forward\": \"1us\", \"backward\": "
              "\"2us\", \"weight\": \"1us\", \"schedule\": \"zb-h1\"}",
              "/microbatches: found 200 in 512 stages, expected at most 170");
}
END_TEST

START_TEST(one_stage_needs_nobody)
{
    g_autoptr(gw_program) program = build_good("{\"stages\": 1, \"microbatches\": 2, \"forward\": "
                                               "\"1us\", \"backward\": \"2us\"}");
    ck_assert_uint_eq(program->nodes->len, 4);
    ck_assert_uint_eq(program->edges->len, 2);
    ck_assert_uint_eq(play_all(program), 6000);
}
END_TEST

START_TEST(mistakes_are_told)
{
#define TIMES "\"forward\": \"1ms\", \"backward\": \"1ms\""
    build_bad("{\"microbatches\": 2, " TIMES "}", "found no \"stages\"");
    build_bad("{\"stages\": 0, \"microbatches\": 2, " TIMES "}", "/stages: found 0");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"forward\": \"1ms\"}",
              "found no \"backward\"");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"schedule\": \"gpip\", " TIMES "}",
              "did you mean \"gpipe\"?");
    build_bad("{\"stages\": 4096, \"microbatches\": 65536, " TIMES "}",
              "/microbatches: found 65536 in 4096 stages, expected at most 32");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"forward\": [\"1ms\"], \"backward\": "
              "\"1ms\"}",
              "/forward: found 1 spans, expected 2");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"forward\": [\"1ms\", \"soon\"], "
              "\"backward\": \"1ms\"}",
              "/forward/1: ");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"forward_ns\": [5, -1], \"backward\": "
              "\"1ms\"}",
              "/forward_ns/1: found -1");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"forward\": [\"1ms\", \"0ns\"], "
              "\"backward\": \"1ms\"}",
              "/forward/1: found 0 ns");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"forward\": \"0ns\", \"backward\": \"1ms\"}",
              "/forward: found 0 ns");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"transfer\": \"0ns\", " TIMES "}",
              "/transfer: found 0 ns");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"activation\": \"6B\", " TIMES "}",
              "/activation: found 6 bytes, expected a multiple of 4");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"activation\": \"9GiB\", " TIMES "}",
              "/activation: found");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"devices_per_stage\": 0, " TIMES "}",
              "/devices_per_stage: found 0");
    build_bad("{\"stages\": 2, \"microbatches\": 2, \"wieght\": \"1ms\", " TIMES "}",
              "did you mean \"weight\"?");
#undef TIMES
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("pipeline");
    tcase_add_test(cases, published_bubbles_of_1f1b);
    tcase_add_test(cases, closed_form_of_equal_stages);
    tcase_add_test(cases, nodes_are_in_order_of_start);
    tcase_add_test(cases, times_go_to_their_stages);
    tcase_add_test(cases, memory_follows_the_schedule);
    tcase_add_test(cases, activations_stay_until_their_backward);
    tcase_add_test(cases, the_pass_for_weights_reads_what_is_kept);
    tcase_add_test(cases, chunks_go_round_the_stages);
    tcase_add_test(cases, chunks_of_one_stage_send_nothing);
    tcase_add_test(cases, waits_are_left_out_when_asked);
    tcase_add_test(cases, peaks_are_told);
    tcase_add_test(cases, mistakes_of_schedules_are_told);
    tcase_add_test(cases, one_stage_needs_nobody);
    tcase_add_test(cases, mistakes_are_told);
    Suite *suite = suite_create("workload_pipeline");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
