/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU world under the controller: what control costs work that is really done. */
#pragma once

#include "tests/bench/bench.h"

/* Products of a size on two devices, against two threads that do nothing else, each a plain loop
 * over the same products by the same library; and calls through client, scheduler, executor and
 * device and back, one at a time, and in programs. */
void gw_bench_cpu(GArray *rows);
