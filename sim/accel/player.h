/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges (rounds.h) on a fabric, transfer by transfer, beside whatever else is on it. */
#pragma once

#include "accel/rounds.h"
#include "topology/fabric.h"

typedef struct gw_player gw_player;

/* Called by the fabric's events when the last member is done.  It may begin others. */
typedef void (*gw_player_ended)(void *owner, uint64_t tag);

/* Tokens of its transfers have this bit: others' may not. */
#define GW_PLAYER_TOKEN (UINT64_C(1) << 63)

/* All borrowed for its life.  The fabric's owner hands on arrivals with such a token. */
gw_player *gw_player_new(gw_fabric *fabric, gw_player_ended ended, void *owner);
void gw_player_free(gw_player *player);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_player, gw_player_free)

/* All members come now.  Both are borrowed until it has ended, `devices` by member. */
void gw_player_begin(gw_player *player, const gw_rounds *rounds, const uint32_t *devices,
                     uint64_t tag);
void gw_player_arrived(gw_player *player, uint64_t token);

/* Exchanges that have begun and not ended. */
uint32_t gw_player_live_count(const gw_player *player);
