/* SPDX-License-Identifier: Apache-2.0 */
/* The perceptron, run by a plain interpreter in double precision: gradients against finite
 * differences, the same losses on any number of devices and in one node, learning; and mistakes. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "run_suite.h"
#include "workload/workload.h"

/* --- Builders --- */

static gw_program *build(const char *json, uint64_t seed, GError **error)
{
    g_autoptr(gw_params) params = gw_params_parse(json, "test.json", error);
    ck_assert_ptr_nonnull(params);
    return gw_workload_mlp.build(params, seed, error);
}

static gw_program *build_good(const char *json)
{
    g_autoptr(GError) error = NULL;
    gw_program *program = build(json, 7, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no message");
    return program;
}

static void build_bad(const char *json, const char *part)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(build(json, 7, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
}

static uint32_t find_node(const gw_program *program, const char *name)
{
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        if (strcmp(gw_program_node(program, i)->name, name) == 0) {
            return i;
        }
    }
    ck_abort_msg("no node %s", name);
}

/* --- The interpreter: one mesh of one dimension, all shards in step --- */

typedef struct {
    const gw_program *program;
    uint32_t shard_count, run;
    /* By node: values of its function, by value and shard.  Of this run, and of the one before
     * (of set-up nodes the same). */
    double ***now, ***before;
} interpreter;

static uint32_t count_elements(const gw_value *value)
{
    return value->rows * value->columns;
}

static double *find_cell(const interpreter *at, uint32_t node, uint32_t value, uint32_t shard)
{
    return at->now[node][value * at->shard_count + shard];
}

static void multiply(const gw_function *function, const gw_operation *operation, const double *a,
                     const double *b, double *y)
{
    const gw_value *left = gw_function_value(function, operation->inputs[0]);
    const gw_value *right = gw_function_value(function, operation->inputs[1]);
    const gw_value *result = gw_function_value(function, operation->outputs[0]);
    const uint32_t inner = operation->transpose_a ? left->rows : left->columns;
    for (uint32_t i = 0; i < result->rows; i++) {
        for (uint32_t j = 0; j < result->columns; j++) {
            double sum = 0;
            for (uint32_t k = 0; k < inner; k++) {
                sum += a[operation->transpose_a ? k * left->columns + i : i * left->columns + k] *
                       b[operation->transpose_b ? j * right->columns + k : k * right->columns + j];
            }
            y[i * result->columns + j] = sum;
        }
    }
}

static void apply_softmax(const gw_value *shape, const double *x, double *y)
{
    for (uint32_t i = 0; i < shape->rows; i++, x += shape->columns, y += shape->columns) {
        double most = x[0], sum = 0;
        for (uint32_t j = 1; j < shape->columns; j++) {
            most = fmax(most, x[j]);
        }
        for (uint32_t j = 0; j < shape->columns; j++) {
            sum += y[j] = exp(x[j] - most);
        }
        for (uint32_t j = 0; j < shape->columns; j++) {
            y[j] /= sum;
        }
    }
}

static void apply_cross_entropy(const gw_value *shape, double scalar, const double *logits,
                                const double *labels, double *loss, double *gradient)
{
    apply_softmax(shape, logits, gradient);
    *loss = 0;
    for (uint32_t i = 0; i < count_elements(shape); i++) {
        *loss -= scalar * labels[i] * log(gradient[i]);
        gradient[i] = scalar * (gradient[i] - labels[i]);
    }
}

static void apply_map(const gw_value *shape, const gw_operation *operation, const double *x,
                      const double *z, double *y)
{
    for (uint32_t i = 0; i < count_elements(shape); i++) {
        switch (operation->map) {
        case GW_MAP_ADD_ROW:
            y[i] = x[i] + z[i % shape->columns];
            break;
        case GW_MAP_ADD_SCALAR:
            y[i] = x[i] + operation->scalar;
            break;
        case GW_MAP_RELU:
            y[i] = fmax(x[i], 0);
            break;
        case GW_MAP_RELU_GRADIENT:
            y[i] = z[i] > 0 ? x[i] : 0;
            break;
        default:
            ck_abort_msg("map %d", (int)operation->map);
        }
    }
}

static void apply_optimizer(const gw_value *shape, const gw_operation *operation, double *const *in,
                            double *const *out)
{
    for (uint32_t i = 0; i < count_elements(shape); i++) {
        const double gradient = in[1][i];
        if (operation->kind == GW_OPERATION_SGD) {
            out[0][i] = in[0][i] - operation->scalar * gradient;
            continue;
        }
        out[1][i] = 0.9 * in[2][i] + 0.1 * gradient;
        out[2][i] = 0.999 * in[3][i] + 0.001 * gradient * gradient;
        const double t = in[4][0] + 1;
        const double mean = out[1][i] / (1 - pow(0.9, t)), square = out[2][i] / (1 - pow(0.999, t));
        out[0][i] = in[0][i] - operation->scalar * mean / (sqrt(square) + 1e-8);
    }
}

static void apply_random(const gw_value *value, const gw_operation *operation, uint32_t shard,
                         double *y)
{
    const uint32_t count = count_elements(value);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t place = (value->is_sharded ? (uint64_t)shard * count : 0) + i;
        const double uniform = (double)(gw_random_at(operation->seed, place) >> 11) * 0x1p-52 - 1;
        y[i] = operation->scalar * uniform;
    }
}

static void sum_rows(const gw_value *shape, const double *x, double *y)
{
    memset(y, 0, shape->columns * sizeof *y);
    for (uint32_t i = 0; i < count_elements(shape); i++) {
        y[i % shape->columns] += x[i];
    }
}

static void run_local(const interpreter *at, uint32_t node, const gw_operation *operation,
                      uint32_t shard)
{
    const gw_function *function = gw_program_function(at->program, node);
    double *in[GW_OPERATION_INPUTS_MAX] = {0}, *out[GW_OPERATION_OUTPUTS_MAX] = {0};
    for (uint32_t i = 0; i < gw_operation_input_count(operation); i++) {
        in[i] = find_cell(at, node, operation->inputs[i], shard);
    }
    for (uint32_t i = 0; i < gw_operation_output_count(operation); i++) {
        out[i] = find_cell(at, node, operation->outputs[i], shard);
    }
    const gw_value *x = gw_function_value(function, operation->inputs[0]);
    const gw_value *y = gw_function_value(function, operation->outputs[0]);
    switch (operation->kind) {
    case GW_OPERATION_FILL:
        for (uint32_t i = 0; i < count_elements(y); i++) {
            out[0][i] = operation->scalar;
        }
        break;
    case GW_OPERATION_RANDOM:
        apply_random(y, operation, shard, out[0]);
        break;
    case GW_OPERATION_MATMUL:
        multiply(function, operation, in[0], in[1], out[0]);
        break;
    case GW_OPERATION_MAP:
        apply_map(x, operation, in[0], in[1], out[0]);
        break;
    case GW_OPERATION_REDUCE:
        ck_assert_int_eq(operation->reduction, GW_REDUCTION_SUM_ROWS);
        sum_rows(x, in[0], out[0]);
        break;
    case GW_OPERATION_SOFTMAX:
        apply_softmax(x, in[0], out[0]);
        break;
    case GW_OPERATION_CROSS_ENTROPY:
        apply_cross_entropy(x, operation->scalar, in[0], in[1], out[0], out[1]);
        break;
    case GW_OPERATION_SGD:
    case GW_OPERATION_ADAM:
        apply_optimizer(x, operation, in, out);
        break;
    default:
        ck_abort_msg("operation %s", gw_operation_name(operation->kind));
    }
}

static void run_all_reduce(const interpreter *at, uint32_t node, const gw_operation *operation)
{
    const gw_function *function = gw_program_function(at->program, node);
    const uint32_t count = count_elements(gw_function_value(function, operation->inputs[0]));
    for (uint32_t i = 0; i < count; i++) {
        double sum = 0;
        for (uint32_t shard = 0; shard < at->shard_count; shard++) {
            sum += find_cell(at, node, operation->inputs[0], shard)[i];
        }
        for (uint32_t shard = 0; shard < at->shard_count; shard++) {
            find_cell(at, node, operation->outputs[0], shard)[i] = sum;
        }
    }
}

static void fetch_inputs(const interpreter *at, uint32_t node)
{
    const gw_program *program = at->program;
    const gw_function *function = gw_program_function(program, node);
    for (uint32_t i = program->first_edge[node]; i < program->first_edge[node + 1]; i++) {
        const gw_edge *edge = gw_program_edge(program, i);
        const bool is_initial = edge->is_carried && at->run == 0;
        const uint32_t source = is_initial ? edge->initial_node : edge->source_node;
        const uint32_t output = is_initial ? edge->initial_output : edge->source_output;
        double ***from = edge->is_carried && at->run > 0 ? at->before : at->now;
        const uint32_t value = gw_function_output(gw_program_function(program, source), output);
        const uint32_t input = gw_function_input(function, edge->target_input);
        for (uint32_t shard = 0; shard < at->shard_count; shard++) {
            memcpy(find_cell(at, node, input, shard), from[source][value * at->shard_count + shard],
                   count_elements(gw_function_value(function, input)) * sizeof(double));
        }
    }
}

static void run_node(const interpreter *at, uint32_t node)
{
    const gw_function *function = gw_program_function(at->program, node);
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (operation->kind == GW_OPERATION_ALL_REDUCE) {
            run_all_reduce(at, node, operation);
            continue;
        }
        for (uint32_t shard = 0; shard < at->shard_count; shard++) {
            run_local(at, node, operation, shard);
        }
    }
}

static double ***make_cells(const gw_program *program, uint32_t shard_count)
{
    double ***cells = g_new0(double **, program->nodes->len);
    for (uint32_t node = 0; node < program->nodes->len; node++) {
        const gw_function *function = gw_program_function(program, node);
        const uint32_t value_count = function->values->len;
        cells[node] = g_new0(double *, value_count *shard_count);
        for (uint32_t i = 0; i < value_count * shard_count; i++) {
            const gw_value *value = gw_function_value(function, i / shard_count);
            cells[node][i] = g_new0(double, count_elements(value));
        }
    }
    return cells;
}

static void free_cells(const gw_program *program, uint32_t shard_count, double ***cells)
{
    for (uint32_t node = 0; node < program->nodes->len; node++) {
        const uint32_t value_count = gw_program_function(program, node)->values->len;
        for (uint32_t i = 0; i < value_count * shard_count; i++) {
            g_free(cells[node][i]);
        }
        g_free(cells[node]);
    }
    g_free(cells);
}

static interpreter make_machine(const gw_program *program)
{
    const uint32_t shard_count = gw_mesh_device_count(gw_program_mesh(program, 0));
    return (interpreter){.program = program,
                         .shard_count = shard_count,
                         .now = make_cells(program, shard_count),
                         .before = make_cells(program, shard_count)};
}

static void clear_machine(interpreter *at)
{
    free_cells(at->program, at->shard_count, at->now);
    free_cells(at->program, at->shard_count, at->before);
}

/* A number added to one element of an output of a set-up node, on all shards. */
typedef struct {
    uint32_t node, output, element;
    double amount;
} nudging;

static void apply_nudge(const interpreter *at, uint32_t node, const nudging *nudge)
{
    if (nudge == NULL || nudge->node != node) {
        return;
    }
    const uint32_t value =
        gw_function_output(gw_program_function(at->program, node), nudge->output);
    for (uint32_t shard = 0; shard < at->shard_count; shard++) {
        find_cell(at, node, value, shard)[nudge->element] += nudge->amount;
    }
}

/* One run more; returns the loss that the client reads. */
static double run_once(interpreter *at, const nudging *nudge)
{
    const gw_program *program = at->program;
    double ***swap = at->before;
    at->before = at->now;
    at->now = swap;
    for (uint32_t node = 0; node < program->nodes->len; node++) {
        if (gw_program_node(program, node)->is_once && at->run > 0) {
            double **kept = at->now[node]; /* Run 0's stay. */
            at->now[node] = at->before[node];
            at->before[node] = kept;
            continue;
        }
        fetch_inputs(at, node);
        run_node(at, node);
        apply_nudge(at, node, nudge);
    }
    at->run++;
    const gw_result *result = &g_array_index(program->results, gw_result, 0);
    const gw_function *function = gw_program_function(program, result->node);
    return find_cell(at, result->node, gw_function_output(function, result->output), 0)[0];
}

static void collect_losses(const char *json, double *out_losses, uint32_t run_count)
{
    g_autoptr(gw_program) program = build_good(json);
    interpreter machine = make_machine(program);
    for (uint32_t i = 0; i < run_count; i++) {
        out_losses[i] = run_once(&machine, NULL);
    }
    clear_machine(&machine);
}

/* --- Tests of values --- */

#define SMALL "\"batch\": 12, \"inputs\": 5, \"layers\": [7, 6], \"classes\": 4"

static double find_loss(const gw_program *program, const nudging *nudge)
{
    interpreter machine = make_machine(program);
    const double loss = run_once(&machine, nudge);
    clear_machine(&machine);
    return loss;
}

/* Every gradient element of every layer, and of every bias. */
START_TEST(gradients_are_those_of_the_loss)
{
    g_autoptr(gw_program) program = build_good("{\"devices\": 3, " SMALL "}");
    interpreter machine = make_machine(program);
    run_once(&machine, NULL);
    uint32_t compared = 0;
    for (uint32_t layer = 0; layer < 3; layer++) {
        g_autofree char *init = g_strdup_printf("init.%u", layer);
        g_autofree char *backward = g_strdup_printf("bwd.%u", layer);
        const uint32_t node = find_node(program, backward);
        const gw_function *function = gw_program_function(program, node);
        for (uint32_t tensor = 0; tensor < 2; tensor++) {
            const uint32_t value = gw_function_output(function, tensor);
            const double *gradient = find_cell(&machine, node, value, 1);
            const uint32_t count = count_elements(gw_function_value(function, value));
            for (uint32_t i = 0; i < count; i++) {
                const double step = 1e-5;
                const nudging up = {find_node(program, init), tensor, i, step};
                const nudging down = {find_node(program, init), tensor, i, -step};
                const double slope =
                    (find_loss(program, &up) - find_loss(program, &down)) / (2 * step);
                ck_assert_double_eq_tol(gradient[i], slope, 1e-7);
                compared++;
            }
        }
    }
    ck_assert_uint_eq(compared, 5 * 7 + 7 + 7 * 6 + 6 + 6 * 4 + 4);
    clear_machine(&machine);
}
END_TEST

START_TEST(any_number_of_devices_learns_the_same)
{
    static const char *const optimizers[] = {"sgd", "adam"};
    for (size_t k = 0; k < 2; k++) {
        double losses[4][20];
        static const uint32_t device_counts[] = {1, 2, 3, 12};
        for (size_t i = 0; i < 4; i++) {
            g_autofree char *json =
                g_strdup_printf("{\"devices\": %u, \"optimizer\": \"%s\", " SMALL "}",
                                device_counts[i], optimizers[k]);
            collect_losses(json, losses[i], 20);
            for (uint32_t run = 0; run < 20; run++) {
                ck_assert_double_eq_tol(losses[i][run], losses[0][run], 1e-9);
            }
        }
        ck_assert_double_ne(losses[0][0], losses[0][19]);
    }
}
END_TEST

START_TEST(one_node_computes_what_many_do)
{
    static const char *const optimizers[] = {"sgd", "adam"};
    for (size_t k = 0; k < 2; k++) {
        double layers[15], step[15];
        g_autofree char *many =
            g_strdup_printf("{\"devices\": 4, \"optimizer\": \"%s\", " SMALL "}", optimizers[k]);
        g_autofree char *one =
            g_strdup_printf("{\"devices\": 4, \"optimizer\": \"%s\", \"granularity\": "
                            "\"step\", " SMALL "}",
                            optimizers[k]);
        collect_losses(many, layers, 15);
        collect_losses(one, step, 15);
        for (uint32_t run = 0; run < 15; run++) {
            ck_assert_double_eq(layers[run], step[run]);
        }
    }
}
END_TEST

/* It learns the teacher: the loss goes down towards the entropy of the labels, below which it
 * cannot go. */
START_TEST(losses_go_down)
{
    static const char *const jsons[] = {
        "{\"devices\": 2, \"batch\": 64, \"inputs\": 8, \"hidden\": 16, \"depth\": 2, "
        "\"classes\": 4, \"learning_rate\": 0.5}",
        "{\"devices\": 2, \"batch\": 64, \"inputs\": 8, \"hidden\": 16, \"depth\": 2, "
        "\"classes\": 4, \"optimizer\": \"adam\", \"learning_rate\": 0.01}",
    };
    for (size_t i = 0; i < 2; i++) {
        double losses[200];
        collect_losses(jsons[i], losses, 200);
        ck_assert_double_lt(losses[0], 4);
        ck_assert_double_gt(losses[0], 0.5);
        ck_assert_double_lt(losses[50], losses[0] * 0.9);
        ck_assert_double_lt(losses[199], losses[50]);
        ck_assert_double_gt(losses[199], 0);
    }
}
END_TEST

START_TEST(seeds_make_the_data)
{
    double first[2], again[2];
    const char *json = "{\"devices\": 2, " SMALL "}";
    collect_losses(json, first, 2);
    collect_losses(json, again, 2);
    ck_assert_double_eq(first[1], again[1]);
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) other = build(json, 8, &error);
    ck_assert_ptr_nonnull(other);
    ck_assert_double_ne(find_loss(other, NULL), first[0]);
}
END_TEST

START_TEST(labels_are_probabilities_that_say_something)
{
    g_autoptr(gw_program) program = build_good("{\"devices\": 2, " SMALL "}");
    interpreter machine = make_machine(program);
    run_once(&machine, NULL);
    const uint32_t data = find_node(program, "data");
    const gw_function *function = gw_program_function(program, data);
    double most = 0;
    for (uint32_t shard = 0; shard < 2; shard++) {
        const double *labels = find_cell(&machine, data, gw_function_output(function, 1), shard);
        for (uint32_t row = 0; row < 6; row++) {
            double sum = 0;
            for (uint32_t i = 0; i < 4; i++) {
                ck_assert_double_gt(labels[row * 4 + i], 0);
                most = fmax(most, labels[row * 4 + i]);
                sum += labels[row * 4 + i];
            }
            ck_assert_double_eq_tol(sum, 1, 1e-12);
        }
    }
    ck_assert_double_gt(most, 0.6);
    const double *left = find_cell(&machine, data, gw_function_output(function, 0), 0);
    const double *right = find_cell(&machine, data, gw_function_output(function, 0), 1);
    ck_assert_double_ne(left[0], right[0]); /* Shards have examples of their own. */
    clear_machine(&machine);
}
END_TEST

/* --- Tests of shape --- */

START_TEST(nodes_form_the_step)
{
    g_autoptr(gw_program) program = build_good("{\"devices\": 4, " SMALL "}");
    static const char *const names[] = {"data",  "init.0",   "init.1",   "init.2",  "fwd.0",
                                        "fwd.1", "fwd.2",    "loss",     "bwd.2",   "bwd.1",
                                        "bwd.0", "update.0", "update.1", "update.2"};
    ck_assert_uint_eq(program->nodes->len, G_N_ELEMENTS(names));
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        ck_assert_str_eq(gw_program_node(program, i)->name, names[i]);
        ck_assert(gw_program_node(program, i)->is_once == (i < 4));
        ck_assert_uint_eq(gw_program_function(program, i)->computations, i < 4 ? 0 : 1);
    }
    ck_assert_uint_eq(program->results->len, 1);
    ck_assert_str_eq(g_array_index(program->results, gw_result, 0).name, "loss");
    ck_assert_double_eq(program->tokens_per_run, 0);
    ck_assert_uint_eq(program->meshes->len, 1);
}
END_TEST

START_TEST(step_is_one_computation)
{
    g_autoptr(gw_program) program =
        build_good("{\"devices\": 4, \"granularity\": \"step\", " SMALL "}");
    ck_assert_uint_eq(program->nodes->len, 5);
    ck_assert_str_eq(gw_program_node(program, 4)->name, "step");
    const gw_function *function = gw_program_function(program, 4);
    ck_assert_str_eq(function->name, "step");
    ck_assert_uint_eq(function->computations, 1);
    ck_assert_uint_eq(function->input_count, 2 + 3 * 2); /* Data, and a pair per layer. */
    ck_assert_uint_eq(function->output_count, 1 + 3 * 2);
}
END_TEST

/* 2mnk for each forward product, the same for each weight gradient, and for each input gradient
 * but the first layer's; and one all-reduce per tensor and one of the loss. */
START_TEST(work_is_what_the_layers_say)
{
    g_autoptr(gw_program) program = build_good("{\"devices\": 4, " SMALL "}");
    double matmul_flops = 0;
    uint32_t reduce_count = 0;
    double reduce_bytes = 0;
    for (uint32_t node = 4; node < program->nodes->len; node++) {
        const gw_function *function = gw_program_function(program, node);
        for (uint32_t i = 0; i < function->operations->len; i++) {
            const gw_operation *operation = gw_function_operation(function, i);
            if (operation->kind == GW_OPERATION_MATMUL) {
                matmul_flops += gw_operation_flops(function, operation);
            } else if (operation->kind == GW_OPERATION_ALL_REDUCE) {
                reduce_count++;
                reduce_bytes += gw_operation_bytes(function, operation);
            }
        }
    }
    const double weights = 5 * 7 + 7 * 6 + 6 * 4, biases = 7 + 6 + 4;
    ck_assert_double_eq(matmul_flops, 2 * 3 * (3 * weights - 5 * 7)); /* 3 rows a device. */
    ck_assert_uint_eq(reduce_count, 7);
    ck_assert_double_eq(reduce_bytes, 4 * (weights + biases + 1));
}
END_TEST

START_TEST(hidden_and_depth_are_a_list_too)
{
    double pair[3], list[3];
    collect_losses("{\"devices\": 1, \"batch\": 4, \"inputs\": 3, \"classes\": 2, \"hidden\": 5, "
                   "\"depth\": 2}",
                   pair, 3);
    collect_losses("{\"devices\": 1, \"batch\": 4, \"inputs\": 3, \"classes\": 2, \"layers\": [5, "
                   "5]}",
                   list, 3);
    ck_assert_double_eq(pair[2], list[2]);
    g_autoptr(gw_program) linear = build_good("{\"devices\": 1, \"batch\": 4, \"inputs\": 3, "
                                              "\"classes\": 2, \"layers\": []}");
    ck_assert_uint_eq(linear->nodes->len, 2 + 4);
}
END_TEST

START_TEST(large_networks_fuse)
{
    g_autoptr(gw_program) program =
        build_good("{\"devices\": 64, \"batch\": 64, \"inputs\": 3, \"classes\": 2, \"hidden\": 5, "
                   "\"depth\": 1024, \"optimizer\": \"adam\", \"granularity\": \"step\"}");
    ck_assert_uint_eq(program->nodes->len, 1 + 1025 + 1);
}
END_TEST

START_TEST(mistakes_are_told)
{
    build_bad("{\"devices\": 4, \"batch\": 10, \"inputs\": 5, \"layers\": [7], \"classes\": 4}",
              "test.json:1: /batch: found 10, expected a multiple of devices (4)");
    build_bad("{" SMALL "}", "found no \"devices\"");
    build_bad("{\"devices\": 70000, " SMALL "}", "/devices: found 70000");
    build_bad("{\"devices\": 1, \"batch\": 4, \"inputs\": 5, \"classes\": 4}",
              "found no \"layers\"");
    build_bad("{\"devices\": 1, \"batch\": 4, \"inputs\": 5, \"classes\": 4, \"hidden\": 3}",
              "found no \"depth\"");
    build_bad("{\"devices\": 1, \"depth\": 2, " SMALL "}",
              "/layers: found \"layers\" as well as \"hidden\" or \"depth\"");
    build_bad("{\"devices\": 1, \"batch\": 4, \"inputs\": 5, \"classes\": 1, \"layers\": [3]}",
              "/classes: found 1");
    build_bad("{\"devices\": 1, \"batch\": 4, \"inputs\": 5, \"classes\": 4, \"layers\": [3, 0]}",
              "/layers/1: found 0");
    build_bad("{\"devices\": 1, \"batch\": 4, \"inputs\": 1048576, \"classes\": 4, \"layers\": "
              "[1048576]}",
              "/layers: found a matrix of 1048576 x 1048576 float32 (4 TiB), expected at most");
    build_bad("{\"devices\": 1, \"batch\": 4, \"inputs\": 4, \"classes\": 1048576, \"hidden\": "
              "1048576, \"depth\": 1}",
              "/hidden: found a matrix");
    build_bad("{\"devices\": 1, \"batch\": 1073741824, \"inputs\": 1024, \"classes\": 4, "
              "\"layers\": [2]}",
              "/batch: found a matrix of 1073741824 x 1024");
    build_bad("{\"devices\": 1, \"optimizer\": \"adma\", " SMALL "}", "did you mean \"adam\"?");
    build_bad("{\"devices\": 1, \"granularity\": \"node\", " SMALL "}",
              "/granularity: found \"node\", expected one of \"layer\", \"step\"");
    build_bad("{\"devices\": 1, \"learning_rate\": -1, " SMALL "}", "/learning_rate: found -1");
    build_bad("{\"devices\": 1, \"learning_rat\": 1, " SMALL "}",
              "did you mean \"learning_rate\"?");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("mlp");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, gradients_are_those_of_the_loss);
    tcase_add_test(cases, any_number_of_devices_learns_the_same);
    tcase_add_test(cases, one_node_computes_what_many_do);
    tcase_add_test(cases, losses_go_down);
    tcase_add_test(cases, seeds_make_the_data);
    tcase_add_test(cases, labels_are_probabilities_that_say_something);
    tcase_add_test(cases, nodes_form_the_step);
    tcase_add_test(cases, step_is_one_computation);
    tcase_add_test(cases, work_is_what_the_layers_say);
    tcase_add_test(cases, hidden_and_depth_are_a_list_too);
    tcase_add_test(cases, large_networks_fuse);
    tcase_add_test(cases, mistakes_are_told);
    Suite *suite = suite_create("workload_mlp");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
