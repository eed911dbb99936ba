/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen so that each case runs for about half a second, ten times the work for five. */
#include "tests/bench/bench_control.h"

#include "tests/bench/bench_run.h"

void gw_bench_control(GArray *rows)
{
    static const gw_bench_chain chains[] = {
        {"control.chained", "16 hosts x 8", "null", 16, 8, 1, "chained", "ideal", 400},
        {"control.chained", "512 hosts x 4", "null", 512, 4, 1, "chained", "ideal", 20},
        {"control.chained", "512 hosts x 4, 16 clients", "null", 512, 4, 16, "chained", "ideal", 2},
        {"control.op_by_op", "512 hosts x 4", "null", 512, 4, 1, "op_by_op", "ideal", 10},
        {"control.chained.x10", "512 hosts x 4", "null", 512, 4, 1, "chained", "ideal", 200},
    };
    for (guint i = 0; i < G_N_ELEMENTS(chains); i++)
        gw_bench_run_chain(&chains[i], rows);
}
