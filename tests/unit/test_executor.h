/* SPDX-License-Identifier: Apache-2.0 */
/* An executor on a recorder, for its two test programs: who tells it what, and what it answers.
 * Buffers are numbered (run % (in_flight + 2)) * slots + slot, in order of installing. */
#pragma once

#include <check.h>

#include "controller/executor.h"
#include "small_control.h"

#define JOBS_MAX 2

/* Hosts of one island, host 0 the one that is looked at.  With two hosts node 2 is the scheduler,
 * nodes 4 and 5 are the clients. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_job jobs[JOBS_MAX];
    gw_program *programs[JOBS_MAX];
    gw_plan *plans[JOBS_MAX];
    gw_executor *executor;
    gw_node_id scheduler;
} bench;

static inline void init_bench(bench *made, uint32_t host_count, uint32_t devices_per_host,
                              uint32_t lookahead)
{
    *made = (bench){0};
    made->directory = small_directory(host_count, devices_per_host, JOBS_MAX);
    made->port = record_port_new(made->directory, (gw_node_id){0});
    made->scheduler = gw_directory_scheduler(made->directory, 0);
    made->control = (gw_control){.policy = gw_policy_find("fifo"),
                                 .dispatch = &gw_dispatch_parallel,
                                 .lookahead = lookahead};
    made->executor = gw_executor_new(made->directory, &made->control, made->jobs, (gw_node_id){0},
                                     &made->port->base);
}

static inline void clear_bench(bench *made)
{
    gw_executor_free(made->executor);
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        gw_plan_free(made->plans[j]);
        gw_program_free(made->programs[j]);
    }
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

/* make (mesh 0) -> take (mesh 1), two shards each. */
static inline gw_program *make_transfer(void)
{
    gw_builder *builder = gw_builder_new("transfer");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 2);
    small_node(builder, "make", left, "> s4");
    small_node(builder, "take", right, "s4 >");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    return small_finish(builder);
}

/* Job `job` is `program`, on these devices, one run at a time of so many. */
static inline void install(bench *made, uint32_t job, gw_program *program, uint64_t runs,
                           const uint32_t *devices)
{
    made->programs[job] = program;
    made->plans[job] = gw_plan_new(program);
    made->jobs[job] = (gw_job){
        .name = "job", .program = program, .plan = made->plans[job], .runs = runs, .in_flight = 1};
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, job, program, devices);
    gw_executor_install(made->executor, gw_directory_client(made->directory, job), message);
    gw_executor_flush(made->executor);
}

static inline uint64_t gang_of(const bench *made, uint32_t sequence)
{
    return (uint64_t)made->scheduler.index << GW_GANG_SEQUENCE_BITS | sequence;
}

static inline void dispatch(bench *made, uint32_t job, uint32_t run, uint32_t first_node,
                            uint32_t node_count, uint32_t sequence)
{
    g_autofree gw_dispatch_message *message =
        small_dispatch(job, run, first_node, node_count, gang_of(made, sequence), false);
    gw_executor_dispatch(made->executor, made->scheduler, message);
    gw_executor_flush(made->executor);
}

/* READY from `host` for the gang `sequence` of the same scheduler. */
static inline void ready(bench *made, uint32_t host, uint32_t job, uint32_t run, uint32_t transfer,
                         uint32_t buffer, uint32_t sequence)
{
    const uint32_t size_bytes = (uint32_t)(sizeof(gw_ready) + sizeof(gw_ready_item));
    g_autofree gw_ready *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_READY, size_bytes};
    message->item_count = 1;
    message->items[0] = (gw_ready_item){gang_of(made, sequence), job, run, transfer, buffer};
    gw_executor_ready(made->executor, (gw_node_id){host}, message);
    gw_executor_flush(made->executor);
}

/* The oldest kernel is done. */
static inline void finish_kernel(bench *made)
{
    const gw_tag tag = record_port_oldest(made->port, RECORD_ENQUEUE);
    const gw_input done = record_port_answer(made->port, RECORD_ENQUEUE, tag, 0);
    gw_executor_kernel_done(made->executor, done.tag, done.device_time_ns);
    gw_executor_flush(made->executor);
}

/* The oldest copy has arrived. */
static inline void finish_copy(bench *made, double value)
{
    const gw_tag tag = record_port_oldest(made->port, RECORD_COPY);
    const gw_input input = record_port_answer(made->port, RECORD_COPY, tag, value);
    gw_executor_copy_done(made->executor, input.tag, input.value);
    gw_executor_flush(made->executor);
}

static inline void retire(bench *made, uint32_t job)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_RETIRE, job);
    gw_executor_retire(made->executor, gw_directory_client(made->directory, job), &message);
    gw_executor_flush(made->executor);
}

/* `count` nodes of one mesh without edges, each with an output of `rows` rows. */
static inline gw_program *make_nodes(uint32_t device_count, uint32_t count, uint32_t rows)
{
    g_autofree char *function = g_strdup_printf("> r%u", rows);
    gw_builder *builder = gw_builder_new("nodes");
    const uint32_t mesh = small_mesh(builder, device_count);
    for (uint32_t n = 0; n < count; n++) {
        small_node(builder, "node", mesh, function);
    }
    return small_finish(builder);
}
