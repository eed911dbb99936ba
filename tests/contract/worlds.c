/* SPDX-License-Identifier: Apache-2.0 */
/* The worlds, each behind the same few calls. */
#include "tests/contract/world.h"

#include "real/cpu_port.h"
#include "real/null_port.h"
#include "world/sim_port.h"

#define RUN_NS UINT64_C(60000000000) /* Far longer than any story, also under sanitizers. */

/* --- cpu --- */

static void *create_cpu(const gw_directory *directory, contract_handler handle,
                        contract_counts counts, void *context)
{
    gw_cpu_cluster *made = gw_cpu_cluster_new(directory, NULL, handle, context);
    gw_cpu_cluster_set_answers(made, &(gw_real_answers){.counts = counts, .context = context});
    return made;
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

static void *create_null(const gw_directory *directory, contract_handler handle,
                         contract_counts counts, void *context)
{
    gw_null_cluster *made = gw_null_cluster_new(directory, NULL, handle, context);
    gw_null_cluster_set_answers(made, &(gw_real_answers){.counts = counts, .context = context});
    return made;
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

/* --- sim --- */

typedef struct {
    gw_accelerator *accelerators; /* One per island. */
    gw_island_spec *islands;
    gw_cluster_spec cluster;
    gw_profile profile;
    gw_sim_ports *ports;
} sim_world_state;

/* Every device a row of its island; all that costs time costs some. */
static void wire_islands(sim_world_state *made, const gw_directory *directory)
{
    const uint32_t count = directory->island_count;
    made->accelerators = g_new0(gw_accelerator, count);
    made->islands = g_new0(gw_island_spec, count);
    for (uint32_t i = 0; i < count; i++) {
        const gw_island *island = &directory->islands[i];
        made->accelerators[i] = (gw_accelerator){.name = (char *)"contract",
                                                 .peak_flops = 1e12,
                                                 .vector_flops = 1e12,
                                                 .hbm_bytes = island->hbm_bytes,
                                                 .hbm_bytes_per_s = 1e12,
                                                 .matmul_efficiency = 1,
                                                 .hbm_efficiency = 1,
                                                 .link_bytes_per_s = 1e9,
                                                 .link_efficiency = 1,
                                                 .hop_latency_ns = 100,
                                                 .pcie_latency_ns = 1000,
                                                 .pcie_bytes_per_s = 1e9};
        made->islands[i] = (gw_island_spec){.accelerator = i,
                                            .host_count = island->host_count,
                                            .devices_per_host = island->devices_per_host,
                                            .shape = {island->device_count, 1, 1},
                                            .dims = 1};
    }
    made->cluster = (gw_cluster_spec){.accelerators = made->accelerators,
                                      .accelerator_count = count,
                                      .islands = made->islands,
                                      .island_count = count,
                                      .dcn_latency_ns = 10000,
                                      .dcn_bytes_per_s = 1e9,
                                      .local_latency_ns = 100};
}

static void *create_sim(const gw_directory *directory, contract_handler handle,
                        contract_counts counts, void *context)
{
    sim_world_state *made = g_new0(sim_world_state, 1);
    wire_islands(made, directory);
    made->profile.name = (char *)"contract";
    for (uint32_t i = 1; i < GW_COST_COUNT; i++) {
        made->profile.cost_ns[i] = 10 * i;
    }
    const gw_sim_ports_settings settings = {.directory = directory,
                                            .cluster = &made->cluster,
                                            .profile = &made->profile,
                                            .queue = GW_QUEUE_LADDER,
                                            .handle = handle,
                                            .counts = counts,
                                            .context = context};
    made->ports = gw_sim_ports_new(&settings);
    return made;
}

static gw_port *port_sim(void *world, gw_node_id node)
{
    return gw_sim_ports_at(((sim_world_state *)world)->ports, node);
}

static bool run_sim(void *world)
{
    const gw_sim_ports *ports = ((sim_world_state *)world)->ports;
    gw_engine *engine = gw_sim_ports_engine(((sim_world_state *)world)->ports);
    while (!gw_sim_ports_are_at_rest(ports) && gw_engine_now(engine) < RUN_NS) {
        gw_engine_step(engine);
    }
    return gw_sim_ports_are_at_rest(ports);
}

static void destroy_sim(void *world)
{
    sim_world_state *made = world;
    gw_sim_ports_free(made->ports);
    g_free(made->islands);
    g_free(made->accelerators);
    g_free(made);
}

static const contract_world sim_world = {.name = "sim",
                                         .waits_for_members = true,
                                         .takes_time = true,
                                         .is_exact = true,
                                         .create = create_sim,
                                         .port = port_sim,
                                         .run = run_sim,
                                         .destroy = destroy_sim};

const contract_world *const contract_worlds[] = {&sim_world, &cpu_world, &null_world,
                                                 &contract_ranks_world};
const int contract_world_count = G_N_ELEMENTS(contract_worlds);
