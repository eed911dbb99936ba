/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen so that each size runs for about a second: set-up and the machine's own noise
 * are then small beside it, and ten times the work takes no more than a user's patience. */
#include "tests/bench/bench_sim.h"

#include "tests/bench/bench_run.h"

void gw_bench_sim(GArray *rows)
{
    static const gw_bench_chain chains[] = {
        {"sim.chain", "64 devices, 16 hosts", "sim", 16, 4, 1, "chained", "pathways-2022", 1600, 0},
        {"sim.chain", "256 devices, 64 hosts", "sim", 64, 4, 1, "chained", "pathways-2022", 400, 0},
        {"sim.chain", "1024 devices, 256 hosts", "sim", 256, 4, 1, "chained", "pathways-2022", 100,
         0},
        {"sim.chain", "2048 devices, 512 hosts", "sim", 512, 4, 1, "chained", "pathways-2022", 50,
         0},
        {"sim.chain.x10", "2048 devices, 512 hosts", "sim", 512, 4, 1, "chained", "pathways-2022",
         500, 3},
    };
    gw_bench_run_chains(chains, G_N_ELEMENTS(chains), rows);
}
