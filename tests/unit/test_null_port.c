/* SPDX-License-Identifier: Apache-2.0 */
/* What the null cluster promises beyond the port's contract (tests/contract): time stands still
 * while there is work and jumps to timers, devices finish at once, nothing is computed, and what
 * waits for copies is known. */
#include <check.h>
#include <string.h>

#include "real/null_port.h"
#include "run_suite.h"
#include "tests/contract/story.h"

typedef struct {
    gw_null_cluster *cluster;
    gw_ledger *ledger;
    uint64_t batch; /* Inputs per run; 0: all at once. */
} kept_world;

static void *create_kept(const gw_directory *directory, contract_handler handle,
                         contract_counts counts, void *context)
{
    kept_world *made = g_new0(kept_world, 1);
    made->ledger = gw_ledger_new(directory, NULL, true);
    made->cluster = gw_null_cluster_new(directory, made->ledger, handle, context);
    gw_null_cluster_set_answers(made->cluster,
                                &(gw_real_answers){.counts = counts, .context = context});
    return made;
}

static gw_port *port_kept(void *world, gw_node_id node)
{
    return gw_null_cluster_port(((kept_world *)world)->cluster, node);
}

static bool run_kept(void *world)
{
    const kept_world *kept = world;
    if (kept->batch == 0) {
        return !gw_null_cluster_run(kept->cluster, 1000000, true);
    }
    uint32_t count = 0;
    while (gw_null_cluster_run(kept->cluster, kept->batch, true) && count < 1000000) {
        count++;
    }
    return count < 1000000;
}

static void destroy_kept(void *world)
{
    kept_world *kept = world;
    gw_null_cluster_free(kept->cluster);
    gw_ledger_free(kept->ledger);
    g_free(kept);
}

static const contract_world kept_null = {.name = "null",
                                         .create = create_kept,
                                         .port = port_kept,
                                         .run = run_kept,
                                         .destroy = destroy_kept};

static kept_world *world_of(story *told)
{
    return told->world;
}

/* --- Time --- */

static void tick(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == 0 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        port->ops->timer_set(port, UINT64_C(3600000000000), (gw_tag){1}); /* An hour. */
        port->ops->timer_set(port, UINT64_C(7200000000000), (gw_tag){2});
        story_enqueue(port, NODE_NAP, 3, NULL, NULL);
        story_send(port, 1, 0, 0);
    } else if (node.index == 0 && input->kind == GW_INPUT_TIMER && input->tag.value == 1) {
        story_send(port, 1, 1, 0);
        port->ops->timer_set(port, 5, (gw_tag){3}); /* Long past. */
    }
}

START_TEST(time_stands_still_and_jumps_to_timers)
{
    const gw_time hour_ns = UINT64_C(3600000000000);
    story *told = story_new(&kept_null, tick);
    story_tell(told);
    for (uint32_t i = 0; i < told->lines->len; i++) {
        const story_line *line = &g_array_index(told->lines, story_line, i);
        const bool is_first = line->kind == GW_INPUT_TIMER && line->tag == 1;
        const bool is_past = line->kind == GW_INPUT_TIMER && line->tag == 3;
        const bool is_second = line->kind == GW_INPUT_TIMER && line->tag == 2;
        const bool is_told = line->kind == GW_INPUT_MESSAGE && line->content == 1;
        ck_assert_uint_eq(line->at_ns, is_first || is_past || is_told ? hour_ns
                                       : is_second                    ? 2 * hour_ns
                                                                      : 0);
    }
    ck_assert_uint_lt(story_place(told, 0, GW_INPUT_TIMER, 3),
                      story_place(told, 0, GW_INPUT_TIMER, 2));
    story_free(told);
}
END_TEST

START_TEST(without_timers_only_what_is_due_counts)
{
    story *told = story_new(&kept_null, tick);
    gw_null_cluster *cluster = world_of(told)->cluster;
    ck_assert(!gw_null_cluster_run(cluster, 1000000, false));
    ck_assert_uint_eq(story_count(told, 0, GW_INPUT_TIMER), 0);
    ck_assert_uint_eq(story_count(told, 0, GW_INPUT_KERNEL_DONE), 1);
    ck_assert(!gw_null_cluster_run(cluster, 1000000, true)); /* It goes on where it was. */
    ck_assert_uint_eq(story_count(told, 0, GW_INPUT_TIMER), 3);
    ck_assert_uint_eq(story_count(told, 0, GW_INPUT_START), 1);
    story_free(told);
}
END_TEST

static void pass_on(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (input->kind == GW_INPUT_START) {
        story_send(port, (node.index + 1) % 7, 200, 3);
    } else if (story_content(input) > 0) {
        story_send(port, (node.index * 3 + 1) % 7, story_content(input) - 1, 3);
    }
}

/* The same inputs in the same order, in one go or in small steps, every time. */
START_TEST(a_run_does_not_depend_on_its_steps)
{
    story *whole = story_new(&kept_null, pass_on);
    story_tell(whole);
    for (uint64_t batch = 1; batch < 50; batch += 24) {
        story *stepped = story_new(&kept_null, pass_on);
        world_of(stepped)->batch = batch;
        story_tell(stepped);
        ck_assert_uint_eq(stepped->lines->len, whole->lines->len);
        ck_assert_mem_eq(stepped->lines->data, whole->lines->data,
                         sizeof(story_line) * whole->lines->len);
        story_free(stepped);
    }
    ck_assert_uint_eq(whole->lines->len, 7 + 7 * 201);
    story_free(whole);
}
END_TEST

/* --- Devices --- */

static void meet_crosswise(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t buffers[] = {1};
    if (input->kind != GW_INPUT_START || node.index > 1) {
        return;
    }
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_WIDE, 1, sizeof(float)));
    story_enqueue(port, node.index == 0 ? NODE_TOGETHER : NODE_AGAIN, 1 + node.index, buffers,
                  NULL);
    story_enqueue(port, node.index == 0 ? NODE_AGAIN : NODE_TOGETHER, 2 - node.index, buffers,
                  NULL);
    story_read(port, 1, node.index * 2, 1, 9);
}

START_TEST(members_do_not_wait_and_values_are_zero)
{
    story *told = story_new(&kept_null, meet_crosswise);
    story_tell(told);
    for (uint32_t node = 0; node < 2; node++) {
        ck_assert_uint_eq(story_count(told, node, GW_INPUT_KERNEL_DONE), 2);
        ck_assert_double_eq(story_value(told, node, 9), 0);
    }
    const gw_ledger_counts counts = gw_ledger_count(world_of(told)->ledger);
    ck_assert_uint_eq(counts.launches, 4);
    ck_assert_uint_eq(counts.shards, 8);
    ck_assert_uint_eq(counts.gangs, 2);
    ck_assert_uint_eq(counts.transfers, 2);
    story_free(told);
}
END_TEST

/* Kernels behind one another on two devices, let go by copies from a third place. */
enum { CHAIN_LENGTH = 200 };

static void chain_kernels(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t buffers[] = {1, 2}, sources[] = {3};
    if (node.index == 1 && input->kind == GW_INPUT_START) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_NEXT, 1, 16));
        ck_assert(story_reserve(port, MESH_NEXT, 2, 16));
        for (uint32_t i = 0; i < CHAIN_LENGTH; i++) {
            const uint32_t arrivals[] = {i % 3, i % 2};
            story_enqueue(port, NODE_MORE, 100 + i, buffers, arrivals);
        }
        story_send(port, 0, 0, 0);
    } else if (node.index == 0 && input->kind == GW_INPUT_MESSAGE) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_PAIR, 3, 16));
        story_enqueue(port, NODE_FILL, 1, sources, NULL);
        for (uint32_t i = CHAIN_LENGTH; i-- > 0;) { /* From the back of the queue. */
            for (uint32_t k = 0; k < i % 3 + i % 2; k++) {
                const gw_copy copy = {.kind = GW_COPY_TO_DEVICE,
                                      .instance = STORY_INSTANCE,
                                      .source_gang = 1,
                                      .source_device = {0},
                                      .source_buffer = 3,
                                      .size_bytes = 16,
                                      .target_gang = 100 + i,
                                      .target_device = {k < i % 3 ? 2 : 3},
                                      .target_buffer = 1};
                port->devices->copy(port, &copy, (gw_tag){1000 + i});
            }
        }
    }
}

START_TEST(a_long_queue_runs_in_order_whenever_copies_come)
{
    story *told = story_new(&kept_null, chain_kernels);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, 1, GW_INPUT_KERNEL_DONE), CHAIN_LENGTH);
    for (uint32_t i = 0; i < CHAIN_LENGTH; i++) {
        ck_assert_uint_eq(story_find(told, 1, GW_INPUT_KERNEL_DONE, i)->tag, 100 + i);
    }
    ck_assert_uint_eq(gw_ledger_count(world_of(told)->ledger).gangs, CHAIN_LENGTH + 1);
    story_free(told);
}
END_TEST

static void await_copies(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t arrivals[] = {0, 3}, buffers[] = {1, 2};
    if (input->kind == GW_INPUT_START && node.index == 1) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_NEXT, 1, 16));
        ck_assert(story_reserve(port, MESH_NEXT, 2, 16));
        story_enqueue(port, NODE_MORE, 8, buffers, arrivals);
    }
}

START_TEST(what_waits_is_put_in_words)
{
    story *told = story_new(&kept_null, await_copies);
    story_tell(told);
    GString *text = g_string_new(NULL);
    gw_null_cluster_explain(world_of(told)->cluster, text);
    ck_assert_str_eq(text->str, "device 3: gang 8 (story, node more, run 0) waits for 3 more "
                                "copies of its inputs\n");
    g_string_free(text, TRUE);
    ck_assert_uint_eq(gw_null_cluster_usage(world_of(told)->cluster).inputs, 7);
    story_free(told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("null_port");
    TCase *tcase = tcase_create("cluster");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, time_stands_still_and_jumps_to_timers);
    tcase_add_test(tcase, without_timers_only_what_is_due_counts);
    tcase_add_test(tcase, a_run_does_not_depend_on_its_steps);
    tcase_add_test(tcase, members_do_not_wait_and_values_are_zero);
    tcase_add_test(tcase, a_long_queue_runs_in_order_whenever_copies_come);
    tcase_add_test(tcase, what_waits_is_put_in_words);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
