/* SPDX-License-Identifier: Apache-2.0 */
/* How many choices gates (operation.h, GATE) would drop, where there are no shares to choose by:
 * each token goes to an expert drawn by Zipf's law, and a second choice to one of the others. */
#pragma once

#include "base/random.h"

#define GW_ROUTING_EXPONENT_MAX 8
/* So many tokens at most are drawn for a number; others are taken to be like those. */
#define GW_ROUTING_TOKENS_MAX 65536

typedef struct {
    uint32_t experts;          /* 0: there are none. */
    uint32_t choices;          /* Of a token: 1 or 2. */
    uint32_t capacity, tokens; /* Of one group: choices that an expert takes, and tokens. */
    uint64_t groups;           /* That are counted together: of all gates and devices. */
    double exponent;           /* From 0, all experts alike, to GW_ROUTING_EXPONENT_MAX. */
} gw_routing;

/* Choices without a seat, in all groups. */
uint64_t gw_routing_draw(const gw_routing *routing, gw_random *random);
