/* SPDX-License-Identifier: Apache-2.0 */
/* A player on a fabric of its own, and a clock. */
#include "accel/rounds_play.h"

#include "accel/player.h"
#include "base/check.h"

typedef struct {
    gw_engine *engine;
    gw_player *player;
    gw_span *ends_ns;
} stage;

static void take_arrival(void *owner, uint64_t token, gw_time start_ns)
{
    (void)start_ns;
    const stage *on = owner;
    gw_player_arrived(on->player, token);
}

static void take_end(void *owner, uint64_t tag)
{
    const stage *on = owner;
    on->ends_ns[tag] = gw_engine_now(on->engine);
}

void gw_rounds_play(const gw_cluster *cluster, const gw_rounds_cast *casts, uint32_t cast_count,
                    gw_span *out_ns)
{
    stage on = {.engine = gw_engine_new(GW_QUEUE_LADDER), .ends_ns = out_ns};
    gw_fabric *fabric = gw_fabric_new(on.engine, cluster, take_arrival, &on);
    on.player = gw_player_new(fabric, take_end, &on);
    for (uint32_t i = 0; i < cast_count; i++) {
        gw_player_begin(on.player, casts[i].rounds, casts[i].devices, i);
    }
    while (gw_engine_step(on.engine)) {
    }
    gw_check(gw_player_live_count(on.player) == 0);
    gw_player_free(on.player);
    gw_fabric_free(fabric);
    gw_engine_free(on.engine);
}
