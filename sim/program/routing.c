/* SPDX-License-Identifier: Apache-2.0 */
/* Whole groups are drawn, as a gate would fill them.  Where there are more than can be drawn, the
 * mean of those drawn stands for each. */
#include "program/routing.h"

#include <glib.h>

#include "base/check.h"
#include "base/zipf.h"

/* One of those that are not `taken`, by their shares of what is left. */
static uint32_t draw_other(const double *up_to, uint32_t count, uint32_t taken, gw_random *random)
{
    const double before = taken > 0 ? up_to[taken - 1] : 0, share = up_to[taken] - before;
    double drawn = gw_random_uniform(random) * (1 - share);
    drawn += drawn >= before ? share : 0;
    const uint32_t other = gw_zipf_find(up_to, count, drawn);
    if (other != taken) {
        return other;
    }
    return taken + 1 < count ? taken + 1 : taken - 1; /* Rounded off: on the edge between them. */
}

/* Of one group.  First choices come before second ones, so of those only how many matters. */
static uint64_t draw_group(const gw_routing *routing, const double *up_to, uint32_t *taken,
                           gw_random *random)
{
    uint64_t dropped = 0;
    for (uint32_t e = 0; e < routing->experts; e++) {
        taken[e] = 0;
    }
    for (uint32_t t = 0; t < routing->tokens; t++) {
        const uint32_t first = gw_zipf_find(up_to, routing->experts, gw_random_uniform(random));
        taken[first]++;
        if (routing->choices == 2) {
            taken[draw_other(up_to, routing->experts, first, random)]++;
        }
    }
    for (uint32_t e = 0; e < routing->experts; e++) {
        dropped += taken[e] > routing->capacity ? taken[e] - routing->capacity : 0;
    }
    return dropped;
}

uint64_t gw_routing_draw(const gw_routing *routing, gw_random *random)
{
    gw_check(routing->choices >= 1);
    gw_check(routing->choices <= routing->experts);
    gw_check(routing->tokens > 0);
    const uint64_t most = MAX(GW_ROUTING_TOKENS_MAX / routing->tokens, 1);
    const uint64_t drawn_count = MIN(routing->groups, most);
    g_autofree double *up_to = g_new(double, routing->experts);
    g_autofree uint32_t *taken = g_new(uint32_t, routing->experts);
    uint64_t dropped = 0;
    gw_zipf_shares(routing->exponent, routing->experts, up_to);
    for (uint64_t g = 0; g < drawn_count; g++) {
        dropped += draw_group(routing, up_to, taken, random);
    }
    if (drawn_count == routing->groups) {
        return dropped;
    }
    return (uint64_t)((double)dropped / (double)drawn_count * (double)routing->groups + 0.5);
}
