/* SPDX-License-Identifier: Apache-2.0 */
/* Mixture of experts on dense seats: who goes where, there and back, the experts' products, and
 * the gradients of all.  A choice is looked for again in the backward pass: the same shares choose
 * the same experts. */
#include <cblas.h>
#include <string.h>

#include "base/check.h"
#include "real/cpu_operand.h"

#define CHOICES_MAX 2

/* --- Choosing --- */

/* The `count` greatest of a row, the first of equal ones first. */
static void choose(const float *shares, uint64_t expert_count, uint64_t count,
                   uint64_t out_experts[CHOICES_MAX])
{
    gw_check(count >= 1 && count <= CHOICES_MAX && count <= expert_count);
    uint64_t first = 0;
    for (uint64_t e = 1; e < expert_count; e++)
        first = shares[e] > shares[first] ? e : first;
    out_experts[0] = first;
    if (count == 1)
        return;
    uint64_t second = first == 0 ? 1 : 0;
    for (uint64_t e = second + 1; e < expert_count; e++)
        if (e != first && shares[e] > shares[second])
            second = e;
    out_experts[1] = second;
}

typedef struct { /* One group of rows at its gate. */
    const gw_operation *operation;
    gw_cpu_operand shares, seats, weights;
    uint64_t group, group_count;
    uint32_t *taken; /* By expert. */
} gate_group;

static uint64_t find_expert(const gate_group *at, uint64_t row, uint64_t choice)
{
    uint64_t experts[CHOICES_MAX];
    choose(at->shares.data + row * at->shares.columns, at->shares.columns, choice + 1, experts);
    return experts[choice];
}

/* Every row's choice of that rank, in order; returns how many were not taken. */
static uint64_t take_seats(const gate_group *at, uint64_t choice)
{
    const uint64_t rows = at->operation->sequence, capacity = at->operation->capacity;
    uint64_t dropped = 0;
    for (uint64_t row = at->group * rows; row < (at->group + 1) * rows; row++) {
        const uint64_t expert = find_expert(at, row, choice);
        float *seat = &at->seats.data[row * at->seats.columns + choice];
        *seat = -1;
        if (at->taken[expert] < capacity)
            *seat =
                (float)((expert * at->group_count + at->group) * capacity + at->taken[expert]++);
        else
            dropped++;
    }
    return dropped;
}

static void weigh_choices(const gw_cpu_operand *shares, const gw_cpu_operand *weights)
{
    for (uint64_t row = 0; row < shares->rows; row++) {
        const float *share = shares->data + row * shares->columns;
        float *weight = weights->data + row * weights->columns;
        uint64_t experts[CHOICES_MAX];
        choose(share, shares->columns, weights->columns, experts);
        weight[0] = share[experts[0]];
        if (weights->columns == 2) {
            const float sum = share[experts[0]] + share[experts[1]];
            weight[0] = share[experts[0]] / sum;
            weight[1] = share[experts[1]] / sum;
        }
    }
}

void gw_cpu_run_gate(const gw_cpu_context *context, const gw_operation *operation)
{
    gate_group at = {.operation = operation,
                     .shares = gw_cpu_input(context, operation, 0),
                     .seats = gw_cpu_output(context, operation, 0),
                     .weights = gw_cpu_output(context, operation, 1)};
    const gw_cpu_operand dropped = gw_cpu_output(context, operation, 2);
    g_autofree uint32_t *taken = g_new(uint32_t, at.shares.columns);
    uint64_t dropped_count = 0;
    at.taken = taken;
    at.group_count = at.shares.rows / operation->sequence;
    for (at.group = 0; at.group < at.group_count; at.group++) {
        memset(taken, 0, at.shares.columns * sizeof(uint32_t));
        for (uint64_t choice = 0; choice < at.seats.columns; choice++)
            dropped_count += take_seats(&at, choice);
    }
    weigh_choices(&at.shares, &at.weights);
    dropped.data[0] = (float)dropped_count;
}

/* --- Its gradient --- */

/* Slopes of the shares of a group's rows: of each the part of the rows whose first choice is the
 * expert, times experts and scalar. */
static void set_balance_slopes(const gw_operation *operation, const gw_cpu_operand *shares,
                               uint64_t group, double *slopes)
{
    const uint64_t rows = operation->sequence, experts = shares->columns;
    const double step = operation->scalar * (double)experts / (double)rows;
    memset(slopes, 0, experts * sizeof(double));
    for (uint64_t row = group * rows; row < (group + 1) * rows; row++) {
        uint64_t chosen[CHOICES_MAX];
        choose(shares->data + row * experts, experts, 1, chosen);
        slopes[chosen[0]] += step;
    }
}

/* Through the weights of a row to the shares of what it chose. */
static void add_weight_slopes(const float *share, uint64_t expert_count, const float *dweights,
                              uint64_t choices, double *slopes)
{
    uint64_t experts[CHOICES_MAX];
    choose(share, expert_count, choices, experts);
    if (choices == 1) {
        slopes[experts[0]] += dweights[0];
        return;
    }
    const double first = share[experts[0]], second = share[experts[1]];
    const double step = ((double)dweights[0] - dweights[1]) / ((first + second) * (first + second));
    slopes[experts[0]] += step * second;
    slopes[experts[1]] -= step * first;
}

void gw_cpu_run_gate_gradient(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand shares = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand dweights = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand dlogits = gw_cpu_output(context, operation, 0);
    const uint64_t experts = shares.columns;
    g_autofree double *balance = g_new(double, experts);
    g_autofree double *slopes = g_new(double, experts);
    for (uint64_t row = 0; row < shares.rows; row++) {
        const float *share = shares.data + row * experts;
        double sum = 0;
        if (row % operation->sequence == 0)
            set_balance_slopes(operation, &shares, row / operation->sequence, balance);
        memcpy(slopes, balance, experts * sizeof(double));
        add_weight_slopes(share, experts, dweights.data + row * dweights.columns, dweights.columns,
                          slopes);
        for (uint64_t e = 0; e < experts; e++)
            sum += slopes[e] * share[e];
        for (uint64_t e = 0; e < experts; e++)
            dlogits.data[row * experts + e] = (float)(share[e] * (slopes[e] - sum));
    }
}

/* --- There and back --- */

/* The row of `seated` that choice `choice` of row `row` has; NULL: it was not taken. */
static float *find_seated(const gw_cpu_operand *seated, const gw_cpu_operand *seats, uint64_t row,
                          uint64_t choice)
{
    const float seat = seats->data[row * seats->columns + choice];
    if (seat < 0)
        return NULL;
    gw_check(seat < (float)seated->rows);
    return seated->data + (uint64_t)seat * seated->columns;
}

void gw_cpu_run_dispatch(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand seats = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    memset(y.data, 0, y.count * sizeof(float));
    for (uint64_t row = 0; row < x.rows; row++)
        for (uint64_t choice = 0; choice < seats.columns; choice++) {
            float *to = find_seated(&y, &seats, row, choice);
            if (to != NULL)
                memcpy(to, x.data + row * x.columns, x.columns * sizeof(float));
        }
}

/* Row by row, the sum of the rows at its seats, times weights (NULL: 1). */
static void gather_seated(const gw_cpu_operand *seated, const gw_cpu_operand *seats,
                          const gw_cpu_operand *weights, const gw_cpu_operand *y)
{
    memset(y->data, 0, y->count * sizeof(float));
    for (uint64_t row = 0; row < y->rows; row++) {
        float *to = y->data + row * y->columns;
        for (uint64_t choice = 0; choice < seats->columns; choice++) {
            const float *from = find_seated(seated, seats, row, choice);
            const float weight = weights == NULL ? 1 : weights->data[row * seats->columns + choice];
            for (uint64_t i = 0; from != NULL && i < y->columns; i++)
                to[i] += weight * from[i];
        }
    }
}

void gw_cpu_run_dispatch_gradient(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand seats = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand dy = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand dx = gw_cpu_output(context, operation, 0);
    gather_seated(&dy, &seats, NULL, &dx);
}

void gw_cpu_run_combine(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand z = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand seats = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand weights = gw_cpu_input(context, operation, 2);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    gather_seated(&z, &seats, &weights, &y);
}

void gw_cpu_run_combine_gradient(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand z = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand seats = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand weights = gw_cpu_input(context, operation, 2);
    const gw_cpu_operand dy = gw_cpu_input(context, operation, 3);
    const gw_cpu_operand dz = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand dweights = gw_cpu_output(context, operation, 1);
    memset(dz.data, 0, dz.count * sizeof(float));
    for (uint64_t row = 0; row < dy.rows; row++) {
        const float *slope = dy.data + row * dy.columns;
        for (uint64_t choice = 0; choice < seats.columns; choice++) {
            const uint64_t at = row * seats.columns + choice;
            const float *from = find_seated(&z, &seats, row, choice);
            float *to = find_seated(&dz, &seats, row, choice);
            double sum = 0;
            for (uint64_t i = 0; from != NULL && i < dy.columns; i++) {
                sum += (double)slope[i] * from[i];
                to[i] = weights.data[at] * slope[i];
            }
            dweights.data[at] = (float)sum;
        }
    }
}

/* --- Products --- */

/* Runs that follow each other and have the same block are one. */
static uint64_t count_run_rows(const gw_operation *operation, const gw_cpu_operand *a)
{
    return operation->blocks == 1 ? a->rows : operation->sequence;
}

void gw_cpu_run_block_matmul(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand a = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand b = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    const uint64_t rows = count_run_rows(operation, &a), block = b.count / operation->blocks;
    gw_cpu_products_begin(context);
    for (uint64_t run = 0; run < a.rows / rows; run++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, operation->transpose_b ? CblasTrans : CblasNoTrans,
                    (blasint)rows, (blasint)y.columns, (blasint)a.columns, 1,
                    a.data + run * rows * a.columns, (blasint)a.columns,
                    b.data + run % operation->blocks * block, (blasint)b.columns, 0,
                    y.data + run * rows * y.columns, (blasint)y.columns);
    gw_cpu_products_end(context);
}

void gw_cpu_run_block_matmul_gradient(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand a = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand c = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand b = gw_cpu_output(context, operation, 0);
    const uint64_t rows = count_run_rows(operation, &a), block = b.count / operation->blocks;
    gw_cpu_products_begin(context);
    for (uint64_t run = 0; run < a.rows / rows; run++)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)a.columns, (blasint)c.columns,
                    (blasint)rows, 1, a.data + run * rows * a.columns, (blasint)a.columns,
                    c.data + run * rows * c.columns, (blasint)c.columns,
                    run < operation->blocks ? 0 : 1, b.data + run % operation->blocks * block,
                    (blasint)c.columns);
    gw_cpu_products_end(context);
}
