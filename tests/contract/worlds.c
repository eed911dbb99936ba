/* SPDX-License-Identifier: Apache-2.0 */
/* The worlds, each behind the same few calls. */
#include "tests/contract/world.h"

#include "real/cpu_port.h"
#include "real/null_port.h"

#define RUN_NS UINT64_C(60000000000) /* Far longer than any story, also under sanitizers. */

/* --- cpu --- */

static void *create_cpu(const gw_directory *directory, contract_handler handle, void *context)
{
    return gw_cpu_cluster_new(directory, NULL, handle, context);
}

static gw_port *port_cpu(void *world, gw_node_id node)
{
    return gw_cpu_cluster_port(world, node);
}

static bool run_cpu(void *world)
{
    g_autoptr(GError) error = NULL;
    const bool has_ended =
        gw_cpu_cluster_start(world, &error) && gw_cpu_cluster_wait(world, RUN_NS);
    gw_cpu_cluster_stop(world);
    return has_ended;
}

static void destroy_cpu(void *world)
{
    gw_cpu_cluster_free(world);
}

static const contract_world cpu_world = {.name = "cpu",
                                         .waits_for_members = true,
                                         .has_data = true,
                                         .takes_time = true,
                                         .create = create_cpu,
                                         .port = port_cpu,
                                         .run = run_cpu,
                                         .destroy = destroy_cpu};

/* --- null --- */

static void *create_null(const gw_directory *directory, contract_handler handle, void *context)
{
    return gw_null_cluster_new(directory, NULL, handle, context);
}

static gw_port *port_null(void *world, gw_node_id node)
{
    return gw_null_cluster_port(world, node);
}

static bool run_null(void *world)
{
    return !gw_null_cluster_run(world, 1000000, true);
}

static void destroy_null(void *world)
{
    gw_null_cluster_free(world);
}

static const contract_world null_world = {.name = "null",
                                          .create = create_null,
                                          .port = port_null,
                                          .run = run_null,
                                          .destroy = destroy_null};

const contract_world *const contract_worlds[] = {&cpu_world, &null_world};
const int contract_world_count = G_N_ELEMENTS(contract_worlds);
