/* SPDX-License-Identifier: Apache-2.0 */
/* Experts' operations against plain loops in double precision, and each gradient against central
 * differences of what it is the gradient of. */
#include <signal.h>

#include "run_suite.h"
#include "test_cpu_operations.h"

enum { TOKENS = 12, EXPERTS = 4, GROUP = 6, WIDTH = 3 };

/* --- Gate --- */

static void softmax(const float *logits, double *out_shares)
{
    double sum = 0;
    for (uint32_t e = 0; e < EXPERTS; e++)
        sum += out_shares[e] = exp(logits[e]);
    for (uint32_t e = 0; e < EXPERTS; e++)
        out_shares[e] /= sum;
}

/* Logits whose order is clear by more than the step of differences. */
static void make_logits(float *logits)
{
    for (uint32_t t = 0; t < TOKENS; t++)
        for (uint32_t e = 0; e < EXPERTS; e++)
            logits[t * EXPERTS + e] =
                0.3f * (float)((t * 5 + e * (1 + 2 * (t % 2))) % EXPERTS) - (e == 3 ? 0.1f : 0);
}

static void set_shares(const float *logits, float *shares)
{
    for (uint32_t t = 0; t < TOKENS; t++) {
        double row[EXPERTS];
        softmax(logits + t * EXPERTS, row);
        for (uint32_t e = 0; e < EXPERTS; e++)
            shares[t * EXPERTS + e] = (float)row[e];
    }
}

/* The column of rank 0 or 1. */
static uint32_t find_rank(const double *row, uint32_t rank)
{
    for (uint32_t e = 0; e < EXPERTS; e++) {
        uint32_t better = 0;
        for (uint32_t other = 0; other < EXPERTS; other++)
            better += row[other] > row[e] || (row[other] == row[e] && other < e) ? 1 : 0;
        if (better == rank)
            return e;
    }
    ck_abort_msg("no such rank");
}

static void init_gate(bench *made, uint32_t choices, uint32_t capacity, float *logits)
{
    bench_init(made, GW_OPERATION_GATE);
    made->operation.sequence = GROUP;
    made->operation.capacity = capacity;
    float *shares = add_input(made, TOKENS, EXPERTS);
    make_logits(logits);
    set_shares(logits, shares);
    add_output(made, TOKENS, choices, false);
    add_output(made, TOKENS, choices, false);
    add_output(made, 1, 1, false);
    run(made);
}

/* One test for 1 and 2 choices, and capacities from 1 to more than is needed. */
START_TEST(a_gate_gives_seats_in_order)
{
    const uint32_t choices = 1 + (uint32_t)_i % 2, capacity = 1 + (uint32_t)_i / 2;
    float logits[TOKENS * EXPERTS];
    bench made;
    init_gate(&made, choices, capacity, logits);
    uint32_t dropped = 0;
    for (uint32_t g = 0; g < TOKENS / GROUP; g++) {
        uint32_t taken[EXPERTS] = {0};
        for (uint32_t choice = 0; choice < choices; choice++)
            for (uint32_t t = g * GROUP; t < (g + 1) * GROUP; t++) {
                double row[EXPERTS];
                softmax(logits + t * EXPERTS, row);
                const uint32_t e = find_rank(row, choice);
                const bool fits = taken[e] < capacity;
                const double seat = fits ? (e * (TOKENS / GROUP) + g) * capacity + taken[e] : -1.0;
                ck_assert_double_eq(made.values[1][t * choices + choice], seat);
                taken[e] += fits ? 1 : 0;
                dropped += fits ? 0 : 1;
                const double sum = row[find_rank(row, 0)] + row[find_rank(row, 1)];
                check_near(made.values[2][t * choices + choice],
                           choices == 1 ? row[e] : row[e] / sum, 1e-6);
            }
    }
    ck_assert_double_eq(made.values[3][0], dropped);
    ck_assert(capacity >= GROUP ? dropped == 0 : capacity > 1 || dropped > 0);
    bench_clear(&made);
}
END_TEST

START_TEST(of_equal_experts_the_first_is_chosen)
{
    bench made;
    bench_init(&made, GW_OPERATION_GATE);
    made.operation.sequence = 2;
    made.operation.capacity = 1;
    float *shares = add_input(&made, 2, EXPERTS);
    const float *seats = add_output(&made, 2, 2, false);
    const float *weights = add_output(&made, 2, 2, false);
    const float *dropped = add_output(&made, 1, 1, false);
    for (uint32_t i = 0; i < 2 * EXPERTS; i++)
        shares[i] = 1.0f / EXPERTS;
    run(&made);
    const float expected[] = {0, 1, -1, -1};
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_float_eq(seats[i], expected[i]);
        ck_assert_float_eq(weights[i], 0.5f);
    }
    ck_assert_float_eq(*dropped, 2);
    bench_clear(&made);
}
END_TEST

/* What the gradient is of: weights of choices, and the balance, by logits; who is chosen, and how
 * often, is constant. */
static double weigh_gate(const float *logits, const float *dweights, uint32_t choices,
                         double scalar)
{
    double sum = 0;
    for (uint32_t t = 0; t < TOKENS; t++) {
        double row[EXPERTS], chosen = 0;
        softmax(logits + t * EXPERTS, row);
        for (uint32_t choice = 0; choice < choices; choice++)
            chosen += choices == 1 ? 1 : row[find_rank(row, choice)];
        for (uint32_t choice = 0; choice < choices; choice++)
            sum += dweights[t * choices + choice] * row[find_rank(row, choice)] / chosen;
        for (uint32_t other = t / GROUP * GROUP; other < (t / GROUP + 1) * GROUP; other++) {
            double others[EXPERTS];
            softmax(logits + other * EXPERTS, others);
            sum += scalar * EXPERTS / GROUP * row[find_rank(others, 0)];
        }
    }
    return sum;
}

START_TEST(a_gate_has_a_gradient)
{
    const uint32_t choices = 1 + (uint32_t)_i % 2;
    const double scalar = _i < 2 ? 0 : 0.7;
    bench made;
    bench_init(&made, GW_OPERATION_GATE_GRADIENT);
    made.operation.sequence = GROUP;
    made.operation.scalar = scalar;
    float logits[TOKENS * EXPERTS];
    float *shares = add_input(&made, TOKENS, EXPERTS);
    const float *dweights = add_input(&made, TOKENS, choices);
    const float *slopes = add_output(&made, TOKENS, EXPERTS, false);
    make_logits(logits);
    set_shares(logits, shares);
    run(&made);
    for (uint32_t i = 0; i < TOKENS * EXPERTS; i++) {
        const float at = logits[i];
        logits[i] = at + SLOPE_STEP;
        const double above = weigh_gate(logits, dweights, choices, scalar);
        logits[i] = at - SLOPE_STEP;
        const double below = weigh_gate(logits, dweights, choices, scalar);
        logits[i] = at;
        check_near(slopes[i], (above - below) / (2 * (double)SLOPE_STEP), SLOPE_TOLERANCE);
    }
    bench_clear(&made);
}
END_TEST

/* --- There and back --- */

enum { SEATED = 7 };
static const float seats[] = {2, 5, -1, 0, 6, -1, -1, -1, 1, 3}; /* Of 5 tokens; nobody has 4. */

static float *add_seats(bench *made, uint32_t choices)
{
    float *data = add_input(made, 10 / choices, choices);
    memcpy(data, seats, sizeof seats);
    return data;
}

START_TEST(rows_go_to_their_seats)
{
    const uint32_t choices = 1 + (uint32_t)_i;
    bench made;
    bench_init(&made, GW_OPERATION_DISPATCH);
    const float *x = add_input(&made, 10 / choices, WIDTH);
    add_seats(&made, choices);
    const float *y = add_output(&made, SEATED, WIDTH, false);
    run(&made);
    for (uint32_t p = 0; p < SEATED; p++)
        for (uint32_t c = 0; c < WIDTH; c++) {
            float expected = 0;
            for (uint32_t i = 0; i < 10; i++)
                expected = seats[i] == (float)p ? x[i / choices * WIDTH + c] : expected;
            ck_assert_float_eq(y[p * WIDTH + c], expected);
        }
    bench_clear(&made);
}
END_TEST

START_TEST(dispatch_has_a_gradient)
{
    const uint32_t choices = 1 + (uint32_t)_i, tokens = 10 / choices;
    bench forward, backward;
    bench_init(&forward, GW_OPERATION_DISPATCH);
    float *x = add_input(&forward, tokens, WIDTH);
    add_seats(&forward, choices);
    add_output(&forward, SEATED, WIDTH, false);
    bench_init(&backward, GW_OPERATION_DISPATCH_GRADIENT);
    add_seats(&backward, choices);
    const float *dy = add_input(&backward, SEATED, WIDTH);
    const float *slopes = add_output(&backward, tokens, WIDTH, false);
    run(&backward);
    check_slopes(&forward, dy, SEATED * WIDTH, x, slopes, tokens * WIDTH);
    bench_clear(&forward);
    bench_clear(&backward);
}
END_TEST

static void init_combine(bench *made, gw_operation_kind kind, uint32_t choices)
{
    bench_init(made, kind);
    add_input(made, SEATED, WIDTH);
    add_seats(made, choices);
    add_input(made, 10 / choices, choices);
}

START_TEST(combine_adds_weighted_rows)
{
    const uint32_t choices = 1 + (uint32_t)_i, tokens = 10 / choices;
    bench made;
    init_combine(&made, GW_OPERATION_COMBINE, choices);
    const float *y = add_output(&made, tokens, WIDTH, false);
    run(&made);
    for (uint32_t t = 0; t < tokens; t++)
        for (uint32_t c = 0; c < WIDTH; c++) {
            double expected = 0;
            for (uint32_t i = t * choices; i < (t + 1) * choices; i++)
                if (seats[i] >= 0)
                    expected +=
                        (double)made.values[2][i] * made.values[0][(uint32_t)seats[i] * WIDTH + c];
            check_near(y[t * WIDTH + c], expected, 1e-6);
        }
    bench_clear(&made);
}
END_TEST

START_TEST(combine_has_gradients)
{
    const uint32_t choices = 1 + (uint32_t)_i, tokens = 10 / choices;
    bench forward, backward;
    init_combine(&forward, GW_OPERATION_COMBINE, choices);
    add_output(&forward, tokens, WIDTH, false);
    init_combine(&backward, GW_OPERATION_COMBINE_GRADIENT, choices);
    const float *dy = add_input(&backward, tokens, WIDTH);
    const float *dz = add_output(&backward, SEATED, WIDTH, false);
    const float *dweights = add_output(&backward, tokens, choices, false);
    run(&backward);
    check_slopes(&forward, dy, tokens * WIDTH, forward.values[0], dz, SEATED * WIDTH);
    check_slopes(&forward, dy, tokens * WIDTH, forward.values[2], dweights, 10);
    bench_clear(&forward);
    bench_clear(&backward);
}
END_TEST

START_TEST(a_seat_is_a_row)
{
    bench made;
    bench_init(&made, GW_OPERATION_DISPATCH);
    add_input(&made, 1, WIDTH);
    float *seat = add_input(&made, 1, 1);
    *seat = SEATED;
    add_output(&made, SEATED, WIDTH, false);
    run(&made);
}
END_TEST

/* --- Products --- */

enum { RUNS = 6, RUN_ROWS = 2, INNER = 4, OUTER = 3 };

/* Six runs over 1, 2, 3 or 6 blocks. */
static void init_product(bench *made, gw_operation_kind kind, uint32_t blocks, bool transpose_b)
{
    bench_init(made, kind);
    made->operation.sequence = RUN_ROWS;
    made->operation.blocks = blocks;
    made->operation.transpose_b = transpose_b;
    add_input(made, RUNS * RUN_ROWS, INNER);
}

START_TEST(runs_meet_their_blocks)
{
    static const uint32_t counts[] = {1, 2, 3, 6};
    const uint32_t blocks = counts[_i % 4];
    const bool transpose_b = _i >= 4;
    bench made;
    init_product(&made, GW_OPERATION_BLOCK_MATMUL, blocks, transpose_b);
    const float *b =
        add_input(&made, blocks * (transpose_b ? OUTER : INNER), transpose_b ? INNER : OUTER);
    const float *y = add_output(&made, RUNS * RUN_ROWS, OUTER, false);
    run(&made);
    for (uint32_t r = 0; r < RUNS * RUN_ROWS; r++)
        for (uint32_t c = 0; c < OUTER; c++) {
            const float *block = b + r / RUN_ROWS % blocks * INNER * OUTER;
            double expected = 0;
            for (uint32_t k = 0; k < INNER; k++)
                expected += (double)made.values[0][r * INNER + k] *
                            (transpose_b ? block[c * INNER + k] : block[k * OUTER + c]);
            check_near(y[r * OUTER + c], expected, 1e-5);
        }
    bench_clear(&made);
}
END_TEST

START_TEST(blocks_have_a_gradient)
{
    static const uint32_t counts[] = {1, 2, 3, 6};
    const uint32_t blocks = counts[_i];
    bench forward, backward;
    init_product(&forward, GW_OPERATION_BLOCK_MATMUL, blocks, false);
    float *b = add_input(&forward, blocks * INNER, OUTER);
    add_output(&forward, RUNS * RUN_ROWS, OUTER, false);
    init_product(&backward, GW_OPERATION_BLOCK_MATMUL_GRADIENT, blocks, false);
    const float *dy = add_input(&backward, RUNS * RUN_ROWS, OUTER);
    const float *slopes = add_output(&backward, blocks * INNER, OUTER, false);
    run(&backward);
    check_slopes(&forward, dy, RUNS * RUN_ROWS * OUTER, b, slopes, blocks * INNER * OUTER);
    bench_clear(&forward);
    bench_clear(&backward);
}
END_TEST

/* --- Parts of blocks --- */

/* However the blocks of a whole are split, over either dimension of a mesh of 2 x 3 or both, the
 * parts are those of the whole. */
START_TEST(blocks_are_drawn_alike_on_any_mesh)
{
    enum { BLOCKS = 4, BLOCK_ROWS = 6, COLUMNS = 2 };
    const uint8_t axes = _i & 2, block_axes = _i & 1;
    const uint32_t parts = axes != 0 ? 3 : 1, block_parts = block_axes != 0 ? 2 : 1;
    const uint32_t blocks = BLOCKS / block_parts, rows = BLOCK_ROWS / parts;
    bench whole;
    bench_init(&whole, GW_OPERATION_RANDOM);
    whole.operation.scalar = 1;
    const float *expected = add_output(&whole, BLOCKS * BLOCK_ROWS, COLUMNS, false);
    run(&whole);
    for (uint32_t shard = 0; shard < 6; shard++) {
        bench made;
        bench_init(&made, GW_OPERATION_RANDOM);
        made.operation.scalar = 1;
        made.operation.axes = axes;
        made.operation.block_axes = block_axes;
        made.operation.blocks = blocks;
        made.shard = shard;
        made.mesh = (gw_mesh){.dims = 2, .shape = {2, 3, 1}};
        const float *y = add_output(&made, blocks * rows, COLUMNS, true);
        run(&made);
        const uint32_t part = parts > 1 ? shard % 3 : 0, first = block_parts > 1 ? shard / 3 : 0;
        for (uint32_t i = 0; i < blocks * rows * COLUMNS; i++) {
            const uint32_t block = first * blocks + i / (rows * COLUMNS);
            const uint32_t at = block * BLOCK_ROWS * COLUMNS + part * rows * COLUMNS;
            ck_assert_float_eq(y[i], expected[at + i % (rows * COLUMNS)]);
        }
        bench_clear(&made);
    }
    bench_clear(&whole);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("experts");
    tcase_add_loop_test(cases, a_gate_gives_seats_in_order, 0, 14);
    tcase_add_test(cases, of_equal_experts_the_first_is_chosen);
    tcase_add_loop_test(cases, a_gate_has_a_gradient, 0, 4);
    tcase_add_loop_test(cases, rows_go_to_their_seats, 0, 2);
    tcase_add_loop_test(cases, dispatch_has_a_gradient, 0, 2);
    tcase_add_loop_test(cases, combine_adds_weighted_rows, 0, 2);
    tcase_add_loop_test(cases, combine_has_gradients, 0, 2);
    tcase_add_test_raise_signal(cases, a_seat_is_a_row, SIGABRT);
    tcase_add_loop_test(cases, runs_meet_their_blocks, 0, 8);
    tcase_add_loop_test(cases, blocks_have_a_gradient, 0, 4);
    tcase_add_loop_test(cases, blocks_are_drawn_alike_on_any_mesh, 0, 4);
    Suite *suite = suite_create("cpu_experts");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
