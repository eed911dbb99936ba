/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer's price: first every transfer of its round adds its bytes to its links, then each
 * takes its latency and the time of its fullest link.  From there it is a longest path: a member
 * comes to a round when its own transfers of the last one, and those to it, have arrived.  Where
 * members are in different rounds at a time, and links are shared, who meets whom is a matter of
 * when: then a play is the price, unless it has many transfers. */
#include "accel/rounds.h"

#include <string.h>

#include "accel/link_loads.h"
#include "accel/rounds_play.h"
#include "base/check.h"
#include "topology/wires.h"

static void clear_phase(void *data)
{
    g_free(((gw_rounds_phase *)data)->sends);
}

gw_rounds *gw_rounds_new(uint32_t member_count, uint32_t part_count)
{
    gw_check(member_count > 0);
    gw_check(part_count > 0);
    gw_rounds *made = g_new0(gw_rounds, 1);
    made->member_count = member_count;
    made->part_count = part_count;
    made->stage_count = 1;
    made->parts = g_new(GArray *, part_count);
    for (uint32_t i = 0; i < part_count; i++) {
        made->parts[i] = g_array_new(FALSE, FALSE, sizeof(gw_rounds_phase));
        g_array_set_clear_func(made->parts[i], clear_phase);
    }
    return made;
}

void gw_rounds_free(gw_rounds *rounds)
{
    if (rounds == NULL) {
        return;
    }
    for (uint32_t i = 0; i < rounds->part_count; i++) {
        g_array_unref(rounds->parts[i]);
    }
    g_free(rounds->parts);
    g_free(rounds);
}

static gw_rounds_send *make_silence(uint32_t member_count)
{
    gw_rounds_send *sends = g_new(gw_rounds_send, (size_t)GW_ROUNDS_WAYS * member_count);
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * member_count; i++) {
        sends[i] = (gw_rounds_send){.target = GW_INDEX_NONE};
    }
    return sends;
}

void gw_rounds_add_stage(gw_rounds *rounds)
{
    rounds->stage_count++;
}

gw_rounds_phase *gw_rounds_add_phase(gw_rounds *rounds, uint32_t part, uint32_t repeat_count)
{
    gw_check(part < rounds->part_count);
    gw_check(repeat_count > 0);
    const gw_rounds_phase phase = {.repeat_count = repeat_count,
                                   .stage = rounds->stage_count - 1,
                                   .sends = make_silence(rounds->member_count)};
    GArray *phases = rounds->parts[part];
    g_array_append_val(phases, phase);
    return &g_array_index(phases, gw_rounds_phase, phases->len - 1);
}

void gw_rounds_set_send(const gw_rounds *rounds, gw_rounds_phase *phase, uint32_t member,
                        uint32_t way, uint32_t target, uint64_t size_bytes)
{
    gw_check(member < rounds->member_count);
    gw_check(target < rounds->member_count);
    gw_check(way < GW_ROUNDS_WAYS);
    gw_check(member != target);
    phase->sends[way * rounds->member_count + member] = (gw_rounds_send){target, size_bytes};
}

static void reverse_phase(const gw_rounds *rounds, gw_rounds_phase *phase)
{
    const uint32_t count = rounds->member_count;
    gw_rounds_send *sends = make_silence(count);
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * count; i++) {
        const gw_rounds_send *send = &phase->sends[i];
        if (send->target != GW_INDEX_NONE) { /* The other direction is the other way. */
            const uint32_t way = 1 - i / count;
            gw_check(sends[way * count + send->target].target == GW_INDEX_NONE);
            sends[way * count + send->target] = (gw_rounds_send){i % count, send->size_bytes};
        }
    }
    g_free(phase->sends);
    phase->sends = sends;
}

void gw_rounds_reverse(gw_rounds *rounds)
{
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        gw_rounds_phase *phases = (gw_rounds_phase *)(void *)rounds->parts[part]->data;
        const uint32_t count = rounds->parts[part]->len;
        for (uint32_t i = 0; i < count; i++) {
            reverse_phase(rounds, &phases[i]);
            phases[i].stage = rounds->stage_count - 1 - phases[i].stage;
        }
        for (uint32_t i = 0; i < count / 2; i++) {
            const gw_rounds_phase phase = phases[i];
            phases[i] = phases[count - 1 - i];
            phases[count - 1 - i] = phase;
        }
    }
}

void gw_rounds_take_next(gw_rounds *rounds, gw_rounds *next)
{
    gw_check(rounds->member_count == next->member_count);
    gw_check(rounds->part_count == next->part_count);
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        GArray *phases = next->parts[part];
        for (uint32_t i = 0; i < phases->len; i++) {
            g_array_index(phases, gw_rounds_phase, i).stage += rounds->stage_count;
        }
        g_array_append_vals(rounds->parts[part], phases->data, phases->len);
        g_array_set_clear_func(phases, NULL); /* Their sends have another owner now. */
    }
    rounds->stage_count += next->stage_count;
    gw_rounds_free(next);
}

uint64_t gw_rounds_transfer_count(const gw_rounds *rounds)
{
    uint64_t transfer_count = 0;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        for (uint32_t i = 0; i < rounds->parts[part]->len; i++) {
            const gw_rounds_phase *phase = &g_array_index(rounds->parts[part], gw_rounds_phase, i);
            uint32_t send_count = 0;
            for (uint32_t k = 0; k < GW_ROUNDS_WAYS * rounds->member_count; k++) {
                send_count += phase->sends[k].target != GW_INDEX_NONE;
            }
            transfer_count += (uint64_t)send_count * phase->repeat_count;
        }
    }
    return transfer_count;
}

/* --- Its price --- */

typedef struct {
    const gw_rounds *rounds;
    const uint32_t *devices;
    gw_wires wires;
    gw_max_min_hop *hops;
    gw_link_loads loads;    /* Of a round, and of all rounds. */
    double fullest_s;       /* Time of the bytes of the fullest link so far. */
    double seconds_max;     /* Stands for all that takes longer, so that sums stay spans. */
    bool is_in_step;        /* Parts are in the same round at the same time. */
    bool is_shared;         /* A link is crossed by several transfers, in a round or another. */
    bool is_apart;          /* Members, or parts, are not in the same round at the same time. */
    gw_span *sends_ns;      /* Of a round's transfers. */
    gw_time *ready_ns;      /* When each member begins its round, */
    gw_time *next_ready_ns; /* and its next one. */
} pricing;

#define PLAYED_MAX  4096 /* Transfers. */
#define SECONDS_MAX 4e9  /* All rounds of a part: more than a hundred years. */

static uint64_t count_rounds(const gw_rounds *rounds)
{
    uint64_t most = 1;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        uint64_t count = 0;
        for (uint32_t i = 0; i < rounds->parts[part]->len; i++) {
            count += g_array_index(rounds->parts[part], gw_rounds_phase, i).repeat_count;
        }
        most = MAX(most, count);
    }
    return most;
}

static const gw_rounds_phase *phase_at(const gw_rounds *rounds, uint32_t part, uint32_t i)
{
    return &g_array_index(rounds->parts[part], gw_rounds_phase, i);
}

/* Parts of one round each: all there is is on the wires at once. */
static bool is_crowd(const gw_rounds *rounds)
{
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        if (rounds->parts[part]->len > 1 || phase_at(rounds, part, 0)->repeat_count > 1) {
            return false;
        }
    }
    return rounds->part_count > 1;
}

/* Several parts, each of the same rounds in number. */
static bool are_in_step(const gw_rounds *rounds)
{
    for (uint32_t part = 1; part < rounds->part_count; part++) {
        if (rounds->parts[part]->len != rounds->parts[0]->len) {
            return false;
        }
        for (uint32_t i = 0; i < rounds->parts[0]->len; i++) {
            const gw_rounds_phase *one = phase_at(rounds, part, i);
            const gw_rounds_phase *other = phase_at(rounds, 0, i);
            if (one->repeat_count != other->repeat_count || one->stage != other->stage) {
                return false;
            }
        }
    }
    return rounds->part_count > 1 && !is_crowd(rounds);
}

static void pricing_init(pricing *priced, const gw_rounds *rounds, const gw_cluster *cluster,
                         const uint32_t *devices)
{
    *priced = (pricing){.rounds = rounds,
                        .devices = devices,
                        .seconds_max = SECONDS_MAX / (double)count_rounds(rounds),
                        .is_in_step = are_in_step(rounds),
                        .is_apart = rounds->part_count > 1 && !are_in_step(rounds)};
    gw_wires_init(&priced->wires, cluster);
    priced->hops = g_new(gw_max_min_hop, priced->wires.hop_count_max);
    gw_link_loads_init(&priced->loads);
    priced->sends_ns = g_new(gw_span, (size_t)GW_ROUNDS_WAYS * rounds->member_count);
    priced->ready_ns = g_new(gw_time, rounds->member_count);
    priced->next_ready_ns = g_new(gw_time, rounds->member_count);
}

static void pricing_clear(pricing *priced)
{
    gw_wires_clear(&priced->wires);
    g_free(priced->hops);
    gw_link_loads_clear(&priced->loads);
    g_free(priced->sends_ns);
    g_free(priced->ready_ns);
    g_free(priced->next_ready_ns);
}

static gw_wires_path find_path(const pricing *priced, uint32_t index, uint32_t target)
{
    const uint32_t count = priced->rounds->member_count;
    return gw_wires_between(&priced->wires, (gw_device_id){priced->devices[index % count]},
                            (gw_device_id){priced->devices[target]}, index / count == 1,
                            priced->hops);
}

/* `sign` 1: adds each transfer's bytes to its links; -1: takes them off again.  `count` rounds of
 * them go into the sums of all. */
static void load_links(pricing *priced, const gw_rounds_phase *phase, double sign, uint32_t count)
{
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * priced->rounds->member_count; i++) {
        const gw_rounds_send *send = &phase->sends[i];
        if (send->target == GW_INDEX_NONE) {
            continue;
        }
        const gw_wires_path path = find_path(priced, i, send->target);
        for (uint32_t k = 0; k < path.hop_count; k++) {
            gw_link_load *load = gw_link_loads_at(&priced->loads, priced->hops[k].link);
            load->round_bytes += sign * (double)send->size_bytes;
            load->total_bytes += (double)send->size_bytes * count;
            priced->fullest_s =
                MAX(priced->fullest_s, load->total_bytes / priced->hops[k].capacity);
        }
    }
}

/* All that is on the wires in a round of the part's phase. */
static void load_round(pricing *priced, uint32_t part, uint32_t i, double sign)
{
    for (uint32_t other = 0; other < priced->rounds->part_count; other++) {
        if (other == part || priced->is_in_step) {
            const gw_rounds_phase *phase = phase_at(priced->rounds, other, i);
            load_links(priced, phase, sign, other == part && sign > 0 ? phase->repeat_count : 0);
        }
    }
}

/* What each transfer of a round of the part's phase takes if all of them are on the wires together.
 */
static void price_sends(pricing *priced, uint32_t part, uint32_t index)
{
    const gw_rounds_phase *phase = phase_at(priced->rounds, part, index);
    load_round(priced, part, index, 1);
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * priced->rounds->member_count; i++) {
        if (phase->sends[i].target == GW_INDEX_NONE) {
            continue;
        }
        const gw_wires_path path = find_path(priced, i, phase->sends[i].target);
        double seconds = (double)phase->sends[i].size_bytes / path.limit_bytes_per_s;
        for (uint32_t k = 0; k < path.hop_count; k++) {
            const gw_max_min_hop *hop = &priced->hops[k];
            const gw_link_load *load = gw_link_loads_at(&priced->loads, hop->link);
            seconds = MAX(seconds, load->round_bytes / hop->capacity);
            priced->is_shared |=
                load->total_bytes > (double)phase->sends[i].size_bytes * phase->repeat_count;
        }
        priced->sends_ns[i] =
            path.latency_ns + gw_span_from_seconds(MIN(seconds, priced->seconds_max));
    }
    load_round(priced, part, index, -1);
}

/* One round on.  True: everybody moved on by the same span, `*out_step_ns`, so that all further
 * rounds of the phase will as well. */
static bool take_round(pricing *priced, const gw_rounds_phase *phase, gw_span *out_step_ns)
{
    const uint32_t count = priced->rounds->member_count;
    memcpy(priced->next_ready_ns, priced->ready_ns, count * sizeof(gw_time));
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * count; i++) {
        const uint32_t target = phase->sends[i].target;
        if (target != GW_INDEX_NONE) {
            const gw_time start_ns = MAX(priced->ready_ns[i % count], priced->ready_ns[target]);
            const gw_time arrival_ns = start_ns + priced->sends_ns[i];
            gw_time *ready_ns = priced->next_ready_ns;
            ready_ns[i % count] = MAX(ready_ns[i % count], arrival_ns);
            ready_ns[target] = MAX(ready_ns[target], arrival_ns);
        }
    }
    bool is_even = true;
    *out_step_ns = priced->next_ready_ns[0] - priced->ready_ns[0];
    for (uint32_t m = 0; m < count; m++) {
        is_even = is_even && priced->next_ready_ns[m] - priced->ready_ns[m] == *out_step_ns;
        priced->ready_ns[m] = priced->next_ready_ns[m];
    }
    return is_even;
}

static void take_phase(pricing *priced, uint32_t part, uint32_t i)
{
    const gw_rounds_phase *phase = phase_at(priced->rounds, part, i);
    price_sends(priced, part, i);
    for (uint32_t round = 1; round <= phase->repeat_count; round++) {
        gw_span step_ns;
        if (take_round(priced, phase, &step_ns)) {
            for (uint32_t m = 0; m < priced->rounds->member_count; m++) {
                priced->ready_ns[m] += (phase->repeat_count - round) * step_ns;
            }
            return;
        }
        priced->is_apart = true;
    }
}

/* The stage's phases of a part, from when each member has come to the stage; `inout_ready_ns` is
 * put off to when it is through. */
static void price_stage(pricing *priced, uint32_t part, uint32_t stage, const gw_time *come_ns,
                        gw_time *inout_ready_ns)
{
    const gw_rounds *rounds = priced->rounds;
    memcpy(priced->ready_ns, come_ns, rounds->member_count * sizeof(gw_time));
    for (uint32_t i = 0; i < rounds->parts[part]->len; i++) {
        if (phase_at(rounds, part, i)->stage == stage) {
            take_phase(priced, part, i);
        }
    }
    for (uint32_t m = 0; m < rounds->member_count; m++) {
        inout_ready_ns[m] = MAX(inout_ready_ns[m], priced->ready_ns[m]);
    }
}

/* When the last member is through with all stages, each as long as its slowest part. */
static gw_span price_stages(pricing *priced)
{
    const gw_rounds *rounds = priced->rounds;
    const size_t member_bytes = rounds->member_count * sizeof(gw_time);
    g_autofree gw_time *come_ns = g_malloc0(member_bytes);
    g_autofree gw_time *through_ns = g_malloc0(member_bytes);
    for (uint32_t stage = 0; stage < rounds->stage_count; stage++) {
        for (uint32_t part = 0; part < rounds->part_count; part++) {
            price_stage(priced, part, stage, come_ns, through_ns);
        }
        memcpy(come_ns, through_ns, member_bytes);
    }
    gw_span slowest_ns = 0;
    for (uint32_t m = 0; m < rounds->member_count; m++) {
        slowest_ns = MAX(slowest_ns, through_ns[m]);
    }
    return slowest_ns;
}

/* Of the first rounds of all parts.  `sign` 1: adds to each link the first `size_bytes` of all that
 * crosses it; -1: takes them off; 0: returns the longest time of the transfers of just that size.
 */
static gw_span crowd_links(pricing *priced, uint64_t size_bytes, double sign)
{
    const gw_rounds *rounds = priced->rounds;
    gw_span slowest_ns = 0;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        const gw_rounds_phase *phase = &g_array_index(rounds->parts[part], gw_rounds_phase, 0);
        for (uint32_t i = 0; i < GW_ROUNDS_WAYS * rounds->member_count; i++) {
            const gw_rounds_send *send = &phase->sends[i];
            if (send->target == GW_INDEX_NONE) {
                continue;
            }
            const gw_wires_path path = find_path(priced, i, send->target);
            double seconds = (double)MIN(send->size_bytes, size_bytes) / path.limit_bytes_per_s;
            for (uint32_t k = 0; k < path.hop_count; k++) {
                gw_link_load *load = gw_link_loads_at(&priced->loads, priced->hops[k].link);
                seconds = MAX(seconds, load->round_bytes / priced->hops[k].capacity);
                load->round_bytes += sign * (double)MIN(send->size_bytes, size_bytes);
            }
            if (send->size_bytes == size_bytes && sign == 0) {
                const gw_span span_ns =
                    path.latency_ns + gw_span_from_seconds(MIN(seconds, priced->seconds_max));
                slowest_ns = MAX(slowest_ns, span_ns);
            }
        }
    }
    return slowest_ns;
}
/* The shortest transfer that is longer than `size_bytes`; 0: there is none. */
static uint64_t find_next_size(const gw_rounds *rounds, uint64_t size_bytes)
{
    uint64_t next_bytes = 0;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        const gw_rounds_phase *phase = &g_array_index(rounds->parts[part], gw_rounds_phase, 0);
        for (uint32_t i = 0; i < GW_ROUNDS_WAYS * rounds->member_count; i++) {
            const uint64_t found_bytes = phase->sends[i].size_bytes;
            if (found_bytes > size_bytes && (next_bytes == 0 || found_bytes < next_bytes)) {
                next_bytes = found_bytes;
            }
        }
    }
    return next_bytes;
}

/* All parts are one round, and all on the wires at once, at about equal rates: by the time that a
 * transfer is through, all others have carried as many bytes, if they have so many. */
static gw_span price_crowd(pricing *priced)
{
    gw_span slowest_ns = 0;
    for (uint64_t size_bytes = find_next_size(priced->rounds, 0); size_bytes > 0;
         size_bytes = find_next_size(priced->rounds, size_bytes)) {
        crowd_links(priced, size_bytes, 1);
        const gw_span span_ns = crowd_links(priced, size_bytes, 0);
        slowest_ns = MAX(slowest_ns, span_ns);
        crowd_links(priced, size_bytes, -1);
    }
    return slowest_ns;
}

/* `*out_may_meet`: rounds, or parts, may meet on links otherwise than is counted. */
static gw_span price_path(const gw_rounds *rounds, const gw_cluster *cluster,
                          const uint32_t *devices, bool *out_may_meet)
{
    pricing priced;
    pricing_init(&priced, rounds, cluster, devices);
    const gw_span slowest_ns = price_stages(&priced);
    const gw_span fullest_ns = is_crowd(rounds)
                                   ? price_crowd(&priced)
                                   : gw_span_from_seconds(MIN(priced.fullest_s, SECONDS_MAX));
    *out_may_meet = priced.is_shared && priced.is_apart;
    pricing_clear(&priced);
    return MAX(slowest_ns, fullest_ns);
}

gw_span gw_rounds_path_ns(const gw_rounds *rounds, const gw_cluster *cluster,
                          const uint32_t *devices)
{
    bool may_meet;
    return price_path(rounds, cluster, devices, &may_meet);
}

gw_span gw_rounds_ns(const gw_rounds *rounds, const gw_cluster *cluster, const uint32_t *devices)
{
    bool may_meet;
    gw_span span_ns = price_path(rounds, cluster, devices, &may_meet);
    if (may_meet && !cluster->spec->is_uncontended &&
        gw_rounds_transfer_count(rounds) <= PLAYED_MAX) {
        gw_rounds_play(cluster, &(gw_rounds_cast){rounds, devices}, 1, &span_ns);
    }
    return span_ns;
}

gw_span *gw_rounds_steps_ns(const gw_rounds *rounds, const gw_cluster *cluster,
                            const uint32_t *devices)
{
    uint32_t count = 0, next = 0;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        count += rounds->parts[part]->len;
    }
    gw_span *steps_ns = g_new(gw_span, count);
    pricing priced;
    pricing_init(&priced, rounds, cluster, devices);
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        for (uint32_t i = 0; i < rounds->parts[part]->len; i++) {
            const gw_rounds_phase *phase = phase_at(rounds, part, i);
            gw_span longest_ns = 0;
            price_sends(&priced, part, i);
            for (uint32_t k = 0; k < GW_ROUNDS_WAYS * rounds->member_count; k++) {
                if (phase->sends[k].target != GW_INDEX_NONE) {
                    longest_ns = MAX(longest_ns, priced.sends_ns[k]);
                }
            }
            steps_ns[next++] = longest_ns;
        }
    }
    pricing_clear(&priced);
    return steps_ns;
}
