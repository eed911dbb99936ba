/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a part stands in one round, and so do both ends of a transfer, from its start to its
 * arrival: it need not carry its round, and what is yet to arrive is counted for the round alone.
 * Behind the last round of a stage it waits for its other parts. */
#include "accel/player.h"

#include <string.h>

#include "base/check.h"
#include "base/pool.h"

/* A transfer's token: GW_PLAYER_TOKEN, cast, part, way, member. */
#define MEMBER_BITS 20
#define WAY_BITS    1
#define PART_BITS   20
#define CAST_BITS   22

typedef struct {
    uint32_t phase, round;
    uint32_t pending_count; /* Transfers of this round, from it and to it, yet to arrive. */
} member_state;

typedef struct {
    uint32_t *senders; /* By way * member_count + target; GW_INDEX_NONE: none. */
    uint32_t *lanes;   /* By way * member_count + sender; NULL: its round is not repeated. */
} phase_state;

typedef struct {
    const gw_rounds *rounds;
    const uint32_t *devices;
    uint64_t tag;
    member_state **members; /* By part, and member. */
    uint32_t *busy_parts;   /* By member: those that are not through with its stage. */
    phase_state **phases;   /* By part, and phase. */
    gw_fabric_lanes *lanes; /* What goes more than once has one. */
    uint32_t busy_count;    /* Members that are not through. */
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

static gw_transfer transfer_of(const cast_state *state, const gw_rounds_phase *phase, uint32_t way,
                               uint32_t member)
{
    const gw_rounds_send *what = &phase->sends[way * state->rounds->member_count + member];
    return (gw_transfer){
        .kind = GW_TRANSFER_DEVICE,
        .source = {state->devices[member]},
        .target = {state->devices[what->target]},
        .size_bytes = what->size_bytes,
        .takes_negative = way == 1,
    };
}

static void send(gw_player *player, uint32_t cast, uint32_t part, uint32_t way, uint32_t member)
{
    const cast_state *state = cast_at(player, cast);
    const uint32_t number = state->members[part][member].phase;
    const gw_rounds_phase *phase = phase_at(state, part, number);
    const uint32_t *lanes = state->phases[part][number].lanes;
    const uint64_t token =
        GW_PLAYER_TOKEN |
        ((((uint64_t)cast << PART_BITS | part) << WAY_BITS | way) << MEMBER_BITS | member);
    if (lanes != NULL) {
        const uint32_t place = way * state->rounds->member_count + member;
        gw_fabric_lanes_start(state->lanes, lanes[place], phase->sends[place].size_bytes, token);
        return;
    }
    const gw_transfer transfer = transfer_of(state, phase, way, member);
    gw_fabric_start(player->fabric, &transfer, token);
}

static bool is_beside(const cast_state *state, uint32_t part, uint32_t one, uint32_t other)
{
    const member_state *members = state->members[part];
    return members[one].phase == members[other].phase && members[one].round == members[other].round;
}

/* The member has come to its round.  What has its other end there, too, is sent: so each transfer
 * by the later of its ends. */
static void begin_round(gw_player *player, uint32_t cast, uint32_t part, uint32_t member)
{
    const cast_state *state = cast_at(player, cast);
    const uint32_t count = state->rounds->member_count;
    member_state *own = &state->members[part][member];
    for (uint32_t way = 0; way < GW_ROUNDS_WAYS; way++) {
        const uint32_t place = way * count + member;
        const uint32_t target = phase_at(state, part, own->phase)->sends[place].target;
        const uint32_t source = state->phases[part][own->phase].senders[place];
        own->pending_count += (target != GW_INDEX_NONE) + (source != GW_INDEX_NONE);
        if (target != GW_INDEX_NONE && is_beside(state, part, member, target)) {
            send(player, cast, part, way, member);
        }
        if (source != GW_INDEX_NONE && is_beside(state, part, member, source)) {
            send(player, cast, part, way, source);
        }
    }
}

static void begin_phase(gw_player *player, uint32_t cast, uint32_t part, uint32_t member)
{
    member_state *own = &cast_at(player, cast)->members[part][member];
    own->phase++;
    own->round = 0;
    begin_round(player, cast, part, member);
}

static void advance(gw_player *player, uint32_t cast, uint32_t part, uint32_t member);

/* All parts of the member are through with its stage. */
static void end_stage(gw_player *player, uint32_t cast, uint32_t member)
{
    cast_state *state = cast_at(player, cast);
    const uint32_t part_count = state->rounds->part_count;
    if (state->members[0][member].phase + 1 == state->rounds->parts[0]->len) {
        state->busy_count--;
        return;
    }
    state->busy_parts[member] = part_count;
    for (uint32_t part = 0; part < part_count; part++) {
        begin_phase(player, cast, part, member);
    }
    for (uint32_t part = 0; part < part_count; part++) {
        advance(player, cast, part, member);
    }
}

static void advance(gw_player *player, uint32_t cast, uint32_t part, uint32_t member)
{
    cast_state *state = cast_at(player, cast);
    member_state *own = &state->members[part][member];
    const gw_rounds_phase *phase = phase_at(state, part, own->phase);
    while (own->pending_count == 0 && own->round < phase->repeat_count) {
        own->round++;
        if (own->round < phase->repeat_count) {
            begin_round(player, cast, part, member);
        } else if (own->phase + 1 < state->rounds->parts[part]->len &&
                   phase[1].stage == phase->stage) {
            begin_phase(player, cast, part, member);
            phase++;
        } else {
            state->busy_parts[member]--;
            if (state->busy_parts[member] == 0) {
                end_stage(player, cast, member);
            }
            return;
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

static uint32_t *find_senders(const gw_rounds *rounds, const gw_rounds_phase *phase)
{
    const uint32_t count = rounds->member_count;
    uint32_t *senders = g_new(uint32_t, (size_t)GW_ROUNDS_WAYS * count);
    memset(senders, 0xff, (size_t)GW_ROUNDS_WAYS * count * sizeof(uint32_t)); /* GW_INDEX_NONE */
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * count; i++) {
        const uint32_t target = phase->sends[i].target;
        if (target != GW_INDEX_NONE) {
            uint32_t *sender = &senders[i / count * count + target];
            gw_check(*sender == GW_INDEX_NONE); /* rounds.h */
            *sender = i % count;
        }
    }
    return senders;
}

/* NULL: the phase's round is not repeated. */
static uint32_t *find_lanes(const cast_state *state, const gw_rounds_phase *phase)
{
    const uint32_t count = state->rounds->member_count;
    if (phase->repeat_count == 1) {
        return NULL;
    }
    uint32_t *lanes = g_new(uint32_t, (size_t)GW_ROUNDS_WAYS * count);
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * count; i++) {
        lanes[i] = GW_INDEX_NONE;
        if (phase->sends[i].target != GW_INDEX_NONE) {
            const gw_transfer transfer = transfer_of(state, phase, i / count, i % count);
            lanes[i] = gw_fabric_lanes_add(state->lanes, &transfer);
        }
    }
    return lanes;
}

static void cast_state_init(cast_state *state, gw_fabric *fabric, const gw_rounds *rounds,
                            const uint32_t *devices, uint64_t tag)
{
    const uint32_t count = rounds->member_count, part_count = rounds->part_count;
    gw_check(count <= 1 << MEMBER_BITS);
    gw_check(part_count <= 1 << PART_BITS);
    *state = (cast_state){.rounds = rounds, .devices = devices, .tag = tag, .busy_count = count};
    state->members = g_new(member_state *, part_count);
    state->busy_parts = g_new(uint32_t, count);
    for (uint32_t member = 0; member < count; member++) {
        state->busy_parts[member] = part_count;
    }
    state->phases = g_new(phase_state *, part_count);
    state->lanes = gw_fabric_lanes_new(fabric);
    for (uint32_t part = 0; part < part_count; part++) {
        const uint32_t phase_count = rounds->parts[part]->len;
        gw_check(phase_count > 0);
        state->members[part] = g_new0(member_state, count);
        state->phases[part] = g_new(phase_state, phase_count);
        for (uint32_t i = 0; i < phase_count; i++) {
            const gw_rounds_phase *phase = phase_at(state, part, i);
            state->phases[part][i] =
                (phase_state){find_senders(rounds, phase), find_lanes(state, phase)};
        }
    }
}

static void cast_state_clear(const cast_state *state)
{
    const gw_rounds *rounds = state->rounds;
    for (uint32_t part = 0; part < rounds->part_count && state->members != NULL; part++) {
        for (uint32_t i = 0; i < rounds->parts[part]->len; i++) {
            g_free(state->phases[part][i].senders);
            g_free(state->phases[part][i].lanes);
        }
        g_free(state->members[part]);
        g_free(state->phases[part]);
    }
    g_free(state->members);
    g_free(state->busy_parts);
    g_free(state->phases);
    gw_fabric_lanes_free(state->lanes);
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

/* All members are in the first round. */
static void begin_part(gw_player *player, uint32_t cast, uint32_t part)
{
    const cast_state *state = cast_at(player, cast);
    const uint32_t count = state->rounds->member_count;
    const gw_rounds_phase *phase = phase_at(state, part, 0);
    for (uint32_t member = 0; member < count; member++) {
        for (uint32_t way = 0; way < GW_ROUNDS_WAYS; way++) {
            const uint32_t target = phase->sends[way * count + member].target;
            if (target != GW_INDEX_NONE) {
                state->members[part][member].pending_count++;
                state->members[part][target].pending_count++;
                send(player, cast, part, way, member);
            }
        }
    }
}

void gw_player_begin(gw_player *player, const gw_rounds *rounds, const uint32_t *devices,
                     uint64_t tag)
{
    const uint32_t cast = gw_pool_take(&player->casts);
    gw_check(cast < 1 << CAST_BITS);
    cast_state_init(cast_at(player, cast), player->fabric, rounds, devices, tag);
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        begin_part(player, cast, part);
    }
    for (uint32_t part = 0; part < rounds->part_count; part++) {
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
    state->members[part][target].pending_count--;
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
