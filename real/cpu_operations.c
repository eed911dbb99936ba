/* SPDX-License-Identifier: Apache-2.0 */
/* One small loop per operation, over rows where rows matter, and OpenBLAS for the matrix product.
 * Sums are kept in double and rounded once, so that a result does not depend on how many rows it
 * was summed over by whom; everything is computed in the same order each time, and so the same
 * inputs give the same bits. */
#include "real/cpu_operations.h"

#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/random.h"
#include "real/cpu_operand.h"
#include "real/cpu_tanh.h"

#define NS_PER_S           1000000000
#define LAYER_NORM_EPSILON 1e-5 /* program/operation.h */
#define ADAM_EPSILON       1e-8 /* As here and below. */
#define ADAM_BETA_1        0.9
#define ADAM_BETA_2        0.999
#define SPIN_NS            50000    /* What a sleeping thread may wake late by. */
#define SLEEP_NS_MAX       20000000 /* So often a long wait looks whether it is cancelled. */
#define COLUMNS_AT_ONCE    64
#define RANDOM_BITS        24 /* A float's significand: every such fraction is exact. */

/* Devices may be thousands, but so many matrix products at most are under way: OpenBLAS has a fixed
 * number of work areas, twice the threads that it was built for and some 512 more
 * (driver/others/memory.c of version 0.3.21), and gives up when none is left.  No more than cores
 * would be too few: two that are bound to one core could have all, and the others nothing to do. */
static sem_t product_slots;
static pthread_once_t has_slots = PTHREAD_ONCE_INIT;

static void make_slots(void)
{
    sem_init(&product_slots, 0, GW_CPU_PRODUCTS_MAX);
    openblas_set_num_threads(1);
}

void gw_cpu_operations_init(void)
{
    pthread_once(&has_slots, make_slots);
}

uint64_t gw_cpu_wide_bytes(const gw_function *function, uint32_t index)
{
    const gw_value *value = gw_function_value(function, index);
    const uint64_t size_bytes = (uint64_t)value->rows * value->columns * sizeof(float);
    const uint64_t unit_bytes = GW_CPU_ALIGNMENT_BYTES;
    return value->element_bytes == sizeof(float)
               ? 0
               : (size_bytes + unit_bytes - 1) / unit_bytes * unit_bytes;
}

static uint64_t count_wide_bytes(const gw_function *function, const gw_operation *operation)
{
    uint64_t total_bytes = 0;
    for (uint32_t k = 0; k < gw_operation_input_count(operation); k++) {
        total_bytes += gw_cpu_wide_bytes(function, operation->inputs[k]);
    }
    for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
        total_bytes += gw_cpu_wide_bytes(function, operation->outputs[k]);
    }
    return total_bytes;
}

static bool is_product(gw_operation_kind kind)
{
    switch (kind) {
    case GW_OPERATION_MATMUL:
    case GW_OPERATION_ATTENTION:
    case GW_OPERATION_ATTENTION_GRADIENT:
    case GW_OPERATION_BLOCK_MATMUL:
    case GW_OPERATION_BLOCK_MATMUL_GRADIENT:
        return true;
    default:
        return false;
    }
}

gw_cpu_plan *gw_cpu_plan_new(const gw_function *function)
{
    gw_cpu_plan *plan = g_new0(gw_cpu_plan, 1);
    plan->function = function;
    plan->offsets_bytes = g_new0(uint64_t, function->values->len);
    plan->is_written = g_new0(bool, function->values->len);
    plan->scratch_bytes =
        gw_function_place_temporaries(function, GW_CPU_ALIGNMENT_BYTES, plan->offsets_bytes);
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        plan->multiplies = plan->multiplies || is_product(operation->kind);
        plan->meets = plan->meets || gw_operation_is_collective(operation);
        for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
            plan->is_written[operation->outputs[k]] = true;
        }
        plan->wide_bytes = MAX(plan->wide_bytes, count_wide_bytes(function, operation));
    }
    plan->scratch_bytes += plan->wide_bytes;
    return plan;
}

void gw_cpu_plan_free(gw_cpu_plan *plan)
{
    if (plan != NULL) {
        g_free(plan->offsets_bytes);
        g_free(plan->is_written);
        g_free(plan);
    }
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void gw_cpu_busy_wait(gw_span span_ns, const atomic_bool *is_cancelled)
{
    const uint64_t end_ns = monotonic_ns() + span_ns;
    for (;;) {
        const uint64_t now_ns = monotonic_ns();
        if (now_ns >= end_ns || (is_cancelled != NULL && atomic_load(is_cancelled))) {
            return;
        }
        const uint64_t left_ns = end_ns - now_ns;
        if (left_ns <= SPIN_NS) {
            sched_yield();
            continue;
        }
        const uint64_t sleep_ns = MIN(left_ns - SPIN_NS, SLEEP_NS_MAX);
        const struct timespec pause = {.tv_nsec = (long)sleep_ns};
        nanosleep(&pause, NULL);
    }
}

static void run_work(const gw_cpu_context *context, const gw_operation *operation)
{
    const double flops_per_s = context->flops_per_s > 0 ? context->flops_per_s : GW_CPU_FLOPS_PER_S;
    gw_cpu_busy_wait(gw_span_from_seconds(operation->flops / flops_per_s), context->is_cancelled);
}

static void run_fill(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    for (uint64_t i = 0; i < y.count; i++) {
        y.data[i] = (float)operation->scalar;
    }
}

uint32_t gw_cpu_place(const gw_cpu_context *context, const gw_operation *operation,
                      uint32_t *out_group_size)
{
    uint32_t group, position = 0, size = 1;
    if (operation->axes != 0) {
        gw_check(context->mesh != NULL);
        size = gw_mesh_group(context->mesh, operation->axes, context->shard, &group, &position);
    }
    if (out_group_size != NULL) {
        *out_group_size = size;
    }
    return position;
}

/* Elements [first, first + count) of the whole, to `to`. */
static void draw_uniform(const gw_operation *operation, uint64_t first, uint64_t count, float *to)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t bits = gw_random_at(operation->seed, first + i) >> (64 - RANDOM_BITS);
        const float uniform = (float)bits * (1.0f / (1 << (RANDOM_BITS - 1))) - 1.0f;
        to[i] = (float)operation->scalar * uniform;
    }
}

/* Blocks of the whole in order, each whole in its order, of which this shard has a part. */
static void draw_blocks(const gw_cpu_context *context, const gw_operation *operation,
                        const gw_cpu_operand *y)
{
    const uint64_t part = y->count / operation->blocks;
    uint32_t part_count;
    const uint32_t place = gw_cpu_place(context, operation, &part_count);
    const gw_operation blocks = {.axes = operation->block_axes};
    const uint64_t first_block = (uint64_t)gw_cpu_place(context, &blocks, NULL) * operation->blocks;
    for (uint64_t b = 0; b < operation->blocks; b++) {
        const uint64_t first = ((first_block + b) * part_count + place) * part;
        draw_uniform(operation, first, part, y->data + b * part);
    }
}

static void run_random(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    if (operation->blocks > 0) {
        draw_blocks(context, operation, &y);
        return;
    }
    const bool is_sharded = gw_function_value(context->function, operation->outputs[0])->is_sharded;
    const uint32_t block = operation->axes != 0 ? gw_cpu_place(context, operation, NULL)
                           : is_sharded         ? context->shard
                                                : 0;
    draw_uniform(operation, block * y.count, y.count, y.data);
}

void gw_cpu_products_begin(const gw_cpu_context *context)
{
    gw_cpu_operations_init();
    if (context->is_alone) {
        return;
    }
    while (sem_wait(&product_slots) != 0) { /* A signal came between. */
    }
}

void gw_cpu_products_end(const gw_cpu_context *context)
{
    if (!context->is_alone) {
        sem_post(&product_slots);
    }
}

static void run_matmul(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand a = gw_cpu_input(context, operation, 0),
                         b = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    const uint64_t depth = operation->transpose_a ? a.rows : a.columns;
    gw_check(depth == (operation->transpose_b ? b.columns : b.rows));
    gw_check(y.rows == (operation->transpose_a ? a.columns : a.rows));
    gw_check(y.columns == (operation->transpose_b ? b.rows : b.columns));
    gw_cpu_products_begin(context);
    cblas_sgemm(CblasRowMajor, operation->transpose_a ? CblasTrans : CblasNoTrans,
                operation->transpose_b ? CblasTrans : CblasNoTrans, (blasint)y.rows,
                (blasint)y.columns, (blasint)depth, 1.0f, a.data, (blasint)a.columns, b.data,
                (blasint)b.columns, 0.0f, y.data, (blasint)y.columns);
    gw_cpu_products_end(context);
}

/* `x` where z > 0, else 0.  Not by a branch: signs are not foreseen, and how long it takes would
 * depend on the data. */
static float keep_where_positive(float x, float z)
{
    const uint32_t mask = -(uint32_t)(z > 0);
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= mask;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void map_one(const gw_operation *operation, const gw_cpu_operand *x, const gw_cpu_operand *y)
{
    const float scalar = (float)operation->scalar;
    switch (operation->map) {
    case GW_MAP_COPY:
        memcpy(y->data, x->data, y->count * sizeof(float));
        return;
    case GW_MAP_SCALE:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = scalar * x->data[i];
        }
        return;
    case GW_MAP_ADD_SCALAR:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = x->data[i] + scalar;
        }
        return;
    case GW_MAP_RELU:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = keep_where_positive(x->data[i], x->data[i]);
        }
        return;
    case GW_MAP_TANH:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = gw_cpu_tanh(x->data[i]);
        }
        return;
    case GW_MAP_GELU:
        gw_cpu_run_gelu(x, y);
        return;
    default:
        gw_check(!"a map of one operand");
    }
}

static void add_row(const gw_cpu_operand *x, const gw_cpu_operand *z, const gw_cpu_operand *y)
{
    gw_check(z->columns == y->columns);
    for (uint64_t row = 0; row < y->rows; row++) {
        const float *from = x->data + row * y->columns;
        const float *added = z->data + row % z->rows * y->columns;
        float *to = y->data + row * y->columns;
        for (uint64_t i = 0; i < y->columns; i++) {
            to[i] = from[i] + added[i];
        }
    }
}

static void multiply_column(const gw_cpu_operand *x, const gw_cpu_operand *z,
                            const gw_cpu_operand *y)
{
    gw_check(z->count == y->rows);
    for (uint64_t row = 0; row < y->rows; row++) {
        const float *from = x->data + row * y->columns;
        float *to = y->data + row * y->columns;
        for (uint64_t i = 0; i < y->columns; i++) {
            to[i] = from[i] * z->data[row];
        }
    }
}

static void map_two(const gw_operation *operation, const gw_cpu_operand *x, const gw_cpu_operand *z,
                    const gw_cpu_operand *y)
{
    if (operation->map == GW_MAP_ADD_ROW) {
        add_row(x, z, y);
        return;
    }
    if (operation->map == GW_MAP_MULTIPLY_COLUMN) {
        multiply_column(x, z, y);
        return;
    }
    gw_check(z->count == y->count);
    switch (operation->map) {
    case GW_MAP_ADD:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = x->data[i] + z->data[i];
        }
        return;
    case GW_MAP_SUBTRACT:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = x->data[i] - z->data[i];
        }
        return;
    case GW_MAP_MULTIPLY:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = x->data[i] * z->data[i];
        }
        return;
    case GW_MAP_RELU_GRADIENT:
        for (uint64_t i = 0; i < y->count; i++) {
            y->data[i] = keep_where_positive(x->data[i], z->data[i]);
        }
        return;
    case GW_MAP_GELU_GRADIENT:
        gw_cpu_run_gelu_gradient(x, z, y);
        return;
    default:
        gw_check(!"a map of two operands");
    }
}

static void run_map(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    gw_check(x.count == y.count);
    if (gw_operation_input_count(operation) == 1) {
        map_one(operation, &x, &y);
        return;
    }
    const gw_cpu_operand z = gw_cpu_input(context, operation, 1);
    map_two(operation, &x, &z, &y);
}

/* Rows `first_row`, and every y.rows further on, into that row of y: a band of columns at a time,
 * whose sums stay in registers while its rows are read along. */
static void sum_every(const gw_cpu_operand *x, const gw_cpu_operand *y, uint64_t first_row)
{
    for (uint64_t first = 0; first < x->columns; first += COLUMNS_AT_ONCE) {
        const uint64_t width = MIN(x->columns - first, COLUMNS_AT_ONCE);
        double sums[COLUMNS_AT_ONCE] = {0};
        for (uint64_t row = first_row; row < x->rows; row += y->rows) {
            const float *from = x->data + row * x->columns + first;
            for (uint64_t i = 0; i < width; i++) {
                sums[i] += from[i];
            }
        }
        for (uint64_t i = 0; i < width; i++) {
            y->data[first_row * x->columns + first + i] = (float)sums[i];
        }
    }
}

static double sum_all(const gw_cpu_operand *x)
{
    double sum = 0;
    for (uint64_t i = 0; i < x->count; i++) {
        sum += x->data[i];
    }
    return sum;
}

float gw_cpu_largest(const float *data, uint64_t count)
{
    float largest = data[0];
    for (uint64_t i = 1; i < count; i++) {
        largest = data[i] > largest ? data[i] : largest;
    }
    return largest;
}

static void run_reduce(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    switch (operation->reduction) {
    case GW_REDUCTION_SUM_ROWS:
        gw_check(y.columns == x.columns);
        for (uint64_t row = 0; row < y.rows; row++) {
            sum_every(&x, &y, row);
        }
        return;
    case GW_REDUCTION_SUM:
        y.data[0] = (float)sum_all(&x);
        return;
    case GW_REDUCTION_MEAN:
        y.data[0] = (float)(sum_all(&x) / (double)x.count);
        return;
    case GW_REDUCTION_MAX:
        y.data[0] = gw_cpu_largest(x.data, x.count);
        return;
    default:
        gw_check(!"a reduction");
    }
}

static void run_softmax(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    for (uint64_t row = 0; row < x.rows; row++) {
        const float *from = x.data + row * x.columns;
        float *to = y.data + row * x.columns;
        const float largest = gw_cpu_largest(from, x.columns);
        double sum = 0;
        for (uint64_t i = 0; i < x.columns; i++) {
            to[i] = expf(from[i] - largest);
            sum += to[i];
        }
        const float factor = (float)(1 / sum);
        for (uint64_t i = 0; i < x.columns; i++) {
            to[i] *= factor;
        }
    }
}

static void run_layer_norm(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0),
                         gain = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand bias = gw_cpu_input(context, operation, 2),
                         y = gw_cpu_output(context, operation, 0);
    gw_check(gain.count == x.columns);
    gw_check(bias.count == x.columns);
    for (uint64_t row = 0; row < x.rows; row++) {
        const float *from = x.data + row * x.columns;
        float *to = y.data + row * x.columns;
        double sum = 0, squares = 0;
        for (uint64_t i = 0; i < x.columns; i++) {
            sum += from[i];
        }
        const double mean = sum / (double)x.columns;
        for (uint64_t i = 0; i < x.columns; i++) {
            squares += (from[i] - mean) * (from[i] - mean);
        }
        const double factor = 1 / sqrt(squares / (double)x.columns + LAYER_NORM_EPSILON);
        for (uint64_t i = 0; i < x.columns; i++) {
            to[i] = (float)((from[i] - mean) * factor) * gain.data[i] + bias.data[i];
        }
    }
}

/* The loss is minus the sum of label x log softmax; its derivative by a logit is softmax x (the
 * row's sum of labels) - label, which holds for labels that do not quite sum to one, too. */
static void run_cross_entropy(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand logits = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand labels = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand loss = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand gradient = gw_cpu_output(context, operation, 1);
    double total = 0;
    for (uint64_t row = 0; row < logits.rows; row++) {
        const float *logit = logits.data + row * logits.columns;
        const float *label = labels.data + row * logits.columns;
        float *slope = gradient.data + row * logits.columns;
        const float largest = gw_cpu_largest(logit, logits.columns);
        double sum = 0, label_sum = 0, weighted = 0;
        for (uint64_t i = 0; i < logits.columns; i++) {
            slope[i] = expf(logit[i] - largest);
            sum += slope[i];
            label_sum += label[i];
            weighted += (double)label[i] * (logit[i] - largest);
        }
        total += label_sum * log(sum) - weighted;
        const double factor = label_sum / sum;
        for (uint64_t i = 0; i < logits.columns; i++) {
            slope[i] = (float)(operation->scalar * (slope[i] * factor - label[i]));
        }
    }
    loss.data[0] = (float)(operation->scalar * total);
}

/* --- Rows that go where values say --- */

static uint64_t find_largest(const float *data, uint64_t count)
{
    uint64_t largest = 0;
    for (uint64_t i = 1; i < count; i++) {
        largest = data[i] > data[largest] ? i : largest;
    }
    return largest;
}

/* Counts first; from them, where the rows of each column begin in the order. */
static void run_route(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand scores = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand order = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand counts = gw_cpu_output(context, operation, 1);
    const gw_cpu_operand chosen = gw_cpu_output(context, operation, 2);
    g_autofree uint32_t *choice = g_new(uint32_t, scores.rows);
    g_autofree uint32_t *next = g_new0(uint32_t, scores.columns + 1);
    for (uint64_t row = 0; row < scores.rows; row++) {
        const float *from = scores.data + row * scores.columns;
        choice[row] = (uint32_t)find_largest(from, scores.columns);
        chosen.data[row] = from[choice[row]];
        next[choice[row] + 1]++;
    }
    for (uint64_t column = 0; column < scores.columns; column++) {
        counts.data[column] = (float)next[column + 1];
        next[column + 1] += next[column];
    }
    for (uint64_t row = 0; row < scores.rows; row++) {
        order.data[next[choice[row]]++] = (float)row;
    }
}

static uint64_t read_place(const gw_cpu_operand *order, uint64_t row)
{
    const float place = order->data[row];
    gw_check(place >= 0 && place < (float)order->rows);
    return (uint64_t)place;
}

static void run_gather(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0),
                         order = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    for (uint64_t row = 0; row < y.rows; row++) {
        memcpy(y.data + row * y.columns, x.data + read_place(&order, row) * y.columns,
               y.columns * sizeof(float));
    }
}

static void run_scatter(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0),
                         order = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    for (uint64_t row = 0; row < y.rows; row++) {
        memcpy(y.data + read_place(&order, row) * y.columns, x.data + row * y.columns,
               y.columns * sizeof(float));
    }
}

static void run_slice(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    const uint64_t place = gw_cpu_place(context, operation, NULL);
    gw_check(place < x.rows / y.rows);
    memcpy(y.data, x.data + place * y.count, y.count * sizeof(float));
}

static void run_sgd(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand p = gw_cpu_input(context, operation, 0),
                         g = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    const float step = (float)operation->scalar;
    for (uint64_t i = 0; i < y.count; i++) {
        y.data[i] = p.data[i] - step * g.data[i];
    }
}

/* With c1 = 1 - beta1^t and c2 = 1 - beta2^t, m/c1 / (sqrt(v/c2) + epsilon) is
 * sqrt(c2)/c1 m / (sqrt(v) + sqrt(c2) epsilon): the correction costs no element anything. */
static void run_adam(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand p = gw_cpu_input(context, operation, 0),
                         g = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand m = gw_cpu_input(context, operation, 2),
                         v = gw_cpu_input(context, operation, 3);
    const gw_cpu_operand new_p = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand new_m = gw_cpu_output(context, operation, 1);
    const gw_cpu_operand new_v = gw_cpu_output(context, operation, 2);
    const double number = 1 + (double)gw_cpu_input(context, operation, 4).data[0];
    gw_check(number >= 1);
    const double root = sqrt(1 - pow(ADAM_BETA_2, number));
    const float step = (float)(operation->scalar * root / (1 - pow(ADAM_BETA_1, number)));
    const float epsilon = (float)(root * ADAM_EPSILON);
    const float keep_mean = (float)ADAM_BETA_1, add_mean = (float)(1 - ADAM_BETA_1);
    const float keep_square = (float)ADAM_BETA_2, add_square = (float)(1 - ADAM_BETA_2);
    for (uint64_t i = 0; i < new_p.count; i++) {
        const float slope = g.data[i];
        const float mean = keep_mean * m.data[i] + add_mean * slope;
        const float square = keep_square * v.data[i] + add_square * slope * slope;
        new_m.data[i] = mean;
        new_v.data[i] = square;
        new_p.data[i] = p.data[i] - step * mean / (sqrtf(square) + epsilon);
    }
}

void gw_cpu_operation_run(const gw_cpu_context *context, const gw_operation *operation)
{
    static void (*const runners[GW_OPERATION_KIND_COUNT])(const gw_cpu_context *,
                                                          const gw_operation *) = {
        [GW_OPERATION_WORK] = run_work,
        [GW_OPERATION_FILL] = run_fill,
        [GW_OPERATION_RANDOM] = run_random,
        [GW_OPERATION_MATMUL] = run_matmul,
        [GW_OPERATION_MAP] = run_map,
        [GW_OPERATION_REDUCE] = run_reduce,
        [GW_OPERATION_SOFTMAX] = run_softmax,
        [GW_OPERATION_LAYER_NORM] = run_layer_norm,
        [GW_OPERATION_CROSS_ENTROPY] = run_cross_entropy,
        [GW_OPERATION_SGD] = run_sgd,
        [GW_OPERATION_ADAM] = run_adam,
        [GW_OPERATION_ROUTE] = run_route,
        [GW_OPERATION_GATHER] = run_gather,
        [GW_OPERATION_SCATTER] = run_scatter,
        [GW_OPERATION_SLICE] = run_slice,
        [GW_OPERATION_TOKENS] = gw_cpu_run_tokens,
        [GW_OPERATION_TEXT] = gw_cpu_run_text,
        [GW_OPERATION_EMBEDDING] = gw_cpu_run_embedding,
        [GW_OPERATION_EMBEDDING_GRADIENT] = gw_cpu_run_embedding_gradient,
        [GW_OPERATION_LAYER_NORM_GRADIENT] = gw_cpu_run_layer_norm_gradient,
        [GW_OPERATION_ATTENTION] = gw_cpu_run_attention,
        [GW_OPERATION_ATTENTION_GRADIENT] = gw_cpu_run_attention_gradient,
        [GW_OPERATION_TOKEN_STATISTICS] = gw_cpu_run_token_statistics,
        [GW_OPERATION_TOKEN_LOSS] = gw_cpu_run_token_loss,
        [GW_OPERATION_GATE] = gw_cpu_run_gate,
        [GW_OPERATION_GATE_GRADIENT] = gw_cpu_run_gate_gradient,
        [GW_OPERATION_DISPATCH] = gw_cpu_run_dispatch,
        [GW_OPERATION_DISPATCH_GRADIENT] = gw_cpu_run_dispatch_gradient,
        [GW_OPERATION_COMBINE] = gw_cpu_run_combine,
        [GW_OPERATION_COMBINE_GRADIENT] = gw_cpu_run_combine_gradient,
        [GW_OPERATION_BLOCK_MATMUL] = gw_cpu_run_block_matmul,
        [GW_OPERATION_BLOCK_MATMUL_GRADIENT] = gw_cpu_run_block_matmul_gradient,
    };
    gw_check(operation->kind < GW_OPERATION_KIND_COUNT);
    if (operation->kind == GW_OPERATION_DURATION) {
        gw_cpu_busy_wait(operation->duration_ns, context->is_cancelled);
        return;
    }
    gw_check(runners[operation->kind] != NULL);
    runners[operation->kind](context, operation);
}
