/* SPDX-License-Identifier: Apache-2.0 */
/* How far a collective has come that was alone: stages go one after the other, each as long as its
 * longest part; in a stage each part has come as far as the others, for its own length.  Of a round
 * that is under way so many bytes are left that alone it takes what is left of its time. */
#include "accel/rounds.h"

#include "base/check.h"
#include "topology/route.h"

typedef struct {
    const gw_rounds *rounds;
    const gw_cluster *cluster;
    const uint32_t *devices;
    const gw_span *steps_ns; /* By part and phase. */
    gw_span whole_ns;
    uint32_t *first;   /* By part: of its phases in steps_ns. */
    double *stages_ns; /* By stage. */
    double sum_ns;     /* Of all stages. */
    double crowding;   /* Parts share links: all takes so many times as long. */
    gw_rounds *made;
} unfinished;

static const gw_rounds_phase *phase_at(const unfinished *state, uint32_t part, uint32_t i)
{
    return &g_array_index(state->rounds->parts[part], gw_rounds_phase, i);
}

static double phase_ns(const unfinished *state, uint32_t part, uint32_t i)
{
    return (double)state->steps_ns[state->first[part] + i] * phase_at(state, part, i)->repeat_count;
}

/* Of one part. */
static double stage_ns(const unfinished *state, uint32_t part, uint32_t stage)
{
    double sum_ns = 0;
    for (uint32_t i = 0; i < state->rounds->parts[part]->len; i++) {
        sum_ns += phase_at(state, part, i)->stage == stage ? phase_ns(state, part, i) : 0;
    }
    return sum_ns;
}

static void measure(unfinished *state)
{
    const gw_rounds *rounds = state->rounds;
    uint32_t count = 0;
    state->first = g_new(uint32_t, rounds->part_count);
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        state->first[part] = count;
        count += rounds->parts[part]->len;
    }
    state->stages_ns = g_new0(double, rounds->stage_count);
    for (uint32_t stage = 0; stage < rounds->stage_count; stage++) {
        for (uint32_t part = 0; part < rounds->part_count; part++) {
            state->stages_ns[stage] = MAX(state->stages_ns[stage], stage_ns(state, part, stage));
        }
        state->sum_ns += state->stages_ns[stage];
    }
    state->crowding = MAX((double)state->whole_ns / MAX(state->sum_ns, 1), 1);
}

/* `left` of a round's time, which is `step_ns` in all: its latency is paid anew. */
static uint64_t keep_bytes(const unfinished *state, uint32_t source, const gw_rounds_send *send,
                           double step_ns, double left)
{
    const gw_route route = gw_route_between(
        state->cluster, (gw_device_id){state->devices[source % state->rounds->member_count]},
        (gw_device_id){state->devices[send->target]});
    const double latency_ns = (double)route.latency_ns;
    const double kept = left - (1 - left) * latency_ns / MAX(step_ns - latency_ns, 1);
    return kept > 0 ? MAX((uint64_t)((double)send->size_bytes * kept), 1) : 1;
}

/* `repeat_count` rounds, of each of which `left` is to be done. */
static void add_rounds(const unfinished *state, uint32_t part, uint32_t i, uint32_t repeat_count,
                       double left)
{
    const gw_rounds_phase *from = phase_at(state, part, i);
    const double step_ns = (double)state->steps_ns[state->first[part] + i] * state->crowding;
    gw_rounds_phase *phase = gw_rounds_add_phase(state->made, part, repeat_count);
    for (uint32_t k = 0; k < GW_ROUNDS_WAYS * state->rounds->member_count; k++) {
        const gw_rounds_send *send = &from->sends[k];
        phase->sends[k] = *send;
        if (send->target != GW_INDEX_NONE && left < 1) {
            phase->sends[k].size_bytes = keep_bytes(state, k, send, step_ns, left);
        }
    }
}

/* What a part has left of a stage, `gone_ns` of which are over. */
static void add_stage(const unfinished *state, uint32_t part, uint32_t stage, double gone_ns)
{
    uint32_t last = GW_INDEX_NONE;
    bool has_some = false;
    for (uint32_t i = 0; i < state->rounds->parts[part]->len; i++) {
        const gw_rounds_phase *phase = phase_at(state, part, i);
        if (phase->stage != stage) {
            continue;
        }
        last = i;
        const double span_ns = phase_ns(state, part, i);
        if (gone_ns >= span_ns) {
            gone_ns -= span_ns;
            continue;
        }
        const double step_ns = (double)state->steps_ns[state->first[part] + i];
        const uint32_t gone_count = MIN((uint32_t)(gone_ns / step_ns), phase->repeat_count - 1);
        const double left = MIN(gone_count + 1 - gone_ns / step_ns, 1);
        const uint32_t whole_count = phase->repeat_count - gone_count - (left < 1 ? 1 : 0);
        if (left < 1) {
            add_rounds(state, part, i, 1, MAX(left, 0));
        }
        if (whole_count > 0) {
            add_rounds(state, part, i, whole_count, 1);
        }
        has_some = true;
        gone_ns = 0;
    }
    gw_check(last != GW_INDEX_NONE);
    if (!has_some) {
        add_rounds(state, part, last, 1, 0);
    }
}

gw_rounds *gw_rounds_rest(const gw_rounds *rounds, const gw_cluster *cluster,
                          const uint32_t *devices, const gw_span *steps_ns, gw_span whole_ns,
                          double done)
{
    gw_check(done >= 0);
    unfinished state = {.rounds = rounds,
                        .cluster = cluster,
                        .devices = devices,
                        .steps_ns = steps_ns,
                        .whole_ns = whole_ns};
    measure(&state);
    double gone_ns = state.sum_ns * MIN(done, 1);
    state.made = gw_rounds_new(rounds->member_count, rounds->part_count);
    bool has_begun = false;
    for (uint32_t stage = 0; stage < rounds->stage_count; stage++) {
        const bool is_last = stage + 1 == rounds->stage_count;
        const double stage_ns_max = state.stages_ns[stage];
        if (gone_ns >= stage_ns_max && !is_last) {
            gone_ns -= stage_ns_max;
            continue;
        }
        if (has_begun) {
            gw_rounds_add_stage(state.made);
        }
        const double share = stage_ns_max > 0 ? MIN(gone_ns / stage_ns_max, 1) : 0;
        for (uint32_t part = 0; part < rounds->part_count; part++) {
            add_stage(&state, part, stage, share * stage_ns(&state, part, stage));
        }
        has_begun = true;
        gone_ns = 0;
    }
    g_free(state.first);
    g_free(state.stages_ns);
    return state.made;
}
