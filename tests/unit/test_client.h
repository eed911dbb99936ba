/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the client share: a small cluster, one job, and what its world says to it. */
#pragma once

#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "controller/client.h"
#include "controller/system.h"
#include "small_control.h"

/* Two islands of one host with two devices: hosts are nodes 0 and 1, schedulers 2 and 3, the
 * resource manager 4, the client 5. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_program *program;
    gw_plan *plan;
    gw_job job;
    gw_client *client;
} bench;

/* Takes `program`.  The job is chained, `runs` runs, `in_flight` at a time. */
static inline void init_bench(bench *made, gw_program *program, uint64_t runs, uint32_t in_flight)
{
    const gw_island islands[] = {
        {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}},
        {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}},
    };
    *made = (bench){.program = program};
    made->directory = gw_directory_new(islands, 2, 1);
    made->port = record_port_new(made->directory, gw_directory_client(made->directory, 0));
    made->control = (gw_control){
        .policy = gw_policy_find("fifo"), .dispatch = &gw_dispatch_parallel, .lookahead = 4};
    made->plan = gw_plan_new(program);
    made->job = (gw_job){.name = "job",
                         .program = program,
                         .plan = made->plan,
                         .submit = GW_SUBMIT_CHAINED,
                         .runs = runs,
                         .in_flight = in_flight};
}

static inline void start(bench *made)
{
    made->client = gw_client_new(made->directory, &made->control, &made->job, 0, made->port->self,
                                 &made->port->base);
    gw_client_start(made->client);
}

static inline void clear_bench(bench *made)
{
    gw_client_free(made->client);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static inline void grant(bench *made, const uint32_t *devices)
{
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_SLICE_GRANT, 0, made->program, devices);
    gw_client_granted(made->client, message);
}

/* Up to its first call. */
static inline void bring_up(bench *made, const uint32_t *devices, uint32_t answer_count)
{
    start(made);
    grant(made, devices);
    record_port_clear(made->port);
    for (uint32_t i = 0; i < answer_count; i++) {
        gw_client_installed(made->client);
    }
}

static inline void return_call(bench *made, uint32_t run, uint64_t call)
{
    const gw_call_message message = {{GW_MESSAGE_RETURNED, sizeof message}, 0, run, call};
    gw_client_returned(made->client, &message);
}

static inline void finish_run(bench *made, uint32_t run)
{
    const gw_call_message message = {{GW_MESSAGE_RUN_DONE, sizeof message}, 0, run, 0};
    gw_client_run_done(made->client, &message);
}

static inline void give_result(bench *made, uint32_t run, uint32_t result, double value)
{
    const gw_result_message message = {
        {GW_MESSAGE_RESULT, sizeof message}, 0, run, result, 1, value};
    gw_client_result(made->client, &message);
}

/* One host and one scheduler. */
static inline void retire(bench *made)
{
    gw_client_retired(made->client);
    gw_client_retired(made->client);
}

/* `count` nodes on one mesh of two devices; bit n of `once` makes node n set-up. */
static inline gw_program *make_nodes(uint32_t count, uint32_t once)
{
    gw_builder *builder = gw_builder_new("nodes");
    const uint32_t mesh = small_mesh(builder, 2);
    for (uint32_t n = 0; n < count; n++) {
        small_node(builder, "node", mesh, "> r1");
        if ((once >> n & 1) != 0) {
            gw_builder_set_once(builder, n);
        }
    }
    return small_finish(builder);
}
