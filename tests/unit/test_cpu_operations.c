/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation against a plain loop in double precision; gradients against finite differences
 * of what they are the gradient of; busy waiting against the clock. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "real/activity.h"
#include "run_suite.h"
#include "test_cpu_operations.h"

/* --- Values from nothing --- */

START_TEST(fill_writes_every_element)
{
    bench made;
    bench_init(&made, GW_OPERATION_FILL);
    made.operation.scalar = -2.5;
    const float *y = add_output(&made, 3, 5, false);
    run(&made);
    for (uint32_t i = 0; i < 15; i++) {
        ck_assert_float_eq(y[i], -2.5f);
    }
    bench_clear(&made);
}
END_TEST

/* A whole of 4 x 6 from one shard, from two, and from four: the same numbers. */
START_TEST(random_does_not_depend_on_the_sharding)
{
    float whole[24];
    for (uint32_t shard_count = 1; shard_count <= 4; shard_count *= 2) {
        for (uint32_t shard = 0; shard < shard_count; shard++) {
            bench made;
            bench_init(&made, GW_OPERATION_RANDOM);
            made.operation.seed = 11;
            made.operation.scalar = 0.5;
            made.shard = shard;
            const uint32_t count = 24 / shard_count;
            const float *y = add_output(&made, 4 / shard_count, 6, true);
            run(&made);
            for (uint32_t i = 0; i < count; i++) {
                if (shard_count == 1) {
                    whole[i] = y[i];
                }
                ck_assert_float_eq(y[i], whole[shard * count + i]);
            }
            bench_clear(&made);
        }
    }
    ck_assert_float_ne(whole[0], whole[1]);
}
END_TEST

START_TEST(random_replicated_is_the_same_on_every_shard)
{
    float first[100];
    for (uint32_t shard = 0; shard < 3; shard++) {
        bench made;
        bench_init(&made, GW_OPERATION_RANDOM);
        made.operation.seed = 5;
        made.operation.scalar = 1;
        made.shard = shard;
        const float *y = add_output(&made, 10, 10, false);
        run(&made);
        for (uint32_t i = 0; i < 100; i++) {
            first[i] = shard == 0 ? y[i] : first[i];
            ck_assert_float_eq(y[i], first[i]);
        }
        bench_clear(&made);
    }
}
END_TEST

START_TEST(random_is_uniform_and_follows_its_seed)
{
    double sums[2] = {0, 0}, squares[2] = {0, 0};
    float firsts[2];
    for (uint32_t seed = 0; seed < 2; seed++) {
        bench made;
        bench_init(&made, GW_OPERATION_RANDOM);
        made.operation.seed = seed;
        made.operation.scalar = 3;
        const float *y = add_output(&made, 100, 100, false);
        run(&made);
        firsts[seed] = y[0];
        for (uint32_t i = 0; i < 10000; i++) {
            ck_assert(y[i] >= -3 && y[i] < 3);
            sums[seed] += y[i];
            squares[seed] += y[i] * y[i];
        }
        bench_clear(&made);
        /* Mean 0 and variance scalar^2 / 3, each within four standard errors. */
        check_near(sums[seed] / 10000, 0, 4 * sqrt(3.0 / 10000));
        check_near(squares[seed] / 10000, 3, 4 * sqrt(7.2 / 10000));
    }
    ck_assert_float_ne(firsts[0], firsts[1]);
}
END_TEST

/* --- Matrix product: every transposition, shapes that are no multiple of anything --- */

START_TEST(matmul_agrees_with_three_loops)
{
    const uint32_t m = 13, n = 7, depth = 19;
    const bool transpose_a = (_i & 1) != 0, transpose_b = (_i & 2) != 0;
    bench made;
    bench_init(&made, GW_OPERATION_MATMUL);
    made.operation.transpose_a = transpose_a;
    made.operation.transpose_b = transpose_b;
    const float *a = transpose_a ? add_input(&made, depth, m) : add_input(&made, m, depth);
    const float *b = transpose_b ? add_input(&made, n, depth) : add_input(&made, depth, n);
    const float *y = add_output(&made, m, n, false);
    run(&made);
    for (uint32_t i = 0; i < m; i++) {
        for (uint32_t j = 0; j < n; j++) {
            double sum = 0;
            for (uint32_t k = 0; k < depth; k++) {
                sum += (double)(transpose_a ? a[k * m + i] : a[i * depth + k]) *
                       (transpose_b ? b[j * depth + k] : b[k * n + j]);
            }
            check_near(y[i * n + j], sum, 1e-5);
        }
    }
    bench_clear(&made);
}
END_TEST

#define CROWD_COUNT 48

static void *multiply_often(void *context)
{
    bench *made = context;
    for (uint32_t i = 0; i < 20; i++) {
        run(made);
    }
    return NULL;
}

/* Far more threads than cores wait their turn, and all of them get the same bits. */
START_TEST(a_crowd_of_threads_multiplies)
{
    bench crowd[CROWD_COUNT];
    pthread_t threads[CROWD_COUNT];
    const uint32_t n = 70;
    for (uint32_t i = 0; i < CROWD_COUNT; i++) {
        bench_init(&crowd[i], GW_OPERATION_MATMUL);
        add_input(&crowd[i], n, n);
        add_input(&crowd[i], n, n);
        add_output(&crowd[i], n, n, false);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, multiply_often, &crowd[i]), 0);
    }
    for (uint32_t i = 0; i < CROWD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    for (uint32_t i = 0; i < CROWD_COUNT; i++) {
        ck_assert_mem_eq(crowd[i].values[2], crowd[0].values[2], sizeof(float) * n * n);
    }
    for (uint32_t i = 0; i < CROWD_COUNT; i++) {
        bench_clear(&crowd[i]);
    }
}
END_TEST

/* --- Element-wise --- */

static double gelu(double x)
{
    return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}

static double map_reference(gw_map map, double x, double z, double scalar)
{
    switch (map) {
    case GW_MAP_COPY:
        return x;
    case GW_MAP_SCALE:
        return scalar * x;
    case GW_MAP_ADD:
    case GW_MAP_ADD_ROW:
        return x + z;
    case GW_MAP_SUBTRACT:
        return x - z;
    case GW_MAP_MULTIPLY:
    case GW_MAP_MULTIPLY_COLUMN:
        return x * z;
    case GW_MAP_ADD_SCALAR:
        return x + scalar;
    case GW_MAP_RELU:
        return x > 0 ? x : 0;
    case GW_MAP_RELU_GRADIENT:
        return z > 0 ? x : 0;
    case GW_MAP_TANH:
        return tanh(x);
    case GW_MAP_GELU:
        return gelu(x);
    case GW_MAP_GELU_GRADIENT:
        return x * (gelu(z + 1e-6) - gelu(z - 1e-6)) / 2e-6;
    }
    ck_abort_msg("map %d is not known here", (int)map);
    return 0;
}

START_TEST(map_agrees_with_a_loop)
{
    const gw_map map = (gw_map)_i;
    bench made;
    bench_init(&made, GW_OPERATION_MAP);
    made.operation.map = map;
    made.operation.scalar = 1.75;
    const bool is_row = map == GW_MAP_ADD_ROW, is_column = map == GW_MAP_MULTIPLY_COLUMN;
    const float *x = add_input(&made, 6, 11);
    const float *z = NULL;
    if (gw_operation_input_count(&made.operation) == 2) {
        z = add_input(&made, is_row ? 1 : 6, is_column ? 1 : 11);
    }
    const float *y = add_output(&made, 6, 11, false);
    run(&made);
    for (uint32_t i = 0; i < 66; i++) {
        const uint32_t place = is_row ? i % 11 : is_column ? i / 11 : i;
        const double other = z == NULL ? 0 : z[place];
        check_near(y[i], map_reference(map, x[i], other, 1.75), 1e-6);
    }
    bench_clear(&made);
}
END_TEST

/* d/dx of sum(g relu(x)) is relu_gradient(g, x). */
START_TEST(relu_gradient_is_the_slope_of_relu)
{
    bench forward, backward;
    bench_init(&forward, GW_OPERATION_MAP);
    forward.operation.map = GW_MAP_RELU;
    float *x = add_input(&forward, 1, 32);
    const float *y = add_output(&forward, 1, 32, false);
    bench_init(&backward, GW_OPERATION_MAP);
    backward.operation.map = GW_MAP_RELU_GRADIENT;
    const float *g = add_input(&backward, 1, 32);
    float *z = add_input(&backward, 1, 32);
    const float *slope = add_output(&backward, 1, 32, false);
    memcpy(z, x, sizeof(float) * 32);
    run(&backward);
    const float step = 1.0f / 1024;
    for (uint32_t i = 0; i < 32; i++) {
        const float at = x[i];
        x[i] = at + step;
        run(&forward);
        const double above = y[i];
        x[i] = at - step;
        run(&forward);
        const double below = y[i];
        x[i] = at;
        if (fabsf(at) > step) { /* Not across the kink. */
            check_near(slope[i], g[i] * (above - below) / (2 * step), 1e-3);
        }
    }
    bench_clear(&forward);
    bench_clear(&backward);
}
END_TEST

/* --- Rows --- */

START_TEST(route_sorts_rows_by_what_they_choose)
{
    static const float scores[] = {1, 5, 2, 7, 7, 0, 0, 1, 9, 3, 2, 1, -1, -2, -1, NAN, 4, 5};
    static const float order[] = {1, 3, 4, 5, 0, 2}, counts[] = {4, 1, 1};
    static const float chosen[] = {5, 7, 9, 3, -1};
    bench made;
    bench_init(&made, GW_OPERATION_ROUTE);
    memcpy(add_input(&made, 6, 3), scores, sizeof scores);
    const float *found_order = add_output(&made, 6, 1, false);
    const float *found_counts = add_output(&made, 1, 3, false);
    const float *found_chosen = add_output(&made, 6, 1, false);
    run(&made);
    ck_assert_mem_eq(found_order, order, sizeof order);
    ck_assert_mem_eq(found_counts, counts, sizeof counts);
    ck_assert_mem_eq(found_chosen, chosen, sizeof chosen);
    bench_clear(&made);
}
END_TEST

START_TEST(scatter_undoes_gather)
{
    static const float order[] = {3, 0, 2, 1};
    bench gather, scatter;
    bench_init(&gather, GW_OPERATION_GATHER);
    const float *x = add_input(&gather, 4, 5);
    memcpy(add_input(&gather, 4, 1), order, sizeof order);
    const float *sorted = add_output(&gather, 4, 5, false);
    run(&gather);
    ck_assert_mem_eq(sorted, x + 15, 5 * sizeof(float));
    ck_assert_mem_eq(sorted + 5, x, 5 * sizeof(float));
    bench_init(&scatter, GW_OPERATION_SCATTER);
    memcpy(add_input(&scatter, 4, 5), sorted, 20 * sizeof(float));
    memcpy(add_input(&scatter, 4, 1), order, sizeof order);
    const float *again = add_output(&scatter, 4, 5, false);
    run(&scatter);
    ck_assert_mem_eq(again, x, 20 * sizeof(float));
    bench_clear(&gather);
    bench_clear(&scatter);
}
END_TEST

/* Places along the dimensions in axes alone; the mesh is 2 x 3. */
START_TEST(slice_keeps_the_members_rows)
{
    static const uint32_t first[2][6] = {{0, 0, 0, 3, 3, 3}, {0, 2, 4, 0, 2, 4}};
    for (uint32_t shard = 0; shard < 6; shard++) {
        for (uint32_t dim = 0; dim < 2; dim++) {
            bench made;
            bench_init(&made, GW_OPERATION_SLICE);
            made.operation.axes = (uint8_t)(1U << dim);
            made.shard = shard;
            made.mesh = (gw_mesh){.dims = 2, .shape = {2, 3, 1}};
            const uint32_t rows = dim == 0 ? 3 : 2;
            const float *x = add_input(&made, 6, 5);
            const float *y = add_output(&made, rows, 5, true);
            run(&made);
            ck_assert_mem_eq(y, x + (size_t)first[dim][shard] * 5, rows * 5 * sizeof(float));
            bench_clear(&made);
        }
    }
}
END_TEST

/* --- Reductions --- */

START_TEST(reductions_agree_with_loops)
{
    const uint32_t rows = 9, columns = 131; /* More than one band of columns. */
    for (gw_reduction kind = GW_REDUCTION_SUM_ROWS; kind <= GW_REDUCTION_MAX; kind++) {
        bench made;
        bench_init(&made, GW_OPERATION_REDUCE);
        made.operation.reduction = kind;
        const float *x = add_input(&made, rows, columns);
        const bool is_row = kind == GW_REDUCTION_SUM_ROWS;
        const float *y = add_output(&made, 1, is_row ? columns : 1, false);
        run(&made);
        double sum = 0, largest = -INFINITY;
        double columns_sum[131] = {0};
        for (uint32_t i = 0; i < rows * columns; i++) {
            sum += x[i];
            columns_sum[i % columns] += x[i];
            largest = fmax(largest, x[i]);
        }
        if (is_row) {
            for (uint32_t i = 0; i < columns; i++) {
                check_near(y[i], columns_sum[i], 1e-6);
            }
        } else {
            check_near(y[0],
                       kind == GW_REDUCTION_SUM    ? sum
                       : kind == GW_REDUCTION_MEAN ? sum / (rows * columns)
                                                   : largest,
                       1e-5);
        }
        bench_clear(&made);
    }
}
END_TEST

START_TEST(max_of_negatives_is_negative)
{
    bench made;
    bench_init(&made, GW_OPERATION_REDUCE);
    made.operation.reduction = GW_REDUCTION_MAX;
    float *x = add_input(&made, 2, 3);
    const float *y = add_output(&made, 1, 1, false);
    for (uint32_t i = 0; i < 6; i++) {
        x[i] = -10.0f - (float)i;
    }
    run(&made);
    ck_assert_float_eq(y[0], -10);
    bench_clear(&made);
}
END_TEST

START_TEST(a_long_sum_keeps_its_digits)
{
    bench made;
    bench_init(&made, GW_OPERATION_REDUCE);
    made.operation.reduction = GW_REDUCTION_SUM;
    float *x = add_input(&made, 1000, 1000);
    const float *y = add_output(&made, 1, 1, false);
    for (uint32_t i = 0; i < 1000000; i++) {
        x[i] = 0.1f;
    }
    run(&made); /* A float accumulator is 1 % off here. */
    check_near(y[0], 1e6 * (double)0.1f, 0.01);
    bench_clear(&made);
}
END_TEST

/* --- Along rows --- */

START_TEST(softmax_agrees_with_a_loop)
{
    bench made;
    bench_init(&made, GW_OPERATION_SOFTMAX);
    const float *x = add_input(&made, 5, 17);
    const float *y = add_output(&made, 5, 17, false);
    run(&made);
    for (uint32_t row = 0; row < 5; row++) {
        double sum = 0, total = 0;
        for (uint32_t i = 0; i < 17; i++) {
            sum += exp(x[row * 17 + i]);
        }
        for (uint32_t i = 0; i < 17; i++) {
            check_near(y[row * 17 + i], exp(x[row * 17 + i]) / sum, 1e-6);
            total += y[row * 17 + i];
        }
        check_near(total, 1, 1e-5);
    }
    bench_clear(&made);
}
END_TEST

START_TEST(softmax_of_large_numbers_does_not_overflow)
{
    bench made;
    bench_init(&made, GW_OPERATION_SOFTMAX);
    float *x = add_input(&made, 1, 3);
    const float *y = add_output(&made, 1, 3, false);
    x[0] = 1000;
    x[1] = 999;
    x[2] = -1000;
    run(&made);
    check_near(y[0], 1 / (1 + exp(-1)), 1e-6);
    check_near(y[1], exp(-1) / (1 + exp(-1)), 1e-6);
    ck_assert_float_eq(y[2], 0);
    bench_clear(&made);
}
END_TEST

START_TEST(layer_norm_agrees_with_a_loop)
{
    bench made;
    bench_init(&made, GW_OPERATION_LAYER_NORM);
    const float *x = add_input(&made, 4, 23);
    const float *gain = add_input(&made, 1, 23), *bias = add_input(&made, 1, 23);
    const float *y = add_output(&made, 4, 23, false);
    run(&made);
    for (uint32_t row = 0; row < 4; row++) {
        double mean = 0, variance = 0;
        for (uint32_t i = 0; i < 23; i++) {
            mean += x[row * 23 + i] / 23.0;
        }
        for (uint32_t i = 0; i < 23; i++) {
            variance += pow(x[row * 23 + i] - mean, 2) / 23;
        }
        for (uint32_t i = 0; i < 23; i++) {
            const double normal = (x[row * 23 + i] - mean) / sqrt(variance + 1e-5);
            check_near(y[row * 23 + i], normal * gain[i] + bias[i], 1e-5);
        }
    }
    bench_clear(&made);
}
END_TEST

/* --- Loss and optimisers --- */

static double loss_reference(const float *logits, const float *labels, uint32_t rows,
                             uint32_t columns, double scalar)
{
    double loss = 0;
    for (uint32_t row = 0; row < rows; row++) {
        double sum = 0;
        for (uint32_t i = 0; i < columns; i++) {
            sum += exp(logits[row * columns + i]);
        }
        for (uint32_t i = 0; i < columns; i++) {
            loss -= labels[row * columns + i] * (logits[row * columns + i] - log(sum));
        }
    }
    return scalar * loss;
}

/* The labels of the first rows are probabilities, those of the last one sum to something else. */
START_TEST(cross_entropy_has_the_loss_and_its_slope)
{
    const uint32_t rows = 4, columns = 6;
    bench made;
    bench_init(&made, GW_OPERATION_CROSS_ENTROPY);
    made.operation.scalar = 0.25;
    float *logits = add_input(&made, rows, columns);
    float *labels = add_input(&made, rows, columns);
    const float *loss = add_output(&made, 1, 1, false);
    const float *gradient = add_output(&made, rows, columns, false);
    for (uint32_t i = 0; i < rows * columns; i++) {
        logits[i] *= 3;
        labels[i] = i / columns == rows - 1 ? 0.3f : i % columns == i / columns ? 1 : 0;
    }
    run(&made);
    check_near(loss[0], loss_reference(logits, labels, rows, columns, 0.25), 1e-5);
    const float step = 1.0f / 512;
    for (uint32_t i = 0; i < rows * columns; i++) {
        const float at = logits[i];
        logits[i] = at + step;
        const double above = loss_reference(logits, labels, rows, columns, 0.25);
        logits[i] = at - step;
        const double below = loss_reference(logits, labels, rows, columns, 0.25);
        logits[i] = at;
        check_near(gradient[i], (above - below) / (2 * step), 1e-5);
    }
    bench_clear(&made);
}
END_TEST

START_TEST(cross_entropy_of_large_logits_is_finite)
{
    bench made;
    bench_init(&made, GW_OPERATION_CROSS_ENTROPY);
    made.operation.scalar = 1;
    float *logits = add_input(&made, 1, 2), *labels = add_input(&made, 1, 2);
    const float *loss = add_output(&made, 1, 1, false);
    const float *gradient = add_output(&made, 1, 2, false);
    logits[0] = 500;
    logits[1] = -500;
    labels[0] = 0;
    labels[1] = 1;
    run(&made);
    check_near(loss[0], 1000, 1e-3);
    check_near(gradient[0], 1, 1e-6);
    check_near(gradient[1], -1, 1e-6);
    bench_clear(&made);
}
END_TEST

START_TEST(sgd_agrees_with_a_loop)
{
    bench made;
    bench_init(&made, GW_OPERATION_SGD);
    made.operation.scalar = 0.125;
    const float *p = add_input(&made, 3, 8), *g = add_input(&made, 3, 8);
    const float *y = add_output(&made, 3, 8, false);
    run(&made);
    for (uint32_t i = 0; i < 24; i++) {
        check_near(y[i], p[i] - 0.125 * g[i], 1e-6);
    }
    bench_clear(&made);
}
END_TEST

/* After so many updates; none, a few, and so many that the correction is none. */
START_TEST(adam_agrees_with_a_loop)
{
    static const float counts[] = {0, 1, 9, 1000, 100000};
    bench made;
    bench_init(&made, GW_OPERATION_ADAM);
    made.operation.scalar = 0.01;
    const float *p = add_input(&made, 3, 8), *g = add_input(&made, 3, 8);
    const float *m = add_input(&made, 3, 8);
    float *v = add_input(&made, 3, 8);
    for (uint32_t i = 0; i < 24; i++) {
        v[i] *= v[i];
    }
    float *count = add_input(&made, 1, 1);
    *count = counts[_i];
    const double mean_share = 1 - pow(0.9, *count + 1), square_share = 1 - pow(0.999, *count + 1);
    const float *new_p = add_output(&made, 3, 8, false);
    const float *new_m = add_output(&made, 3, 8, false);
    const float *new_v = add_output(&made, 3, 8, false);
    run(&made);
    for (uint32_t i = 0; i < 24; i++) {
        const double mean = 0.9 * m[i] + 0.1 * g[i];
        const double square = 0.999 * v[i] + 0.001 * (double)g[i] * g[i];
        check_near(new_m[i], mean, 1e-6);
        check_near(new_v[i], square, 1e-6);
        check_near(new_p[i], p[i] - 0.01 * mean / mean_share / (sqrt(square / square_share) + 1e-8),
                   2e-5);
    }
    bench_clear(&made);
}
END_TEST

/* The first step is as long as the step size, whatever the slope, if it is far from epsilon; of a
 * slope of epsilon, half as long. */
START_TEST(the_first_step_of_adam_is_the_step_size)
{
    static const float slopes[] = {1e-4F, -1e-4F, 3, -1e5F, 1e-8F, 0};
    static const double steps[] = {0.01, -0.01, 0.01, -0.01, 0.005, 0};
    bench made;
    bench_init(&made, GW_OPERATION_ADAM);
    made.operation.scalar = 0.01;
    float *inputs[4];
    for (uint32_t k = 0; k < 4; k++) {
        inputs[k] = add_input(&made, 1, 6);
        memset(inputs[k], 0, 6 * sizeof(float));
    }
    memcpy(inputs[1], slopes, sizeof slopes);
    *add_input(&made, 1, 1) = 0;
    const float *new_p = add_output(&made, 1, 6, false);
    add_output(&made, 1, 6, false);
    add_output(&made, 1, 6, false);
    run(&made);
    for (uint32_t i = 0; i < 6; i++) {
        check_near(new_p[i], -steps[i], 2e-6);
    }
    bench_clear(&made);
}
END_TEST

/* --- Time --- */

static gw_span time_run(bench *made)
{
    const uint64_t before_ns = gw_monotonic_ns();
    run(made);
    return gw_monotonic_ns() - before_ns;
}

/* At least that long; how much longer is up to the machine's load. */
START_TEST(durations_are_waited_out)
{
    static const gw_span spans_ns[] = {0, 1000, 200000, 30000000};
    for (uint32_t i = 0; i < G_N_ELEMENTS(spans_ns); i++) {
        bench made;
        bench_init(&made, GW_OPERATION_DURATION);
        made.operation.duration_ns = spans_ns[i];
        ck_assert_uint_ge(time_run(&made), spans_ns[i]);
        bench_clear(&made);
    }
}
END_TEST

START_TEST(work_takes_its_flops_at_the_nominal_rate)
{
    bench made;
    bench_init(&made, GW_OPERATION_WORK);
    made.operation.flops = 5e6;
    made.operation.bytes = 1e15;
    const gw_span took_ns = time_run(&made);
    ck_assert_uint_ge(took_ns, (gw_span)(5e6 / GW_CPU_FLOPS_PER_S * 1e9));
    ck_assert_uint_lt(took_ns, UINT64_C(60000000000)); /* Bytes take none. */
    const gw_cpu_context context = {
        .function = made.function, .values = made.values, .flops_per_s = 1e8};
    const uint64_t before_ns = gw_monotonic_ns();
    gw_cpu_operation_run(&context, &made.operation);
    ck_assert_uint_ge(gw_monotonic_ns() - before_ns, 50000000);
    bench_clear(&made);
}
END_TEST

START_TEST(a_cancelled_wait_ends)
{
    atomic_bool is_cancelled = true;
    gw_cpu_busy_wait(UINT64_C(3600000000000), &is_cancelled); /* Else this test times out. */
}
END_TEST

/* --- Plans --- */

START_TEST(temporaries_have_aligned_places_of_their_own)
{
    gw_function *function = gw_function_new("plan");
    const uint32_t x = gw_function_add_input(function, 3, 3, false);
    const uint32_t a = gw_function_add_temporary(function, 3, 3);
    const uint32_t y = gw_function_add_output(function, 3, 3, false);
    const uint32_t b = gw_function_add_temporary(function, 100, 1);
    const uint32_t silent = gw_function_add_output(function, 1, 1, false);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = GW_MAP_COPY,
                                              .inputs = {(uint16_t)x},
                                              .outputs = {(uint16_t)y}});
    g_autoptr(gw_cpu_plan) plan = gw_cpu_plan_new(function);
    ck_assert_uint_eq(plan->offsets_bytes[a] % GW_CPU_ALIGNMENT_BYTES, 0);
    ck_assert_uint_eq(plan->offsets_bytes[b] % GW_CPU_ALIGNMENT_BYTES, 0);
    ck_assert_uint_ge(plan->offsets_bytes[b], plan->offsets_bytes[a] + 36);
    ck_assert_uint_ge(plan->scratch_bytes, plan->offsets_bytes[b] + 400);
    ck_assert(plan->is_written[y]);
    ck_assert(!plan->is_written[silent]);
    ck_assert(!plan->is_written[x]);
    gw_function_free(function);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_operations");
    TCase *tcase = tcase_create("operations");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, fill_writes_every_element);
    tcase_add_test(tcase, random_does_not_depend_on_the_sharding);
    tcase_add_test(tcase, random_replicated_is_the_same_on_every_shard);
    tcase_add_test(tcase, random_is_uniform_and_follows_its_seed);
    tcase_add_loop_test(tcase, matmul_agrees_with_three_loops, 0, 4);
    tcase_add_test(tcase, a_crowd_of_threads_multiplies);
    tcase_add_loop_test(tcase, map_agrees_with_a_loop, GW_MAP_COPY, GW_MAP_COUNT);
    tcase_add_test(tcase, relu_gradient_is_the_slope_of_relu);
    tcase_add_test(tcase, route_sorts_rows_by_what_they_choose);
    tcase_add_test(tcase, scatter_undoes_gather);
    tcase_add_test(tcase, slice_keeps_the_members_rows);
    tcase_add_test(tcase, reductions_agree_with_loops);
    tcase_add_test(tcase, max_of_negatives_is_negative);
    tcase_add_test(tcase, a_long_sum_keeps_its_digits);
    tcase_add_test(tcase, softmax_agrees_with_a_loop);
    tcase_add_test(tcase, softmax_of_large_numbers_does_not_overflow);
    tcase_add_test(tcase, layer_norm_agrees_with_a_loop);
    tcase_add_test(tcase, cross_entropy_has_the_loss_and_its_slope);
    tcase_add_test(tcase, cross_entropy_of_large_logits_is_finite);
    tcase_add_test(tcase, sgd_agrees_with_a_loop);
    tcase_add_loop_test(tcase, adam_agrees_with_a_loop, 0, 5);
    tcase_add_test(tcase, the_first_step_of_adam_is_the_step_size);
    tcase_add_test(tcase, durations_are_waited_out);
    tcase_add_test(tcase, work_takes_its_flops_at_the_nominal_rate);
    tcase_add_test(tcase, a_cancelled_wait_ends);
    tcase_add_test(tcase, temporaries_have_aligned_places_of_their_own);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
