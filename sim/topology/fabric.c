/* SPDX-License-Identifier: Apache-2.0 */
/* One slot of a pool and one event per transfer.  A transfer's price is fixed in
 * gw_fabric_start(); nothing else knows that, so sharing links in time (re-pricing the flights
 * that a start or an arrival concerns, withdrawing and posting their events) stays in this file.
 * The event carries the slot's index, which is as repeatable as the run: slots are reused last in
 * first out. */
#include "topology/fabric.h"

#include "base/check.h"
#include "base/pool.h"

typedef struct {
    uint64_t token;
    gw_time start_ns;
    uint64_t dcn_bytes;
} flight;

struct gw_fabric {
    gw_engine *engine;
    const gw_cluster *cluster;
    gw_fabric_arrived arrived;
    void *owner;
    gw_pool flights; /* Of flight. */
    uint64_t dcn_bytes, transfer_count;
};

static void land_flight(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind arrive_event = {.name = "fabric.arrive", .fire = land_flight};

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
    return made;
}

void gw_fabric_free(gw_fabric *fabric)
{
    if (fabric == NULL) {
        return;
    }
    gw_pool_clear(&fabric->flights);
    g_free(fabric);
}

static gw_span price(gw_span latency_ns, double rate_bytes_per_s, uint64_t size_bytes)
{
    gw_check(rate_bytes_per_s > 0);
    return latency_ns + gw_span_from_seconds((double)size_bytes / rate_bytes_per_s);
}

static gw_span price_to_host(const gw_fabric *fabric, const gw_transfer *transfer)
{
    gw_check(transfer->source.index < fabric->cluster->device_count);
    const gw_accelerator *accelerator =
        gw_cluster_island_of(fabric->cluster, transfer->source)->accelerator;
    return price(accelerator->pcie_latency_ns, accelerator->pcie_bytes_per_s, transfer->size_bytes);
}

static gw_span price_to_device(const gw_fabric *fabric, const gw_transfer *transfer)
{
    const gw_route route = gw_route_between(fabric->cluster, transfer->source, transfer->target);
    return price(route.latency_ns, route.rate_bytes_per_s, transfer->size_bytes);
}

gw_span gw_fabric_alone_ns(const gw_fabric *fabric, const gw_transfer *transfer)
{
    if (transfer->duration_ns > 0) {
        return transfer->duration_ns;
    }
    if (transfer->kind == GW_TRANSFER_HOST) {
        return price_to_host(fabric, transfer);
    }
    gw_check(transfer->kind == GW_TRANSFER_DEVICE);
    return price_to_device(fabric, transfer);
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

void gw_fabric_start(gw_fabric *fabric, const gw_transfer *transfer, uint64_t token)
{
    const gw_time now_ns = gw_engine_now(fabric->engine);
    const gw_span span_ns = gw_fabric_alone_ns(fabric, transfer);
    const uint32_t slot = gw_pool_take(&fabric->flights);
    *(flight *)gw_pool_at(&fabric->flights, slot) = (flight){
        .token = token,
        .start_ns = now_ns,
        .dcn_bytes = crosses_dcn(fabric->cluster, transfer) ? transfer->size_bytes : 0,
    };
    gw_engine_post(fabric->engine, now_ns + span_ns, &arrive_event, fabric, slot);
}

static void land_flight(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    gw_fabric *fabric = subject;
    /* A copy: the slot is free for the transfers that arrived() may start. */
    const flight landed = *(const flight *)gw_pool_at(&fabric->flights, (uint32_t)argument);
    gw_pool_give(&fabric->flights, (uint32_t)argument);
    fabric->dcn_bytes += landed.dcn_bytes;
    fabric->transfer_count++;
    fabric->arrived(fabric->owner, landed.token, landed.start_ns);
}

uint64_t gw_fabric_dcn_bytes(const gw_fabric *fabric)
{
    return fabric->dcn_bytes;
}

uint64_t gw_fabric_transfer_count(const gw_fabric *fabric)
{
    return fabric->transfer_count;
}

uint32_t gw_fabric_flight_count(const gw_fabric *fabric)
{
    return gw_pool_live_count(&fabric->flights);
}
