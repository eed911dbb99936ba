/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers on a fabric against the same fluid computed plainly: at every start and every end of a
 * transfer, all links are filled anew, and everybody carries on at the new rate.  The cluster, its
 * wires and the transfers are drawn from the seed.  Arrivals agree to a nanosecond for each
 * transfer that there is, since the fabric rounds each end up to one, which may delay all others.
 * Where the DCN cuts transfers into flows, or keeps an order between two devices, so is it here.
 *
 *     fuzz_fabric                       as many seeds as fit into the time budget, from seed 1
 *     fuzz_fabric FIRST_SEED [COUNT]    these seeds, however long they take */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/random.h"
#include "fuzz_command.h"
#include "small_cluster.h"
#include "topology/fabric.h"
#include "topology/flows.h"
#include "topology/wires.h"

#define BUDGET_S      5.0
#define TRANSFERS_MAX 80
#define HOPS_MAX      32
#define FLOWS_MAX     3

typedef struct {
    uint32_t hop_count; /* 0: it has no links. */
    gw_max_min_hop hops[HOPS_MAX];
    double limit_bytes_per_s;
    double left_bytes, rate_bytes_per_ns;
    uint32_t flow; /* While it is filled. */
} fuzz_flow;

typedef struct {
    gw_transfer transfer;
    gw_time start_ns;   /* When it is asked for. */
    gw_time arrival_ns; /* The fabric's; GW_TIME_NEVER: not yet. */
    uint32_t flow_count;
    fuzz_flow flows[FLOWS_MAX];
    bool is_ordered; /* It waits for those before it between the same devices. */
    bool has_begun;  /* Plainly. */
    double latency_ns;
    double plain_ns; /* Its arrival by plain computation. */
} fuzz_transfer;

typedef struct {
    small_cluster made;
    gw_engine *engine;
    gw_fabric *fabric;
    gw_wires wires;
    fuzz_transfer transfers[TRANSFERS_MAX];
    uint32_t count;
} fuzz_run;

/* --- Drawing --- */

static uint32_t draw(gw_random *random, uint32_t bound)
{
    return (uint32_t)gw_random_below(random, bound);
}

static void draw_cluster(gw_random *random, fuzz_run *run)
{
    small_cluster_init(&run->made);
    const uint32_t island_count = 1 + draw(random, 3);
    for (uint32_t i = 0; i < island_count; i++) {
        const uint32_t a = 1 + draw(random, 6), b = draw(random, 2) == 0 ? 1 : 1 + draw(random, 3);
        small_cluster_add(&run->made, a, b, 1, draw(random, 4));
        const uint32_t devices_per_host = a % 2 == 0 ? 2 : 1;
        run->made.islands[i].devices_per_host = devices_per_host;
        run->made.islands[i].host_count = a * b / devices_per_host;
        run->made.islands[i].is_switched = b == 1 && draw(random, 3) == 0;
        if (run->made.islands[i].is_switched && draw(random, 2) == 0) {
            run->made.islands[i].network =
                (gw_network){.nics_per_host = devices_per_host == 2 ? 1 << draw(random, 3) : 1,
                             .nic_bytes_per_s = 4e9,
                             .latency_ns = 500,
                             .oversubscription = draw(random, 2) == 0 ? 1 : 3,
                             .flows = draw(random, 3)};
        }
    }
    gw_cluster_spec *spec = &run->made.spec;
    spec->dcn_cards_per_host = draw(random, 3);
    spec->dcn_host_bytes_per_s = draw(random, 2) == 0 ? 0 : 6e9;
    spec->dcn_oversubscription = draw(random, 2) == 0 ? 1 : 2.5;
    spec->dcn_flows = draw(random, FLOWS_MAX + 1);
    spec->dcn_spread = draw(random, 2) == 0 ? GW_SPREAD_RANK : GW_SPREAD_HASH;
    spec->dcn_in_order = draw(random, 2) == 0;
    small_cluster_build(&run->made);
}

static gw_wires_path find_path(const fuzz_run *run, const gw_transfer *transfer, uint32_t flow,
                               bool is_dcn, gw_max_min_hop *out_hops)
{
    if (transfer->kind == GW_TRANSFER_HOST) {
        return gw_wires_to_host(&run->wires, transfer->source, transfer->is_from_host, out_hops);
    }
    return is_dcn ? gw_wires_flow(&run->wires, transfer->source, transfer->target, flow, out_hops)
                  : gw_wires_between(&run->wires, transfer->source, transfer->target,
                                     transfer->takes_negative, out_hops);
}

static void lay_flows(const fuzz_run *run, fuzz_transfer *drawn)
{
    const gw_cluster *cluster = run->made.cluster;
    const gw_transfer *transfer = &drawn->transfer;
    const bool is_moved = transfer->duration_ns == 0 && transfer->size_bytes > 0;
    const bool is_dcn = transfer->kind == GW_TRANSFER_DEVICE &&
                        cluster->island_of_device[transfer->source.index] !=
                            cluster->island_of_device[transfer->target.index];
    drawn->flow_count =
        is_dcn && is_moved ? MIN(gw_flows_count(cluster), (uint32_t)transfer->size_bytes) : 1;
    drawn->is_ordered = is_dcn && is_moved && cluster->spec->dcn_in_order;
    for (uint32_t i = 0; i < drawn->flow_count; i++) {
        fuzz_flow *flow = &drawn->flows[i];
        const gw_wires_path path = find_path(run, transfer, i, is_dcn, flow->hops);
        flow->hop_count = transfer->duration_ns > 0 ? 0 : path.hop_count;
        flow->limit_bytes_per_s = path.limit_bytes_per_s;
        flow->left_bytes = is_moved ? floor((double)transfer->size_bytes / drawn->flow_count) +
                                          (i < transfer->size_bytes % drawn->flow_count ? 1 : 0)
                                    : 0;
        drawn->latency_ns =
            (double)(transfer->duration_ns > 0 ? transfer->duration_ns : path.latency_ns);
    }
}

static void draw_transfer(gw_random *random, fuzz_run *run, fuzz_transfer *drawn, gw_span window_ns)
{
    const uint32_t device_count = run->made.cluster->device_count;
    *drawn = (fuzz_transfer){.arrival_ns = GW_TIME_NEVER};
    drawn->start_ns = draw(random, 3) == 0 ? 0 : gw_random_below(random, window_ns);
    drawn->start_ns -= draw(random, 2) == 0 ? drawn->start_ns % 1000 : 0; /* Some at one time. */
    drawn->transfer = (gw_transfer){
        .kind = draw(random, 5) == 0 ? GW_TRANSFER_HOST : GW_TRANSFER_DEVICE,
        .source = {draw(random, device_count)},
        .target = {draw(random, device_count)},
        .size_bytes = draw(random, 10) == 0 ? 0 : 1 + draw(random, 1 << draw(random, 24)),
        .duration_ns = draw(random, 12) == 0 ? 1 + draw(random, 50000) : 0,
        .is_from_host = draw(random, 2) == 0,
        .takes_negative = draw(random, 2) == 0,
    };
    lay_flows(run, drawn);
}

/* --- The fabric's way --- */

static void note_arrival(void *owner, uint64_t token, gw_time start_ns)
{
    fuzz_run *run = owner;
    gw_check(run->transfers[token].arrival_ns == GW_TIME_NEVER);
    gw_check(run->transfers[token].start_ns == start_ns ||
             (run->transfers[token].is_ordered && run->transfers[token].start_ns < start_ns));
    run->transfers[token].arrival_ns = gw_engine_now(run->engine);
}

static void start_transfer(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    fuzz_run *run = subject;
    gw_fabric_start(run->fabric, &run->transfers[argument].transfer, argument);
}

static const gw_event_kind start_event = {.name = "fuzz.start", .fire = start_transfer};

static void run_fabric(fuzz_run *run)
{
    for (uint32_t i = 0; i < run->count; i++) {
        gw_engine_post(run->engine, run->transfers[i].start_ns, &start_event, run, i);
    }
    while (gw_engine_step(run->engine)) {
    }
}

/* --- The plain way --- */

static bool is_carrying(const fuzz_transfer *one, const fuzz_flow *flow)
{
    return one->has_begun && flow->hop_count > 0 && flow->left_bytes > 0;
}

static bool has_drained(const fuzz_transfer *one)
{
    for (uint32_t i = 0; i < one->flow_count; i++) {
        if (one->flows[i].left_bytes > 0) {
            return false;
        }
    }
    return true;
}

static bool was_asked_before(const fuzz_run *run, uint32_t a, uint32_t b)
{
    const gw_time a_ns = run->transfers[a].start_ns, b_ns = run->transfers[b].start_ns;
    return a_ns < b_ns || (a_ns == b_ns && a < b);
}

/* Whether somebody is before it between its two devices. */
static bool must_wait(const fuzz_run *run, uint32_t number)
{
    const fuzz_transfer *one = &run->transfers[number];
    for (uint32_t i = 0; one->is_ordered && i < run->count; i++) {
        const fuzz_transfer *other = &run->transfers[i];
        if (other->is_ordered && was_asked_before(run, i, number) && !has_drained(other) &&
            other->transfer.source.index == one->transfer.source.index &&
            other->transfer.target.index == one->transfer.target.index) {
            return true;
        }
    }
    return false;
}

static void begin_all(fuzz_run *run, double now_ns)
{
    for (uint32_t i = 0; i < run->count; i++) {
        fuzz_transfer *one = &run->transfers[i];
        one->has_begun = one->has_begun || ((double)one->start_ns <= now_ns && !must_wait(run, i));
    }
}

static void fill_all(fuzz_run *run)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(run->wires.link_count);
    double rates[TRANSFERS_MAX * FLOWS_MAX];
    for (uint32_t i = 0; i < run->count; i++) {
        for (uint32_t k = 0; k < run->transfers[i].flow_count; k++) {
            fuzz_flow *flow = &run->transfers[i].flows[k];
            if (is_carrying(&run->transfers[i], flow)) {
                flow->flow =
                    gw_max_min_add(solver, flow->hops, flow->hop_count, flow->limit_bytes_per_s);
            }
        }
    }
    gw_max_min_refill(solver, rates);
    for (uint32_t i = 0; i < run->count; i++) {
        for (uint32_t k = 0; k < run->transfers[i].flow_count; k++) {
            fuzz_flow *flow = &run->transfers[i].flows[k];
            if (is_carrying(&run->transfers[i], flow)) {
                flow->rate_bytes_per_ns = rates[flow->flow] * 1e-9;
            }
        }
    }
}

/* The next start or end after `now_ns`. */
static double find_next_ns(const fuzz_run *run, double now_ns)
{
    double next_ns = INFINITY;
    for (uint32_t i = 0; i < run->count; i++) {
        const fuzz_transfer *one = &run->transfers[i];
        if ((double)one->start_ns > now_ns) {
            next_ns = fmin(next_ns, (double)one->start_ns);
        }
        for (uint32_t k = 0; k < one->flow_count; k++) {
            const fuzz_flow *flow = &one->flows[k];
            if (is_carrying(one, flow)) {
                next_ns = fmin(next_ns, now_ns + flow->left_bytes / flow->rate_bytes_per_ns);
            }
        }
    }
    return next_ns;
}

static void carry(fuzz_transfer *one, double now_ns, double next_ns)
{
    for (uint32_t k = 0; k < one->flow_count; k++) {
        fuzz_flow *flow = &one->flows[k];
        if (!is_carrying(one, flow)) {
            continue;
        }
        flow->left_bytes -= flow->rate_bytes_per_ns * (next_ns - now_ns);
        if (flow->left_bytes < 1e-6) { /* Bytes: what sums of doubles leave over. */
            flow->left_bytes = 0;
            one->plain_ns = next_ns + one->latency_ns;
        }
    }
}

static void compute_plainly(fuzz_run *run)
{
    for (uint32_t i = 0; i < run->count; i++) {
        run->transfers[i].plain_ns =
            (double)run->transfers[i].start_ns + run->transfers[i].latency_ns;
    }
    double now_ns = 0;
    while (now_ns < INFINITY) {
        begin_all(run, now_ns);
        fill_all(run);
        const double next_ns = find_next_ns(run, now_ns);
        for (uint32_t i = 0; i < run->count && next_ns < INFINITY; i++) {
            carry(&run->transfers[i], now_ns, next_ns);
        }
        now_ns = next_ns;
    }
}

static bool compare(const fuzz_run *run)
{
    for (uint32_t i = 0; i < run->count; i++) {
        const fuzz_transfer *one = &run->transfers[i];
        const double off_ns = (double)one->arrival_ns - one->plain_ns;
        const gw_span alone_ns = gw_fabric_alone_ns(run->fabric, &one->transfer);
        if (!(fabs(off_ns) <= 1 + run->count) || one->arrival_ns + 1 < one->start_ns + alone_ns) {
            fprintf(stderr,
                    "transfer %u, from %u to %u: started at %" G_GUINT64_FORMAT
                    ", arrived at %" G_GUINT64_FORMAT
                    ", plainly at %.1f, alone after %" G_GUINT64_FORMAT "\n",
                    i, one->transfer.source.index, one->transfer.target.index, one->start_ns,
                    one->arrival_ns, one->plain_ns, alone_ns);
            return false;
        }
    }
    return true;
}

static bool run_seed(uint64_t seed)
{
    g_autofree fuzz_run *run = g_new0(fuzz_run, 1);
    gw_random random;
    gw_random_init(&random, seed, "fuzz_fabric");
    draw_cluster(&random, run);
    gw_wires_init(&run->wires, run->made.cluster);
    gw_check(run->wires.hop_count_max <= HOPS_MAX);
    run->engine = gw_engine_new(GW_QUEUE_LADDER);
    run->fabric = gw_fabric_new(run->engine, run->made.cluster, note_arrival, run);
    run->count = 1 + draw(&random, TRANSFERS_MAX);
    const gw_span window_ns = 1 + draw(&random, 1 << draw(&random, 22));
    for (uint32_t i = 0; i < run->count; i++) {
        draw_transfer(&random, run, &run->transfers[i], window_ns);
    }
    run_fabric(run);
    compute_plainly(run);
    const bool is_right = compare(run);
    gw_fabric_free(run->fabric);
    gw_engine_free(run->engine);
    gw_wires_clear(&run->wires);
    small_cluster_clear(&run->made);
    return is_right;
}

int main(int argument_count, char **arguments)
{
    return fuzz_main(argument_count, arguments, BUDGET_S, run_seed,
                     "fabrics, the same as plainly computed");
}
