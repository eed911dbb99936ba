/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen so that each size runs for about half a second, ten times the work for five. */
#include "tests/bench/bench_sim.h"

#include "tests/bench/bench_run.h"

void gw_bench_sim(GArray *rows)
{
    static const gw_bench_chain chains[] = {
        {"sim.chain", "64 devices, 16 hosts", "sim", 16, 4, 1, "chained", "pathways-2022", 800},
        {"sim.chain", "256 devices, 64 hosts", "sim", 64, 4, 1, "chained", "pathways-2022", 200},
        {"sim.chain", "1024 devices, 256 hosts", "sim", 256, 4, 1, "chained", "pathways-2022", 50},
        {"sim.chain", "2048 devices, 512 hosts", "sim", 512, 4, 1, "chained", "pathways-2022", 25},
        {"sim.chain.x10", "2048 devices, 512 hosts", "sim", 512, 4, 1, "chained", "pathways-2022",
         250},
    };
    for (guint i = 0; i < G_N_ELEMENTS(chains); i++)
        gw_bench_run_chain(&chains[i], rows);
}
