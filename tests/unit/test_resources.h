/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the resource manager share: islands, jobs, who asks, and hosts that change. */
#pragma once

#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "controller/resources.h"
#include "small_control.h"

#define JOBS_MAX 4

typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_job jobs[JOBS_MAX];
    gw_program *programs[JOBS_MAX];
    gw_plan *plans[JOBS_MAX];
    gw_control control;
    gw_resources *resources;
} bench;

/* Islands with lines of `device_counts` devices, one a host, of `hbm_bytes`. */
static inline void init_bench(bench *made, uint32_t island_count, const uint32_t *device_counts,
                              const uint64_t *hbm_bytes)
{
    gw_island islands[3] = {0};
    *made = (bench){0};
    for (uint32_t i = 0; i < island_count; i++) {
        islands[i] = (gw_island){.host_count = device_counts[i],
                                 .devices_per_host = 1,
                                 .shape = {device_counts[i], 1, 1},
                                 .hbm_bytes = hbm_bytes[i]};
    }
    made->directory = gw_directory_new(islands, island_count, JOBS_MAX);
    made->port = record_port_new(made->directory, gw_directory_resources(made->directory));
    made->resources =
        gw_resources_new(made->directory, &made->control, made->jobs, &made->port->base, NULL);
}

static inline void clear_bench(bench *made)
{
    gw_resources_free(made->resources);
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        gw_plan_free(made->plans[j]);
        gw_program_free(made->programs[j]);
    }
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

/* Job `job` has meshes of these sizes, each with one node of so many rows of output. */
static inline void set_uneven_job(bench *made, uint32_t job, uint32_t mesh_count,
                                  const uint32_t *device_counts, const uint32_t *rows)
{
    gw_builder *builder = gw_builder_new("job");
    for (uint32_t m = 0; m < mesh_count; m++) {
        g_autofree char *function = g_strdup_printf("> s%u", rows[m]);
        small_node(builder, "node", small_mesh(builder, device_counts[m]), function);
    }
    made->programs[job] = small_finish(builder);
    made->plans[job] = gw_plan_new(made->programs[job]);
    made->jobs[job] = (gw_job){.name = "job",
                               .program = made->programs[job],
                               .plan = made->plans[job],
                               .runs = 1,
                               .in_flight = 1};
}

/* The same with as many rows on each mesh. */
static inline void set_job(bench *made, uint32_t job, uint32_t mesh_count,
                           const uint32_t *device_counts, uint32_t rows)
{
    g_autofree uint32_t *all = g_new(uint32_t, mesh_count);
    for (uint32_t m = 0; m < mesh_count; m++) {
        all[m] = rows;
    }
    set_uneven_job(made, job, mesh_count, device_counts, all);
}

static inline void request(bench *made, uint32_t job)
{
    const gw_slice_request message = {{GW_MESSAGE_SLICE_REQUEST, sizeof message}, job};
    gw_resources_request(made->resources, gw_directory_client(made->directory, job), &message);
}

static inline void release(bench *made, uint32_t job)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_SLICE_RELEASE, job);
    gw_resources_release(made->resources, &message);
}

/* --- Hosts that leave and come --- */

G_GNUC_UNUSED static const uint32_t host_0[] = {0}, host_1[] = {1}, both_hosts[] = {0, 1};

/* One island of two hosts with a device each, and these changes. */
static inline void init_changing(bench *made, const gw_change *changes, uint32_t change_count)
{
    init_bench(made, 1, (const uint32_t[]){2}, (const uint64_t[]){100});
    made->control.changes = changes;
    made->control.change_count = change_count;
    gw_resources_start(made->resources);
}

static inline void change(bench *made, uint32_t number)
{
    made->port->now_ns = made->control.changes[number].at_ns;
    gw_resources_timer(made->resources, (gw_tag){number});
}
