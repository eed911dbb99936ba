/* SPDX-License-Identifier: Apache-2.0 */
/* Time algebra in place of events.  When a launch, or an arriving copy, lets the first shard of a
 * queue begin, its arrival at the first collective is start + first_ns, whether that lies in the
 * future or not.  The last member to come fixes when its group leaves; a shard whose end is known
 * leaves the queue, and the next one begins.  Groups that have met wait on a stack of work, so
 * that a chain of queued gangs unrolls in a loop.
 *
 * What becomes known at one instant never lies before it: launches are not issued in the past and
 * a copy arrives now.  So a start needs no memory of when the arrivals were complete. */
#include "accel/device.h"

#include <string.h>

#include "accel/device_private.h"
#include "base/check.h"
#include "base/lines.h"

#define WORK_CAPACITY_MIN 64
#define LAUNCHES_AHEAD    2 /* Enough to hide a miss, not so many that the line is gone again. */

/* --- Life --- */

static void fill_devices(gw_devices *devices, bool is_launch_free)
{
    const gw_cluster *cluster = devices->cluster;
    devices->launch_ns = g_new0(gw_span, cluster->island_count);
    for (uint32_t i = 0; i < cluster->island_count; i++) {
        const gw_cluster_island *island = &cluster->islands[i];
        devices->launch_ns[i] = is_launch_free ? 0 : island->accelerator->pcie_latency_ns;
        for (uint32_t k = 0; k < island->device_count; k++) {
            const uint64_t hbm_bytes = island->accelerator->hbm_bytes;
            devices->capacity_bytes[island->first_device + k] = hbm_bytes;
            devices->free_bytes[island->first_device + k] = hbm_bytes;
        }
    }
    for (uint32_t i = 0; i < devices->device_count; i++) {
        devices->queues[i] = (gw_device_queue){.head = GW_INDEX_NONE, .tail = GW_INDEX_NONE};
        devices->first_early[i] = GW_INDEX_NONE;
        devices->first_orphan[i] = GW_INDEX_NONE;
    }
}

gw_devices *gw_devices_new(gw_engine *engine, const gw_cluster *cluster, bool is_launch_free,
                           const gw_devices_ops *ops, void *owner)
{
    gw_devices *devices = g_new0(gw_devices, 1);
    const uint32_t count = cluster->device_count;
    devices->engine = engine;
    devices->cluster = cluster;
    devices->ops = ops;
    devices->owner = owner;
    devices->device_count = count;
    devices->fabric = gw_fabric_new(engine, cluster, gw_devices_copy_arrived, devices);
    gw_devices_open_plays(devices);
    devices->queues = gw_lines_new0(count, sizeof(gw_device_queue));
    devices->first_early = g_new0(uint32_t, count);
    devices->first_orphan = g_new0(uint32_t, count);
    devices->free_bytes = gw_lines_new0(count, sizeof *devices->free_bytes);
    devices->capacity_bytes = g_new0(uint64_t, count);
    fill_devices(devices, is_launch_free);
    gw_devices_open_transfers(devices);
    gw_devices_open_cores(devices);
    gw_devices_open_touches(devices);
    gw_gang_table_init(&devices->table);
    gw_pool_init(&devices->gangs, sizeof(gw_gang_state));
    gw_pool_init(&devices->copies, sizeof(gw_copy_state));
    gw_pool_init(&devices->early, sizeof(gw_early));
    gw_blocks_init(&devices->launch_blocks);
    gw_blocks_init(&devices->shard_blocks);
    gw_blocks_init(&devices->group_blocks);
    gw_blocks_init(&devices->span_blocks);
    gw_blocks_init(&devices->slowness_blocks);
    gw_blocks_init(&devices->flow_blocks);
    return devices;
}

void gw_devices_free(gw_devices *devices)
{
    if (devices == NULL) {
        return;
    }
    gw_devices_close_cores(devices);
    gw_devices_close_plays(devices);
    gw_fabric_free(devices->fabric);
    gw_gang_table_clear(&devices->table);
    gw_pool_clear(&devices->gangs);
    gw_pool_clear(&devices->copies);
    gw_pool_clear(&devices->early);
    gw_blocks_clear(&devices->launch_blocks);
    gw_blocks_clear(&devices->shard_blocks);
    gw_blocks_clear(&devices->group_blocks);
    gw_blocks_clear(&devices->span_blocks);
    gw_blocks_clear(&devices->slowness_blocks);
    gw_blocks_clear(&devices->flow_blocks);
    g_free(devices->launch_ns);
    gw_lines_free(devices->queues);
    g_free(devices->first_early);
    g_free(devices->first_orphan);
    gw_lines_free(devices->free_bytes);
    g_free(devices->capacity_bytes);
    gw_long_lines_free(devices->launches);
    g_free(devices->tags);
    g_free(devices->launch_ends);
    g_free(devices->available_ns);
    gw_long_lines_free(devices->followers);
    g_free(devices->starts_ns);
    g_free(devices->ends_ns);
    g_free(devices->awaited_count);
    g_free(devices->groups);
    g_free(devices->spans_ns);
    g_free(devices->slownesses);
    g_free(devices->core_slowness);
    g_free(devices->flows);
    g_free(devices->transfers);
    g_free(devices->touches);
    g_free(devices->works);
    g_free(devices);
}

/* --- Gangs come and go --- */

static uint32_t grown(uint32_t capacity, uint32_t needed)
{
    while (capacity < needed) {
        capacity = MAX(capacity * 2, WORK_CAPACITY_MIN);
    }
    return capacity;
}

static void grow_arrays(gw_devices *devices)
{
    const uint32_t launch_count = devices->launch_blocks.used_count;
    const uint32_t shard_count = devices->shard_blocks.used_count;
    const uint32_t group_count = devices->group_blocks.used_count;
    if (launch_count > devices->launch_capacity) {
        const uint32_t capacity = grown(devices->launch_capacity, launch_count);
        devices->launches = gw_long_lines_renew(devices->launches, devices->launch_capacity,
                                                capacity, sizeof(gw_launch_state));
        devices->tags = g_renew(uint64_t, devices->tags, capacity);
        devices->available_ns = g_renew(gw_time, devices->available_ns, capacity);
        devices->launch_ends = g_renew(gw_launch_end, devices->launch_ends, capacity);
        devices->launch_capacity = capacity;
    }
    if (shard_count > devices->shard_capacity) {
        const uint32_t capacity = grown(devices->shard_capacity, shard_count);
        devices->followers = gw_long_lines_renew(devices->followers, devices->shard_capacity,
                                                 capacity, sizeof(uint32_t));
        devices->starts_ns = g_renew(gw_time, devices->starts_ns, capacity);
        devices->ends_ns = g_renew(gw_time, devices->ends_ns, capacity);
        devices->awaited_count = g_renew(uint32_t, devices->awaited_count, capacity);
        devices->shard_capacity = capacity;
    }
    if (group_count > devices->group_capacity) {
        const uint32_t capacity = grown(devices->group_capacity, group_count);
        devices->groups = g_renew(gw_group_state, devices->groups, capacity);
        devices->group_capacity = capacity;
    }
    if (devices->span_blocks.used_count > devices->span_capacity) {
        devices->span_capacity = grown(devices->span_capacity, devices->span_blocks.used_count);
        devices->spans_ns = g_renew(gw_span, devices->spans_ns, devices->span_capacity);
    }
    if (devices->slowness_blocks.used_count > devices->slowness_capacity) {
        devices->slowness_capacity =
            grown(devices->slowness_capacity, devices->slowness_blocks.used_count);
        devices->slownesses = g_renew(double, devices->slownesses, devices->slowness_capacity);
    }
    if (devices->flow_blocks.used_count > devices->flow_capacity) {
        devices->flow_capacity = grown(devices->flow_capacity, devices->flow_blocks.used_count);
        devices->flows = g_renew(gw_flow_state, devices->flows, devices->flow_capacity);
    }
}

/* What a plan out of step needs besides: a state per group, and no end known yet. */
static void open_groups(gw_devices *devices, const gw_gang_state *gang)
{
    for (uint32_t k = 0; k < gang->plan->stage_count; k++) {
        const gw_gang_stage *stage = &gang->plan->stages[k];
        gw_group_state *groups = &devices->groups[gang->first_group + stage->first_group];
        for (uint32_t i = 0; i < stage->groups->group_count && stage->kind != GW_STEP_AWAIT; i++) {
            groups[i] = (gw_group_state){.missing_count = stage->groups->group_size,
                                         .left_ns = GW_TIME_NEVER};
        }
    }
    for (uint32_t i = 0; i < gang->plan->layout->member_count; i++) {
        devices->ends_ns[gang->first_shard + i] = GW_TIME_NEVER;
    }
}

static uint32_t open_gang(gw_devices *devices, const gw_launch *launch)
{
    const gw_gang_layout *layout = launch->plan->layout;
    const uint32_t slot = gw_pool_take(&devices->gangs);
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    *gang = (gw_gang_state){
        .origin = launch->origin,
        .plan = launch->plan,
        .tag = launch->tag,
        .output_bytes = launch->output_bytes,
        .first_launch = gw_blocks_take(&devices->launch_blocks, layout->host_count),
        .first_shard = gw_blocks_take(&devices->shard_blocks, layout->member_count),
        .unreported_count = layout->host_count,
        .earliest_ns = GW_TIME_NEVER,
        .end_ns = GW_TIME_NEVER,
        .begun_ns = GW_TIME_NEVER,
        .batch_due_ns = GW_TIME_NEVER,
        .told_due_ns = GW_TIME_NEVER,
    };
    if (launch->plan->group_count > 0 && !launch->plan->is_lockstep) {
        gang->first_group = gw_blocks_take(&devices->group_blocks, launch->plan->group_count);
    }
    if (launch->plan->is_apart) {
        gang->first_span =
            gw_blocks_take(&devices->span_blocks, gw_devices_span_count(launch->plan));
    }
    if (launch->plan->is_uneven) {
        gang->first_slowness = gw_blocks_take(&devices->slowness_blocks, layout->member_count);
    }
    if (launch->plan->has_flows) {
        gang->first_flow = gw_blocks_take(&devices->flow_blocks, layout->member_count);
    }
    grow_arrays(devices);
    memset(&devices->launches[gang->first_launch], (int)(GW_LAUNCH_ABSENT & UINT8_MAX),
           layout->host_count * sizeof(gw_launch_state));
    if (!launch->plan->is_lockstep) {
        open_groups(devices, gang);
    }
    if (launch->plan->is_apart) {
        gw_devices_open_spans(devices, gang);
    }
    if (launch->plan->is_uneven) {
        gw_devices_draw_slowness(devices, gang);
    }
    if (launch->plan->has_flows) {
        gw_devices_open_flows(devices, gang);
    }
    gw_gang_table_put(&devices->table, launch->origin.gang, slot);
    return slot;
}

/* --- Ends --- */

gw_time gw_devices_end_of(const gw_devices *devices, const gw_gang_state *gang, uint32_t shard)
{
    return gang->plan->is_lockstep ? gang->end_ns : devices->ends_ns[gang->first_shard + shard];
}

static gw_time report_time(const gw_devices *devices, const gw_gang_state *gang, gw_time end_ns)
{
    return end_ns + devices->launch_ns[gang->plan->layout->island];
}

/* All shards of a launch have a known end.  Launches of a gang that are reported at one instant
 * share an event, as long as it has not fired. */
static void finish_launch(gw_devices *devices, uint32_t slot, uint32_t launch_index)
{
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    gw_launch_end *end = &devices->launch_ends[launch_index];
    const gw_time due_ns = report_time(devices, gang, end->end_ns);
    end->next = GW_INDEX_NONE;
    if (gang->batch_due_ns == due_ns) {
        devices->launch_ends[gang->batch_last].next = launch_index;
    } else {
        gw_engine_post(devices->engine, due_ns, &gw_devices_launch_done, devices,
                       (uint64_t)slot << 32 | launch_index);
        gang->batch_due_ns = due_ns;
    }
    gang->batch_last = launch_index;
}

/* The record `shard` of gang `slot`. */
static void leave_queue(gw_devices *devices, uint32_t device, uint32_t slot, uint32_t shard,
                        gw_time end_ns)
{
    gw_device_queue *queue = &devices->queues[device];
    gw_check(queue->head == slot);
    queue->free_at_ns = end_ns;
    queue->head = devices->followers[shard];
}

void gw_devices_end_shard(gw_devices *devices, uint32_t slot, uint32_t number, gw_time end_ns)
{
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_layout *layout = gang->plan->layout;
    const uint32_t device = layout->devices[number];
    leave_queue(devices, device, slot, gang->first_shard + number, end_ns);
    devices->ends_ns[gang->first_shard + number] = end_ns;
    if (gw_devices_tells_each(gang->plan)) {
        gw_devices_tell_shard(devices, slot, number, end_ns);
    }
    const uint32_t launch_index = gang->first_launch + layout->place_of_shard[number];
    gw_launch_state *launch = &devices->launches[launch_index];
    gw_launch_end *end = &devices->launch_ends[launch_index];
    end->end_ns = MAX(end->end_ns, end_ns);
    gw_check(end->open_count > 0);
    end->open_count--;
    if (launch->first_copy != GW_INDEX_NONE) {
        gw_devices_release_copies(devices, gang, launch, device, end_ns);
    }
    if (devices->transfers != NULL) {
        gw_devices_shard_ends(devices, device, end_ns);
    }
    if (end->open_count == 0) {
        finish_launch(devices, slot, launch_index);
    }
}

/* --- Begins and meetings --- */

void gw_devices_push_work(gw_devices *devices, gw_device_work work)
{
    if (devices->work_count == devices->work_capacity) {
        devices->work_capacity = grown(devices->work_capacity, devices->work_count + 1);
        devices->works = g_renew(gw_device_work, devices->works, devices->work_capacity);
    }
    devices->works[devices->work_count] = work;
    devices->work_count++;
}

static void join_group(gw_devices *devices, uint32_t slot, uint32_t number, uint32_t stage_index,
                       gw_time come_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_stage *stage = &gang->plan->stages[stage_index];
    const uint32_t group = stage->groups->group_of[number];
    gw_group_state *state = &devices->groups[gang->first_group + stage->first_group + group];
    state->latest_ns = MAX(state->latest_ns, come_ns);
    gw_check(state->missing_count > 0);
    state->missing_count--;
    if (state->missing_count == 0) {
        gw_devices_push_work(devices,
                             (gw_device_work){.gang = slot, .stage = stage_index, .group = group});
    }
}

/* When the launch of this shard, which has not begun, reaches its device. */
static gw_time available_of(const gw_devices *devices, const gw_gang_state *gang, uint32_t number)
{
    if (gang->plan->is_lockstep) {
        const uint32_t place = gang->plan->layout->place_of_shard[number];
        const gw_time available_ns = devices->available_ns[gang->first_launch + place];
        if (available_ns != GW_TIME_NEVER) {
            return available_ns;
        }
    }
    return devices->starts_ns[gang->first_shard + number];
}

/* How much later than one that is awake the thread of a device begins that has had nothing to do
 * since it was free: what tells it of something has a hand-over in it, which is to one awake. */
static gw_span wake_of(const gw_devices *devices, uint32_t device, gw_time start_ns)
{
    const gw_cluster *cluster = devices->cluster;
    const gw_accelerator *accelerator =
        cluster->islands[cluster->island_of_device[device]].accelerator;
    const gw_time free_at_ns = devices->queues[device].free_at_ns;
    if (start_ns <= free_at_ns || accelerator->measured == NULL) {
        return 0;
    }
    const gw_span wake_ns = gw_measured_wake(accelerator->measured, start_ns - free_at_ns);
    return wake_ns - MIN(wake_ns, accelerator->pcie_latency_ns);
}

/* The first of `device`'s queue, which is member `number`, begins.  True: its end is known, and it
 * has left. */
static bool begin_head(gw_devices *devices, uint32_t device, uint32_t number, gw_time now_ns)
{
    gw_device_queue *queue = &devices->queues[device];
    const uint32_t slot = queue->head;
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_plan *plan = gang->plan;
    gw_time start_ns = MAX(MAX(available_of(devices, gang, number), queue->free_at_ns), now_ns);
    start_ns += plan->is_shared ? wake_of(devices, device, start_ns) : 0;
    queue->free_at_ns = start_ns;
    if (devices->transfers != NULL) {
        gw_devices_shard_begins(devices, device, start_ns);
    }
    if (plan->is_shared) {
        devices->starts_ns[gang->first_shard + number] = start_ns;
        return gw_devices_begin_shared(devices, slot, number, start_ns);
    }
    const gw_time come_ns = start_ns + gw_devices_span_of(devices, gang, number, 0);
    if (plan->is_lockstep) {
        gang->earliest_ns = MIN(gang->earliest_ns, come_ns);
        gang->latest_ns = MAX(gang->latest_ns, come_ns);
        gang->joined_count++;
        if (gang->joined_count == plan->layout->member_count) {
            gw_devices_push_work(devices, (gw_device_work){.gang = slot});
        }
        return false;
    }
    devices->starts_ns[gang->first_shard + number] = start_ns;
    if (plan->stage_count == 0) {
        gw_devices_end_shard(devices, slot, number, come_ns);
        return true;
    }
    if (plan->has_flows) {
        gw_devices_begin_flow(devices, slot, number, come_ns);
    } else {
        join_group(devices, slot, number, 0, come_ns);
    }
    return false;
}

void gw_devices_run_queue(gw_devices *devices, uint32_t device, gw_time now_ns)
{
    const gw_device_queue *queue = &devices->queues[device];
    bool goes_on = true;
    while (goes_on && queue->head != GW_INDEX_NONE) {
        const gw_gang_state *gang = gw_devices_gang(devices, queue->head);
        const uint32_t number = gw_gang_layout_shard(gang->plan->layout, device);
        goes_on = !gw_devices_awaits(devices, gang, number) &&
                  (devices->transfers == NULL || gw_devices_may_begin(devices, device, now_ns)) &&
                  begin_head(devices, device, number, now_ns);
    }
}

/* Neighbours mostly go on with the same gang: its members that begin are counted here first, and
 * those of a gang whose launches have all reached their devices without a look at their records. */
typedef struct {
    uint32_t slot, count; /* GW_INDEX_NONE: none yet. */
    bool is_present;      /* Nothing holds its members up. */
    gw_span first_ns;
    gw_time earliest_ns, latest_ns;
} lockstep_joiner;

static void flush_joiner(gw_devices *devices, const lockstep_joiner *joiner)
{
    if (joiner->count == 0) {
        return;
    }
    gw_gang_state *gang = gw_devices_gang(devices, joiner->slot);
    gang->earliest_ns = MIN(gang->earliest_ns, joiner->earliest_ns);
    gang->latest_ns = MAX(gang->latest_ns, joiner->latest_ns);
    gang->joined_count += joiner->count;
    if (gang->joined_count == gang->plan->layout->member_count) {
        gw_devices_push_work(devices, (gw_device_work){.gang = joiner->slot});
    }
}

static void begin_at(gw_device_queue *queue, lockstep_joiner *joiner, gw_time start_ns)
{
    const gw_time come_ns = start_ns + joiner->first_ns;
    queue->free_at_ns = start_ns;
    joiner->earliest_ns = MIN(joiner->earliest_ns, come_ns);
    joiner->latest_ns = MAX(joiner->latest_ns, come_ns);
    joiner->count++;
}

/* As join_lockstep, of a member that the joiner knows nothing of yet. */
static bool look_at_member(gw_devices *devices, lockstep_joiner *joiner, uint32_t device)
{
    gw_device_queue *queue = &devices->queues[device];
    const uint32_t slot = queue->head;
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    const uint32_t number = gw_gang_layout_shard(gang->plan->layout, device);
    if (!gang->plan->is_lockstep || gw_devices_awaits(devices, gang, number)) {
        return false;
    }
    if (slot != joiner->slot) {
        flush_joiner(devices, joiner);
        *joiner = (lockstep_joiner){
            .slot = slot,
            .is_present = gang->available_ns_max <= queue->free_at_ns,
            .first_ns = gang->plan->first_ns,
            .earliest_ns = GW_TIME_NEVER,
        };
    }
    const gw_time available_ns = available_of(devices, gang, number);
    begin_at(queue, joiner, MAX(available_ns, queue->free_at_ns));
    return true;
}

/* The first of `device`'s queue begins; all whom the joiner serves have a device that is free at
 * the same instant, which is not past.  False: it is no member of a gang in lockstep, or awaits
 * copies. */
static inline bool join_lockstep(gw_devices *devices, lockstep_joiner *joiner, uint32_t device)
{
    gw_device_queue *queue = &devices->queues[device];
    if (queue->head != joiner->slot || !joiner->is_present) {
        return look_at_member(devices, joiner, device);
    }
    begin_at(queue, joiner, queue->free_at_ns);
    return true;
}

/* Every member has come: all of them end at once. */
static void end_lockstep(gw_devices *devices, uint32_t slot, gw_time now_ns)
{
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_layout *layout = gang->plan->layout;
    const gw_time end_ns = gang->latest_ns + gang->plan->rest_ns;
    const uint32_t first_shard = gang->first_shard;
    const uint32_t member_count = layout->member_count;
    const bool is_alike = gang->earliest_ns == gang->latest_ns;
    lockstep_joiner joiner = {.slot = GW_INDEX_NONE};
    gang->end_ns = end_ns;
    gw_engine_post(devices->engine, report_time(devices, gang, end_ns), &gw_devices_gang_done,
                   devices, slot);
    for (uint32_t i = 0; gang->copy_count > 0 && i < layout->host_count; i++) {
        gw_launch_state *launch = &devices->launches[gang->first_launch + i];
        gw_devices_release_copies(devices, gang, launch, GW_INDEX_NONE, end_ns);
    }
    for (uint32_t i = 0; i < member_count; i++) {
        const uint32_t device = layout->devices[i];
        gw_device_queue *queue = &devices->queues[device];
        if (!is_alike) {
            devices->starts_ns[first_shard + i] = queue->free_at_ns;
        }
        leave_queue(devices, device, slot, first_shard + i, end_ns);
        if (queue->head != GW_INDEX_NONE && !join_lockstep(devices, &joiner, device)) {
            gw_devices_run_queue(devices, device, now_ns);
        }
    }
    flush_joiner(devices, &joiner);
}

/* The group goes on together, to its members' groups of the next stage, or to the end. */
static void leave_group(gw_devices *devices, gw_device_work work, gw_time now_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, work.gang);
    const gw_gang_plan *plan = gang->plan;
    const gw_gang_stage *stage = &plan->stages[work.stage];
    const gw_group_state *state =
        &devices->groups[gang->first_group + stage->first_group + work.group];
    const gw_time left_ns = state->latest_ns + stage->span_ns[work.group];
    const uint32_t size = stage->groups->group_size;
    for (uint32_t i = 0; i < size; i++) {
        const uint32_t number = stage->groups->members[work.group * size + i];
        const gw_time come_ns = left_ns + gw_devices_span_of(devices, gang, number, work.stage + 1);
        if (work.stage + 1 < plan->stage_count) {
            join_group(devices, work.gang, number, work.stage + 1, come_ns);
        } else {
            gw_devices_end_shard(devices, work.gang, number, come_ns);
            gw_devices_run_queue(devices, plan->layout->devices[number], now_ns);
        }
    }
}

void gw_devices_do_works(gw_devices *devices, gw_time now_ns)
{
    while (devices->work_count > 0) {
        devices->work_count--;
        const gw_device_work work = devices->works[devices->work_count];
        if (gw_devices_gang(devices, work.gang)->plan->is_lockstep) {
            end_lockstep(devices, work.gang, now_ns);
        } else if (gw_devices_gang(devices, work.gang)->plan->has_flows) {
            gw_devices_leave_flow_group(devices, work, now_ns);
        } else {
            leave_group(devices, work, now_ns);
        }
    }
}

/* --- In --- */

static void await_copies(gw_devices *devices, gw_gang_state *gang, uint32_t shard, uint32_t device,
                         uint32_t arrival_count)
{
    const uint32_t early_count = gw_devices_take_early(devices, gang->origin.gang, device);
    gw_check(early_count <= arrival_count);
    if (!gang->has_arrivals) {
        memset(&devices->awaited_count[gang->first_shard], 0,
               gang->plan->layout->member_count * sizeof(uint32_t));
        gang->has_arrivals = true;
    }
    devices->awaited_count[shard] = arrival_count - early_count;
}

/* The usual case, apart because it is the hot one: no arrivals, and in lockstep. */
static void queue_lockstep(gw_devices *devices, uint32_t slot, uint32_t place, gw_time available_ns)
{
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_layout *layout = gang->plan->layout;
    const uint32_t last = layout->first_local[place + 1];
    devices->available_ns[gang->first_launch + place] = available_ns;
    gang->available_ns_max = MAX(gang->available_ns_max, available_ns);
    lockstep_joiner joiner = {
        .slot = slot, .first_ns = gang->plan->first_ns, .earliest_ns = GW_TIME_NEVER};
    for (uint32_t i = layout->first_local[place]; i < last; i++) {
        const uint32_t shard = gang->first_shard + layout->local_shards[i];
        gw_device_queue *queue = &devices->queues[layout->local_devices[i]];
        devices->followers[shard] = GW_INDEX_NONE;
        if (queue->head != GW_INDEX_NONE) {
            devices->followers[queue->tail] = slot;
        } else {
            queue->head = slot;
            begin_at(queue, &joiner, MAX(available_ns, queue->free_at_ns));
        }
        queue->tail = shard;
    }
    flush_joiner(devices, &joiner);
}

static void queue_shards(gw_devices *devices, uint32_t slot, uint32_t place, gw_time available_ns,
                         const uint32_t *arrivals, gw_time now_ns)
{
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_layout *layout = gang->plan->layout;
    const uint32_t first = layout->first_local[place];
    if (gang->plan->is_lockstep) {
        devices->available_ns[gang->first_launch + place] = GW_TIME_NEVER;
        gang->available_ns_max = GW_TIME_NEVER;
    }
    const uint32_t count = layout->first_local[place + 1] - first;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t shard = gang->first_shard + layout->local_shards[first + i];
        const uint32_t device = layout->local_devices[first + i];
        gw_device_queue *queue = &devices->queues[device];
        if (arrivals != NULL && arrivals[i] > 0) {
            await_copies(devices, gang, shard, device, arrivals[i]);
        }
        devices->followers[shard] = GW_INDEX_NONE;
        devices->starts_ns[shard] = available_ns;
        if (queue->head != GW_INDEX_NONE) {
            devices->followers[queue->tail] = slot;
            queue->tail = shard;
        } else {
            queue->head = slot;
            queue->tail = shard;
            gw_devices_run_queue(devices, device, now_ns);
        }
    }
}

/* Launches of a gang mostly have the same tag, which the gang then has for them. */
static void keep_tag(gw_devices *devices, gw_gang_state *gang, uint32_t launch_index, uint64_t tag)
{
    for (uint32_t i = 0; !gang->has_tags && i < gang->plan->layout->host_count; i++) {
        devices->tags[gang->first_launch + i] = gang->tag;
    }
    gang->has_tags = true;
    devices->tags[launch_index] = tag;
}

/* A host launches gang after gang, each in a block of its own: the records of the one after next
 * are fetched while this one is queued.  It changes nothing but time. */
static void prefetch_launch(const gw_devices *devices, const gw_launch *launch, uint32_t place)
{
    const uint32_t slot = gw_gang_table_find(&devices->table, launch->origin.gang + LAUNCHES_AHEAD);
    if (slot >= GW_GANG_DONE) {
        return;
    }
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_layout *layout = gang->plan->layout;
    if (layout == launch->plan->layout) {
        __builtin_prefetch(&devices->launches[gang->first_launch + place], 1);
        __builtin_prefetch(&devices->available_ns[gang->first_launch + place], 1);
        __builtin_prefetch(&devices->followers[gang->first_shard + layout->first_local[place]], 1);
    }
}

void gw_devices_launch(gw_devices *devices, const gw_launch *launch)
{
    const gw_time now_ns = gw_engine_now(devices->engine);
    gw_check(launch->issued_ns >= now_ns);
    uint32_t slot = gw_gang_table_find(&devices->table, launch->origin.gang);
    gw_check(slot != GW_GANG_DONE);
    if (slot == GW_GANG_UNSEEN) {
        slot = open_gang(devices, launch);
    }
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_layout *layout = launch->plan->layout;
    gw_check(gang->plan->layout == layout); /* The plan is that of its first launch. */
    const uint32_t place = gw_gang_layout_place(layout, launch->host);
    gw_check(place != GW_INDEX_NONE);
    prefetch_launch(devices, launch, place);
    const uint32_t launch_index = gang->first_launch + place;
    gw_launch_state *state = &devices->launches[launch_index];
    gw_check(state->first_copy == GW_LAUNCH_ABSENT); /* Each host launches its shards once. */
    state->first_copy = GW_INDEX_NONE;
    if (launch->tag != gang->tag || gang->has_tags) {
        keep_tag(devices, gang, launch_index, launch->tag);
    }
    if (!gang->plan->is_lockstep) {
        devices->launch_ends[launch_index] = (gw_launch_end){
            .open_count = layout->first_local[place + 1] - layout->first_local[place]};
    }
    const gw_time available_ns = launch->issued_ns + devices->launch_ns[layout->island];
    if (gang->plan->is_lockstep && launch->arrivals == NULL) {
        queue_lockstep(devices, slot, place, available_ns);
    } else {
        queue_shards(devices, slot, place, available_ns, launch->arrivals, now_ns);
    }
    gw_devices_do_works(devices, now_ns);
    if (devices->orphan_count > 0) {
        gw_devices_adopt_copies(devices, slot, place);
    }
}

uint32_t gw_devices_find_queued(const gw_devices *devices, uint64_t gang, uint32_t device)
{
    const uint32_t slot = gw_gang_table_find(&devices->table, gang);
    gw_check(slot != GW_GANG_DONE); /* Nobody awaits a copy any more. */
    if (slot == GW_GANG_UNSEEN) {
        return GW_INDEX_NONE;
    }
    const gw_gang_state *state = gw_devices_gang(devices, slot);
    const uint32_t number = gw_gang_layout_shard(state->plan->layout, device);
    gw_check(number != GW_INDEX_NONE);
    const uint32_t place = state->plan->layout->place_of_shard[number];
    const bool is_launched =
        devices->launches[state->first_launch + place].first_copy != GW_LAUNCH_ABSENT;
    return is_launched ? state->first_shard + number : GW_INDEX_NONE;
}

void gw_devices_arrive(gw_devices *devices, uint64_t gang, uint32_t device)
{
    const uint32_t shard = gw_devices_find_queued(devices, gang, device);
    if (shard == GW_INDEX_NONE) {
        gw_devices_put_early(devices, gang, device);
        return;
    }
    const uint32_t slot = gw_gang_table_find(&devices->table, gang);
    gw_check(gw_devices_gang(devices, slot)->has_arrivals);
    gw_check(devices->awaited_count[shard] > 0); /* One copy too many. */
    devices->awaited_count[shard]--;
    if (devices->awaited_count[shard] > 0) {
        return;
    }
    if (devices->queues[device].head == slot) {
        const gw_time now_ns = gw_engine_now(devices->engine);
        gw_devices_run_queue(devices, device, now_ns);
        gw_devices_do_works(devices, now_ns);
    }
}
