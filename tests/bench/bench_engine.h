/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in the hold model: each event that fires posts one, so that the number pending stays
 * the same.  What is timed per event is gw_engine_step() and gw_engine_post() with all they do
 * (slots, digest), an indirect call to one of 8 handlers, a touch of a 32-byte entity, and one
 * random number. */
#pragma once

#include "tests/bench/bench.h"

/* Appends rows to `rows` (a GArray of gw_bench_row): "engine.heap" and "engine.ladder", for five
 * distributions of increments and 1e2 to 1e6 pending events; a ladder is compared with its heap. */
void gw_bench_engine(GArray *rows);
