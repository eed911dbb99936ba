/* SPDX-License-Identifier: Apache-2.0 */
/* Links shared in time: how many arrivals and departures a second rates are kept up to date for,
 * beside filling all links anew; and a collective played transfer by transfer. */
#pragma once

#include "tests/bench/bench.h"

/* Appends rows to `rows` (a GArray of gw_bench_row).  "fabric.refill" and "fabric.rates": 4096
 * flows on a torus of 16 x 16 x 16, each change an operation, for three patterns of traffic; rates
 * are compared with the refill of the same pattern.  "fabric.ring": a ring all-reduce of 64 MiB
 * over 2048 devices, each of its 2 x 2047 x 2048 transfers an operation. */
void gw_bench_fabric(GArray *rows);
