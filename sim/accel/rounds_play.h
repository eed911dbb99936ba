/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges played on a cluster's fabric, transfer by transfer: what they take when they meet
 * others on the links, which no closed form says. */
#pragma once

#include "accel/rounds.h"

typedef struct {
    const gw_rounds *rounds;
    const uint32_t *devices; /* By member. */
} gw_rounds_cast;

/* All of `casts` begin at once, with nothing else on the wires; out_ns[i] is when the last member
 * of casts[i] is done.  All are borrowed for the call. */
void gw_rounds_play(const gw_cluster *cluster, const gw_rounds_cast *casts, uint32_t cast_count,
                    gw_span *out_ns);
