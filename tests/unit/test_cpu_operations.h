/* SPDX-License-Identifier: Apache-2.0 */
/* One operation on memory of its own: what the tests of the CPU's operations share. */
#pragma once

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "real/cpu_operations.h"

#define VALUES_MAX 8

typedef struct { /* A function of one operation, and memory for its values. */
    gw_function *function;
    gw_operation operation;
    float *values[VALUES_MAX];
    uint32_t value_count, input_count, output_count;
    uint32_t shard;
    gw_mesh mesh; /* For what is split over axes. */
} bench;

static inline void bench_init(bench *made, gw_operation_kind kind)
{
    memset(made, 0, sizeof(*made));
    made->function = gw_function_new("bench");
    made->operation.kind = kind;
    gw_cpu_operations_init();
}

static inline void bench_clear(bench *made)
{
    for (uint32_t i = 0; i < made->value_count; i++) {
        free(made->values[i]);
    }
    gw_function_free(made->function);
}

static inline float *add_memory(bench *made, uint32_t index, uint32_t count)
{
    ck_assert_uint_eq(index, made->value_count);
    float *data = malloc(sizeof(float) * count);
    for (uint32_t i = 0; i < count; i++) {
        data[i] = NAN; /* What is read and was not written shows. */
    }
    made->values[made->value_count++] = data;
    return data;
}

/* Uniform in [-1, 1), another one for every input. */
static inline float *add_input(bench *made, uint32_t rows, uint32_t columns)
{
    const uint32_t index = gw_function_add_input(made->function, rows, columns, false);
    float *data = add_memory(made, index, rows * columns);
    for (uint32_t i = 0; i < rows * columns; i++) {
        data[i] = (float)(gw_random_at(index + 1, i) >> 40) / (1 << 23) - 1;
    }
    made->operation.inputs[made->input_count++] = (uint16_t)index;
    return data;
}

static inline float *add_output(bench *made, uint32_t rows, uint32_t columns, bool is_sharded)
{
    const uint32_t index = gw_function_add_output(made->function, rows, columns, is_sharded);
    made->operation.outputs[made->output_count++] = (uint16_t)index;
    return add_memory(made, index, rows * columns);
}

static inline void run(bench *made)
{
    const gw_cpu_context context = {.function = made->function,
                                    .values = made->values,
                                    .shard = made->shard,
                                    .mesh = &made->mesh};
    gw_cpu_operation_run(&context, &made->operation);
}

static inline void check_near(double found, double expected, double tolerance)
{
    ck_assert_msg(fabs(found - expected) <= tolerance, "found %.9g, expected %.9g +- %g", found,
                  expected, tolerance);
}

/* --- Gradients, against central differences --- */

#define SLOPE_STEP      (1.0f / 64) /* What float32 rounds off is about 1e-5 of it. */
#define SLOPE_TOLERANCE 2e-3

/* sum(weight output 0), which makes one number of what an operation gives. */
static inline double weigh(bench *forward, const float *weights, uint32_t count)
{
    double sum = 0;
    run(forward);
    const float *y = forward->values[forward->operation.outputs[0]];
    for (uint32_t i = 0; i < count; i++)
        sum += (double)weights[i] * y[i];
    return sum;
}

/* `slopes` are those of weigh() by the `count` elements of `x`. */
static inline void check_slopes(bench *forward, const float *weights, uint32_t weight_count,
                                float *x, const float *slopes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const float at = x[i];
        x[i] = at + SLOPE_STEP;
        const double above = weigh(forward, weights, weight_count);
        x[i] = at - SLOPE_STEP;
        const double below = weigh(forward, weights, weight_count);
        x[i] = at;
        check_near(slopes[i], (above - below) / (2 * SLOPE_STEP), SLOPE_TOLERANCE);
    }
}
