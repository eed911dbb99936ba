/* SPDX-License-Identifier: Apache-2.0 */
/* Forward against plain loops in double precision; each gradient against central differences of
 * the operation that it is the gradient of. */
#include <signal.h>

#include "run_suite.h"
#include "test_cpu_operations.h"

static void copy_input(float *to, const float *from, uint32_t count)
{
    memcpy(to, from, count * sizeof(float));
}

/* --- Tokens --- */

static void set_ids(float *ids, uint32_t count, uint32_t row_count)
{
    for (uint32_t i = 0; i < count; i++)
        ids[i] = (float)(gw_random_at(77, i) % row_count);
}

START_TEST(embedding_gives_the_named_rows)
{
    bench made;
    bench_init(&made, GW_OPERATION_EMBEDDING);
    const float *table = add_input(&made, 5, 3);
    float *ids = add_input(&made, 8, 1);
    set_ids(ids, 8, 5);
    const float *y = add_output(&made, 8, 3, false);
    run(&made);
    for (uint32_t i = 0; i < 24; i++)
        ck_assert_float_eq(y[i], table[(uint32_t)ids[i / 3] * 3 + i % 3]);
    bench_clear(&made);
}
END_TEST

START_TEST(embedding_gradient_adds_rows_up)
{
    bench forward, backward;
    bench_init(&forward, GW_OPERATION_EMBEDDING);
    float *table = add_input(&forward, 5, 3);
    float *ids = add_input(&forward, 12, 1);
    add_output(&forward, 12, 3, false);
    bench_init(&backward, GW_OPERATION_EMBEDDING_GRADIENT);
    float *same_ids = add_input(&backward, 12, 1);
    const float *dy = add_input(&backward, 12, 3);
    const float *slopes = add_output(&backward, 5, 3, false);
    set_ids(ids, 12, 4); /* Nobody names row 4. */
    copy_input(same_ids, ids, 12);
    run(&backward);
    check_slopes(&forward, dy, 36, table, slopes, 15);
    for (uint32_t c = 0; c < 3; c++)
        ck_assert_float_eq(slopes[4 * 3 + c], 0);
    bench_clear(&forward);
    bench_clear(&backward);
}
END_TEST

static void run_with_id(float id)
{
    bench made;
    bench_init(&made, GW_OPERATION_EMBEDDING);
    add_input(&made, 5, 3);
    float *ids = add_input(&made, 1, 1);
    ids[0] = id;
    add_output(&made, 1, 3, false);
    run(&made);
}

START_TEST(an_id_names_a_row)
{
    static const float bad[] = {5, -1, 1.5f, NAN, INFINITY};
    run_with_id(bad[_i]);
}
END_TEST

/* The second dimension of a 2 x 2 mesh splits it. */
static void split(bench *made, uint32_t shard)
{
    made->operation.axes = 2;
    made->shard = shard;
    made->mesh = (gw_mesh){.dims = 2, .shape = {2, 2, 1}};
}

/* Two halves of a table, added up, give what the whole one gives; so do their gradients. */
START_TEST(embedding_halves_add_up)
{
    const gw_operation_kind kind =
        _i == 0 ? GW_OPERATION_EMBEDDING : GW_OPERATION_EMBEDDING_GRADIENT;
    const uint32_t table_at = _i == 0 ? 0 : 2;
    float whole[24], sums[24] = {0};
    for (uint32_t part = 0; part < 3; part++) { /* The whole, and its halves. */
        const uint32_t row_count = part == 0 ? 6 : 3, first = part == 2 ? 9 : 0;
        bench made;
        bench_init(&made, kind);
        if (part > 0)
            split(&made, 1 + part); /* Members 0 and 1 of the second group. */
        float *table = _i == 0 ? add_input(&made, row_count, 3) : NULL;
        float *ids = add_input(&made, 8, 1);
        const float *dy = _i == 0 ? NULL : add_input(&made, 8, 3);
        const float *y = add_output(&made, _i == 0 ? 8 : row_count, 3, false);
        set_ids(ids, 8, 6);
        for (uint32_t i = 0; table != NULL && i < row_count * 3; i++)
            table[i] = (float)(first + i);
        run(&made);
        const uint32_t count = _i == 0 ? 24 : row_count * 3, at = _i == 0 ? 0 : first;
        for (uint32_t i = 0; i < count; i++) {
            whole[i] = part == 0 ? y[i] : whole[i];
            sums[at + i] += part == 0 ? 0 : y[i];
        }
        ck_assert(dy == NULL || made.values[table_at] == y);
        bench_clear(&made);
    }
    for (uint32_t i = 0; i < (_i == 0 ? 24 : 18); i++)
        ck_assert_float_eq(sums[i], whole[i]);
}
END_TEST

/* Sequences of 4 rows from 5 draws: labels are the ids one further on, whatever the sharding. */
START_TEST(tokens_come_with_the_next_ones)
{
    float ids[16], labels[16];
    for (uint32_t part = 0; part < 3; part++) {
        const uint32_t count = part == 0 ? 16 : 8, first = part == 2 ? 8 : 0;
        bench made;
        bench_init(&made, GW_OPERATION_TOKENS);
        made.operation.seed = 3;
        made.operation.scalar = 11;
        made.operation.sequence = 4;
        if (part > 0)
            split(&made, part - 1);
        const float *id = add_output(&made, count, 1, false);
        const float *label = add_output(&made, count, 1, false);
        run(&made);
        for (uint32_t i = 0; i < count; i++) {
            if (part == 0) {
                ids[i] = id[i];
                labels[i] = label[i];
            }
            ck_assert_float_eq(id[i], ids[first + i]);
            ck_assert_float_eq(label[i], labels[first + i]);
            ck_assert(id[i] >= 0 && id[i] < 11 && id[i] == floorf(id[i]));
            if (i % 4 < 3)
                ck_assert_float_eq(label[i], id[i + 1]);
        }
        bench_clear(&made);
    }
    ck_assert_mem_ne(ids, ids + 4, 4 * sizeof(float));
    ck_assert_mem_ne(ids, ids + 8, 8 * sizeof(float));
}
END_TEST

/* Every sequence is somewhere in the text, halves make the whole, and runs differ. */
START_TEST(text_is_read_from_anywhere)
{
    static const uint8_t text[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    float ids[2][16];
    bool is_first_seen = false, is_last_seen = false;
    for (uint32_t part = 0; part < 4; part++) { /* Of run 0, its halves, of run 1. */
        const uint32_t count = part == 0 || part == 3 ? 16 : 8, first = part == 2 ? 8 : 0;
        bench made;
        bench_init(&made, GW_OPERATION_TEXT);
        g_autoptr(GBytes) bytes = g_bytes_new_static(text, sizeof text);
        gw_function_set_text(made.function, bytes);
        made.operation.seed = 3;
        made.operation.sequence = 4;
        if (count == 8)
            split(&made, part - 1);
        *add_input(&made, 1, 1) = part == 3 ? 1 : 0;
        const float *id = add_output(&made, count, 1, false);
        const float *label = add_output(&made, count, 1, false);
        run(&made);
        for (uint32_t i = 0; i < count; i++) {
            if (count == 16)
                ids[part / 3][i] = id[i];
            ck_assert_float_eq(id[i], ids[part / 3][first + i]);
            ck_assert_float_eq(label[i], id[i] + 1); /* This text's next byte. */
            ck_assert(i % 4 == 0 || id[i] == id[i - 1] + 1);
            ck_assert(id[i] >= 0 && label[i] <= 10);
            is_first_seen = is_first_seen || id[i] == 0;
            is_last_seen = is_last_seen || label[i] == 10;
        }
        bench_clear(&made);
    }
    ck_assert(is_first_seen && is_last_seen);
    ck_assert_mem_ne(ids[0], ids[1], sizeof ids[0]);
}
END_TEST

enum { LOSS_ROWS = 8, VOCABULARY = 10 };

/* The columns of `logits` that a part of `columns` has, by TOKEN_STATISTICS, to `to`. */
static void find_statistics(const float *logits, const float *ids, uint32_t part, uint32_t columns,
                            float *to)
{
    bench made;
    bench_init(&made, GW_OPERATION_TOKEN_STATISTICS);
    split(&made, part);
    float *own = add_input(&made, LOSS_ROWS, columns);
    for (uint32_t i = 0; i < LOSS_ROWS * columns; i++)
        own[i] = logits[i / columns * VOCABULARY + part * columns + i % columns];
    copy_input(add_input(&made, LOSS_ROWS, 1), ids, LOSS_ROWS);
    const float *s = add_output(&made, LOSS_ROWS, 3, false);
    run(&made);
    copy_input(to, s, LOSS_ROWS * 3);
    bench_clear(&made);
}

/* As CROSS_ENTROPY whose labels are 1 at the ids, with the vocabulary whole and in halves. */
START_TEST(token_loss_is_cross_entropy_by_id)
{
    const uint32_t part_count = (uint32_t)_i, columns = VOCABULARY / part_count;
    bench labels;
    bench_init(&labels, GW_OPERATION_CROSS_ENTROPY);
    labels.operation.scalar = 0.125;
    float *logits = add_input(&labels, LOSS_ROWS, VOCABULARY);
    float *label = add_input(&labels, LOSS_ROWS, VOCABULARY);
    const float *loss = add_output(&labels, 1, 1, false);
    const float *slope = add_output(&labels, LOSS_ROWS, VOCABULARY, false);
    float ids[LOSS_ROWS], all[LOSS_ROWS * 3 * 2];
    set_ids(ids, LOSS_ROWS, VOCABULARY);
    for (uint32_t i = 0; i < LOSS_ROWS * VOCABULARY; i++)
        label[i] = i % VOCABULARY == (uint32_t)ids[i / VOCABULARY] ? 1 : 0;
    logits[3] = 95; /* exp() of it would not fit. */
    run(&labels);
    ck_assert_float_gt(loss[0], 1);
    for (uint32_t part = 0; part < part_count; part++)
        find_statistics(logits, ids, part, columns, all + part * LOSS_ROWS * 3);
    for (uint32_t part = 0; part < part_count; part++) {
        bench made;
        bench_init(&made, GW_OPERATION_TOKEN_LOSS);
        made.operation.scalar = 0.125;
        split(&made, part);
        float *own = add_input(&made, LOSS_ROWS, columns);
        for (uint32_t i = 0; i < LOSS_ROWS * columns; i++)
            own[i] = logits[i / columns * VOCABULARY + part * columns + i % columns];
        copy_input(add_input(&made, LOSS_ROWS, 1), ids, LOSS_ROWS);
        copy_input(add_input(&made, LOSS_ROWS * part_count, 3), all, LOSS_ROWS * 3 * part_count);
        const float *part_loss = add_output(&made, 1, 1, false);
        const float *part_slope = add_output(&made, LOSS_ROWS, columns, false);
        run(&made);
        check_near(part_loss[0], loss[0], 1e-5);
        for (uint32_t i = 0; i < LOSS_ROWS * columns; i++)
            check_near(part_slope[i],
                       slope[i / columns * VOCABULARY + part * columns + i % columns], 1e-7);
        bench_clear(&made);
    }
    bench_clear(&labels);
}
END_TEST

/* --- Layer norm --- */

START_TEST(layer_norm_gradients_are_its_slopes)
{
    const uint32_t rows = 3, columns = 7, count = rows * columns;
    bench forward, backward;
    bench_init(&forward, GW_OPERATION_LAYER_NORM);
    float *x = add_input(&forward, rows, columns), *gain = add_input(&forward, 1, columns);
    float *bias = add_input(&forward, 1, columns);
    add_output(&forward, rows, columns, false);
    bench_init(&backward, GW_OPERATION_LAYER_NORM_GRADIENT);
    copy_input(add_input(&backward, rows, columns), x, count);
    copy_input(add_input(&backward, 1, columns), gain, columns);
    const float *dy = add_input(&backward, rows, columns);
    const float *dx = add_output(&backward, rows, columns, false);
    const float *dgain = add_output(&backward, 1, columns, false);
    const float *dbias = add_output(&backward, 1, columns, false);
    run(&backward);
    check_slopes(&forward, dy, count, x, dx, count);
    check_slopes(&forward, dy, count, gain, dgain, columns);
    check_slopes(&forward, dy, count, bias, dbias, columns);
    bench_clear(&forward);
    bench_clear(&backward);
}
END_TEST

/* --- Attention: 2 sequences of 5 tokens, 3 heads of 4 columns --- */

enum { SEQUENCES = 2, ROWS = 5, HEADS = 3, WIDTH = 4, COLUMNS = HEADS * WIDTH };
enum { TOKENS = SEQUENCES * ROWS };

static const struct {
    bool is_causal;
    uint32_t keys; /* Rows of a sequence of k. */
} attentions[] = {{false, ROWS}, {true, ROWS}, {false, 7}, {false, 2}};

static void init_attention(bench *made, gw_operation_kind kind, bool is_causal)
{
    bench_init(made, kind);
    made->operation.heads = HEADS;
    made->operation.sequence = ROWS;
    made->operation.is_causal = is_causal;
}

/* The score of token `j` of the keys' sequence for token `i`, scaled; -infinity where masked. */
static double score(const bench *made, uint32_t keys, uint32_t sequence, uint32_t head, uint32_t i,
                    uint32_t j)
{
    double sum = 0;
    for (uint32_t c = 0; c < WIDTH; c++)
        sum += (double)made->values[0][(sequence * ROWS + i) * COLUMNS + head * WIDTH + c] *
               made->values[1][(sequence * keys + j) * COLUMNS + head * WIDTH + c];
    return made->operation.is_causal && j > i ? -INFINITY : sum / sqrt(WIDTH);
}

static void check_attention_row(bench *made, uint32_t keys, uint32_t sequence, uint32_t head,
                                uint32_t i)
{
    const float *v = made->values[2], *y = made->values[3], *p = made->values[4];
    double shares[COLUMNS], sum = 0;
    for (uint32_t j = 0; j < keys; j++) {
        shares[j] = exp(score(made, keys, sequence, head, i, j));
        sum += shares[j];
    }
    for (uint32_t j = 0; j < keys; j++) {
        shares[j] /= sum;
        check_near(p[((sequence * HEADS + head) * ROWS + i) * keys + j], shares[j], 1e-6);
    }
    for (uint32_t c = 0; c < WIDTH; c++) {
        const uint32_t column = head * WIDTH + c;
        double expected = 0;
        for (uint32_t j = 0; j < keys; j++)
            expected += shares[j] * v[(sequence * keys + j) * COLUMNS + column];
        check_near(y[(sequence * ROWS + i) * COLUMNS + column], expected, 1e-6);
    }
}

START_TEST(attention_agrees_with_loops)
{
    const uint32_t keys = attentions[_i].keys;
    bench made;
    init_attention(&made, GW_OPERATION_ATTENTION, attentions[_i].is_causal);
    add_input(&made, TOKENS, COLUMNS);
    add_input(&made, SEQUENCES * keys, COLUMNS);
    add_input(&made, SEQUENCES * keys, COLUMNS);
    add_output(&made, TOKENS, COLUMNS, false);
    add_output(&made, TOKENS * HEADS, keys, false);
    run(&made);
    for (uint32_t sequence = 0; sequence < SEQUENCES; sequence++)
        for (uint32_t head = 0; head < HEADS; head++)
            for (uint32_t i = 0; i < ROWS; i++)
                check_attention_row(&made, keys, sequence, head, i);
    bench_clear(&made);
}
END_TEST

START_TEST(attention_gradients_are_its_slopes)
{
    const uint32_t keys = attentions[_i].keys;
    const uint32_t rows[] = {TOKENS, SEQUENCES * keys, SEQUENCES * keys};
    bench forward, backward;
    init_attention(&forward, GW_OPERATION_ATTENTION, attentions[_i].is_causal);
    init_attention(&backward, GW_OPERATION_ATTENTION_GRADIENT, attentions[_i].is_causal);
    float *operands[3];
    for (uint32_t i = 0; i < 3; i++) {
        operands[i] = add_input(&forward, rows[i], COLUMNS);
        copy_input(add_input(&backward, rows[i], COLUMNS), operands[i], rows[i] * COLUMNS);
    }
    add_output(&forward, TOKENS, COLUMNS, false);
    const float *p = add_output(&forward, TOKENS * HEADS, keys, false);
    run(&forward);
    copy_input(add_input(&backward, TOKENS * HEADS, keys), p, TOKENS * HEADS * keys);
    const float *dy = add_input(&backward, TOKENS, COLUMNS);
    const float *slopes[3];
    for (uint32_t i = 0; i < 3; i++)
        slopes[i] = add_output(&backward, rows[i], COLUMNS, false);
    run(&backward);
    for (uint32_t i = 0; i < 3; i++)
        check_slopes(&forward, dy, TOKENS * COLUMNS, operands[i], slopes[i], rows[i] * COLUMNS);
    bench_clear(&forward);
    bench_clear(&backward);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_transformer");
    TCase *tcase = tcase_create("operations");
    tcase_add_test(tcase, embedding_gives_the_named_rows);
    tcase_add_test(tcase, embedding_gradient_adds_rows_up);
    tcase_add_loop_test_raise_signal(tcase, an_id_names_a_row, SIGABRT, 0, 5);
    tcase_add_loop_test(tcase, embedding_halves_add_up, 0, 2);
    tcase_add_test(tcase, tokens_come_with_the_next_ones);
    tcase_add_test(tcase, text_is_read_from_anywhere);
    tcase_add_loop_test(tcase, token_loss_is_cross_entropy_by_id, 1, 3);
    tcase_add_test(tcase, layer_norm_gradients_are_its_slopes);
    tcase_add_loop_test(tcase, attention_agrees_with_loops, 0, G_N_ELEMENTS(attentions));
    tcase_add_loop_test(tcase, attention_gradients_are_its_slopes, 0, G_N_ELEMENTS(attentions));
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
