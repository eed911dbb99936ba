/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a part stands in one round.  A sender does not leave its round before its transfers
 * have arrived, so a transfer need not carry its round: it is the sender's.  A receiver may be
 * behind; arrivals are counted by phase and way, where each way has one sender. */
#include "accel/player.h"

#include "base/check.h"
#include "base/pool.h"

/* A transfer's token: GW_PLAYER_TOKEN, cast, part, way, member. */
#define MEMBER_BITS 20
#define WAY_BITS    1
#define PART_BITS   20
#define CAST_BITS   22

typedef struct {
    uint32_t phase, round;
    uint32_t pending_count; /* Transfers of this round that have not arrived. */
} member_state;

typedef struct {
    const gw_rounds *rounds;
    const uint32_t *devices;
    uint64_t tag;
    member_state **members;     /* By part, and member. */
    uint32_t ***arrival_counts; /* By part, phase, and way * member_count + target. */
    uint8_t ***has_sender;      /* Likewise. */
    uint64_t busy_count;        /* Members of parts that are not through. */
} cast_state;

struct gw_player {
    gw_fabric *fabric;
    gw_player_ended ended;
    void *owner;
    gw_pool casts; /* cast_state */
};

static cast_state *cast_at(const gw_player *player, uint32_t cast)
{
    return gw_pool_at(&player->casts, cast);
}

static const gw_rounds_phase *phase_at(const cast_state *state, uint32_t part, uint32_t phase)
{
    return &g_array_index(state->rounds->parts[part], gw_rounds_phase, phase);
}

static void send_round(gw_player *player, uint32_t cast, uint32_t part, uint32_t member)
{
    const cast_state *state = cast_at(player, cast);
    const uint32_t count = state->rounds->member_count;
    member_state *own = &state->members[part][member];
    const gw_rounds_phase *phase = phase_at(state, part, own->phase);
    for (uint32_t way = 0; way < GW_ROUNDS_WAYS; way++) {
        const gw_rounds_send *send = &phase->sends[way * count + member];
        if (send->target == GW_INDEX_NONE) {
            continue;
        }
        const gw_transfer transfer = {
            .kind = GW_TRANSFER_DEVICE,
            .source = {state->devices[member]},
            .target = {state->devices[send->target]},
            .size_bytes = send->size_bytes,
            .takes_negative = way == 1,
        };
        const uint64_t token =
            (((uint64_t)cast << PART_BITS | part) << WAY_BITS | way) << MEMBER_BITS | member;
        own->pending_count++;
        gw_fabric_start(player->fabric, &transfer, GW_PLAYER_TOKEN | token);
    }
}

/* All that the member's round has to wait for has come. */
static bool is_through(const cast_state *state, uint32_t part, uint32_t member)
{
    const member_state *own = &state->members[part][member];
    if (own->pending_count > 0) {
        return false;
    }
    for (uint32_t way = 0; way < GW_ROUNDS_WAYS; way++) {
        const uint32_t index = way * state->rounds->member_count + member;
        if (state->has_sender[part][own->phase][index] != 0 &&
            state->arrival_counts[part][own->phase][index] <= own->round) {
            return false;
        }
    }
    return true;
}

static void advance(gw_player *player, uint32_t cast, uint32_t part, uint32_t member)
{
    cast_state *state = cast_at(player, cast);
    member_state *own = &state->members[part][member];
    const uint32_t phase_count = state->rounds->parts[part]->len;
    while (own->phase < phase_count && is_through(state, part, member)) {
        own->round++;
        if (own->round == phase_at(state, part, own->phase)->repeat_count) {
            own->round = 0;
            own->phase++;
        }
        if (own->phase < phase_count) {
            send_round(player, cast, part, member);
        } else {
            state->busy_count--;
        }
    }
}

/* --- Life --- */

gw_player *gw_player_new(gw_fabric *fabric, gw_player_ended ended, void *owner)
{
    gw_check(ended != NULL);
    gw_player *player = g_new0(gw_player, 1);
    player->fabric = fabric;
    player->ended = ended;
    player->owner = owner;
    gw_pool_init(&player->casts, sizeof(cast_state));
    return player;
}

static void count_senders(const gw_rounds *rounds, const gw_rounds_phase *phase,
                          uint8_t *has_sender)
{
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * rounds->member_count; i++) {
        const uint32_t way = i / rounds->member_count, target = phase->sends[i].target;
        if (target != GW_INDEX_NONE) {
            gw_check(has_sender[way * rounds->member_count + target] == 0); /* rounds.h */
            has_sender[way * rounds->member_count + target] = 1;
        }
    }
}

static void cast_state_init(cast_state *state, const gw_rounds *rounds, const uint32_t *devices,
                            uint64_t tag)
{
    const uint32_t count = rounds->member_count, part_count = rounds->part_count;
    gw_check(count <= 1 << MEMBER_BITS);
    gw_check(part_count <= 1 << PART_BITS);
    *state = (cast_state){.rounds = rounds,
                          .devices = devices,
                          .tag = tag,
                          .busy_count = (uint64_t)count * part_count};
    state->members = g_new(member_state *, part_count);
    state->arrival_counts = g_new(uint32_t **, part_count);
    state->has_sender = g_new(uint8_t **, part_count);
    for (uint32_t part = 0; part < part_count; part++) {
        const uint32_t phase_count = rounds->parts[part]->len;
        gw_check(phase_count > 0);
        state->members[part] = g_new0(member_state, count);
        state->arrival_counts[part] = g_new(uint32_t *, phase_count);
        state->has_sender[part] = g_new(uint8_t *, phase_count);
        for (uint32_t i = 0; i < phase_count; i++) {
            const size_t way_count = (size_t)GW_ROUNDS_WAYS * count;
            state->arrival_counts[part][i] = g_new0(uint32_t, way_count);
            state->has_sender[part][i] = g_new0(uint8_t, way_count);
            count_senders(rounds, phase_at(state, part, i), state->has_sender[part][i]);
        }
    }
}

static void cast_state_clear(const cast_state *state)
{
    const gw_rounds *rounds = state->rounds;
    for (uint32_t part = 0; part < rounds->part_count && state->members != NULL; part++) {
        for (uint32_t i = 0; i < rounds->parts[part]->len; i++) {
            g_free(state->arrival_counts[part][i]);
            g_free(state->has_sender[part][i]);
        }
        g_free(state->members[part]);
        g_free(state->arrival_counts[part]);
        g_free(state->has_sender[part]);
    }
    g_free(state->members);
    g_free(state->arrival_counts);
    g_free(state->has_sender);
}

void gw_player_free(gw_player *player)
{
    if (player == NULL) {
        return;
    }
    for (uint32_t i = 0; i < player->casts.used_count; i++) {
        if (cast_at(player, i)->busy_count > 0) { /* The run has ended before it. */
            cast_state_clear(cast_at(player, i));
        }
    }
    gw_pool_clear(&player->casts);
    g_free(player);
}

/* --- An exchange's life --- */

void gw_player_begin(gw_player *player, const gw_rounds *rounds, const uint32_t *devices,
                     uint64_t tag)
{
    const uint32_t cast = gw_pool_take(&player->casts);
    gw_check(cast < 1 << CAST_BITS);
    cast_state_init(cast_at(player, cast), rounds, devices, tag);
    /* Part by part, so that all of a part's first round are on the wires together. */
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        for (uint32_t member = 0; member < rounds->member_count; member++) {
            send_round(player, cast, part, member);
        }
        for (uint32_t member = 0; member < rounds->member_count; member++) {
            advance(player, cast, part, member);
        }
    }
    gw_check(cast_at(player, cast)->busy_count > 0); /* Something is sent. */
}

void gw_player_arrived(gw_player *player, uint64_t token)
{
    gw_check((token & GW_PLAYER_TOKEN) != 0);
    token &= ~GW_PLAYER_TOKEN;
    const uint32_t member = (uint32_t)(token & ((1 << MEMBER_BITS) - 1));
    const uint32_t way = (uint32_t)(token >> MEMBER_BITS) & 1;
    const uint32_t part = (uint32_t)(token >> (MEMBER_BITS + WAY_BITS)) & ((1 << PART_BITS) - 1);
    const uint32_t cast = (uint32_t)(token >> (MEMBER_BITS + WAY_BITS + PART_BITS));
    cast_state *state = cast_at(player, cast);
    const uint32_t count = state->rounds->member_count;
    member_state *own = &state->members[part][member];
    const uint32_t target = phase_at(state, part, own->phase)->sends[way * count + member].target;
    own->pending_count--;
    state->arrival_counts[part][own->phase][way * count + target]++;
    advance(player, cast, part, member);
    advance(player, cast, part, target);
    if (state->busy_count == 0) {
        const uint64_t tag = state->tag;
        cast_state_clear(state);
        gw_pool_give(&player->casts, cast);
        player->ended(player->owner, tag);
    }
}

uint32_t gw_player_live_count(const gw_player *player)
{
    return gw_pool_live_count(&player->casts);
}
