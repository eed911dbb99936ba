/* SPDX-License-Identifier: Apache-2.0 */
/* A slot of a pool and one pending event per transfer.
 *
 * A transfer has its links from its start until its last byte is on its way, and arrives one
 * latency later.  While it is alone on all of them its arrival is known: one event, and its links
 * are given back with it.  Somebody who comes to one of them makes it shared, or, when its last
 * byte has gone, takes it off.  A shared transfer's event is its last byte's going, since that
 * concerns others; it moves whenever the rate does.  Rates are worked out once an instant, by an
 * event that comes after all that the instant had in store: 2048 transfers that start together
 * are one settling.
 *
 * A transfer through the DCN may be several flows, or wait for those before it (convoys.h); each of
 * its flows is a flight.  Where such have an order, a flight's last byte's going always concerns
 * others.
 *
 * Events carry the slot's index, which is as repeatable as the run: slots are reused last in first
 * out. */
#include "topology/fabric.h"

#include <math.h>

#include "base/check.h"
#include "base/pool.h"
#include "topology/convoys.h"
#include "topology/flows.h"
#include "topology/wires.h"

/* What sums of doubles may add to a whole number of nanoseconds. */
#define ROUNDING_NS 1e-3

typedef struct {
    uint64_t token;
    gw_time start_ns;
    gw_span latency_ns;
    gw_time drain_ns;   /* Its last byte is on its way. */
    gw_time updated_ns; /* Shared: when `left_bytes` was true. */
    double left_bytes;  /* Shared. */
    double rate_bytes_per_s;
    gw_event_id event; /* Its arrival, or, while it is shared, its last byte's going. */
    uint32_t flow;     /* GW_INDEX_NONE: it has no links, or none any more. */
    uint32_t convoy;   /* GW_INDEX_NONE: it is all of its transfer. */
    bool is_shared;
} flight;

struct gw_fabric {
    gw_engine *engine;
    const gw_cluster *cluster;
    gw_fabric_arrived arrived;
    void *owner;
    gw_pool flights; /* Of flight. */
    gw_convoys convoys;
    bool has_convoys; /* What goes through the DCN does so in convoys. */
    gw_wires wires;
    gw_max_min *solver;
    gw_max_min_hop *hops; /* Of the transfer that starts. */
    uint32_t *flight_of_flow;
    uint32_t flow_capacity;
    bool is_settling;         /* An event is posted that will. */
    const uint32_t *watchers; /* NULL: nobody watches. */
    gw_fabric_came came;
    void *watcher;
};

static void land_flight(gw_engine *engine, void *subject, uint64_t argument);
static void drain_flight(gw_engine *engine, void *subject, uint64_t argument);
static void settle_rates(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind arrive_event = {.name = "fabric.arrive", .fire = land_flight};
static const gw_event_kind drain_event = {.name = "fabric.drain", .fire = drain_flight};
static const gw_event_kind settle_event = {.name = "fabric.settle", .fire = settle_rates};

gw_fabric *gw_fabric_new(gw_engine *engine, const gw_cluster *cluster, gw_fabric_arrived arrived,
                         void *owner)
{
    gw_check(arrived != NULL);
    gw_fabric *made = g_new0(gw_fabric, 1);
    made->engine = engine;
    made->cluster = cluster;
    made->arrived = arrived;
    made->owner = owner;
    gw_pool_init(&made->flights, sizeof(flight));
    const gw_cluster_spec *spec = cluster->spec;
    made->has_convoys = !spec->is_uncontended && (spec->dcn_in_order || spec->dcn_flows > 1);
    gw_convoys_init(&made->convoys, spec->dcn_in_order);
    gw_wires_init(&made->wires, cluster);
    made->solver = gw_max_min_new(made->wires.link_count);
    made->hops = g_new(gw_max_min_hop, made->wires.hop_count_max);
    return made;
}

void gw_fabric_free(gw_fabric *fabric)
{
    if (fabric == NULL) {
        return;
    }
    gw_pool_clear(&fabric->flights);
    gw_convoys_clear(&fabric->convoys);
    gw_max_min_free(fabric->solver);
    gw_wires_clear(&fabric->wires);
    g_free(fabric->hops);
    g_free(fabric->flight_of_flow);
    g_free(fabric);
}

/* --- Prices --- */

static gw_wires_path find_path(const gw_fabric *fabric, const gw_transfer *transfer)
{
    if (transfer->kind == GW_TRANSFER_HOST) {
        return gw_wires_to_host(&fabric->wires, transfer->source, transfer->is_from_host,
                                fabric->hops);
    }
    gw_check(transfer->kind == GW_TRANSFER_DEVICE);
    return gw_wires_between(&fabric->wires, transfer->source, transfer->target,
                            transfer->takes_negative, fabric->hops);
}

static bool crosses_dcn(const gw_cluster *cluster, const gw_transfer *transfer)
{
    gw_check(transfer->source.index < cluster->device_count);
    gw_check(transfer->kind != GW_TRANSFER_DEVICE ||
             transfer->target.index < cluster->device_count);
    return transfer->kind == GW_TRANSFER_DEVICE &&
           cluster->island_of_device[transfer->source.index] !=
               cluster->island_of_device[transfer->target.index];
}

/* Each has a byte at least. */
static uint32_t count_flows(const gw_fabric *fabric, const gw_transfer *transfer)
{
    return (uint32_t)CLAMP(transfer->size_bytes, 1, gw_flows_count(fabric->cluster));
}

static gw_span path_alone_ns(const gw_wires_path *path, uint64_t size_bytes)
{
    gw_check(path->rate_bytes_per_s > 0);
    return path->latency_ns + gw_span_from_seconds((double)size_bytes / path->rate_bytes_per_s);
}

gw_span gw_fabric_alone_ns(const gw_fabric *fabric, const gw_transfer *transfer)
{
    if (transfer->duration_ns > 0) {
        return transfer->duration_ns;
    }
    gw_wires_path path = find_path(fabric, transfer);
    if (crosses_dcn(fabric->cluster, transfer)) {
        path.rate_bytes_per_s = gw_wires_flows_rate(
            &fabric->wires, transfer->source, transfer->target, count_flows(fabric, transfer));
    }
    return path_alone_ns(&path, transfer->size_bytes);
}

/* --- Sharing --- */

static flight *flight_at(const gw_fabric *fabric, uint32_t slot)
{
    return gw_pool_at(&fabric->flights, slot);
}

static void settle_later(gw_fabric *fabric)
{
    if (!fabric->is_settling && !gw_max_min_is_settled(fabric->solver)) {
        fabric->is_settling = true;
        gw_engine_post(fabric->engine, gw_engine_now(fabric->engine), &settle_event, fabric, 0);
    }
}

/* Somebody comes to a link of this flight, which was alone. */
static void share_flight(gw_fabric *fabric, uint32_t slot)
{
    flight *shared = flight_at(fabric, slot);
    if (shared->drain_ns <= gw_engine_now(fabric->engine)) {
        gw_max_min_remove(fabric->solver, shared->flow);
        shared->flow = GW_INDEX_NONE;
        return;
    }
    shared->is_shared = true;
    gw_check(gw_engine_withdraw(fabric->engine, shared->event));
    shared->event = gw_engine_post(fabric->engine, shared->drain_ns, &drain_event, fabric, slot);
}

/* A flight that is alone is the only one on each of its links. */
static void share_links(gw_fabric *fabric, const gw_max_min_hop *hops, uint32_t hop_count)
{
    for (uint32_t i = 0; i < hop_count; i++) {
        const uint32_t link = hops[i].link;
        if (gw_max_min_flow_count(fabric->solver, link) == 1) {
            const uint32_t slot =
                fabric->flight_of_flow[gw_max_min_some_flow(fabric->solver, link)];
            if (!flight_at(fabric, slot)->is_shared) {
                share_flight(fabric, slot);
            }
        }
    }
}

static void remember_flow(gw_fabric *fabric, uint32_t flow, uint32_t slot)
{
    if (flow >= fabric->flow_capacity) {
        fabric->flow_capacity = MAX(2 * fabric->flow_capacity, 64);
        fabric->flight_of_flow = g_renew(uint32_t, fabric->flight_of_flow, fabric->flow_capacity);
    }
    fabric->flight_of_flow[flow] = slot;
}

static void tell_watchers(const gw_fabric *fabric, const gw_max_min_hop *hops, uint32_t hop_count)
{
    for (uint32_t i = 0; fabric->watchers != NULL && i < hop_count; i++) {
        if (fabric->watchers[hops[i].link] != GW_INDEX_NONE) {
            fabric->came(fabric->watcher, hops[i].link);
        }
    }
}

/* Puts the flight on the path, whose links are `hops`. */
static void take_links(gw_fabric *fabric, uint32_t slot, const gw_wires_path *path,
                       const gw_max_min_hop *hops, uint64_t size_bytes)
{
    share_links(fabric, hops, path->hop_count);
    tell_watchers(fabric, hops, path->hop_count);
    flight *started = flight_at(fabric, slot);
    started->flow = gw_max_min_add(fabric->solver, hops, path->hop_count, path->limit_bytes_per_s);
    remember_flow(fabric, started->flow, slot);
    started->latency_ns = path->latency_ns;
    started->updated_ns = started->start_ns;
    started->left_bytes = (double)size_bytes;
    started->rate_bytes_per_s = gw_max_min_rate(fabric->solver, started->flow);
    started->is_shared = !(started->rate_bytes_per_s > 0);
    if (started->is_shared) {
        settle_later(fabric);
        return;
    }
    started->drain_ns =
        started->start_ns + gw_span_from_seconds(started->left_bytes / started->rate_bytes_per_s);
    started->is_shared = started->convoy != GW_INDEX_NONE && fabric->convoys.is_in_order;
    started->event =
        started->is_shared
            ? gw_engine_post(fabric->engine, started->drain_ns, &drain_event, fabric, slot)
            : gw_engine_post(fabric->engine, started->drain_ns + started->latency_ns, &arrive_event,
                             fabric, slot);
}

/* What it has carried until now, at the rate that it had. */
static void change_rate(gw_fabric *fabric, uint32_t slot, double rate_bytes_per_s)
{
    flight *changed = flight_at(fabric, slot);
    const gw_time now_ns = gw_engine_now(fabric->engine);
    gw_check(changed->is_shared);
    const double carried_bytes =
        changed->rate_bytes_per_s * 1e-9 * (double)(now_ns - changed->updated_ns);
    changed->left_bytes = MAX(changed->left_bytes - carried_bytes, 0);
    changed->updated_ns = now_ns;
    changed->rate_bytes_per_s = rate_bytes_per_s;
    const double left_s = changed->left_bytes / rate_bytes_per_s - ROUNDING_NS * 1e-9;
    changed->drain_ns = now_ns + gw_span_from_seconds(MAX(left_s, 0));
    gw_engine_withdraw(fabric->engine, changed->event);
    changed->event = gw_engine_post(fabric->engine, changed->drain_ns, &drain_event, fabric, slot);
}

static void settle_rates(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    (void)argument;
    gw_fabric *fabric = subject;
    fabric->is_settling = false;
    const uint32_t *flows;
    const uint32_t changed_count = gw_max_min_settle(fabric->solver, &flows);
    for (uint32_t i = 0; i < changed_count; i++) {
        change_rate(fabric, fabric->flight_of_flow[flows[i]],
                    gw_max_min_rate(fabric->solver, flows[i]));
    }
}

/* --- A transfer's life --- */

/* The convoy's flows: equal parts, but for the bytes that are over. */
static void start_convoy(gw_fabric *fabric, uint32_t number)
{
    const gw_transfer transfer = gw_convoys_at(&fabric->convoys, number)->transfer;
    const uint32_t count = count_flows(fabric, &transfer);
    const uint64_t least_bytes = transfer.size_bytes / count;
    gw_convoys_start(&fabric->convoys, number, gw_engine_now(fabric->engine), count);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t size_bytes = least_bytes + (i < transfer.size_bytes % count ? 1 : 0);
        const gw_wires_path path =
            gw_wires_flow(&fabric->wires, transfer.source, transfer.target, i, fabric->hops);
        const uint32_t slot = gw_pool_take(&fabric->flights);
        *flight_at(fabric, slot) = (flight){
            .start_ns = gw_engine_now(fabric->engine), .flow = GW_INDEX_NONE, .convoy = number};
        take_links(fabric, slot, &path, fabric->hops, size_bytes);
    }
}

/* All of a transfer, as it begins. */
static uint32_t take_flight(gw_fabric *fabric, uint64_t token)
{
    const uint32_t slot = gw_pool_take(&fabric->flights);
    *flight_at(fabric, slot) = (flight){
        .token = token,
        .start_ns = gw_engine_now(fabric->engine),
        .flow = GW_INDEX_NONE,
        .convoy = GW_INDEX_NONE,
    };
    return slot;
}

void gw_fabric_start(gw_fabric *fabric, const gw_transfer *transfer, uint64_t token)
{
    const gw_time now_ns = gw_engine_now(fabric->engine);
    const bool is_dcn = crosses_dcn(fabric->cluster, transfer);
    if (is_dcn && fabric->has_convoys && transfer->duration_ns == 0 && transfer->size_bytes > 0) {
        bool goes;
        const uint32_t number = gw_convoys_add(&fabric->convoys, transfer, token, &goes);
        if (goes) {
            start_convoy(fabric, number);
        }
        return;
    }
    const uint32_t slot = take_flight(fabric, token);
    if (transfer->duration_ns > 0 || transfer->size_bytes == 0 ||
        fabric->cluster->spec->is_uncontended) {
        gw_engine_post(fabric->engine, now_ns + gw_fabric_alone_ns(fabric, transfer), &arrive_event,
                       fabric, slot);
        return;
    }
    const gw_wires_path path = find_path(fabric, transfer);
    take_links(fabric, slot, &path, fabric->hops, transfer->size_bytes);
}

/* --- Lanes --- */

typedef struct {
    gw_wires_path path;
    uint32_t first_hop; /* In `hops`. */
} lane_state;

struct gw_fabric_lanes {
    gw_fabric *fabric;
    GArray *lanes; /* lane_state */
    GArray *hops;  /* gw_max_min_hop */
};

gw_fabric_lanes *gw_fabric_lanes_new(gw_fabric *fabric)
{
    gw_fabric_lanes *made = g_new(gw_fabric_lanes, 1);
    made->fabric = fabric;
    made->lanes = g_array_new(FALSE, FALSE, sizeof(lane_state));
    made->hops = g_array_new(FALSE, FALSE, sizeof(gw_max_min_hop));
    return made;
}

void gw_fabric_lanes_free(gw_fabric_lanes *lanes)
{
    if (lanes != NULL) {
        g_array_unref(lanes->lanes);
        g_array_unref(lanes->hops);
        g_free(lanes);
    }
}

uint32_t gw_fabric_lanes_add(gw_fabric_lanes *lanes, const gw_transfer *transfer)
{
    const gw_fabric *fabric = lanes->fabric;
    gw_check(transfer->kind == GW_TRANSFER_DEVICE);
    gw_check(!crosses_dcn(fabric->cluster, transfer));
    const lane_state made = {find_path(fabric, transfer), lanes->hops->len};
    g_array_append_val(lanes->lanes, made);
    g_array_append_vals(lanes->hops, fabric->hops, made.path.hop_count);
    return lanes->lanes->len - 1;
}

void gw_fabric_lanes_start(const gw_fabric_lanes *lanes, uint32_t lane, uint64_t size_bytes,
                           uint64_t token)
{
    gw_fabric *fabric = lanes->fabric;
    const lane_state *taken = &g_array_index(lanes->lanes, lane_state, lane);
    const uint32_t slot = take_flight(fabric, token);
    if (size_bytes == 0 || fabric->cluster->spec->is_uncontended) {
        const gw_time now_ns = gw_engine_now(fabric->engine);
        gw_engine_post(fabric->engine, now_ns + path_alone_ns(&taken->path, size_bytes),
                       &arrive_event, fabric, slot);
        return;
    }
    take_links(fabric, slot, &taken->path,
               &g_array_index(lanes->hops, gw_max_min_hop, taken->first_hop), size_bytes);
}

/* --- A transfer's end --- */

static void end_flight(gw_fabric *fabric, uint32_t slot)
{
    /* A copy: the slot is free for the transfers that arrived() may start. */
    const flight landed = *flight_at(fabric, slot);
    gw_pool_give(&fabric->flights, slot);
    gw_convoy whole = {.token = landed.token, .start_ns = landed.start_ns};
    if (landed.convoy != GW_INDEX_NONE &&
        !gw_convoys_arrive(&fabric->convoys, landed.convoy, &whole)) {
        return;
    }
    fabric->arrived(fabric->owner, whole.token, whole.start_ns);
}

/* Whoever has waited for the flight's convoy to drain goes on. */
static void follow_flight(gw_fabric *fabric, uint32_t slot)
{
    const uint32_t convoy = flight_at(fabric, slot)->convoy;
    if (convoy == GW_INDEX_NONE || !fabric->convoys.is_in_order) {
        return;
    }
    const uint32_t next = gw_convoys_drain(&fabric->convoys, convoy);
    if (next != GW_INDEX_NONE) {
        start_convoy(fabric, next);
    }
}

static void drain_flight(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_fabric *fabric = subject;
    const uint32_t slot = (uint32_t)argument;
    flight *drained = flight_at(fabric, slot);
    gw_check(drained->flow != GW_INDEX_NONE);
    const gw_span latency_ns = drained->latency_ns;
    gw_max_min_remove(fabric->solver, drained->flow);
    drained->flow = GW_INDEX_NONE;
    settle_later(fabric);
    follow_flight(fabric, slot);
    if (latency_ns == 0) {
        end_flight(fabric, slot);
    } else {
        gw_engine_post(engine, gw_engine_now(engine) + latency_ns, &arrive_event, fabric, slot);
    }
}

static void land_flight(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    gw_fabric *fabric = subject;
    const uint32_t slot = (uint32_t)argument;
    const uint32_t flow = flight_at(fabric, slot)->flow;
    if (flow != GW_INDEX_NONE) {
        gw_max_min_remove(fabric->solver, flow);
    }
    end_flight(fabric, slot);
}

void gw_fabric_watch(gw_fabric *fabric, const uint32_t *watchers, gw_fabric_came came, void *owner)
{
    fabric->watchers = watchers;
    fabric->came = came;
    fabric->watcher = owner;
}

uint32_t gw_fabric_link_count(const gw_fabric *fabric)
{
    return fabric->wires.link_count;
}

bool gw_fabric_is_taken(const gw_fabric *fabric, uint32_t link)
{
    return gw_max_min_flow_count(fabric->solver, link) > 0;
}
