/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a part stands in one round.  A sender does not leave its round before its transfers
 * have arrived, so a transfer need not carry its round: it is the sender's.  A receiver may be
 * behind; arrivals are counted by phase and way, where each way has one sender. */
#include "accel/rounds_play.h"

#include "base/check.h"
#include "topology/fabric.h"

/* A transfer's token: cast, part, way, member. */
#define MEMBER_BITS 20
#define WAY_BITS    1
#define PART_BITS   20

typedef struct {
    uint32_t phase, round;
    uint32_t pending_count; /* Transfers of this round that have not arrived. */
} member_state;

typedef struct {
    const gw_rounds_cast *cast;
    member_state **members;     /* By part, and member. */
    uint32_t ***arrival_counts; /* By part, phase, and way * member_count + target. */
    uint8_t ***has_sender;      /* Likewise. */
    uint64_t busy_count;        /* Members of parts that are not through. */
    gw_time end_ns;
} cast_state;

typedef struct {
    gw_engine *engine;
    gw_fabric *fabric;
    cast_state *casts;
} stage;

static const gw_rounds_phase *phase_at(const cast_state *state, uint32_t part, uint32_t phase)
{
    return &g_array_index(state->cast->rounds->parts[part], gw_rounds_phase, phase);
}

static void send_round(const stage *on, uint32_t cast, uint32_t part, uint32_t member)
{
    const cast_state *state = &on->casts[cast];
    const uint32_t count = state->cast->rounds->member_count;
    member_state *own = &state->members[part][member];
    const gw_rounds_phase *phase = phase_at(state, part, own->phase);
    for (uint32_t way = 0; way < GW_ROUNDS_WAYS; way++) {
        const gw_rounds_send *send = &phase->sends[way * count + member];
        if (send->target == GW_INDEX_NONE) {
            continue;
        }
        const gw_transfer transfer = {
            .kind = GW_TRANSFER_DEVICE,
            .source = {state->cast->devices[member]},
            .target = {state->cast->devices[send->target]},
            .size_bytes = send->size_bytes,
            .takes_negative = way == 1,
        };
        const uint64_t token =
            (((uint64_t)cast << PART_BITS | part) << WAY_BITS | way) << MEMBER_BITS | member;
        own->pending_count++;
        gw_fabric_start(on->fabric, &transfer, token);
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
        const uint32_t index = way * state->cast->rounds->member_count + member;
        if (state->has_sender[part][own->phase][index] != 0 &&
            state->arrival_counts[part][own->phase][index] <= own->round) {
            return false;
        }
    }
    return true;
}

static void advance(const stage *on, uint32_t cast, uint32_t part, uint32_t member)
{
    cast_state *state = &on->casts[cast];
    member_state *own = &state->members[part][member];
    const uint32_t phase_count = state->cast->rounds->parts[part]->len;
    while (own->phase < phase_count && is_through(state, part, member)) {
        own->round++;
        if (own->round == phase_at(state, part, own->phase)->repeat_count) {
            own->round = 0;
            own->phase++;
        }
        if (own->phase < phase_count) {
            send_round(on, cast, part, member);
        } else {
            state->busy_count--;
            state->end_ns = gw_engine_now(on->engine);
        }
    }
}

static void take_arrival(void *owner, uint64_t token, gw_time start_ns)
{
    (void)start_ns;
    const stage *on = owner;
    const uint32_t member = (uint32_t)(token & ((1 << MEMBER_BITS) - 1));
    const uint32_t way = (uint32_t)(token >> MEMBER_BITS) & 1;
    const uint32_t part = (uint32_t)(token >> (MEMBER_BITS + WAY_BITS)) & ((1 << PART_BITS) - 1);
    const uint32_t cast = (uint32_t)(token >> (MEMBER_BITS + WAY_BITS + PART_BITS));
    const cast_state *state = &on->casts[cast];
    const uint32_t count = state->cast->rounds->member_count;
    member_state *own = &state->members[part][member];
    const uint32_t target = phase_at(state, part, own->phase)->sends[way * count + member].target;
    own->pending_count--;
    state->arrival_counts[part][own->phase][way * count + target]++;
    advance(on, cast, part, member);
    advance(on, cast, part, target);
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

static void cast_state_init(cast_state *state, const gw_rounds_cast *cast)
{
    const gw_rounds *rounds = cast->rounds;
    const uint32_t count = rounds->member_count, part_count = rounds->part_count;
    gw_check(count <= 1 << MEMBER_BITS);
    gw_check(part_count <= 1 << PART_BITS);
    *state = (cast_state){.cast = cast, .busy_count = (uint64_t)count * part_count};
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

static void cast_state_clear(cast_state *state)
{
    const gw_rounds *rounds = state->cast->rounds;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
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

/* Members begin part by part, so that all of a part's first round are on the wires together. */
static void begin(const stage *on, uint32_t cast)
{
    const gw_rounds *rounds = on->casts[cast].cast->rounds;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        for (uint32_t member = 0; member < rounds->member_count; member++) {
            send_round(on, cast, part, member);
        }
        for (uint32_t member = 0; member < rounds->member_count; member++) {
            advance(on, cast, part, member);
        }
    }
}

void gw_rounds_play(const gw_cluster *cluster, const gw_rounds_cast *casts, uint32_t cast_count,
                    gw_span *out_ns)
{
    gw_check(cast_count <= GW_ROUNDS_CASTS_MAX);
    stage on = {.engine = gw_engine_new(GW_QUEUE_LADDER), .casts = g_new(cast_state, cast_count)};
    on.fabric = gw_fabric_new(on.engine, cluster, take_arrival, &on);
    for (uint32_t i = 0; i < cast_count; i++) {
        cast_state_init(&on.casts[i], &casts[i]);
    }
    for (uint32_t i = 0; i < cast_count; i++) {
        begin(&on, i);
    }
    while (gw_engine_step(on.engine)) {
    }
    for (uint32_t i = 0; i < cast_count; i++) {
        gw_check(on.casts[i].busy_count == 0);
        out_ns[i] = on.casts[i].end_ns;
        cast_state_clear(&on.casts[i]);
    }
    gw_fabric_free(on.fabric);
    gw_engine_free(on.engine);
    g_free(on.casts);
}
