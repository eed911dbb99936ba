/* SPDX-License-Identifier: Apache-2.0 */
/* Routes are drawn beforehand, so that neither they nor random numbers are timed.  Time is the
 * thread's CPU time: what else runs on the machine does not count. */
#include "tests/bench/bench_fabric.h"

#include <math.h>
#include <sys/resource.h>
#include <time.h>

#include "accel/rounds_play.h"
#include "base/check.h"
#include "base/random.h"
#include "topology/wires.h"

#define SEED         1
#define SIDE         16
#define FLOW_COUNT   4096
#define ROUTE_COUNT  (2 * FLOW_COUNT) /* Drawn; half of them in flight. */
#define HOPS_MAX     (3 * SIDE)
#define REFILL_COUNT 20
#define HOT_COUNT    8 /* Devices that all traffic of the hot pattern goes to. */

#define RING_LENGTH 2048
#define RING_BYTES  (UINT64_C(64) << 20)

static double read_cpu_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A row of `count` operations that took `seconds`. */
static void add_row(GArray *rows, const char *name, const char *bench_case, uint64_t count,
                    double seconds, uint32_t base_index)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    gw_bench_row row = {
        .count = count,
        .ns_per_operation = seconds / (double)count * 1e9,
        .operations_per_s = (double)count / seconds,
        .peak_bytes = (uint64_t)usage.ru_maxrss * 1024,
        .base_index = base_index,
    };
    g_strlcpy(row.name, name, sizeof(row.name));
    g_strlcpy(row.bench_case, bench_case, sizeof(row.bench_case));
    g_array_append_val(rows, row);
}

/* One island: a torus, wrapped all round, of a device a host. */
typedef struct {
    gw_accelerator accelerator;
    gw_island_spec island;
    gw_cluster_spec spec;
    gw_cluster *cluster;
} bench_torus;

static void bench_torus_init(bench_torus *torus, uint32_t a, uint32_t b, uint32_t c)
{
    *torus = (bench_torus){
        .accelerator = {.name = (char *)"bench",
                        .hbm_bytes_per_s = 1e12,
                        .hbm_efficiency = 1,
                        .link_bytes_per_s = 50e9,
                        .link_efficiency = 0.9,
                        .hop_latency_ns = 1000,
                        .pcie_bytes_per_s = 15e9},
        .island = {.host_count = a * b * c,
                   .devices_per_host = 1,
                   .shape = {a, b, c},
                   .dims = 3,
                   .is_wrapped = {true, true, true}},
        .spec = {.accelerator_count = 1, .island_count = 1, .dcn_bytes_per_s = 25e9},
    };
    torus->spec.accelerators = &torus->accelerator;
    torus->spec.islands = &torus->island;
    torus->cluster = gw_cluster_new(&torus->spec);
}

/* --- Rates --- */

typedef struct {
    uint32_t hop_count;
    gw_max_min_hop hops[HOPS_MAX];
} bench_route;

typedef gw_device_id (*draw_target)(const gw_cluster *cluster, gw_random *random,
                                    gw_device_id source);

static gw_device_id draw_any(const gw_cluster *cluster, gw_random *random, gw_device_id source)
{
    (void)source;
    return (gw_device_id){(uint32_t)gw_random_below(random, cluster->device_count)};
}

/* One of the 26 around it. */
static gw_device_id draw_neighbour(const gw_cluster *cluster, gw_random *random,
                                   gw_device_id source)
{
    uint32_t at[GW_ISLAND_DIMS_MAX];
    gw_cluster_coordinates(cluster, source, at);
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        at[d] = (at[d] + SIDE - 1 + (uint32_t)gw_random_below(random, 3)) % SIDE;
    }
    return gw_cluster_device_at(cluster, 0, at);
}

static gw_device_id draw_hot(const gw_cluster *cluster, gw_random *random, gw_device_id source)
{
    (void)cluster;
    (void)source;
    return (gw_device_id){(uint32_t)gw_random_below(random, HOT_COUNT)};
}

static bench_route *draw_routes(const gw_cluster *cluster, draw_target draw)
{
    gw_wires wires;
    gw_random random;
    gw_wires_init(&wires, cluster);
    gw_random_init(&random, SEED, "bench.fabric");
    gw_check(wires.hop_count_max <= HOPS_MAX);
    bench_route *routes = g_new(bench_route, ROUTE_COUNT);
    for (uint32_t i = 0; i < ROUTE_COUNT; i++) {
        gw_device_id source = draw_any(cluster, &random, (gw_device_id){0}), target = source;
        while (target.index == source.index) {
            target = draw(cluster, &random, source);
            source = target.index == source.index ? draw_any(cluster, &random, source) : source;
        }
        routes[i].hop_count =
            gw_wires_between(&wires, source, target, false, routes[i].hops).hop_count;
    }
    gw_wires_clear(&wires);
    return routes;
}

/* Flow after flow goes, and another comes in its place. */
static double time_changes_s(gw_max_min *solver, const bench_route *routes, uint32_t *flows,
                             uint64_t change_count)
{
    const uint32_t *changed;
    const double start_s = read_cpu_s();
    for (uint64_t i = 0; i < change_count / 2; i++) {
        const uint32_t place = (uint32_t)(i % FLOW_COUNT);
        const bench_route *route = &routes[(i + FLOW_COUNT) % ROUTE_COUNT];
        gw_max_min_remove(solver, flows[place]);
        gw_max_min_settle(solver, &changed);
        flows[place] = gw_max_min_add(solver, route->hops, route->hop_count, INFINITY);
        gw_max_min_settle(solver, &changed);
    }
    return read_cpu_s() - start_s;
}

static void measure_rates(GArray *rows, const char *pattern, draw_target draw,
                          uint64_t change_count)
{
    bench_torus torus;
    bench_torus_init(&torus, SIDE, SIDE, SIDE);
    g_autofree bench_route *routes = draw_routes(torus.cluster, draw);
    g_autoptr(gw_max_min) solver =
        gw_max_min_new(GW_ROUTE_LINKS_PER_DEVICE * torus.cluster->device_count);
    g_autofree uint32_t *flows = g_new(uint32_t, FLOW_COUNT);
    for (uint32_t i = 0; i < FLOW_COUNT; i++) {
        flows[i] = gw_max_min_add(solver, routes[i].hops, routes[i].hop_count, INFINITY);
    }
    const uint32_t *changed;
    gw_max_min_settle(solver, &changed);
    g_autofree char *bench_case = g_strdup_printf("%s, %u flows, %u^3", pattern, FLOW_COUNT, SIDE);
    g_autofree double *rates = g_new(double, 2 * FLOW_COUNT);
    const double start_s = read_cpu_s();
    for (uint32_t i = 0; i < REFILL_COUNT; i++) {
        gw_max_min_refill(solver, rates);
    }
    add_row(rows, "fabric.refill", bench_case, REFILL_COUNT, read_cpu_s() - start_s, rows->len);
    const double changes_s = time_changes_s(solver, routes, flows, change_count);
    add_row(rows, "fabric.rates", bench_case, change_count, changes_s, rows->len - 1);
    gw_cluster_free(torus.cluster);
}

/* --- The ring --- */

static void measure_ring(GArray *rows)
{
    bench_torus torus;
    bench_torus_init(&torus, RING_LENGTH, 1, 1);
    uint32_t devices[RING_LENGTH];
    for (uint32_t i = 0; i < RING_LENGTH; i++) {
        devices[i] = i;
    }
    const gw_collective all_reduce = {.kind = GW_OPERATION_ALL_REDUCE,
                                      .size_bytes = RING_BYTES,
                                      .member_count = RING_LENGTH,
                                      .devices = devices};
    g_autoptr(gw_rounds) ring =
        gw_rounds_plan(gw_rounds_algorithm_find("ring"), torus.cluster, &all_reduce);
    const gw_rounds_cast cast = {.rounds = ring, .devices = devices};
    gw_span played_ns;
    const double start_s = read_cpu_s();
    gw_rounds_play(torus.cluster, &cast, 1, &played_ns);
    const double ring_s = read_cpu_s() - start_s;
    gw_check(played_ns == gw_rounds_path_ns(ring, torus.cluster, devices));
    add_row(rows, "fabric.ring", "64 MiB, 2048 devices", gw_rounds_transfer_count(ring), ring_s,
            rows->len);
    gw_cluster_free(torus.cluster);
}

void gw_bench_fabric(GArray *rows)
{
    measure_ring(rows);
    measure_rates(rows, "uniform", draw_any, 20000);
    measure_rates(rows, "local", draw_neighbour, 1000000);
    measure_rates(rows, "hot spots", draw_hot, 1000);
}
