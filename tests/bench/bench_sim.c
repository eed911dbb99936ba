/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen so that each size runs for about a second: set-up and the machine's own noise
 * are then small beside it, and ten times the work takes no more than a user's patience. */
#include "tests/bench/bench_sim.h"

#include "tests/bench/bench_run.h"

void gw_bench_sim(GArray *rows)
{
    static const gw_bench_chain chains[] = {
        {.name = "sim.chain",
         .bench_case = "64 devices, 16 hosts",
         .backend = "sim",
         .hosts = 16,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "pathways-2022",
         .steps = 1600},
        {.name = "sim.chain",
         .bench_case = "256 devices, 64 hosts",
         .backend = "sim",
         .hosts = 64,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "pathways-2022",
         .steps = 400},
        {.name = "sim.chain",
         .bench_case = "1024 devices, 256 hosts",
         .backend = "sim",
         .hosts = 256,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "pathways-2022",
         .steps = 100},
        {.name = "sim.chain",
         .bench_case = "2048 devices, 512 hosts",
         .backend = "sim",
         .hosts = 512,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "pathways-2022",
         .steps = 50},
        {.name = "sim.chain.x10",
         .bench_case = "2048 devices, 512 hosts",
         .backend = "sim",
         .hosts = 512,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "pathways-2022",
         .steps = 500,
         .base_index = 3},
    };
    gw_bench_run_chains(chains, G_N_ELEMENTS(chains), rows);
}
