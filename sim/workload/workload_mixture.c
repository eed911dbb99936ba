/* SPDX-License-Identifier: Apache-2.0 */
/* A layer of a mixture of experts, run forward again and again over the same tokens: the sparsely
 * gated layer with one expert a token (Shazeer et al., "Outrageously Large Neural Networks", 2017;
 * Fedus et al., "Switch Transformers", 2021).
 *
 * Tokens x lie on "devices" shards of mesh "tokens", an expert on each device of mesh "experts":
 *
 *     router    p = softmax(x G); each row goes to the expert with the greatest p
 *     experts   e = relu(x A) B, over the rows that came
 *     combine   x' = tanh(x + p e), each row with the p that it was sent with; x' is the next x
 *     signal    the sum of x' times a random matrix, over all tokens
 *
 * All numbers come from the seed alone, so any number of shards has the same tokens.  A row that is
 * dropped for want of room has e = 0. */
#include <math.h>

#include "base/random.h"
#include "workload/workload.h"
#include "workload/workload_params.h"

#define TOKENS_MAX (1U << 24) /* Counts are float32. */
#define LENGTH_MAX 65536U     /* Of a token, and of what an expert makes of it. */
#define GATE_SCALE 4          /* So that rows differ clearly in what they choose. */

/* Streams of the seed. */
enum { STREAM_TOKENS, STREAM_GATE, STREAM_UP, STREAM_DOWN, STREAM_PROBE };

typedef struct {
    uint64_t seed;
    uint32_t rows, device_count, width, hidden, expert_count, capacity; /* rows: of a shard. */
    gw_overflow overflow;
} mixture_spec;

/* --- Parameters --- */

static bool read_capacity(gw_params *params, uint64_t tokens, mixture_spec *out, GError **error)
{
    static const char *const names[] = {"fail", "drop", NULL};
    uint64_t capacity = tokens;
    uint32_t which = 0;
    if (!gw_params_count(params, "capacity_rows", false, 1, tokens, &capacity, error) ||
        !gw_params_choice(params, "overflow", false, names, &which, error)) {
        return false;
    }
    out->capacity = (uint32_t)capacity;
    out->overflow = which == 0 ? GW_OVERFLOW_FAIL : GW_OVERFLOW_DROP;
    return true;
}

static bool read_mixture(gw_params *params, mixture_spec *out, GError **error)
{
    uint64_t tokens, device_count, width, hidden, expert_count;
    if (!gw_params_count(params, "tokens", true, 1, TOKENS_MAX, &tokens, error) ||
        !gw_params_count(params, "devices", true, 1, GW_WORKLOAD_DEVICES_MAX, &device_count,
                         error) ||
        !gw_params_count(params, "experts", true, 1, GW_WORKLOAD_DEVICES_MAX, &expert_count,
                         error) ||
        !gw_params_count(params, "width", true, 1, LENGTH_MAX, &width, error) ||
        !gw_params_count(params, "hidden", true, 1, LENGTH_MAX, &hidden, error) ||
        !read_capacity(params, tokens, out, error) || !gw_params_finish(params, error)) {
        return false;
    }
    if (tokens % device_count != 0) {
        gw_params_error(params, "tokens", error,
                        "found %" G_GUINT64_FORMAT
                        ", expected a multiple of devices (%" G_GUINT64_FORMAT ")",
                        tokens, device_count);
        return false;
    }
    out->rows = (uint32_t)(tokens / device_count);
    out->device_count = (uint32_t)device_count;
    out->expert_count = (uint32_t)expert_count;
    out->width = (uint32_t)width;
    out->hidden = (uint32_t)hidden;
    return true;
}

/* --- Functions --- */

static void add_random(gw_function *function, const mixture_spec *mixture, uint32_t stream,
                       double scale, uint32_t output)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_RANDOM,
                                              .outputs = {(uint16_t)output},
                                              .scalar = scale,
                                              .seed = gw_random_at(mixture->seed, stream)});
}

static void add_matmul(gw_function *function, uint32_t a, uint32_t b, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MATMUL,
                                              .inputs = {(uint16_t)a, (uint16_t)b},
                                              .outputs = {(uint16_t)y}});
}

static void add_map(gw_function *function, gw_map map, uint32_t x, uint32_t z, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = map,
                                              .inputs = {(uint16_t)x, (uint16_t)z},
                                              .outputs = {(uint16_t)y}});
}

static void add_reordering(gw_function *function, gw_operation_kind kind, uint32_t x,
                           uint32_t order, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = kind,
                                              .inputs = {(uint16_t)x, (uint16_t)order},
                                              .outputs = {(uint16_t)y}});
}

/* () -> tokens, gate, probe */
static gw_function *make_tokens(const mixture_spec *mixture)
{
    gw_function *function = gw_function_new("tokens");
    function->computations = 0;
    const uint32_t x = gw_function_add_output(function, mixture->rows, mixture->width, true);
    const uint32_t gate =
        gw_function_add_output(function, mixture->width, mixture->expert_count, false);
    const uint32_t probe = gw_function_add_output(function, mixture->rows, mixture->width, true);
    add_random(function, mixture, STREAM_TOKENS, 1, x);
    add_random(function, mixture, STREAM_GATE, GATE_SCALE / sqrt(mixture->width), gate);
    add_random(function, mixture, STREAM_PROBE, 1, probe);
    return function;
}

/* () -> A, B of each expert, one below the other in the whole */
static gw_function *make_weights(const mixture_spec *mixture)
{
    gw_function *function = gw_function_new("weights");
    function->computations = 0;
    const uint32_t up = gw_function_add_output(function, mixture->width, mixture->hidden, true);
    const uint32_t down = gw_function_add_output(function, mixture->hidden, mixture->width, true);
    const double scale = sqrt(6.0 / ((double)mixture->width + mixture->hidden));
    add_random(function, mixture, STREAM_UP, scale, up);
    add_random(function, mixture, STREAM_DOWN, scale, down);
    return function;
}

/* (x, gate) -> rows of x by expert, counts, order, p of each row's expert */
static gw_function *make_router(const mixture_spec *mixture)
{
    const uint32_t rows = mixture->rows, experts = mixture->expert_count;
    gw_function *function = gw_function_new("router");
    const uint32_t x = gw_function_add_input(function, rows, mixture->width, true);
    const uint32_t gate = gw_function_add_input(function, mixture->width, experts, false);
    const uint32_t sorted = gw_function_add_output(function, rows, mixture->width, true);
    const uint32_t counts = gw_function_add_output(function, 1, experts, true);
    const uint32_t order = gw_function_add_output(function, rows, 1, true);
    const uint32_t chosen = gw_function_add_output(function, rows, 1, true);
    const uint32_t scores = gw_function_add_temporary(function, rows, experts);
    const uint32_t shares = gw_function_add_temporary(function, rows, experts);
    add_matmul(function, x, gate, scores);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_SOFTMAX,
                                              .inputs = {(uint16_t)scores},
                                              .outputs = {(uint16_t)shares}});
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_ROUTE,
                                              .inputs = {(uint16_t)shares},
                                              .outputs = {(uint16_t)order, (uint16_t)counts,
                                                          (uint16_t)chosen}});
    add_reordering(function, GW_OPERATION_GATHER, x, order, sorted);
    return function;
}

/* (rows, A, B) -> e */
static gw_function *make_experts(const mixture_spec *mixture)
{
    const uint32_t capacity = mixture->capacity, width = mixture->width;
    gw_function *function = gw_function_new("experts");
    const uint32_t x = gw_function_add_input(function, capacity, width, true);
    const uint32_t up = gw_function_add_input(function, width, mixture->hidden, true);
    const uint32_t down = gw_function_add_input(function, mixture->hidden, width, true);
    const uint32_t y = gw_function_add_output(function, capacity, width, true);
    const uint32_t sums = gw_function_add_temporary(function, capacity, mixture->hidden);
    const uint32_t inner = gw_function_add_temporary(function, capacity, mixture->hidden);
    add_matmul(function, x, up, sums);
    add_map(function, GW_MAP_RELU, sums, 0, inner);
    add_matmul(function, inner, down, y);
    return function;
}

/* (e by expert, order, p, x, probe) -> x', signal */
static gw_function *make_combine(const mixture_spec *mixture)
{
    const uint32_t rows = mixture->rows, width = mixture->width;
    gw_function *function = gw_function_new("combine");
    const uint32_t sorted = gw_function_add_input(function, rows, width, true);
    const uint32_t order = gw_function_add_input(function, rows, 1, true);
    const uint32_t chosen = gw_function_add_input(function, rows, 1, true);
    const uint32_t x = gw_function_add_input(function, rows, width, true);
    const uint32_t probe = gw_function_add_input(function, rows, width, true);
    const uint32_t next = gw_function_add_output(function, rows, width, true);
    const uint32_t signal = gw_function_add_output(function, 1, 1, false);
    const uint32_t e = gw_function_add_temporary(function, rows, width);
    const uint32_t scaled = gw_function_add_temporary(function, rows, width);
    const uint32_t own = gw_function_add_temporary(function, 1, 1);
    add_reordering(function, GW_OPERATION_SCATTER, sorted, order, e);
    add_map(function, GW_MAP_MULTIPLY_COLUMN, e, chosen, scaled);
    add_map(function, GW_MAP_ADD, x, scaled, e);
    add_map(function, GW_MAP_TANH, e, 0, next);
    add_map(function, GW_MAP_MULTIPLY, next, probe, scaled);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_REDUCE,
                                              .reduction = GW_REDUCTION_SUM,
                                              .inputs = {(uint16_t)scaled},
                                              .outputs = {(uint16_t)own}});
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE,
                                              .axes = 1,
                                              .inputs = {(uint16_t)own},
                                              .outputs = {(uint16_t)signal}});
    return function;
}

/* --- The program --- */

static uint32_t take_node(gw_builder *builder, gw_function *function, uint32_t mesh)
{
    return gw_builder_add_node(builder, function->name, gw_builder_take_function(builder, function),
                               mesh);
}

static gw_program *build_mixture(gw_params *params, uint64_t seed, GError **error)
{
    mixture_spec mixture = {.seed = seed};
    if (!read_mixture(params, &mixture, error)) {
        return NULL;
    }
    gw_builder *builder = gw_builder_new("mixture");
    const uint32_t token_mesh = gw_builder_add_mesh(builder, "tokens", 1, &mixture.device_count);
    const uint32_t expert_mesh = gw_builder_add_mesh(builder, "experts", 1, &mixture.expert_count);
    const uint32_t tokens = take_node(builder, make_tokens(&mixture), token_mesh);
    const uint32_t weights = take_node(builder, make_weights(&mixture), expert_mesh);
    const uint32_t router = take_node(builder, make_router(&mixture), token_mesh);
    const uint32_t experts = take_node(builder, make_experts(&mixture), expert_mesh);
    const uint32_t combine = take_node(builder, make_combine(&mixture), token_mesh);
    gw_builder_set_once(builder, tokens);
    gw_builder_set_once(builder, weights);
    gw_builder_add_carried(builder, combine, 0, tokens, 0, router, 0);
    gw_builder_add_edge(builder, tokens, 1, router, 1);
    gw_builder_add_deal(builder, router, 0, 1, mixture.overflow, experts, 0);
    gw_builder_add_edge(builder, weights, 0, experts, 1);
    gw_builder_add_edge(builder, weights, 1, experts, 2);
    gw_builder_add_return(builder, experts, 0, combine, 0);
    gw_builder_add_edge(builder, router, 2, combine, 1);
    gw_builder_add_edge(builder, router, 3, combine, 2);
    gw_builder_add_carried(builder, combine, 0, tokens, 0, combine, 3);
    gw_builder_add_edge(builder, tokens, 2, combine, 4);
    gw_builder_add_result(builder, "signal", combine, 1);
    gw_builder_set_tokens(builder, (double)mixture.rows * mixture.device_count);
    return gw_workload_finish(builder, params, error);
}

static const char *const mixture_help[] = {
    "tokens  of a step, over all devices; a multiple of \"devices\"",
    "devices  how many share the tokens",
    "experts  how many, each on a device of its own",
    "width  numbers of a token",
    "hidden  what an expert makes of them in between",
    "capacity_rows  the most tokens that an expert has room for; default all of them",
    "overflow  when there are more: \"fail\" (default), or \"drop\" the rest",
    NULL,
};

const gw_workload_ops gw_workload_mixture = {
    .name = "mixture",
    .summary = "a layer of a mixture of experts, forward, with real routing",
    .help = mixture_help,
    .build = build_mixture,
};
