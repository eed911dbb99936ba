/* SPDX-License-Identifier: Apache-2.0 */
/* The half of the contract that executors know: kernels, copies, memory. */
#include "tests/contract/suites.h"

#include "tests/contract/story.h"

#define ROW_BYTES 16 /* Four floats: one shard of FILL's output. */

enum { HOST_0, HOST_1, HOST_2 };
enum { BUFFER_FILL = 40, BUFFER_IN, BUFFER_OUT, BUFFER_MORE };

static const uint32_t fill_buffers[] = {BUFFER_FILL};
static const uint32_t more_buffers[] = {BUFFER_IN, BUFFER_OUT};

/* --- Kernels --- */

static void nap_twice(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_0 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        story_enqueue(port, NODE_NAP, 1, NULL, NULL);
        story_enqueue(port, NODE_NAP, 2, NULL, NULL);
        story_enqueue(port, NODE_NAP, 3, NULL, NULL);
    }
}

START_TEST(a_device_runs_its_queue_in_order)
{
    story *told = story_new(contract_worlds[_i], nap_twice);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_KERNEL_DONE), 3);
    const gw_time start_ns = story_find(told, HOST_0, GW_INPUT_START, 0)->at_ns;
    for (uint32_t i = 0; i < 3; i++) {
        const story_line *line = story_find(told, HOST_0, GW_INPUT_KERNEL_DONE, i);
        ck_assert_uint_eq(line->tag, i + 1);
        if (told->kind->takes_time) { /* One after the other, and none cut short. */
            ck_assert_uint_ge(line->at_ns, start_ns + (i + 1) * STORY_NAP_NS);
            ck_assert_uint_ge(line->device_time_ns, STORY_NAP_NS);
        } else {
            ck_assert_uint_eq(line->device_time_ns, 0);
        }
    }
    story_free(told);
}
END_TEST

static void fill_and_read(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index != HOST_0) {
        return;
    }
    if (input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
    } else if (input->kind == GW_INPUT_KERNEL_DONE) {
        story_read(port, 1, 0, BUFFER_FILL, 10); /* Its source is done: at once. */
        story_read(port, 1, 1, BUFFER_FILL, 11);
    }
}

START_TEST(two_shards_have_one_answer)
{
    story *told = story_new(contract_worlds[_i], fill_and_read);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_KERNEL_DONE), 1);
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_COPY_DONE), 2);
    ck_assert_uint_lt(story_place(told, HOST_0, GW_INPUT_KERNEL_DONE, 1),
                      story_place(told, HOST_0, GW_INPUT_COPY_DONE, 10));
    for (uint64_t tag = 10; tag < 12; tag++) {
        ck_assert_double_eq(story_value(told, HOST_0, tag), told->kind->has_data ? 3 : 0);
    }
    story_free(told);
}
END_TEST

/* The first kernel awaits copies that nobody makes; the second awaits none but stands behind. */
static void await_nothing(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t arrivals[] = {0, 1};
    if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_IN, ROW_BYTES));
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES));
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_MORE, ROW_BYTES));
        static const uint32_t behind[] = {BUFFER_IN, BUFFER_MORE};
        story_enqueue(port, NODE_MORE, 1, more_buffers, arrivals);
        story_enqueue(port, NODE_MORE, 2, behind, NULL);
    }
}

START_TEST(a_kernel_without_its_arrivals_never_starts)
{
    story *told = story_new(contract_worlds[_i], await_nothing);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 0);
    story_free(told);
}
END_TEST

/* --- Copies --- */

static void copy_row(gw_port *port, uint64_t source_gang, uint32_t source_device,
                     uint64_t target_gang, uint32_t target_device, uint64_t target_offset_bytes,
                     gw_span duration_ns, uint64_t tag)
{
    const gw_copy copy = {.kind = GW_COPY_TO_DEVICE,
                          .instance = STORY_INSTANCE,
                          .source_gang = source_gang,
                          .source_device = {source_device},
                          .source_buffer = BUFFER_FILL,
                          .size_bytes = ROW_BYTES,
                          .target_gang = target_gang,
                          .target_device = {target_device},
                          .target_buffer = BUFFER_IN,
                          .target_offset_bytes = target_offset_bytes,
                          .duration_ns = duration_ns};
    port->devices->copy(port, &copy, (gw_tag){tag});
}

/* Host 1 awaits a row on each device; host 0 learns of it before or after its own kernel. */
static void await_rows(story *told, gw_port *port)
{
    static const uint32_t arrivals[] = {1, 1};
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_NEXT, BUFFER_IN, ROW_BYTES));
    ck_assert(story_reserve(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES));
    story_enqueue(port, NODE_MORE, 2, more_buffers, arrivals);
    story_send(port, HOST_0, 0, 0);
}

static void read_rows(gw_port *port)
{
    story_read(port, 2, 2, BUFFER_OUT, 30);
    story_read(port, 2, 3, BUFFER_OUT, 31);
}

static void copy_before_source(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        await_rows(told, port);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE) {
        read_rows(port);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_MESSAGE) {
        story_enqueue(port, NODE_NAP, 9, NULL, NULL); /* Device 0 is busy first. */
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
        copy_row(port, 1, 0, 2, 2, 0, 0, 20);
        copy_row(port, 1, 1, 2, 3, 0, 0, 21);
    }
}

static void copy_after_source(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_1 && input->kind == GW_INPUT_MESSAGE) {
        await_rows(told, port); /* Only now is host 0 told. */
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE) {
        read_rows(port);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_KERNEL_DONE) {
        story_send(port, HOST_1, 0, 0);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_MESSAGE) {
        copy_row(port, 1, 0, 2, 2, 0, 0, 20);
        copy_row(port, 1, 1, 2, 3, 0, 0, 21);
    }
}

static void check_rows(story *told)
{
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_COPY_DONE), 2);
    ck_assert(story_has(told, HOST_0, GW_INPUT_COPY_DONE, 20));
    ck_assert(story_has(told, HOST_0, GW_INPUT_COPY_DONE, 21));
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 1);
    for (uint64_t tag = 30; tag < 32; tag++) {
        ck_assert_double_eq(story_value(told, HOST_1, tag), told->kind->has_data ? 4 : 0);
    }
}

START_TEST(a_copy_waits_for_the_gang_that_writes_its_source)
{
    story *told = story_new(contract_worlds[_i], copy_before_source);
    story_tell(told);
    check_rows(told);
    if (told->kind->takes_time) {
        const uint32_t place = story_place(told, HOST_0, GW_INPUT_COPY_DONE, 20);
        const story_line *copied = &g_array_index(told->lines, story_line, place);
        ck_assert_uint_ge(copied->at_ns, STORY_NAP_NS);
    }
    story_free(told);
}
END_TEST

START_TEST(a_copy_of_a_done_gang_starts_at_once)
{
    story *told = story_new(contract_worlds[_i], copy_after_source);
    story_tell(told);
    check_rows(told);
    story_free(told);
}
END_TEST

/* What the first kernel on host 1 made has been read to the host, and comes back for the second. */
static void bring_back(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t again_buffers[] = {BUFFER_OUT, BUFFER_MORE};
    static const uint32_t arrivals[] = {1, 1};
    if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE && input->tag.value == 2) {
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_MORE, ROW_BYTES));
        story_enqueue(port, NODE_MORE, 3, again_buffers, arrivals);
        for (uint32_t device = 2; device < 4; device++) {
            const gw_copy copy = {.kind = GW_COPY_FROM_HOST,
                                  .instance = STORY_INSTANCE,
                                  .source_device = {device},
                                  .source_buffer = BUFFER_OUT,
                                  .size_bytes = ROW_BYTES,
                                  .target_gang = 3,
                                  .target_device = {device},
                                  .target_buffer = BUFFER_OUT};
            port->devices->copy(port, &copy, (gw_tag){50 + device});
        }
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE) {
        story_read(port, 3, 2, BUFFER_MORE, 30);
        story_read(port, 3, 3, BUFFER_MORE, 31);
    } else {
        copy_before_source(told, port, node, input);
    }
}

START_TEST(what_comes_back_from_the_host_is_one_arrival_each)
{
    story *told = story_new(contract_worlds[_i], bring_back);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 2);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_COPY_DONE), 4);
    ck_assert(story_has(told, HOST_1, GW_INPUT_COPY_DONE, 52));
    ck_assert(story_has(told, HOST_1, GW_INPUT_COPY_DONE, 53));
    for (uint64_t tag = 30; tag < 32; tag++) {
        ck_assert_double_eq(story_value(told, HOST_1, tag), told->kind->has_data ? 5 : 0);
    }
    story_free(told);
}
END_TEST

enum { TAG_SPILL = 60, TAG_RETURN = 70 };

static void move_out(gw_port *port, gw_copy_kind kind, uint64_t tag)
{
    for (uint32_t device = 2; device < 4; device++) {
        const gw_copy copy = {.kind = kind,
                              .instance = STORY_INSTANCE,
                              .source_device = {device},
                              .source_buffer = BUFFER_OUT,
                              .result = GW_INDEX_NONE,
                              .size_bytes = ROW_BYTES,
                              .target_gang = 3,
                              .target_device = {device},
                              .target_buffer = BUFFER_OUT};
        port->devices->copy(port, &copy, (gw_tag){tag + device});
    }
}

/* As bring_back(); but what was made leaves its devices altogether, comes back in vain once, since
 * nobody is launched for it, and then for the second kernel. */
static void spill_and_return(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t again_buffers[] = {BUFFER_OUT, BUFFER_MORE};
    static const uint32_t arrivals[] = {1, 1};
    if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE && input->tag.value == 2) {
        move_out(port, GW_COPY_SPILL, TAG_SPILL);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_COPY_DONE &&
               input->tag.value < TAG_RETURN && input->tag.value >= TAG_SPILL) {
        const uint64_t other = 2 * TAG_SPILL + 5 - input->tag.value;
        if (!story_has(told, HOST_1, GW_INPUT_COPY_DONE, other)) {
            return;
        }
        story_release(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES);
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_MORE, ROW_BYTES)); /* Where it lay. */
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES));
        story_release(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES);
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES));
        story_enqueue(port, NODE_MORE, 3, again_buffers, arrivals);
        move_out(port, GW_COPY_RETURN, TAG_RETURN);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE) {
        story_read(port, 3, 2, BUFFER_MORE, 30);
        story_read(port, 3, 3, BUFFER_MORE, 31);
    } else {
        copy_before_source(told, port, node, input);
    }
}

START_TEST(what_is_spilled_survives_its_memory)
{
    story *told = story_new(contract_worlds[_i], spill_and_return);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 2);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_COPY_DONE), 6);
    for (uint64_t tag = 30; tag < 32; tag++) {
        ck_assert_double_eq(story_value(told, HOST_1, tag), told->kind->has_data ? 5 : 0);
    }
    story_free(told);
}
END_TEST

/* Host 1 holds a buffer that no kernel awaits; host 0 fills it when its own kernel is long done,
 * another one of its own besides, and then says so. */
static void fill_held_buffers(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_IN, ROW_BYTES));
        story_send(port, HOST_0, 0, 0);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_MESSAGE) {
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES));
        story_enqueue(port, NODE_MORE, 2, more_buffers, NULL);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE) {
        read_rows(port);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_MESSAGE) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_IN, ROW_BYTES));
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_KERNEL_DONE) {
        copy_row(port, GW_GANG_NONE, 0, GW_GANG_NONE, 2, 0, 0, 20);
    } else if (node.index == HOST_0 && input->tag.value == 20) {
        copy_row(port, GW_GANG_NONE, 1, GW_GANG_NONE, 3, 0, 0, 21);
    } else if (node.index == HOST_0 && input->tag.value == 21) {
        copy_row(port, GW_GANG_NONE, 0, GW_GANG_NONE, 0, 0, 0, 22); /* To where it comes from. */
        story_send(port, HOST_1, 0, 0);
    } else if (node.index == HOST_0 && input->tag.value == 22) {
        story_read(port, 1, 0, BUFFER_IN, 23);
    }
}

START_TEST(a_copy_for_no_gang_fills_what_is_held)
{
    story *told = story_new(contract_worlds[_i], fill_held_buffers);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_COPY_DONE), 4);
    ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 1);
    ck_assert_double_eq(story_value(told, HOST_0, 23), told->kind->has_data ? 3 : 0);
    for (uint64_t tag = 30; tag < 32; tag++) {
        ck_assert_double_eq(story_value(told, HOST_1, tag), told->kind->has_data ? 4 : 0);
    }
    story_free(told);
}
END_TEST

/* Host 0 asks for its copies before their source has run; host 1 holds a buffer that no kernel
 * awaits, and enqueues its reader when it is told that both are there. */
static void fill_when_done(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_IN, ROW_BYTES));
        story_send(port, HOST_0, 0, 0);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_MESSAGE) {
        ck_assert(story_reserve(port, MESH_NEXT, BUFFER_OUT, ROW_BYTES));
        story_enqueue(port, NODE_MORE, 2, more_buffers, NULL);
    } else if (node.index == HOST_1 && input->kind == GW_INPUT_KERNEL_DONE) {
        read_rows(port);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_MESSAGE) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
        story_enqueue(port, NODE_NAP, 9, NULL, NULL); /* Device 0 is busy first. */
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
        copy_row(port, 1, 0, GW_GANG_NONE, 2, 0, 0, 20);
        copy_row(port, 1, 1, GW_GANG_NONE, 3, 0, 0, 21);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_COPY_DONE &&
               story_count(told, HOST_0, GW_INPUT_COPY_DONE) == 2) {
        story_send(port, HOST_1, 0, 0);
    }
}

START_TEST(a_copy_for_no_gang_waits_for_its_source)
{
    story *told = story_new(contract_worlds[_i], fill_when_done);
    story_tell(told);
    check_rows(told);
    story_free(told);
}
END_TEST

/* Both rows of host 0 land side by side in one buffer of the other island. */
static void gather_rows(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t arrivals[] = {2};
    if (node.index == HOST_2 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_FAR, BUFFER_IN, 2 * ROW_BYTES));
        ck_assert(story_reserve(port, MESH_FAR, BUFFER_OUT, sizeof(float)));
        story_enqueue(port, NODE_SUM, 2, more_buffers, arrivals);
        story_send(port, HOST_0, 0, 0);
    } else if (node.index == HOST_2 && input->kind == GW_INPUT_KERNEL_DONE) {
        story_read(port, 2, 4, BUFFER_OUT, 30);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_MESSAGE) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
        copy_row(port, 1, 1, 2, 4, ROW_BYTES, 0, 21);
        copy_row(port, 1, 0, 2, 4, 0, 0, 20);
    }
}

START_TEST(copies_land_at_their_offsets_and_each_is_one_arrival)
{
    story *told = story_new(contract_worlds[_i], gather_rows);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_2, GW_INPUT_KERNEL_DONE), 1);
    ck_assert_double_eq(story_value(told, HOST_2, 30), told->kind->has_data ? 24 : 0);
    story_free(told);
}
END_TEST

static void lose_one_row(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (input->kind == GW_INPUT_MESSAGE) { /* As gather_rows, but for one of the copies. */
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
        copy_row(port, 1, 0, 2, 4, 0, 0, 20);
    } else {
        gather_rows(told, port, node, input);
    }
}

START_TEST(one_arrival_of_two_is_not_enough)
{
    story *told = story_new(contract_worlds[_i], lose_one_row);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_COPY_DONE), 1);
    ck_assert_uint_eq(story_count(told, HOST_2, GW_INPUT_KERNEL_DONE), 0);
    story_free(told);
}
END_TEST

#define COPY_NS (8 * STORY_NAP_NS)

static void copy_slowly(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_1 && input->kind == GW_INPUT_START) {
        await_rows(told, port);
    } else if (node.index == HOST_0 && input->kind == GW_INPUT_MESSAGE) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, BUFFER_FILL, ROW_BYTES));
        story_enqueue(port, NODE_FILL, 1, fill_buffers, NULL);
        copy_row(port, 1, 0, 2, 2, 0, COPY_NS, 20);
        copy_row(port, 1, 1, 2, 3, 0, COPY_NS, 21);
        story_enqueue(port, NODE_NAP, 9, NULL, NULL);
    }
}

START_TEST(a_timed_copy_takes_its_time_and_no_device)
{
    story *told = story_new(contract_worlds[_i], copy_slowly);
    story_tell(told);
    const uint32_t nap = story_place(told, HOST_0, GW_INPUT_KERNEL_DONE, 9);
    const uint32_t copy = story_place(told, HOST_0, GW_INPUT_COPY_DONE, 20);
    ck_assert(story_has(told, HOST_0, GW_INPUT_COPY_DONE, 21));
    ck_assert(story_has(told, HOST_1, GW_INPUT_KERNEL_DONE, 2));
    if (told->kind->takes_time) {
        const gw_time asked_ns = story_find(told, HOST_0, GW_INPUT_MESSAGE, 0)->at_ns;
        ck_assert_uint_ge(g_array_index(told->lines, story_line, copy).at_ns, asked_ns + COPY_NS);
    }
    if (told->kind->is_exact) {
        const gw_time asked_ns = story_find(told, HOST_0, GW_INPUT_MESSAGE, 0)->at_ns;
        ck_assert_uint_lt(nap, copy); /* The source's device went on meanwhile. */
        /* Both copies at once, not one after the other. */
        ck_assert_uint_lt(story_find(told, HOST_1, GW_INPUT_KERNEL_DONE, 0)->at_ns,
                          asked_ns + 2 * COPY_NS);
    }
    story_free(told);
}
END_TEST

/* --- Memory --- */

static void fill_memory(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index != HOST_0 || input->kind != GW_INPUT_START) {
        return;
    }
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_RIGHT, 1, STORY_HBM_BYTES - 64));
    ck_assert(!story_reserve(port, MESH_RIGHT, 2, 65)); /* Back-pressure, and nothing is taken. */
    ck_assert(!story_reserve(port, MESH_PAIR, 3, 65));  /* Device 0 has room, device 1 has not, */
    ck_assert(story_reserve(port, MESH_LEFT, 4, STORY_HBM_BYTES)); /* so device 0 kept all of it. */
    ck_assert(!story_reserve(port, MESH_PAIR, 5, 1));
    ck_assert(story_reserve(port, MESH_RIGHT, 6, 64)); /* To the last byte. */
    ck_assert(!story_reserve(port, MESH_RIGHT, 7, 1));
    story_release(port, MESH_LEFT, 4, STORY_HBM_BYTES);
    story_release(port, MESH_RIGHT, 1, STORY_HBM_BYTES - 64);
    ck_assert(story_reserve(port, MESH_PAIR, 5, STORY_HBM_BYTES - 64));
    story_release(port, MESH_PAIR, 5, STORY_HBM_BYTES - 64);
    story_release(port, MESH_RIGHT, 6, 64);
    ck_assert(story_reserve(port, MESH_PAIR, 1, STORY_HBM_BYTES)); /* A number comes again. */
    story_release(port, MESH_PAIR, 1, STORY_HBM_BYTES);
    /* A mesh that has no device here takes nothing, and it is always there. */
    ck_assert(story_reserve(port, MESH_FAR, 8, 2 * STORY_HBM_BYTES));
    story_release(port, MESH_FAR, 8, 2 * STORY_HBM_BYTES);
}

START_TEST(memory_is_all_or_nothing_up_to_the_last_byte)
{
    story *told = story_new(contract_worlds[_i], fill_memory);
    story_tell(told);
    story_free(told);
}
END_TEST

/* --- Collectives --- */

static const uint32_t together_buffers[] = {BUFFER_FILL};
static const uint32_t again_buffers[] = {BUFFER_OUT};

static void reserve_both(story *told, gw_port *port)
{
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_WIDE, BUFFER_FILL, sizeof(float)));
    ck_assert(story_reserve(port, MESH_WIDE, BUFFER_OUT, sizeof(float)));
}

static void meet_halfway(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == HOST_0 && input->kind == GW_INPUT_START) {
        reserve_both(told, port);
        story_enqueue(port, NODE_TOGETHER, 1, together_buffers, NULL);
    }
}

START_TEST(a_collective_waits_for_all_members)
{
    story *told = story_new(contract_worlds[_i], meet_halfway);
    story_tell(told);
    if (told->kind->waits_for_members) {
        ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_KERNEL_DONE), 0);
    }
    story_free(told);
}
END_TEST

static void meet_in_order(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index > HOST_1) {
        return;
    }
    if (input->kind == GW_INPUT_START) {
        reserve_both(told, port);
        story_enqueue(port, NODE_TOGETHER, 1, together_buffers, NULL);
        story_enqueue(port, NODE_AGAIN, 2, again_buffers, NULL);
    } else if (input->kind == GW_INPUT_KERNEL_DONE && input->tag.value == 2) {
        for (uint32_t i = 0; i < 2; i++) {
            story_read(port, 1, 2 * node.index + i, BUFFER_FILL, 10 + i);
            story_read(port, 2, 2 * node.index + i, BUFFER_OUT, 20 + i);
        }
    }
}

START_TEST(all_members_get_the_sum)
{
    story *told = story_new(contract_worlds[_i], meet_in_order);
    story_tell(told);
    for (uint32_t host = HOST_0; host <= HOST_1; host++) {
        ck_assert_uint_lt(story_place(told, host, GW_INPUT_KERNEL_DONE, 1),
                          story_place(told, host, GW_INPUT_KERNEL_DONE, 2));
        for (uint64_t i = 0; i < 2; i++) {
            ck_assert_double_eq(story_value(told, host, 10 + i), told->kind->has_data ? 8 : 0);
            ck_assert_double_eq(story_value(told, host, 20 + i), told->kind->has_data ? 8 : 0);
        }
    }
    story_free(told);
}
END_TEST

/* What a scheduler is for: without one order for all, members wait for each other for good. */
static void meet_crosswise(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index > HOST_1 || input->kind != GW_INPUT_START) {
        return;
    }
    reserve_both(told, port);
    const bool is_first = node.index == HOST_0;
    story_enqueue(port, is_first ? NODE_TOGETHER : NODE_AGAIN, is_first ? 1 : 2,
                  is_first ? together_buffers : again_buffers, NULL);
    story_enqueue(port, is_first ? NODE_AGAIN : NODE_TOGETHER, is_first ? 2 : 1,
                  is_first ? again_buffers : together_buffers, NULL);
}

START_TEST(crosswise_gangs_deadlock_and_the_run_ends)
{
    story *told = story_new(contract_worlds[_i], meet_crosswise);
    story_tell(told);
    if (told->kind->waits_for_members) {
        ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_KERNEL_DONE), 0);
        ck_assert_uint_eq(story_count(told, HOST_1, GW_INPUT_KERNEL_DONE), 0);
    }
    story_free(told);
}
END_TEST

/* --- Programs come and go --- */

static void load_again(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index != HOST_0) {
        return;
    }
    if (input->kind == GW_INPUT_START) {
        story_load(told, port, 1);
        port->devices->unload(port, 1); /* Never used. */
        story_load(told, port, 2);      /* Two at a time. */
        story_load(told, port, STORY_INSTANCE);
        story_enqueue(port, NODE_NAP, 1, NULL, NULL);
    } else if (input->kind == GW_INPUT_KERNEL_DONE && input->tag.value < 4) {
        port->devices->unload(port, STORY_INSTANCE);
        story_load(told, port, STORY_INSTANCE);
        story_enqueue(port, NODE_NAP, input->tag.value + 1, NULL, NULL);
    } else if (input->kind == GW_INPUT_KERNEL_DONE) {
        port->devices->unload(port, 2);
    }
}

START_TEST(a_program_can_be_unloaded_and_loaded_again)
{
    story *told = story_new(contract_worlds[_i], load_again);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, HOST_0, GW_INPUT_KERNEL_DONE), 4);
    story_free(told);
}
END_TEST

Suite *contract_devices_suite(void)
{
    Suite *suite = suite_create("contract/devices");
    TCase *tcase = tcase_create("every world");
    tcase_set_timeout(tcase, 120);
    const int count = contract_world_count;
    tcase_add_loop_test(tcase, a_device_runs_its_queue_in_order, 0, count);
    tcase_add_loop_test(tcase, two_shards_have_one_answer, 0, count);
    tcase_add_loop_test(tcase, a_kernel_without_its_arrivals_never_starts, 0, count);
    tcase_add_loop_test(tcase, a_copy_waits_for_the_gang_that_writes_its_source, 0, count);
    tcase_add_loop_test(tcase, a_copy_of_a_done_gang_starts_at_once, 0, count);
    tcase_add_loop_test(tcase, what_comes_back_from_the_host_is_one_arrival_each, 0, count);
    tcase_add_loop_test(tcase, what_is_spilled_survives_its_memory, 0, count);
    tcase_add_loop_test(tcase, a_copy_for_no_gang_fills_what_is_held, 0, count);
    tcase_add_loop_test(tcase, a_copy_for_no_gang_waits_for_its_source, 0, count);
    tcase_add_loop_test(tcase, copies_land_at_their_offsets_and_each_is_one_arrival, 0, count);
    tcase_add_loop_test(tcase, one_arrival_of_two_is_not_enough, 0, count);
    tcase_add_loop_test(tcase, a_timed_copy_takes_its_time_and_no_device, 0, count);
    tcase_add_loop_test(tcase, memory_is_all_or_nothing_up_to_the_last_byte, 0, count);
    tcase_add_loop_test(tcase, a_collective_waits_for_all_members, 0, count);
    tcase_add_loop_test(tcase, all_members_get_the_sum, 0, count);
    tcase_add_loop_test(tcase, crosswise_gangs_deadlock_and_the_run_ends, 0, count);
    tcase_add_loop_test(tcase, a_program_can_be_unloaded_and_loaded_again, 0, count);
    suite_add_tcase(suite, tcase);
    return suite;
}
