/* SPDX-License-Identifier: Apache-2.0 */
/* Tables by node, made once per program and island, so that a question costs two look-ups. */
#include "controller/gate.h"

#include "base/check.h"

static uint64_t position_of(uint32_t run, uint32_t count)
{
    return (uint64_t)run << 32 | count;
}

static bool is_due(const gw_plan *plan, uint32_t node, uint32_t later)
{
    return later == 0 || !plan->nodes[node].is_once;
}

/* Marks both ends of the edges between the two islands. */
static uint8_t *mark_shared(const gw_plan *plan, const uint32_t *island_of, uint32_t island,
                            uint32_t other)
{
    uint8_t *is_shared = g_new0(uint8_t, plan->node_count);
    for (uint32_t e = 0; e < plan->program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(plan->program, e);
        const uint32_t sources[] = {edge->source_node, edge->initial_node};
        for (uint32_t s = 0; s < (edge->is_carried ? 2 : 1); s++) {
            const uint32_t from = island_of[sources[s]], to = island_of[edge->target_node];
            if ((from == island && to == other) || (from == other && to == island))
                is_shared[sources[s]] = is_shared[edge->target_node] = 1;
        }
    }
    return is_shared;
}

static void fill_tables(gw_gate_peer *peer, const gw_plan *plan, const uint32_t *island_of,
                        uint32_t island, const uint8_t *is_shared)
{
    for (uint32_t later = 0; later < 2; later++) {
        peer->needs[later] = g_new0(uint32_t, plan->node_count);
        peer->shares[later] = g_new0(uint32_t, plan->node_count);
        uint32_t own = 0;
        for (uint32_t n = 0; n < plan->node_count; n++) {
            const bool counts = is_shared[n] && is_due(plan, n, later);
            peer->needs[later][n] = peer->last[later];
            if (counts && island_of[n] == island)
                own = n + 1;
            else if (counts)
                peer->last[later] = n + 1;
            peer->shares[later][n] = own;
        }
        peer->shared[later] = own;
    }
}

static void add_peer(gw_gate *gate, const gw_plan *plan, const gw_directory *directory,
                     const uint32_t *island_of, uint32_t island, uint32_t other)
{
    g_autofree uint8_t *is_shared = mark_shared(plan, island_of, island, other);
    bool is_peer = false;
    for (uint32_t n = 0; n < plan->node_count; n++)
        is_peer = is_peer || is_shared[n];
    if (!is_peer)
        return;
    gate->peers = g_renew(gw_gate_peer, gate->peers, gate->peer_count + 1);
    gw_gate_peer *peer = &gate->peers[gate->peer_count++];
    *peer = (gw_gate_peer){.scheduler = gw_directory_scheduler(directory, other)};
    fill_tables(peer, plan, island_of, island, is_shared);
}

gw_gate *gw_gate_new(const gw_plan *plan, const gw_assignment *assignment,
                     const gw_directory *directory, uint32_t island)
{
    g_autofree uint32_t *island_of = g_new(uint32_t, plan->node_count);
    g_autofree uint8_t *is_there = g_new0(uint8_t, directory->island_count);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const uint32_t mesh = plan->nodes[n].mesh;
        const gw_device_id first = {assignment->devices[assignment->first[mesh]]};
        island_of[n] = gw_directory_island(directory, first);
        is_there[island_of[n]] = 1;
    }
    g_autoptr(gw_gate) gate = g_new0(gw_gate, 1);
    for (uint32_t i = 0; i < directory->island_count; i++)
        if (is_there[i] && i != island)
            add_peer(gate, plan, directory, island_of, island, i);
    return gate->peer_count == 0 ? NULL : g_steal_pointer(&gate);
}

void gw_gate_free(gw_gate *gate)
{
    if (gate == NULL)
        return;
    for (uint32_t p = 0; p < gate->peer_count; p++)
        for (uint32_t later = 0; later < 2; later++) {
            g_free(gate->peers[p].needs[later]);
            g_free(gate->peers[p].shares[later]);
        }
    g_free(gate->peers);
    g_free(gate);
}

/* Of the runs before `run`: the last node that counts. */
static uint64_t end_before(const uint32_t last[2], uint32_t run)
{
    if (run > 1 && last[1] > 0)
        return position_of(run - 1, last[1]);
    return run > 0 && last[0] > 0 ? position_of(0, last[0]) : 0;
}

void gw_gate_begin(gw_gate *gate, uint32_t run)
{
    for (uint32_t p = 0; p < gate->peer_count; p++)
        gate->peers[p].ordered = MAX(gate->peers[p].ordered, position_of(run, 0));
}

bool gw_gate_is_open(const gw_gate *gate, uint32_t run, uint32_t node, gw_node_id *out_peer)
{
    for (uint32_t p = 0; p < gate->peer_count; p++) {
        const gw_gate_peer *peer = &gate->peers[p];
        const uint32_t count = peer->needs[run > 0][node];
        const uint64_t needed = count > 0 ? position_of(run, count) : end_before(peer->last, run);
        if (peer->ordered < needed) {
            *out_peer = peer->scheduler;
            return false;
        }
    }
    return true;
}

void gw_gate_hear(gw_gate *gate, gw_node_id scheduler, uint32_t run, uint32_t node)
{
    uint32_t p = 0;
    while (p < gate->peer_count && gate->peers[p].scheduler.index != scheduler.index)
        p++;
    gw_check(p < gate->peer_count);
    gw_check(position_of(run, node + 1) > gate->peers[p].ordered);
    gate->peers[p].ordered = position_of(run, node + 1);
}

bool gw_gate_tell(gw_gate *gate, uint32_t index, uint32_t run, uint32_t node)
{
    gw_gate_peer *peer = &gate->peers[index];
    const uint32_t count = peer->shares[run > 0][node];
    const uint64_t shared = count > 0 ? position_of(run, count) : end_before(peer->shared, run);
    if (shared <= peer->told)
        return false;
    peer->told = position_of(run, node + 1);
    return true;
}
