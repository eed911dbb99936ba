/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen so that each size runs for about a second: set-up and the machine's own noise
 * are then small beside it, and ten times the work takes no more than a user's patience. */
#include "tests/bench/bench_sim.h"

#include "tests/bench/bench_run.h"

void gw_bench_sim(GArray *rows)
{
    static const struct {
        const char *name, *bench_case;
        uint32_t hosts;
        uint64_t steps;
        uint32_t base_index;
        double jitter;
    } sizes[] = {
        {"sim.chain", "64 devices, 16 hosts", 16, 1600, 0, 0},
        {"sim.chain", "256 devices, 64 hosts", 64, 400, 0, 0},
        {"sim.chain", "1024 devices, 256 hosts", 256, 100, 0, 0},
        {"sim.chain", "2048 devices, 512 hosts", 512, 50, 0, 0},
        {"sim.chain.x10", "2048 devices, 512 hosts", 512, 500, 3, 0},
        {"sim.jitter", "2048 devices, 512 hosts", 512, 50, 3, 0.05},
    };
    gw_bench_chain chains[G_N_ELEMENTS(sizes)];
    for (uint32_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        chains[i] = (gw_bench_chain){.name = sizes[i].name,
                                     .bench_case = sizes[i].bench_case,
                                     .backend = "sim",
                                     .hosts = sizes[i].hosts,
                                     .devices_per_host = 4,
                                     .jobs = 1,
                                     .submit = "chained",
                                     .profile = "pathways-2022",
                                     .steps = sizes[i].steps,
                                     .base_index = sizes[i].base_index,
                                     .jitter = sizes[i].jitter};
    gw_bench_run_chains(chains, G_N_ELEMENTS(chains), rows);
}
