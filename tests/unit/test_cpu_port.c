/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPU cluster promises beyond the port's contract (tests/contract): its books agree with
 * what was asked, a deadlock is seen at once and put in words, and it stops whatever it does. */
#define _GNU_SOURCE /* Which cores a thread may use. */
#include <check.h>
#include <sched.h>
#include <string.h>

#include "real/activity.h"
#include "real/cpu_port.h"
#include "real/cpu_private.h"
#include "record/launch_digest.h"
#include "run_suite.h"
#include "tests/contract/story.h"

#define RUN_NS UINT64_C(60000000000)

typedef struct { /* The world behind a story, with its books. */
    gw_cpu_cluster *cluster;
    gw_ledger *ledger;
    GString *explained;
    bool stops_early;
    uint64_t messages_awaited; /* Before it stops early. */
} kept_world;

static void *create_kept(const gw_directory *directory, contract_handler handle,
                         contract_counts counts, void *context)
{
    kept_world *made = g_new0(kept_world, 1);
    made->ledger = gw_ledger_new(directory, NULL, true);
    made->cluster = gw_cpu_cluster_new(directory, made->ledger, handle, context);
    gw_cpu_cluster_set_answers(made->cluster,
                               &(gw_real_answers){.counts = counts, .context = context});
    made->explained = g_string_new(NULL);
    return made;
}

static gw_port *port_kept(void *world, gw_node_id node)
{
    return gw_cpu_cluster_port(((kept_world *)world)->cluster, node);
}

static bool run_kept(void *world)
{
    kept_world *kept = world;
    if (!gw_cpu_cluster_start(kept->cluster, NULL)) {
        return false;
    }
    if (kept->stops_early) {
        g_usleep(20000);
        while (gw_ledger_count(kept->ledger).messages < kept->messages_awaited) {
            g_usleep(1000);
        }
    } else {
        ck_assert(gw_cpu_cluster_wait(kept->cluster, RUN_NS));
        gw_cpu_cluster_explain(kept->cluster, kept->explained);
    }
    gw_cpu_cluster_stop(kept->cluster);
    return true;
}

static void destroy_kept(void *world)
{
    kept_world *kept = world;
    gw_cpu_cluster_free(kept->cluster);
    gw_ledger_free(kept->ledger);
    g_string_free(kept->explained, TRUE);
    g_free(kept);
}

static const contract_world kept_cpu = {.name = "cpu",
                                        .waits_for_members = true,
                                        .has_data = true,
                                        .takes_time = true,
                                        .create = create_kept,
                                        .port = port_kept,
                                        .run = run_kept,
                                        .destroy = destroy_kept};

static kept_world *world_of(story *told)
{
    return told->world;
}

/* --- Books --- */

static void keep_books(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t buffers[] = {1};
    if (input->kind != GW_INPUT_START || node.index > 1) {
        return;
    }
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_WIDE, 1, sizeof(float)));
    story_enqueue(port, NODE_TOGETHER, 5, buffers, NULL);
    story_read(port, 5, node.index * 2, 1, 6);
    port->ops->spend(port, GW_COST_LAUNCH, 2);
    port->ops->spend(port, GW_COST_SEND, 1);
    story_send(port, node.index == 0 ? 1 : 0, 0, 10);
    story_send(port, node.index, 0, 10); /* To itself: no message of the network. */
    const gw_note done = {.kind = GW_NOTE_JOB_DONE};
    if (node.index == 0) {
        port->ops->note(port, &done);
    }
}

START_TEST(the_books_agree_with_what_was_asked)
{
    story *told = story_new(&kept_cpu, keep_books);
    ck_assert_uint_eq(gw_ledger_jobs_left(world_of(told)->ledger), 1);
    story_tell(told);
    const gw_ledger_counts counts = gw_ledger_count(world_of(told)->ledger);
    ck_assert_uint_eq(counts.launches, 2);
    ck_assert_uint_eq(counts.shards, 4);
    ck_assert_uint_eq(counts.gangs, 1);
    ck_assert_uint_eq(counts.transfers, 2);
    ck_assert_uint_eq(counts.messages, 2);
    ck_assert_uint_eq(counts.message_bytes, 2 * (sizeof(story_message) + 10));
    ck_assert_uint_eq(gw_ledger_jobs_left(world_of(told)->ledger), 0);

    uint64_t chains[6] = {0};
    for (uint32_t i = 0; i < 4; i++) {
        chains[i] = gw_launch_digest_chain(0, STORY_INSTANCE, NODE_TOGETHER, 0);
    }
    ck_assert_uint_eq(gw_ledger_digest(world_of(told)->ledger), gw_launch_digest_of(chains, 6));

    const gw_real_usage usage = gw_cpu_cluster_usage(world_of(told)->cluster);
    ck_assert_uint_eq(usage.inputs, told->lines->len);
    ck_assert_uint_eq(usage.spent[GW_COST_LAUNCH], 4);
    ck_assert_uint_eq(usage.spent[GW_COST_SEND], 2);
    ck_assert_uint_eq(usage.spent[GW_COST_LOWER], 0);
    ck_assert_str_eq(world_of(told)->explained->str, "");
    story_free(told);
}
END_TEST

static void refuse_twice(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    (void)input;
    if (node.index == 5) {
        gw_note note = {.kind = GW_NOTE_JOB_REFUSED, .a = 0, .b = 2};
        port->ops->note(port, &note);
        note.b = 1;
        port->ops->note(port, &note);
    }
}

START_TEST(the_first_refusal_is_kept)
{
    story *told = story_new(&kept_cpu, refuse_twice);
    uint32_t job = 9, reason = 9;
    ck_assert(!gw_ledger_refusal(world_of(told)->ledger, &job, &reason));
    ck_assert_uint_eq(job, 9);
    story_tell(told);
    ck_assert(gw_ledger_refusal(world_of(told)->ledger, &job, &reason));
    ck_assert_uint_eq(job, 0);
    ck_assert_uint_eq(reason, 2);
    story_free(told);
}
END_TEST

/* --- Stalls --- */

static void meet_crosswise(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t buffers[] = {1}, others[] = {2};
    if (input->kind != GW_INPUT_START || node.index > 1) {
        return;
    }
    story_load(told, port, STORY_INSTANCE);
    ck_assert(story_reserve(port, MESH_WIDE, 1, sizeof(float)));
    ck_assert(story_reserve(port, MESH_WIDE, 2, sizeof(float)));
    const bool is_first = node.index == 0;
    story_enqueue(port, is_first ? NODE_TOGETHER : NODE_AGAIN, is_first ? 1 : 2,
                  is_first ? buffers : others, NULL);
    story_enqueue(port, is_first ? NODE_AGAIN : NODE_TOGETHER, is_first ? 2 : 1,
                  is_first ? others : buffers, NULL);
}

START_TEST(a_deadlock_is_seen_at_once_and_put_in_words)
{
    story *told = story_new(&kept_cpu, meet_crosswise);
    const uint64_t before_ns = gw_monotonic_ns();
    story_tell(told);
    ck_assert_uint_lt(gw_monotonic_ns() - before_ns, RUN_NS / 2);
    ck_assert_str_eq(
        world_of(told)->explained->str,
        "device 0: gang 1 (story, node together, run 0) waits in all_reduce for device 2, "
        "device 3\n"
        "device 1: gang 1 (story, node together, run 0) waits in all_reduce for device 2, "
        "device 3\n"
        "device 2: gang 2 (story, node again, run 0) waits in all_reduce for device 0, device 1\n"
        "device 3: gang 2 (story, node again, run 0) waits in all_reduce for device 0, device "
        "1\n");
    ck_assert_uint_eq(gw_ledger_count(world_of(told)->ledger).shards, 0);
    story_free(told);
}
END_TEST

static void await_three(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    static const uint32_t arrivals[] = {3, 0}, buffers[] = {1, 2};
    if (input->kind == GW_INPUT_START && node.index == 1) {
        story_load(told, port, STORY_INSTANCE);
        ck_assert(story_reserve(port, MESH_NEXT, 1, 16));
        ck_assert(story_reserve(port, MESH_NEXT, 2, 16));
        story_enqueue(port, NODE_MORE, 1, buffers, arrivals);
    }
}

START_TEST(missing_arrivals_are_put_in_words)
{
    story *told = story_new(&kept_cpu, await_three);
    story_tell(told);
    ck_assert_str_eq(world_of(told)->explained->str,
                     "device 2: gang 1 (story, node more, run 0) waits for 3 more copies of its "
                     "inputs\n");
    ck_assert_uint_eq(gw_ledger_count(world_of(told)->ledger).shards, 1);
    ck_assert_uint_eq(gw_ledger_count(world_of(told)->ledger).gangs, 0);
    story_free(told);
}
END_TEST

/* --- Stopping --- */

static void never_rest(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    if (node.index == 0) {
        if (input->kind == GW_INPUT_START) {
            story_load(told, port, STORY_INSTANCE);
        }
        if (input->kind == GW_INPUT_START || input->kind == GW_INPUT_KERNEL_DONE) {
            story_enqueue(port, NODE_NAP, told->lines->len * 2 + 1, NULL, NULL);
        }
    } else if (node.index == 6 && input->kind == GW_INPUT_START) {
        port->ops->timer_set(port, UINT64_C(3600000000000), (gw_tag){1});
    } else if (node.index >= 3 && node.index < 6) {
        story_send(port, 3 + (node.index - 2) % 3, 0, 0);
    }
}

START_TEST(a_busy_cluster_stops)
{
    story *told = story_new(&kept_cpu, never_rest);
    world_of(told)->stops_early = true;
    world_of(told)->messages_awaited = 100; /* Passed on and on by three nodes. */
    story_tell(told);
    ck_assert_uint_eq(story_count(told, 6, GW_INPUT_TIMER), 0);
    ck_assert_uint_ge(story_count(told, 3, GW_INPUT_MESSAGE), 1);
    story_free(told);
}
END_TEST

START_TEST(a_deadlocked_cluster_stops)
{
    story *told = story_new(&kept_cpu, meet_crosswise);
    world_of(told)->stops_early = true;
    story_tell(told);
    story_free(told);
}
END_TEST

START_TEST(a_cluster_that_never_ran_is_freed)
{
    story *told = story_new(&kept_cpu, never_rest);
    ck_assert_uint_eq(told->lines->len, 0);
    story_free(told);
}
END_TEST

START_TEST(a_far_timer_keeps_a_cluster_active)
{
    story *told = story_new(&kept_cpu, never_rest);
    gw_cpu_cluster *cluster = world_of(told)->cluster;
    ck_assert(gw_cpu_cluster_start(cluster, NULL));
    ck_assert(!gw_cpu_cluster_wait(cluster, 1000000));
    gw_cpu_cluster_stop(cluster);
    story_free(told);
}
END_TEST

/* --- More devices than cores --- */

static int next_core(const cpu_set_t *set, int core)
{
    do {
        core = (core + 1) % CPU_SETSIZE;
    } while (!CPU_ISSET(core, set));
    return core;
}

static cpu_set_t cores_of(pthread_t thread)
{
    cpu_set_t cores;
    ck_assert_int_eq(pthread_getaffinity_np(thread, sizeof(cores), &cores), 0);
    return cores;
}

/* On the first two cores at most that this process may use: devices go round them, each from its
 * thread's first moments on, and those that serve nodes go wherever there is room. */
START_TEST(devices_that_outnumber_the_cores_keep_to_one_each)
{
    const cpu_set_t all = cores_of(pthread_self());
    cpu_set_t two;
    CPU_ZERO(&two);
    const int first = next_core(&all, -1);
    CPU_SET(first, &two);
    CPU_SET(next_core(&all, first), &two);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(two), &two), 0);
    story *told = story_new(&kept_cpu, never_rest);
    gw_cpu_cluster *cluster = world_of(told)->cluster;
    ck_assert(gw_cpu_cluster_start(cluster, NULL));
    ck_assert_uint_eq(cluster->device_count, 6);
    int core = -1;
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        cpu_set_t own = cores_of(cluster->devices[i].thread);
        for (uint32_t tries = 0; CPU_COUNT(&own) > 1 && tries < 10000; tries++) {
            g_usleep(1000);
            own = cores_of(cluster->devices[i].thread);
        }
        core = next_core(&two, core);
        ck_assert_int_eq(CPU_COUNT(&own), 1);
        ck_assert(CPU_ISSET(core, &own));
    }
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const cpu_set_t own = cores_of(cluster->nodes[i].thread);
        ck_assert(CPU_EQUAL(&own, &two));
    }
    gw_cpu_cluster_stop(cluster);
    story_free(told);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(all), &all), 0);
}
END_TEST

/* --- A storm: every node talks to every other at once, and nothing is lost. --- */

#define STORM_HOPS 2000

static void pass_on(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (input->kind == GW_INPUT_START) {
        for (uint32_t i = 0; i < 7; i++) {
            story_send(port, i, STORM_HOPS / 10, i);
        }
    } else if (story_content(input) > 0) {
        const uint32_t content = story_content(input);
        story_send(port, (node.index * 3 + content) % 7, content - 1, content % 50);
    }
}

START_TEST(a_storm_loses_nothing)
{
    story *told = story_new(&kept_cpu, pass_on);
    story_tell(told);
    uint32_t count = 0;
    for (uint32_t node = 0; node < 7; node++) {
        count += story_count(told, node, GW_INPUT_MESSAGE);
    }
    ck_assert_uint_eq(count, 49 * (STORM_HOPS / 10 + 1));
    story_free(told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_port");
    TCase *tcase = tcase_create("cluster");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, the_books_agree_with_what_was_asked);
    tcase_add_test(tcase, the_first_refusal_is_kept);
    tcase_add_test(tcase, a_deadlock_is_seen_at_once_and_put_in_words);
    tcase_add_test(tcase, missing_arrivals_are_put_in_words);
    tcase_add_test(tcase, a_busy_cluster_stops);
    tcase_add_test(tcase, a_deadlocked_cluster_stops);
    tcase_add_test(tcase, a_cluster_that_never_ran_is_freed);
    tcase_add_test(tcase, a_far_timer_keeps_a_cluster_active);
    tcase_add_test(tcase, devices_that_outnumber_the_cores_keep_to_one_each);
    tcase_add_test(tcase, a_storm_loses_nothing);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
