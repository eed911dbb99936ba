/* SPDX-License-Identifier: Apache-2.0 */
/* What each stage of ZeRO parts, and where slopes are summed: by counts of bytes and collectives.
 * That losses stay the same is tests/cli/test_transformer.py's. */
#include <check.h>

#include "run_suite.h"
#include "workload/transformer.h"

enum { LAYERS = 2, HIDDEN = 16, WORDS = 32, SEQUENCE = 8, BATCH = 8, DATA = 4 };
enum { LAYER_TENSORS = 16, LAYER_PRODUCTS = 6 };
enum { COUNT = 4 }; /* Bytes of the number of updates. */
enum { TENSORS = LAYERS * LAYER_TENSORS + 5, PARTED = LAYERS * LAYER_PRODUCTS + 3 };

static gw_transformer model_of(uint32_t zero, uint64_t bucket_bytes)
{
    return (gw_transformer){.layers = LAYERS,
                            .hidden = HIDDEN,
                            .heads = 4,
                            .feed_forward = 4 * HIDDEN,
                            .vocabulary = WORDS,
                            .sequence = SEQUENCE,
                            .batch = BATCH,
                            .microbatch = 1,
                            .data = DATA,
                            .tensor = 1,
                            .places = 1,
                            .zero = zero,
                            .bucket_bytes = bucket_bytes};
}

typedef struct {
    uint64_t bytes; /* Of all inputs together. */
    uint32_t count; /* That is how many values, */
    uint32_t messages, overlapped;
} moved;

static moved count_moved(const gw_function *function, gw_operation_kind kind)
{
    moved found = {0};
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        const uint64_t bytes = gw_value_bytes(gw_function_value(function, operation->inputs[0]));
        if (operation->kind != kind || bytes == 4) /* The loss. */
            continue;
        found.bytes += bytes;
        found.count++;
        found.messages += operation->is_joined ? 0 : 1;
        found.overlapped += operation->is_overlapped ? 1 : 0;
    }
    return found;
}

/* Elements of products' matrices, embedding and positions; and of all the vectors. */
static const uint64_t matrices =
    LAYERS * 12 * HIDDEN * HIDDEN + 2 * WORDS * HIDDEN + SEQUENCE * HIDDEN;
static const uint64_t vectors = LAYERS * 13 * HIDDEN + 2 * HIDDEN;

static uint64_t sum_outputs(const gw_function *function)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < function->output_count; i++)
        bytes += gw_value_bytes(gw_function_value(function, gw_function_output(function, i)));
    return bytes;
}

/* Rajbhandari et al., figure 1, with what cannot be divided whole: of matrices' 4 bytes and 12 of
 * the optimiser, or of 2 and 12. */
START_TEST(each_stage_keeps_less)
{
    for (uint32_t is_half = 0; is_half < 2; is_half++) {
        for (uint32_t zero = 0; zero <= 3; zero++) {
            gw_transformer model = model_of(zero, 0);
            model.is_half = is_half;
            const uint64_t parts = zero > 0 ? DATA : 1, read_parts = zero == 3 ? DATA : 1;
            const bool has_copy = is_half || zero == 1 || zero == 2;
            const uint64_t copy = !has_copy ? 0 : is_half ? 2 : 4;
            g_autoptr(gw_function) init = gw_transformer_make_init(&model, 0);
            ck_assert_uint_eq(sum_outputs(init), 12 * (matrices / parts + vectors) +
                                                     copy * (matrices / read_parts + vectors) +
                                                     COUNT);
            ck_assert_uint_eq(init->output_count,
                              TENSORS * gw_transformer_count_carried(&model) + 1);
            g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
            ck_assert_uint_eq(sum_outputs(update), sum_outputs(init) + 4);
        }
    }
}
END_TEST

/* Slopes that a backward pass hands on: whole ones but with stage 2 and 3.  With stage 1 the last
 * one has the whole sums besides, in the place of those before. */
START_TEST(slopes_are_parts_from_stage_two)
{
    for (uint32_t zero = 0; zero <= 3; zero++) {
        const gw_transformer model = model_of(zero, 1 << 20);
        g_autoptr(gw_function) first = gw_transformer_make_backward(&model, 0, false, false);
        g_autoptr(gw_function) last = gw_transformer_make_backward(&model, 0, true, true);
        const uint64_t parts = zero >= 2 ? DATA : 1, summed = zero >= 1 ? DATA : 1;
        ck_assert_uint_eq(sum_outputs(first), 4 * (matrices / parts + vectors));
        ck_assert_uint_eq(sum_outputs(last),
                          4 * (matrices / summed + vectors + (zero == 1 ? matrices : 0)));
        const moved scattered = count_moved(first, GW_OPERATION_REDUCE_SCATTER);
        ck_assert_uint_eq(scattered.count, zero >= 2 ? PARTED : 0);
        ck_assert_uint_eq(scattered.overlapped, scattered.count);
        ck_assert_uint_eq(count_moved(first, GW_OPERATION_ALL_REDUCE).count, 0);
        const moved reduced = count_moved(last, GW_OPERATION_ALL_REDUCE);
        ck_assert_uint_eq(reduced.count, zero > 0 ? TENSORS - PARTED : TENSORS);
        ck_assert_uint_eq(count_moved(last, GW_OPERATION_REDUCE_SCATTER).count,
                          zero > 0 ? PARTED : 0);
    }
}
END_TEST

/* The same bytes, in as many messages as buckets are filled, or in one after the backward pass. */
START_TEST(buckets_cut_the_sum)
{
    const uint64_t all = 4 * (matrices + vectors);
    uint32_t before = UINT32_MAX;
    for (uint64_t bucket = 4096; bucket / 4 < all; bucket *= 4) {
        const gw_transformer model = model_of(0, bucket);
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
        g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
        const moved sums = count_moved(back, GW_OPERATION_ALL_REDUCE);
        ck_assert_uint_eq(sums.bytes, all);
        ck_assert_uint_eq(sums.overlapped, TENSORS);
        ck_assert_uint_le(sums.messages, all / bucket + 1);
        ck_assert_uint_lt(sums.messages, before);
        ck_assert_uint_eq(count_moved(update, GW_OPERATION_ALL_REDUCE).count, 0);
        before = sums.messages;
    }
    ck_assert_uint_eq(before, 1);
    const gw_transformer model = model_of(0, 0);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
    g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
    const moved sums = count_moved(update, GW_OPERATION_ALL_REDUCE);
    ck_assert_uint_eq(count_moved(back, GW_OPERATION_ALL_REDUCE).count, 0);
    ck_assert_uint_eq(sums.bytes, all);
    ck_assert_uint_eq(sums.messages, 1);
    ck_assert_uint_eq(sums.overlapped, 0);
}
END_TEST

/* Where a temporary is first written, and first read by anything. */
static uint32_t find_use(const gw_function *function, uint32_t value, bool is_read)
{
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        const uint32_t count =
            is_read ? gw_operation_input_count(operation) : gw_operation_output_count(operation);
        for (uint32_t k = 0; k < count; k++)
            if ((is_read ? operation->inputs[k] : operation->outputs[k]) == value)
                return i;
    }
    return UINT32_MAX;
}

/* Stage 3: a layer's parameters, all in one message, are asked for before the layer in front of it
 * is begun, so attention lies between. */
START_TEST(parameters_are_asked_for_a_layer_ahead)
{
    const gw_transformer model = model_of(3, 1 << 20);
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, false);
    const moved ahead = count_moved(forth, GW_OPERATION_ALL_GATHER);
    ck_assert_uint_eq(ahead.count, PARTED);
    ck_assert_uint_eq(ahead.overlapped, PARTED);
    ck_assert_uint_eq(ahead.bytes, 4 * matrices / DATA);
    ck_assert_uint_eq(ahead.messages, LAYERS + 2); /* Embedding, layers, head. */
    const moved again = count_moved(back, GW_OPERATION_ALL_GATHER);
    ck_assert_uint_eq(again.count, PARTED - 2); /* Slopes of embeddings need none. */
    ck_assert_uint_eq(again.messages, LAYERS + 1);
    uint32_t message = 0;
    for (uint32_t i = 0; i < forth->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(forth, i);
        if (operation->kind != GW_OPERATION_ALL_GATHER || operation->is_joined || message++ < 2)
            continue;
        const uint32_t read = find_use(forth, operation->outputs[0], true);
        uint32_t attentions = 0;
        for (uint32_t k = i; k < read; k++)
            attentions += gw_function_operation(forth, k)->kind == GW_OPERATION_ATTENTION ? 1 : 0;
        ck_assert_uint_eq(attentions, 1);
        ck_assert_uint_eq(find_use(forth, operation->outputs[0], false), i);
    }
}
END_TEST

/* No more than two layers' parameters are whole at a time: memory that passes work in hardly grows
 * with layers. */
START_TEST(gathered_parameters_come_and_go)
{
    uint64_t work_bytes[2];
    for (uint32_t i = 0; i < 2; i++) {
        gw_transformer model = model_of(3, 1 << 20);
        model.layers = 4 * (i + 1);
        g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
        work_bytes[i] = gw_function_place_temporaries(forth, 64, NULL);
    }
    ck_assert_uint_eq(work_bytes[0], work_bytes[1]);
}
END_TEST

/* Stage 2 and 3: sums are read when the layer in front of theirs has been worked through, so what a
 * pass works in does not grow with layers, however early sums are issued. */
START_TEST(two_layers_of_slopes_are_whole_at_most)
{
    for (uint32_t is_next = 0; is_next < 2; is_next++) {
        gw_transformer model = model_of(2, 2048);
        model.layers = 8;
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, is_next > 0, false);
        uint32_t under_way = 0, most = 0, issued = 0;
        for (uint32_t i = 0; i < back->operations->len; i++) {
            const gw_operation *operation = gw_function_operation(back, i);
            if (operation->kind == GW_OPERATION_REDUCE_SCATTER) {
                issued++;
                under_way++;
                most = MAX(most, under_way);
            }
            for (uint32_t k = 0; k < gw_operation_input_count(operation); k++) {
                const uint32_t writer = find_use(back, operation->inputs[k], false);
                if (writer != UINT32_MAX &&
                    gw_function_operation(back, writer)->kind == GW_OPERATION_REDUCE_SCATTER)
                    under_way--;
            }
        }
        ck_assert_uint_eq(issued, 8 * LAYER_PRODUCTS + 3);
        ck_assert_uint_le(most, 2 * LAYER_PRODUCTS + 3); /* And embedding, positions, head. */
        ck_assert_uint_ge(most, LAYER_PRODUCTS);
        ck_assert_uint_eq(under_way, 0);
    }
}
END_TEST

START_TEST(one_update_gathers_what_passes_read)
{
    for (uint32_t zero = 1; zero <= 3; zero++) {
        gw_transformer model = model_of(zero, 1 << 20);
        model.is_half = true;
        g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
        const moved copies = count_moved(update, GW_OPERATION_ALL_GATHER);
        ck_assert_uint_eq(copies.bytes, zero == 3 ? 0 : 2 * matrices / DATA);
        ck_assert_uint_eq(copies.messages, zero == 3 ? 0 : 1);
    }
}
END_TEST

/* Seven groups divide nothing: all stays whole, and is summed as without. */
START_TEST(what_does_not_divide_stays_whole)
{
    gw_transformer model = model_of(3, 1 << 20);
    model.data = 7;
    model.batch = 7;
    g_autoptr(gw_function) init = gw_transformer_make_init(&model, 0);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
    ck_assert_uint_eq(sum_outputs(init), 12 * (matrices + vectors) + COUNT);
    ck_assert_uint_eq(count_moved(back, GW_OPERATION_REDUCE_SCATTER).count, 0);
    ck_assert_uint_eq(count_moved(back, GW_OPERATION_ALL_REDUCE).count, TENSORS);
    ck_assert_uint_eq(count_moved(forth, GW_OPERATION_ALL_GATHER).count, 0);
}
END_TEST

/* Norms and biases of the stream have slopes of their own tokens, positions and the rest have not.
 */
START_TEST(sequence_parallel_slopes_are_summed_along_tensor)
{
    gw_transformer model = model_of(0, 0);
    model.data = 1;
    model.batch = 2;
    model.tensor = 2;
    model.is_sequence_parallel = true;
    g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
    const moved sums = count_moved(update, GW_OPERATION_ALL_REDUCE);
    ck_assert_uint_eq(sums.count, LAYERS * 6 + 2);
    ck_assert_uint_eq(sums.bytes, 4 * HIDDEN * (LAYERS * 6 + 2));
    for (uint32_t i = 0; i < update->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(update, i);
        if (operation->kind == GW_OPERATION_ALL_REDUCE)
            ck_assert_uint_eq(operation->axes, GW_TRANSFORMER_TENSOR);
    }
}
END_TEST

/* Bytes of the first `count` inputs: slopes come before what is kept. */
static uint64_t sum_taken(const gw_function *update, uint32_t count)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += gw_value_bytes(gw_function_value(update, gw_function_input(update, i)));
    return bytes;
}

/* Every slope goes to the other islands once: each device has a part of vectors, too, also where
 * all of the mesh sums them; the update takes those parts, adds up, and gathers vectors alone. */
START_TEST(islands_are_sent_parts_of_vectors)
{
    for (uint32_t tensor = 1; tensor <= 2; tensor++) {
        gw_transformer model = model_of(1, 1 << 20);
        model.islands = 2;
        model.microbatch = 1;
        model.tensor = tensor;
        model.is_sequence_parallel = tensor > 1;
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
        g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
        /* Positions are whole on each of tensor: all of them have seen all tokens. */
        const uint64_t twice = tensor > 1 ? SEQUENCE * HIDDEN : 0;
        const uint64_t all = 4 * (matrices + vectors + twice) / DATA / tensor;
        ck_assert_uint_eq(sum_outputs(back), all);
        ck_assert_uint_eq(sum_taken(update, 2 * TENSORS), 2 * all);
        ck_assert_uint_eq(count_moved(back, GW_OPERATION_ALL_REDUCE).count, 0);
        const moved gathers = count_moved(update, GW_OPERATION_ALL_GATHER);
        ck_assert_uint_eq(gathers.count, TENSORS);
    }
}
END_TEST

/* Seven do not divide 16 columns: whole vectors go from every device, as on one island. */
START_TEST(islands_are_sent_whole_what_does_not_divide)
{
    gw_transformer model = model_of(1, 1 << 20);
    model.islands = 2;
    model.data = 7;
    model.batch = 14;
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
    g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
    ck_assert_uint_eq(sum_outputs(back), 4 * (matrices + vectors));
    ck_assert_uint_eq(sum_taken(update, 2 * TENSORS), 8 * (matrices + vectors));
    ck_assert_uint_eq(count_moved(back, GW_OPERATION_REDUCE_SCATTER).count, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("update");
    tcase_add_test(cases, each_stage_keeps_less);
    tcase_add_test(cases, slopes_are_parts_from_stage_two);
    tcase_add_test(cases, buckets_cut_the_sum);
    tcase_add_test(cases, parameters_are_asked_for_a_layer_ahead);
    tcase_add_test(cases, gathered_parameters_come_and_go);
    tcase_add_test(cases, two_layers_of_slopes_are_whole_at_most);
    tcase_add_test(cases, one_update_gathers_what_passes_read);
    tcase_add_test(cases, what_does_not_divide_stays_whole);
    tcase_add_test(cases, sequence_parallel_slopes_are_summed_along_tensor);
    tcase_add_test(cases, islands_are_sent_parts_of_vectors);
    tcase_add_test(cases, islands_are_sent_whole_what_does_not_divide);
    Suite *suite = suite_create("transformer_update");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
