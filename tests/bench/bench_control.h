/* SPDX-License-Identifier: Apache-2.0 */
/* The control plane alone: devices finish at once, so the time is the controller's. */
#pragma once

#include "tests/bench/bench.h"

/* Shard launches per second on one core, by hosts, by clients, and by way of submitting. */
void gw_bench_control(GArray *rows);
/* Where a launch's nanoseconds go, by part of the controller: rows with ticks. */
void gw_bench_control_where(GArray *rows);
/* What this controller's own costs are fitted on (bench_profile.h). */
void gw_bench_control_shapes(GArray *rows);
