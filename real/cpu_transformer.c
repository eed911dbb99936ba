/* SPDX-License-Identifier: Apache-2.0 */
/* What a transformer computes besides products, sums and softmax, forward and backward.  As in
 * cpu_operations.c sums are kept in double where they run over many, and always taken in the same
 * order. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "real/cpu_operand.h"
#include "real/cpu_tanh.h"

#define TOKEN_SHIFT        40                 /* 24 bits are left. */
#define TEXT_SHIFT         32                 /* Texts are shorter than 4 GiB. */
#define LAYER_NORM_EPSILON 1e-5               /* program/operation.h */
#define GELU_CUBIC         0.044715f          /* As here, and below. */
#define GELU_FACTOR        0.797884560802865f /* sqrt(2 / pi) */

/* --- Tokens --- */

/* Uniform below `count`, at most 2^24, from as many bits. */
static float draw_token(uint64_t seed, uint64_t place, uint64_t count)
{
    return (float)((gw_random_at(seed, place) >> TOKEN_SHIFT) * count >> (64 - TOKEN_SHIFT));
}

/* Of the whole of which this shard has `row_count` rows, the first of them. */
static uint64_t first_row(const gw_cpu_context *context, const gw_operation *operation,
                          uint64_t row_count)
{
    uint32_t group_size;
    const uint64_t place = gw_cpu_place(context, operation, &group_size);
    return ((uint64_t)operation->shift * group_size + place) * row_count;
}

/* Each sequence is a row of draws, one more than its rows. */
void gw_cpu_run_tokens(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand ids = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand labels = gw_cpu_output(context, operation, 1);
    const uint64_t rows = operation->sequence, first = first_row(context, operation, ids.rows);
    const uint64_t count = (uint64_t)operation->scalar;
    for (uint64_t i = 0; i < ids.rows; i++) {
        const uint64_t draw = (first + i) / rows * (rows + 1) + (first + i) % rows;
        ids.data[i] = draw_token(operation->seed, draw, count);
        labels.data[i] = draw_token(operation->seed, draw + 1, count);
    }
}

/* Each run draws from a seed of its own where its sequences begin. */
void gw_cpu_run_text(const gw_cpu_context *context, const gw_operation *operation)
{
    const float run = *gw_cpu_input(context, operation, 0).data;
    const gw_cpu_operand ids = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand labels = gw_cpu_output(context, operation, 1);
    gw_check(run >= 0);
    gw_check(run <= GW_TOKENS_MAX);
    gsize size;
    const uint8_t *text = g_bytes_get_data(context->function->text, &size);
    const uint64_t rows = operation->sequence, first = first_row(context, operation, ids.rows);
    const uint64_t seed = gw_random_at(operation->seed, (uint64_t)run);
    for (uint64_t i = 0; i < ids.rows; i++) {
        const uint64_t sequence = (first + i) / rows;
        const uint64_t start =
            (gw_random_at(seed, sequence) >> TEXT_SHIFT) * (size - rows) >> (64 - TEXT_SHIFT);
        const uint8_t *token = text + start + (first + i) % rows;
        ids.data[i] = token[0];
        labels.data[i] = token[1];
    }
}

/* Where in this shard's block of `size` the id of token `i` lies; `size`: in another's. */
static uint64_t place_of(const gw_cpu_context *context, const gw_operation *operation,
                         const gw_cpu_operand *ids, uint64_t i, uint64_t size)
{
    const float id = ids->data[i];
    gw_check(id >= 0);
    gw_check(id < GW_TOKENS_MAX);
    gw_check(id == floorf(id));
    const uint64_t place = (uint64_t)id - gw_cpu_place(context, operation, NULL) * size;
    gw_check(place < size || operation->axes != 0); /* Below the block's first it is huge. */
    return MIN(place, size);
}

void gw_cpu_run_embedding(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand table = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand ids = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    const uint64_t row_bytes = y.columns * sizeof(float);
    for (uint64_t i = 0; i < y.rows; i++) {
        const uint64_t row = place_of(context, operation, &ids, i, table.rows);
        if (row < table.rows)
            memcpy(y.data + i * y.columns, table.data + row * y.columns, row_bytes);
        else
            memset(y.data + i * y.columns, 0, row_bytes);
    }
}

void gw_cpu_run_embedding_gradient(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand ids = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand dy = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand table = gw_cpu_output(context, operation, 0);
    memset(table.data, 0, table.count * sizeof(float));
    for (uint64_t i = 0; i < dy.rows; i++) {
        const uint64_t row = place_of(context, operation, &ids, i, table.rows);
        for (uint64_t c = 0; row < table.rows && c < dy.columns; c++)
            table.data[row * dy.columns + c] += dy.data[i * dy.columns + c];
    }
}

void gw_cpu_run_token_statistics(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand logits = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand ids = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand s = gw_cpu_output(context, operation, 0);
    for (uint64_t row = 0; row < logits.rows; row++) {
        const float *logit = logits.data + row * logits.columns;
        const uint64_t place = place_of(context, operation, &ids, row, logits.columns);
        const float largest = gw_cpu_largest(logit, logits.columns);
        double sum = 0;
        for (uint64_t i = 0; i < logits.columns; i++)
            sum += expf(logit[i] - largest);
        s.data[3 * row] = largest;
        s.data[3 * row + 1] = (float)sum;
        s.data[3 * row + 2] = place < logits.columns ? logit[place] : 0;
    }
}

typedef struct {
    double largest, sum; /* Logit; of exp(logit - largest). */
    double id_logit;
} row_statistics;

/* Of one row, over all parts of the vocabulary. */
static row_statistics join_statistics(const gw_cpu_operand *s, uint64_t row, uint64_t row_count)
{
    row_statistics joined = {s->data[3 * row], 0, 0};
    for (uint64_t at = row; at < s->rows; at += row_count)
        joined.largest = MAX(joined.largest, (double)s->data[3 * at]);
    for (uint64_t at = row; at < s->rows; at += row_count) {
        joined.sum += s->data[3 * at + 1] * exp(s->data[3 * at] - joined.largest);
        joined.id_logit += s->data[3 * at + 2];
    }
    return joined;
}

/* Minus log softmax at the id; its slope is softmax, less 1 at the id. */
void gw_cpu_run_token_loss(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand logits = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand ids = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand s = gw_cpu_input(context, operation, 2);
    const gw_cpu_operand loss = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand gradient = gw_cpu_output(context, operation, 1);
    double total = 0;
    for (uint64_t row = 0; row < logits.rows; row++) {
        const float *logit = logits.data + row * logits.columns;
        float *slope = gradient.data + row * logits.columns;
        const uint64_t place = place_of(context, operation, &ids, row, logits.columns);
        const row_statistics joined = join_statistics(&s, row, logits.rows);
        const double factor = operation->scalar / joined.sum;
        total += log(joined.sum) - (joined.id_logit - joined.largest);
        for (uint64_t i = 0; i < logits.columns; i++)
            slope[i] = (float)(expf(logit[i] - (float)joined.largest) * factor);
        if (place < logits.columns)
            slope[place] -= (float)operation->scalar;
    }
    loss.data[0] = (float)(operation->scalar * total);
}

/* --- Element by element, and along rows --- */

void gw_cpu_run_gelu(const gw_cpu_operand *x, const gw_cpu_operand *y)
{
    for (uint64_t i = 0; i < y->count; i++) {
        const float at = x->data[i];
        const float inner = GELU_FACTOR * (at + GELU_CUBIC * at * at * at);
        y->data[i] = 0.5f * at * (1 + gw_cpu_tanh(inner));
    }
}

void gw_cpu_run_gelu_gradient(const gw_cpu_operand *x, const gw_cpu_operand *z,
                              const gw_cpu_operand *y)
{
    for (uint64_t i = 0; i < y->count; i++) {
        const float at = z->data[i];
        const float t = gw_cpu_tanh(GELU_FACTOR * (at + GELU_CUBIC * at * at * at));
        const float inner_slope = GELU_FACTOR * (1 + 3 * GELU_CUBIC * at * at);
        y->data[i] = x->data[i] * 0.5f * (1 + t + at * (1 - t * t) * inner_slope);
    }
}

/* With n = (x - mean) / deviation and g = dy gain, both along a row:
 * dx = (g - mean(g) - n mean(g n)) / deviation. */
void gw_cpu_run_layer_norm_gradient(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand x = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand gain = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand dy = gw_cpu_input(context, operation, 2);
    const gw_cpu_operand dx = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand dgain = gw_cpu_output(context, operation, 1);
    const gw_cpu_operand dbias = gw_cpu_output(context, operation, 2);
    const double count = (double)x.columns;
    g_autofree double *sums = g_new0(double, 2 * x.columns); /* Of dgain, then of dbias. */
    for (uint64_t row = 0; row < x.rows; row++) {
        const float *from = x.data + row * x.columns, *slope = dy.data + row * x.columns;
        double sum = 0, squares = 0, sum_g = 0, sum_gn = 0;
        for (uint64_t i = 0; i < x.columns; i++)
            sum += from[i];
        const double mean = sum / count;
        for (uint64_t i = 0; i < x.columns; i++)
            squares += (from[i] - mean) * (from[i] - mean);
        const double factor = 1 / sqrt(squares / count + LAYER_NORM_EPSILON);
        for (uint64_t i = 0; i < x.columns; i++) {
            const double n = (from[i] - mean) * factor, g = (double)slope[i] * gain.data[i];
            sum_g += g;
            sum_gn += g * n;
            sums[i] += slope[i] * n;
            sums[x.columns + i] += slope[i];
        }
        for (uint64_t i = 0; i < x.columns; i++) {
            const double n = (from[i] - mean) * factor, g = (double)slope[i] * gain.data[i];
            dx.data[row * x.columns + i] =
                (float)(factor * (g - sum_g / count - n * sum_gn / count));
        }
    }
    for (uint64_t i = 0; i < x.columns; i++) {
        dgain.data[i] = (float)sums[i];
        dbias.data[i] = (float)sums[x.columns + i];
    }
}

/* --- Attention --- */

typedef struct {         /* One sequence and head: where its part of each operand begins. */
    uint64_t at_q, at_k; /* In q and k, and their like. */
    uint64_t at_p;
    blasint rows, keys;    /* Of the sequence, in q and k; */
    blasint width, stride; /* columns of the head, of all heads. */
    float scale;
} attention_block;

static attention_block block_of(const gw_operation *operation, const gw_cpu_operand *q,
                                const gw_cpu_operand *k, uint64_t number)
{
    const uint64_t rows = operation->sequence, keys = k->rows / (q->rows / rows);
    const uint64_t width = q->columns / operation->heads;
    const uint64_t head = number % operation->heads, sequence = number / operation->heads;
    return (attention_block){.at_q = sequence * rows * q->columns + head * width,
                             .at_k = sequence * keys * q->columns + head * width,
                             .at_p = number * rows * keys,
                             .rows = (blasint)rows,
                             .keys = (blasint)keys,
                             .width = (blasint)width,
                             .stride = (blasint)q->columns,
                             .scale = (float)(1 / sqrt((double)width))};
}

/* Along each row, over its first columns up to its own where it is causal; 0 beyond. */
static void softmax_rows(float *p, uint64_t rows, uint64_t columns, bool is_causal)
{
    for (uint64_t row = 0; row < rows; row++) {
        float *to = p + row * columns;
        const uint64_t seen = is_causal ? row + 1 : columns;
        const float largest = gw_cpu_largest(to, seen);
        double sum = 0;
        for (uint64_t i = 0; i < seen; i++) {
            to[i] = expf(to[i] - largest);
            sum += to[i];
        }
        const float factor = (float)(1 / sum);
        for (uint64_t i = 0; i < seen; i++)
            to[i] *= factor;
        memset(to + seen, 0, (columns - seen) * sizeof(float));
    }
}

void gw_cpu_run_attention(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand q = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand k = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand v = gw_cpu_input(context, operation, 2);
    const gw_cpu_operand y = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand p = gw_cpu_output(context, operation, 1);
    const uint64_t count = q.rows / operation->sequence * operation->heads;
    gw_cpu_products_begin(context);
    for (uint64_t b = 0; b < count; b++) {
        const attention_block at = block_of(operation, &q, &k, b);
        float *scores = p.data + at.at_p;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, at.rows, at.keys, at.width, at.scale,
                    q.data + at.at_q, at.stride, k.data + at.at_k, at.stride, 0, scores, at.keys);
        softmax_rows(scores, operation->sequence, p.columns, operation->is_causal);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, at.rows, at.width, at.keys, 1,
                    scores, at.keys, v.data + at.at_k, at.stride, 0, y.data + at.at_q, at.stride);
    }
    gw_cpu_products_end(context);
}

/* From dp to the slopes of the scores, in place: ds = p (dp - sum of dp p along the row). */
static void softmax_gradient_rows(const float *p, float *dp, uint64_t rows, uint64_t columns)
{
    for (uint64_t row = 0; row < rows; row++) {
        const float *from = p + row * columns;
        float *to = dp + row * columns;
        double sum = 0;
        for (uint64_t i = 0; i < columns; i++)
            sum += (double)from[i] * to[i];
        for (uint64_t i = 0; i < columns; i++)
            to[i] = from[i] * (to[i] - (float)sum);
    }
}

void gw_cpu_run_attention_gradient(const gw_cpu_context *context, const gw_operation *operation)
{
    const gw_cpu_operand q = gw_cpu_input(context, operation, 0);
    const gw_cpu_operand k = gw_cpu_input(context, operation, 1);
    const gw_cpu_operand v = gw_cpu_input(context, operation, 2);
    const gw_cpu_operand p = gw_cpu_input(context, operation, 3);
    const gw_cpu_operand dy = gw_cpu_input(context, operation, 4);
    const gw_cpu_operand dq = gw_cpu_output(context, operation, 0);
    const gw_cpu_operand dk = gw_cpu_output(context, operation, 1);
    const gw_cpu_operand dv = gw_cpu_output(context, operation, 2);
    const uint64_t rows = operation->sequence, count = q.rows / rows * operation->heads;
    g_autofree float *slopes = g_new(float, rows *p.columns);
    gw_cpu_products_begin(context);
    for (uint64_t b = 0; b < count; b++) {
        const attention_block at = block_of(operation, &q, &k, b);
        const float *shares = p.data + at.at_p;
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, at.keys, at.width, at.rows, 1, shares,
                    at.keys, dy.data + at.at_q, at.stride, 0, dv.data + at.at_k, at.stride);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, at.rows, at.keys, at.width, 1,
                    dy.data + at.at_q, at.stride, v.data + at.at_k, at.stride, 0, slopes, at.keys);
        softmax_gradient_rows(shares, slopes, rows, p.columns);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, at.rows, at.width, at.keys, at.scale,
                    slopes, at.keys, k.data + at.at_k, at.stride, 0, dq.data + at.at_q, at.stride);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, at.keys, at.width, at.rows, at.scale,
                    slopes, at.keys, q.data + at.at_q, at.stride, 0, dk.data + at.at_k, at.stride);
    }
    gw_cpu_products_end(context);
}
