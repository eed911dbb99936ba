/* SPDX-License-Identifier: Apache-2.0 */
/* One island of simulated devices for tests, with plans made by hand and a diary of everything
 * that comes back.  Launches reach a device 10 ns after they are issued; so do answers. */
#pragma once

#include <check.h>
#include <string.h>

#include "accel/device.h"
#include "small_cluster.h"

#define PCIE_NS         10
#define COLLECTIVES_MAX 8
#define GROUPS_MAX      64
#define LINES_MAX       1024

typedef struct {
    gw_span local_ns[COLLECTIVES_MAX + 1], collective_ns[COLLECTIVES_MAX * GROUPS_MAX];
    uint8_t axes[COLLECTIVES_MAX];
    uint32_t first_group[COLLECTIVES_MAX + 1];
    gw_timing timing;
} hand_timing;

typedef enum { LAUNCH_DONE = 1, COPY_DONE, SHARDS_ENDED, GANG_ENDED } line_kind;
typedef struct {
    line_kind kind;
    gw_time at_ns;
    uint64_t gang, tag;
    uint32_t host, device, device_count;
    gw_time start_ns, end_ns;
    gw_span local_ns, collective_ns, hidden_ns, device_time_ns;
} diary_line;

typedef struct device_bench device_bench;
struct device_bench {
    small_cluster made;
    const gw_cluster *cluster;
    gw_engine *engine;
    gw_devices *devices;
    diary_line lines[LINES_MAX];
    uint32_t line_count;
    bool is_silent; /* Counts and keeps nothing. */
    /* Called by launch_done, after it is written down. */
    void (*answer)(device_bench *bench, uint32_t host, uint64_t tag);
};

static inline void write_line(device_bench *bench, diary_line line)
{
    line.at_ns = gw_engine_now(bench->engine);
    if (!bench->is_silent) {
        ck_assert_uint_lt(bench->line_count, LINES_MAX);
        bench->lines[bench->line_count] = line;
    }
    bench->line_count++;
}

static inline void write_launch(void *owner, uint32_t host, uint64_t tag, gw_span device_time_ns)
{
    device_bench *bench = owner;
    write_line(bench, (diary_line){.kind = LAUNCH_DONE,
                                   .host = host,
                                   .tag = tag,
                                   .device_time_ns = device_time_ns});
    if (bench->answer != NULL) {
        bench->answer(bench, host, tag);
    }
}

static inline void write_copy(void *owner, const gw_device_copy *copy, gw_time start_ns)
{
    write_line(owner, (diary_line){.kind = COPY_DONE,
                                   .host = copy->host,
                                   .tag = copy->tag,
                                   .device = copy->source_device,
                                   .start_ns = start_ns});
}

static inline void write_shards(void *owner, const gw_gang_origin *origin,
                                const gw_shard_span *span)
{
    write_line(owner, (diary_line){.kind = SHARDS_ENDED,
                                   .gang = origin->gang,
                                   .device = span->first_device,
                                   .device_count = span->device_count,
                                   .start_ns = span->start_ns,
                                   .end_ns = span->end_ns,
                                   .local_ns = span->local_ns,
                                   .collective_ns = span->collective_ns,
                                   .hidden_ns = span->hidden_ns});
}

static inline void write_gang(void *owner, const gw_gang_origin *origin, const gw_gang_span *span)
{
    write_line(owner, (diary_line){.kind = GANG_ENDED,
                                   .gang = origin->gang,
                                   .start_ns = span->start_ns,
                                   .end_ns = span->end_ns});
}

static const gw_devices_ops device_bench_ops = {.launch_done = write_launch,
                                                .copy_done = write_copy,
                                                .shards_ended = write_shards,
                                                .gang_ended = write_gang};

/* `hosts` hosts of `per_host` devices each, in a row. */
static inline void device_bench_init(device_bench *bench, uint32_t hosts, uint32_t per_host)
{
    memset(bench, 0, sizeof *bench);
    small_cluster_init(&bench->made);
    gw_accelerator *accelerator = small_cluster_add(&bench->made, hosts * per_host, 1, 1, 0);
    accelerator->pcie_latency_ns = PCIE_NS;
    accelerator->hbm_bytes = 1000;
    bench->made.islands[0].host_count = hosts;
    bench->made.islands[0].devices_per_host = per_host;
    bench->cluster = small_cluster_build(&bench->made);
    bench->engine = gw_engine_new(GW_QUEUE_HEAP);
    bench->devices = gw_devices_new(bench->engine, bench->cluster, false, &device_bench_ops, bench);
}

static inline void device_bench_clear(device_bench *bench)
{
    gw_devices_free(bench->devices);
    gw_engine_free(bench->engine);
    small_cluster_clear(&bench->made);
}

static inline void run_out(device_bench *bench)
{
    while (gw_engine_step(bench->engine)) {
    }
}

/* A mesh of rows x columns on devices first, first + 1, ... */
static inline gw_gang_layout *lay_mesh(const device_bench *bench, uint32_t rows, uint32_t columns,
                                       uint32_t first)
{
    const gw_mesh mesh = {.dims = 2, .shape = {rows, columns, 1}};
    uint32_t devices[LINES_MAX];
    for (uint32_t i = 0; i < rows * columns; i++) {
        devices[i] = first + i;
    }
    return gw_gang_layout_new(bench->cluster, &mesh, devices);
}

/* Computing for local_ns[0], a collective over axes[0] that takes span_ns, and so on.  Each of
 * its groups takes the same. */
static inline void hand_timing_init(hand_timing *made, const gw_gang_layout *layout,
                                    uint32_t collective_count, const gw_span *local_ns,
                                    const uint8_t *axes, gw_span span_ns)
{
    memset(made, 0, sizeof *made);
    for (uint32_t i = 0; i < collective_count; i++) {
        uint32_t group, place;
        const uint32_t size = gw_mesh_group(&layout->mesh, axes[i], 0, &group, &place);
        const uint32_t count = layout->member_count / size;
        made->axes[i] = axes[i];
        made->first_group[i + 1] = made->first_group[i] + count;
        for (uint32_t k = 0; k < count; k++) {
            made->collective_ns[made->first_group[i] + k] = span_ns;
        }
    }
    for (uint32_t i = 0; i <= collective_count; i++) {
        made->local_ns[i] = local_ns[i];
        made->timing.total_local_ns += local_ns[i];
    }
    made->timing.collective_count = collective_count;
    made->timing.local_ns = made->local_ns;
    made->timing.axes = made->axes;
    made->timing.first_group = made->first_group;
    made->timing.collective_ns = made->collective_ns;
    made->timing.total_ns = made->timing.total_local_ns + collective_count * span_ns;
}

/* A plan without collectives. */
static inline gw_gang_plan *plan_work(gw_gang_layout *layout, gw_span local_ns)
{
    hand_timing timing;
    hand_timing_init(&timing, layout, 0, &local_ns, NULL, 0);
    return gw_gang_plan_new(layout, &timing.timing);
}

/* Computes, meets over all of the mesh for span_ns, computes again. */
static inline gw_gang_plan *plan_meeting(gw_gang_layout *layout, gw_span before_ns, gw_span span_ns,
                                         gw_span after_ns)
{
    hand_timing timing;
    const gw_span local_ns[] = {before_ns, after_ns};
    const uint8_t axes[] = {3};
    hand_timing_init(&timing, layout, 1, local_ns, axes, span_ns);
    return gw_gang_plan_new(layout, &timing.timing);
}

static inline gw_launch launch_of(const gw_gang_plan *plan, uint64_t gang, uint32_t host)
{
    return (gw_launch){.origin = {.gang = gang, .job = 1, .node = 2, .run = (uint32_t)gang},
                       .plan = plan,
                       .host = host,
                       .tag = gang * 100 + host};
}

/* Issued now. */
static inline void launch_on(device_bench *bench, const gw_gang_plan *plan, uint64_t gang,
                             uint32_t host)
{
    gw_launch launch = launch_of(plan, gang, host);
    launch.issued_ns = gw_engine_now(bench->engine);
    gw_devices_launch(bench->devices, &launch);
}

/* On all its hosts. */
static inline void launch_gang(device_bench *bench, const gw_gang_plan *plan, uint64_t gang)
{
    for (uint32_t i = 0; i < plan->layout->host_count; i++) {
        launch_on(bench, plan, gang, plan->layout->hosts[i]);
    }
}

/* The only line of this kind about the gang's shard on `device`. */
static inline const diary_line *find_shard(const device_bench *bench, uint64_t gang,
                                           uint32_t device)
{
    const diary_line *found = NULL;
    for (uint32_t i = 0; i < bench->line_count; i++) {
        const diary_line *line = &bench->lines[i];
        if (line->kind == SHARDS_ENDED && line->gang == gang && device >= line->device &&
            device < line->device + line->device_count) {
            ck_assert_msg(found == NULL, "device %u ran a gang twice", device);
            found = line;
        }
    }
    ck_assert_msg(found != NULL, "device %u did not run gang %u", device, (unsigned)gang);
    return found;
}

static inline const diary_line *find_answer(const device_bench *bench, line_kind kind, uint64_t tag)
{
    const diary_line *found = NULL;
    for (uint32_t i = 0; i < bench->line_count; i++) {
        if (bench->lines[i].kind == kind && bench->lines[i].tag == tag) {
            ck_assert_msg(found == NULL, "answered twice");
            found = &bench->lines[i];
        }
    }
    ck_assert_msg(found != NULL, "not answered");
    return found;
}

static inline uint32_t count_lines(const device_bench *bench, line_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < bench->line_count; i++) {
        count += bench->lines[i].kind == kind;
    }
    return count;
}

/* Between devices; takes duration_ns; asked for when this is called. */
static inline void copy_between(device_bench *bench, uint64_t source_gang, uint32_t source_device,
                                uint64_t target_gang, uint32_t target_device, gw_span duration_ns,
                                uint64_t tag)
{
    const gw_device_copy copy = {.host = 0,
                                 .tag = tag,
                                 .source_gang = source_gang,
                                 .target_gang = target_gang,
                                 .source_device = source_device,
                                 .target_device = target_device,
                                 .size_bytes = 8,
                                 .duration_ns = duration_ns,
                                 .issued_ns = gw_engine_now(bench->engine)};
    gw_devices_copy(bench->devices, &copy);
}

#define assert_shard(bench, gang, device, start, end)                                              \
    do {                                                                                           \
        const diary_line *line_ = find_shard(bench, gang, device);                                 \
        ck_assert_uint_eq(line_->start_ns, start);                                                 \
        ck_assert_uint_eq(line_->end_ns, end);                                                     \
    } while (0)
