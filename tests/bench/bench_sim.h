/* SPDX-License-Identifier: Apache-2.0 */
/* Device operations per second of wall time, the whole controller in the loop. */
#pragma once

#include "tests/bench/bench.h"

/* Chained gangs on 64 to 2048 devices (cost per operation against size), and ten times the gangs
 * on 2048 (cost and memory against length); and gangs of 2048 shards that all compute for times of
 * their own. */
void gw_bench_sim(GArray *rows);
