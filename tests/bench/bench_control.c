/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen as in bench_sim.c. */
#include "tests/bench/bench_control.h"

#include "tests/bench/bench_run.h"

void gw_bench_control(GArray *rows)
{
    static const gw_bench_chain chains[] = {
        {"control.chained", "16 hosts x 4", "null", 16, 4, 1, "chained", "ideal", 1600, 0},
        {"control.chained", "512 hosts x 4", "null", 512, 4, 1, "chained", "ideal", 40, 0},
        {"control.chained", "512 hosts x 4, 16 clients", "null", 512, 4, 16, "chained", "ideal", 4,
         0},
        {"control.op_by_op", "512 hosts x 4", "null", 512, 4, 1, "op_by_op", "ideal", 20, 1},
        {"control.chained.x10", "512 hosts x 4", "null", 512, 4, 1, "chained", "ideal", 400, 1},
    };
    gw_bench_run_chains(chains, G_N_ELEMENTS(chains), rows);
}
