/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the contract that exchanges need: counts are read, and arrivals are told late. */
#include "tests/contract/suites.h"

#include "tests/contract/story.h"

#define ROW_BYTES 16 /* Four floats. */

enum { HOST_0, HOST_1 };
enum { BUFFER_ROWS = 40, BUFFER_COUNTS, BUFFER_IN, BUFFER_OUT };
enum { ASKED_ROW, GO };

static const uint32_t deal_buffers[] = {BUFFER_ROWS, BUFFER_COUNTS};
static const uint32_t take_buffers[] = {BUFFER_IN, BUFFER_OUT};
static const uint32_t one_each[] = {1, 1};

static void deal(story *told, gw_port *port)
{
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_PAIR, BUFFER_ROWS, 3 * ROW_BYTES));
    ck_assert(story_reserve(port, MESH_PAIR, BUFFER_COUNTS, 2 * sizeof(float)));
    story_enqueue(port, NODE_DEAL, 1, deal_buffers, NULL);
    story_read(port, 1, 0, BUFFER_COUNTS, 10);
    story_read(port, 1, 1, BUFFER_COUNTS, 11);
}

static void read_both(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index != HOST_0) {
        return;
    }
    if (input->kind == GW_INPUT_START) {
        deal(told, port);
    } else if (input->kind == GW_INPUT_COPY_DONE) {
        uint32_t counts[] = {99, 99, 99};
        const gw_counts asked = {.instance = STORY_INSTANCE,
                                 .edge = STORY_DEAL_EDGE,
                                 .device = {(uint32_t)input->tag.value - 10},
                                 .buffer = BUFFER_COUNTS};
        port->devices->read_counts(port, &asked, counts);
        ck_assert_uint_eq(counts[0], 1);
        ck_assert_uint_eq(counts[1], 1);
        ck_assert_uint_eq(counts[2], 99); /* As many as there are targets. */
    }
}

START_TEST(counts_are_what_the_writer_says)
{
    story *told = story_new(contract_worlds[_i], read_both);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_COPY_DONE), 2);
    story_free(told);
}
END_TEST

/* --- Arrivals that are told late --- */

static void expect(gw_port *port, uint32_t device, uint32_t copy_count, uint32_t row_count)
{
    const gw_expectation expectation = {.gang = 2,
                                        .instance = STORY_INSTANCE,
                                        .edge = STORY_DEAL_EDGE,
                                        .device = {device},
                                        .buffer = BUFFER_IN,
                                        .copy_count = copy_count,
                                        .row_count = row_count};
    port->devices->expect(port, &expectation);
}

static void send_row(gw_port *port, uint32_t source_device, uint32_t target_row, uint64_t tag)
{
    const gw_copy copy = {.kind = GW_COPY_TO_DEVICE,
                          .instance = STORY_INSTANCE,
                          .source_gang = 1,
                          .source_device = {source_device},
                          .source_buffer = BUFFER_ROWS,
                          .size_bytes = ROW_BYTES,
                          .target_gang = 2,
                          .target_device = {2},
                          .target_buffer = BUFFER_IN,
                          .target_offset_bytes = (uint64_t)target_row * ROW_BYTES};
    port->devices->copy(port, &copy, (gw_tag){tag});
}

static void take(story *told, gw_port *port)
{
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_NEXT, BUFFER_IN, 4 * ROW_BYTES));
    ck_assert(story_reserve(port, MESH_NEXT, BUFFER_OUT, 4 * ROW_BYTES));
    story_enqueue(port, NODE_TAKE, 2, take_buffers, one_each);
}

/* Host 1 awaits: two rows on device 2, nothing on device 3.  Host 0 sends as many as `sent`. */
static void tell_late(gw_port *port, gw_node_id node, const gw_input *input, uint32_t sent)
{
    if (node.index == HOST_1 && input->kind == GW_INPUT_MESSAGE) {
        expect(port, 3, 0, 0);
        expect(port, 2, 2, 2);
        story_send(port, HOST_0, GO, 0);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_MESSAGE) {
        for (uint32_t i = 0; i < sent; i++) {
            send_row(port, i, i, 20 + i);
        }
    }
}

static void send_all(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_0 && input->kind == GW_INPUT_START) {
        deal(told, port);
        story_send(port, HOST_1, ASKED_ROW, 0);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        take(told, port);
        for (uint32_t i = 0; i < 4; i++) { /* The first element of each row on both devices. */
            gw_copy copy = {.kind = GW_COPY_TO_HOST,
                            .instance = STORY_INSTANCE,
                            .source_gang = 2,
                            .source_device = {2 + i % 2},
                            .source_buffer = BUFFER_OUT,
                            .source_offset_bytes = i / 2 * 2 * ROW_BYTES,
                            .size_bytes = sizeof(float)};
            port->devices->copy(port, &copy, (gw_tag){30 + i});
        }
    } else {
        tell_late(port, node, input, 2);
    }
}

START_TEST(a_shard_starts_when_all_that_was_told_is_there)
{
    story *told = story_new(contract_worlds[_i], send_all);
    story_tell(told);
    const bool has_data = told->kind->has_data;
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 1);
    for (uint64_t copy = 20; copy < 22; copy++) {
        story_place(told, HOST_0, GW_INPUT_COPY_DONE, copy);
    }
    ck_assert_double_eq(story_value(told, HOST_1, 30), has_data ? 4 : 0); /* Row 0 of two. */
    ck_assert_double_eq(story_value(told, HOST_1, 32), 0);                /* No row. */
    ck_assert_double_eq(story_value(told, HOST_1, 31), 0); /* Nothing was computed there. */
    ck_assert_double_eq(story_value(told, HOST_1, 33), 0);
    story_free(told);
}
END_TEST

static void send_one(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_0 && input->kind == GW_INPUT_START) {
        deal(told, port);
        story_send(port, HOST_1, ASKED_ROW, 0);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        take(told, port);
    } else {
        tell_late(port, node, input, 1);
    }
}

START_TEST(one_row_of_two_is_not_enough)
{
    story *told = story_new(contract_worlds[_i], send_one);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 0);
    story_free(told);
}
END_TEST

static void say_nothing(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        take(told, port);
        expect(port, 3, 0, 0);
    }
}

START_TEST(what_nobody_tells_is_waited_for)
{
    story *told = story_new(contract_worlds[_i], say_nothing);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 0);
    story_free(told);
}
END_TEST

Suite *contract_exchanges_suite(void)
{
    Suite *suite = suite_create("contract/exchanges");
    TCase *tcase = tcase_create("every world");
    tcase_set_timeout(tcase, 120);
    const int count = contract_world_count;
    tcase_add_loop_test(tcase, counts_are_what_the_writer_says, 0, count);
    tcase_add_loop_test(tcase, a_shard_starts_when_all_that_was_told_is_there, 0, count);
    tcase_add_loop_test(tcase, one_row_of_two_is_not_enough, 0, count);
    tcase_add_loop_test(tcase, what_nobody_tells_is_waited_for, 0, count);
    suite_add_tcase(suite, tcase);
    return suite;
}
