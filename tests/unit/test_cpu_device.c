/* SPDX-License-Identifier: Apache-2.0 */
/* One device without a cluster: the order of its queue, arrivals, copies that follow a gang,
 * memory up to its limit, and who counts as active when. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "program/builder.h"
#include "real/cpu_copy.h"
#include "real/cpu_device.h"
#include "run_suite.h"

#define LIMIT_BYTES 4096
#define SHARDS_MAX  64

enum { NODE_ADD, NODE_NAP, NODE_SILENT };

typedef struct {
    gw_activity activity;
    gw_cpu_meetings *meetings;
    atomic_bool is_stopping;
    atomic_uint idle_count;
    gw_cpu_shared shared;
    gw_cpu_device device;
    gw_program *program;
    gw_loaded_set loaded;
    gw_cpu_plan *plans[3];
    pthread_mutex_t mutex; /* Before what the device tells. */
    uint64_t done_gangs[SHARDS_MAX];
    bool has_next[SHARDS_MAX], is_next_short[SHARDS_MAX];
    uint32_t done_count, ready_count;
    uint32_t ready_at[SHARDS_MAX]; /* Shards that were done when the copy was handed on. */
} rig;

static void hear_done(void *context, gw_cpu_device *device, gw_cpu_shard *shard)
{
    rig *made = context;
    ck_assert_ptr_eq(device, &made->device);
    ck_assert_uint_le(shard->start_ns, shard->end_ns);
    ck_assert_uint_eq(shard->local_ns, shard->end_ns - shard->start_ns); /* No collective. */
    ck_assert_uint_eq(shard->collective_ns, 0);
    pthread_mutex_lock(&made->mutex);
    made->has_next[made->done_count] = shard->has_next;
    made->is_next_short[made->done_count] = shard->is_next_short;
    made->done_gangs[made->done_count++] = shard->kernel->gang;
    pthread_mutex_unlock(&made->mutex);
    g_free(shard->kernel);
}

static void hear_copy(void *context, gw_cpu_device *device, gw_cpu_copy *copy)
{
    rig *made = context;
    ck_assert_ptr_eq(device, &made->device);
    pthread_mutex_lock(&made->mutex);
    made->ready_at[made->ready_count++] = made->done_count;
    pthread_mutex_unlock(&made->mutex);
    g_free(copy);
}

/* y = x + 1 with a temporary between; a nap; an output that nothing writes. */
static gw_program *make_program(void)
{
    gw_builder *builder = gw_builder_new("rig");
    const uint32_t one = 1;
    const uint32_t mesh = gw_builder_add_mesh(builder, "one", 1, &one);
    gw_function *fill = gw_function_new("fill");
    gw_function_add_output(fill, 1, 4, false);
    gw_function_add(fill, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {0}});
    gw_function *add = gw_function_new("add");
    const uint32_t x = gw_function_add_input(add, 1, 4, false);
    const uint32_t y = gw_function_add_output(add, 1, 4, false);
    const uint32_t t = gw_function_add_temporary(add, 1, 4);
    gw_operation operation = {.kind = GW_OPERATION_MAP,
                              .map = GW_MAP_ADD_SCALAR,
                              .inputs = {(uint16_t)x},
                              .outputs = {(uint16_t)t},
                              .scalar = 0.5};
    gw_function_add(add, &operation);
    operation.inputs[0] = (uint16_t)t;
    operation.outputs[0] = (uint16_t)y;
    gw_function_add(add, &operation);
    gw_function *nap = gw_function_new("nap");
    gw_function_add(nap, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 3000000});
    gw_function *silent = gw_function_new("silent");
    gw_function_add_output(silent, 1, 4, false);
    gw_function_add(silent, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 1});
    const uint32_t fill_index = gw_builder_take_function(builder, fill);
    const uint32_t source = gw_builder_add_node(builder, "fill", fill_index, mesh);
    const uint32_t target =
        gw_builder_add_node(builder, "add", gw_builder_take_function(builder, add), mesh);
    gw_builder_add_node(builder, "nap", gw_builder_take_function(builder, nap), mesh);
    gw_builder_add_node(builder, "silent", gw_builder_take_function(builder, silent), mesh);
    gw_builder_add_edge(builder, source, 0, target, 0);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error == NULL ? "" : error->message);
    return program;
}

static void rig_init(rig *made, bool is_started)
{
    memset(made, 0, sizeof(*made));
    gw_cpu_operations_init();
    gw_activity_init(&made->activity);
    made->meetings = gw_cpu_meetings_new(&made->activity);
    atomic_init(&made->is_stopping, false);
    atomic_init(&made->idle_count, 1);
    pthread_mutex_init(&made->mutex, NULL);
    made->shared = (gw_cpu_shared){.activity = &made->activity,
                                   .meetings = made->meetings,
                                   .is_stopping = &made->is_stopping,
                                   .idle_count = &made->idle_count,
                                   .shard_done = hear_done,
                                   .copy_ready = hear_copy,
                                   .context = made};
    made->program = make_program();
    static const uint32_t first[] = {0, 1}, devices[] = {0};
    const gw_executable executable = {
        .program = made->program,
        .assignment = {.mesh_count = 1, .first = first, .devices = devices}};
    gw_loaded_set_add(&made->loaded, &executable, 0, 1);
    for (uint32_t i = 0; i < 3; i++) {
        made->plans[i] = gw_cpu_plan_new(gw_program_function(made->program, i + 1));
    }
    gw_cpu_device_init(&made->device, &made->shared, (gw_device_id){0}, LIMIT_BYTES);
    if (is_started) {
        ck_assert(gw_cpu_device_start(&made->device, NULL));
    }
}

/* What is left in the queue when the device has stopped. */
static uint32_t rig_clear(rig *made)
{
    atomic_store(&made->is_stopping, true);
    gw_cpu_device_wake(&made->device);
    gw_cpu_meetings_abort(made->meetings);
    gw_cpu_device_join(&made->device);
    uint32_t left_count = 0;
    gw_cpu_shard *shard = gw_cpu_device_drain(&made->device);
    for (; shard != NULL; shard = gw_cpu_device_drain(&made->device)) {
        g_free(shard->kernel);
        left_count++;
    }
    gw_cpu_device_clear(&made->device);
    for (uint32_t i = 0; i < 3; i++) {
        gw_cpu_plan_free(made->plans[i]);
    }
    gw_loaded_set_clear(&made->loaded);
    gw_program_free(made->program);
    gw_cpu_meetings_free(made->meetings);
    gw_activity_clear(&made->activity);
    pthread_mutex_destroy(&made->mutex);
    return left_count;
}

static void put(rig *made, uint32_t which, uint64_t gang, uint32_t arrivals,
                const uint32_t *buffers)
{
    struct {
        gw_cpu_kernel kernel;
        gw_cpu_shard shard;
        gw_cpu_block *blocks[2];
    } *piece = g_malloc0(sizeof(*piece)); /* Freed by its first member's address. */
    piece->kernel = (gw_cpu_kernel){.loaded = gw_loaded_set_find(&made->loaded, 0),
                                    .plan = made->plans[which],
                                    .gang = gang,
                                    .node = which + 1,
                                    .shard_count = 1,
                                    .shards = &piece->shard,
                                    .blocks = piece->blocks};
    piece->shard = (gw_cpu_shard){
        .kernel = &piece->kernel, .arrivals_left = arrivals, .blocks = piece->blocks};
    gw_cpu_device_enqueue(&made->device, &piece->shard, buffers);
}

static uint32_t count_done(rig *made)
{
    pthread_mutex_lock(&made->mutex);
    const uint32_t count = made->done_count;
    pthread_mutex_unlock(&made->mutex);
    return count;
}

static void await_quiet(rig *made)
{
    ck_assert(gw_activity_wait(&made->activity, UINT64_C(30000000000)));
}

/* --- The queue --- */

START_TEST(shards_run_in_the_order_of_the_queue)
{
    rig made;
    rig_init(&made, true);
    for (uint64_t gang = 50; gang < 60; gang++) {
        put(&made, NODE_NAP, gang, 0, NULL);
    }
    await_quiet(&made);
    ck_assert_uint_eq(count_done(&made), 10);
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(made.done_gangs[i], 50 + i);
    }
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

START_TEST(arrivals_hold_the_first_and_so_all_behind_it)
{
    rig made;
    rig_init(&made, true);
    put(&made, NODE_NAP, 1, 2, NULL);
    put(&made, NODE_NAP, 2, 0, NULL);
    put(&made, NODE_NAP, 3, 1, NULL);
    await_quiet(&made);
    ck_assert(gw_cpu_device_awaits(&made.device, 1));
    ck_assert(!gw_cpu_device_awaits(&made.device, 2));
    ck_assert(!gw_cpu_device_awaits(&made.device, 99));
    gw_cpu_device_arrive(&made.device, 1);
    gw_cpu_device_arrive(&made.device, 3); /* The last one's comes before the first one's. */
    await_quiet(&made);
    ck_assert_uint_eq(count_done(&made), 0);
    gw_cpu_device_arrive(&made.device, 1);
    await_quiet(&made);
    ck_assert_uint_eq(count_done(&made), 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(made.done_gangs[i], i + 1);
    }
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

START_TEST(a_shard_knows_what_stands_behind_it)
{
    rig made;
    rig_init(&made, false);
    put(&made, NODE_NAP, 1, 0, NULL);
    put(&made, NODE_NAP, 2, 0, NULL);
    put(&made, NODE_NAP, 3, 1, NULL);
    ck_assert(gw_cpu_device_start(&made.device, NULL));
    await_quiet(&made);
    ck_assert_uint_eq(count_done(&made), 2);
    gw_cpu_device_arrive(&made.device, 3);
    await_quiet(&made);
    ck_assert_uint_eq(count_done(&made), 3);
    ck_assert(made.has_next[0] && !made.is_next_short[0]);  /* A nap is longer. */
    ck_assert(!made.has_next[1] && !made.is_next_short[1]); /* It may not start yet. */
    ck_assert(!made.has_next[2] && !made.is_next_short[2]);
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

START_TEST(work_put_before_the_start_is_done)
{
    rig made;
    rig_init(&made, false);
    put(&made, NODE_NAP, 1, 0, NULL);
    ck_assert(!gw_activity_wait(&made.activity, 0)); /* It can go on: it is active. */
    ck_assert(gw_cpu_device_start(&made.device, NULL));
    await_quiet(&made);
    ck_assert_uint_eq(count_done(&made), 1);
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

START_TEST(copies_follow_a_gang_until_it_is_done)
{
    rig made;
    rig_init(&made, true);
    put(&made, NODE_NAP, 1, 1, NULL);
    put(&made, NODE_NAP, 2, 0, NULL);
    for (uint64_t gang = 2; gang >= 1; gang--) {
        for (uint32_t i = 0; i < 3; i++) {
            ck_assert(gw_cpu_device_follow(&made.device, gang, g_new0(gw_cpu_copy, 1)));
        }
    }
    gw_cpu_device_arrive(&made.device, 1);
    await_quiet(&made);
    ck_assert_uint_eq(made.ready_count, 6);
    for (uint32_t i = 0; i < 6; i++) { /* Before their own shard is told, after those before. */
        ck_assert_uint_eq(made.ready_at[i], i / 3);
    }
    gw_cpu_copy late = {0};
    ck_assert(!gw_cpu_device_follow(&made.device, 1, &late)); /* It was done before. */
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

START_TEST(stopping_cuts_a_wait_short_and_leaves_the_rest)
{
    rig made;
    rig_init(&made, true);
    for (uint64_t gang = 0; gang < 40; gang++) {
        put(&made, NODE_NAP, gang, 0, NULL);
    }
    const uint32_t left_count = rig_clear(&made);
    ck_assert_uint_eq(left_count + made.done_count, 40);
    ck_assert_uint_ge(left_count, 1); /* 120 ms of naps were not waited for. */
}
END_TEST

/* --- Data --- */

START_TEST(a_kernel_reads_its_input_and_writes_its_output)
{
    rig made;
    rig_init(&made, true);
    static const uint32_t buffers[] = {7, 8};
    ck_assert(gw_cpu_device_reserve(&made.device, 7, 0, 16));
    ck_assert(gw_cpu_device_reserve(&made.device, 8, 0, 16));
    gw_cpu_block *x = gw_cpu_device_pin(&made.device, 7), *y = gw_cpu_device_pin(&made.device, 8);
    float *from = gw_cpu_device_data(&made.device, x);
    ck_assert_uint_eq((uintptr_t)from % GW_CPU_ALIGNMENT_BYTES, 0);
    for (uint32_t i = 0; i < 4; i++) {
        from[i] = (float)i;
    }
    put(&made, NODE_ADD, 1, 0, buffers);
    await_quiet(&made);
    ck_assert_uint_eq(count_done(&made), 1);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_float_eq(y->data[i], (float)i + 1);
    }
    gw_cpu_device_unpin(&made.device, x);
    gw_cpu_device_unpin(&made.device, y);
    gw_cpu_device_release(&made.device, 7, 16);
    gw_cpu_device_release(&made.device, 8, 16);
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

START_TEST(an_output_that_nothing_writes_reads_as_zero)
{
    rig made;
    rig_init(&made, true);
    static const uint32_t buffers[] = {7};
    ck_assert(gw_cpu_device_reserve(&made.device, 7, 0, 16));
    gw_cpu_block *y = gw_cpu_device_pin(&made.device, 7);
    gw_cpu_device_data(&made.device, y)[0] = 5;
    put(&made, NODE_SILENT, 1, 0, buffers);
    await_quiet(&made);
    ck_assert_float_eq(y->data[0], 0);
    gw_cpu_device_unpin(&made.device, y);
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

/* --- Memory --- */

START_TEST(memory_ends_at_the_limit)
{
    rig made;
    rig_init(&made, false);
    ck_assert(gw_cpu_device_reserve(&made.device, 1, 0, LIMIT_BYTES - 1));
    ck_assert(!gw_cpu_device_reserve(&made.device, 2, 0, 2));
    ck_assert(!gw_cpu_device_has_room(&made.device, 2));
    ck_assert(!gw_cpu_device_has_room(&made.device, UINT64_MAX));
    ck_assert(gw_cpu_device_reserve(&made.device, 2, 0, 1));
    ck_assert(gw_cpu_device_reserve(&made.device, 3, 0, 0)); /* Nothing is always there. */
    gw_cpu_device_release(&made.device, 1, LIMIT_BYTES - 1);
    ck_assert(gw_cpu_device_reserve(&made.device, 1, 0, LIMIT_BYTES - 1));
    ck_assert_uint_eq(rig_clear(&made), 0); /* What is still reserved is freed. */
}
END_TEST

/* A buffer has its place when it is first written, and leaves it to the next one. */
START_TEST(a_buffer_lies_where_the_last_one_of_its_size_lay)
{
    rig made;
    rig_init(&made, true);
    static const uint32_t buffers[] = {1, 2, 3};
    ck_assert(gw_cpu_device_reserve(&made.device, 1, 0, 64));
    ck_assert(gw_cpu_device_reserve(&made.device, 2, 0, 64));
    ck_assert(gw_cpu_device_reserve(&made.device, 3, 0, 64)); /* All reserved ahead. */
    for (uint32_t i = 0; i < 3; i++) {
        gw_cpu_block *block = gw_cpu_device_pin(&made.device, buffers[i]);
        ck_assert_ptr_null(block->data);
        put(&made, NODE_SILENT, i, 0, &buffers[i]);
        await_quiet(&made);
        ck_assert_ptr_nonnull(block->data);
        ck_assert_ptr_eq(block->data, gw_cpu_device_data(&made.device, block));
        const float *before = block->data;
        gw_cpu_device_unpin(&made.device, block);
        gw_cpu_device_release(&made.device, buffers[i], 64);
        ck_assert(gw_cpu_device_reserve(&made.device, buffers[i], 0, 64));
        block = gw_cpu_device_pin(&made.device, buffers[i]);
        ck_assert_ptr_eq(gw_cpu_device_data(&made.device, block), before);
        gw_cpu_device_unpin(&made.device, block);
    }
    ck_assert_uint_eq(made.device.memory.held_bytes, 192);
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

/* What was spilled is kept through its release; then its place is anybody's. */
START_TEST(kept_blocks_keep_their_place)
{
    rig made;
    rig_init(&made, false);
    ck_assert(gw_cpu_device_reserve(&made.device, 1, 0, 64));
    gw_cpu_block *block = gw_cpu_device_pin(&made.device, 1);
    float *kept = gw_cpu_device_data(&made.device, block);
    kept[0] = 5;
    gw_cpu_device_keep(&made.device, block, 7);
    gw_cpu_device_unpin(&made.device, block);
    gw_cpu_device_release(&made.device, 1, 64);
    ck_assert(gw_cpu_device_reserve(&made.device, 2, 0, 64));
    block = gw_cpu_device_pin(&made.device, 2);
    ck_assert_ptr_ne(gw_cpu_device_data(&made.device, block), kept);
    gw_cpu_device_unpin(&made.device, block);
    ck_assert(gw_cpu_device_reserve(&made.device, 1, 0, 64));
    block = gw_cpu_device_pin(&made.device, 1);
    ck_assert_ptr_eq(gw_cpu_device_data(&made.device, block), kept);
    ck_assert_float_eq(kept[0], 5);
    gw_cpu_device_unpin(&made.device, block);
    gw_cpu_device_release(&made.device, 1, 64);
    gw_cpu_device_forget(&made.device, 7);
    ck_assert(gw_cpu_device_reserve(&made.device, 3, 0, 64));
    block = gw_cpu_device_pin(&made.device, 3);
    ck_assert_ptr_eq(gw_cpu_device_data(&made.device, block), kept);
    gw_cpu_device_unpin(&made.device, block);
    ck_assert_uint_eq(rig_clear(&made), 0);
}
END_TEST

START_TEST(release_of_another_size_is_our_mistake)
{
    rig made;
    rig_init(&made, false);
    ck_assert(gw_cpu_device_reserve(&made.device, 1, 0, 16));
    gw_cpu_device_release(&made.device, 1, 15);
}
END_TEST

START_TEST(release_under_a_waiting_kernel_is_our_mistake)
{
    rig made;
    rig_init(&made, false);
    static const uint32_t buffers[] = {1};
    ck_assert(gw_cpu_device_reserve(&made.device, 1, 0, 16));
    put(&made, NODE_SILENT, 1, 1, buffers);
    gw_cpu_device_release(&made.device, 1, 16);
}
END_TEST

START_TEST(an_unknown_buffer_is_our_mistake)
{
    rig made;
    rig_init(&made, false);
    gw_cpu_device_pin(&made.device, 1);
}
END_TEST

START_TEST(an_arrival_that_nobody_awaits_is_our_mistake)
{
    rig made;
    rig_init(&made, false);
    put(&made, NODE_NAP, 1, 0, NULL);
    gw_cpu_device_arrive(&made.device, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_device");
    TCase *tcase = tcase_create("device");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, shards_run_in_the_order_of_the_queue);
    tcase_add_test(tcase, arrivals_hold_the_first_and_so_all_behind_it);
    tcase_add_test(tcase, a_shard_knows_what_stands_behind_it);
    tcase_add_test(tcase, work_put_before_the_start_is_done);
    tcase_add_test(tcase, copies_follow_a_gang_until_it_is_done);
    tcase_add_test(tcase, stopping_cuts_a_wait_short_and_leaves_the_rest);
    tcase_add_test(tcase, a_kernel_reads_its_input_and_writes_its_output);
    tcase_add_test(tcase, an_output_that_nothing_writes_reads_as_zero);
    tcase_add_test(tcase, memory_ends_at_the_limit);
    tcase_add_test(tcase, a_buffer_lies_where_the_last_one_of_its_size_lay);
    tcase_add_test(tcase, kept_blocks_keep_their_place);
    tcase_add_test_raise_signal(tcase, release_of_another_size_is_our_mistake, SIGABRT);
    tcase_add_test_raise_signal(tcase, release_under_a_waiting_kernel_is_our_mistake, SIGABRT);
    tcase_add_test_raise_signal(tcase, an_unknown_buffer_is_our_mistake, SIGABRT);
    tcase_add_test_raise_signal(tcase, an_arrival_that_nobody_awaits_is_our_mistake, SIGABRT);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
