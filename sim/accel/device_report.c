/* SPDX-License-Identifier: Apache-2.0 */
/* What devices tell: the spans of a gang's shards, neighbours that ran alike in one record, its
 * launches, and at last the gang. */
#include "accel/device_private.h"
#include "base/check.h"

/* All its launches are reported, save the one whose turn it is. */
static void close_gang(gw_devices *devices, uint32_t slot)
{
    const gw_gang_state gang = *gw_devices_gang(devices, slot);
    gw_check(gang.unreported_count == 0);
    gw_check(gang.copy_count == 0);
    gw_gang_table_finish(&devices->table, gang.origin.gang);
    gw_blocks_give(&devices->launch_blocks, gang.first_launch, gang.plan->layout->host_count);
    gw_blocks_give(&devices->shard_blocks, gang.first_shard, gang.plan->layout->member_count);
    if (gang.plan->group_count > 0 && !gang.plan->is_lockstep) {
        gw_blocks_give(&devices->group_blocks, gang.first_group, gang.plan->group_count);
    }
    if (gang.plan->is_apart) {
        gw_blocks_give(&devices->span_blocks, gang.first_span, gw_devices_span_count(gang.plan));
    }
    if (gang.plan->has_flows) {
        gw_blocks_give(&devices->flow_blocks, gang.first_flow, gang.plan->layout->member_count);
    }
    if (gang.plan->is_uneven) {
        gw_blocks_give(&devices->slowness_blocks, gang.first_slowness,
                       gang.plan->layout->member_count);
    }
    gw_pool_give(&devices->gangs, slot);
    const gw_gang_span span = {
        .plan = gang.plan, .start_ns = gang.begun_ns, .end_ns = gang.ended_ns};
    devices->ops->gang_ended(devices->owner, &gang.origin, &span);
}

typedef struct { /* Neighbours that ran alike, gathered into one record. */
    gw_devices *devices;
    gw_gang_state *gang;
    gw_shard_span span;
} span_builder;

static void flush_span(span_builder *builder)
{
    const gw_devices *devices = builder->devices;
    gw_gang_state *gang = builder->gang;
    if (builder->span.device_count > 0) {
        gang->begun_ns = MIN(gang->begun_ns, builder->span.start_ns);
        gang->ended_ns = MAX(gang->ended_ns, builder->span.end_ns);
        devices->ops->shards_ended(devices->owner, &gang->origin, &builder->span);
        builder->span.device_count = 0;
    }
}

/* Of a gang in lockstep: all its members began at one instant, as they do whenever the gang before
 * held them all.  Then nobody has to ask each for its start: their records are far by now. */
static bool began_at_once(const gw_gang_state *gang)
{
    return gang->earliest_ns == gang->latest_ns;
}

/* A span for all neighbours that began together. */
static void report_lockstep(gw_devices *devices, gw_gang_state *gang)
{
    const gw_gang_plan *plan = gang->plan;
    const gw_gang_layout *layout = plan->layout;
    const gw_time *starts_ns = &devices->starts_ns[gang->first_shard];
    const bool is_alike = began_at_once(gang);
    span_builder builder = {.devices = devices, .gang = gang};
    for (uint32_t i = 0; i < layout->member_count;) {
        uint32_t end = is_alike ? layout->run_ends[i] : i + 1;
        while (end < layout->run_ends[i] && starts_ns[end] == starts_ns[i]) {
            end++;
        }
        builder.span = (gw_shard_span){
            .first_device = layout->devices[i],
            .device_count = end - i,
            .start_ns = is_alike ? gang->latest_ns - plan->first_ns : starts_ns[i],
            .end_ns = gang->end_ns,
            .local_ns = plan->local_ns,
            .collective_ns = plan->collective_ns,
        };
        flush_span(&builder);
        i = end;
    }
}

/* Of a gang out of step. */
static void add_shard(span_builder *builder, uint32_t number)
{
    const gw_devices *devices = builder->devices;
    const gw_gang_plan *plan = builder->gang->plan;
    const uint32_t device = plan->layout->devices[number];
    gw_shard_span *span = &builder->span;
    const gw_time start_ns = devices->starts_ns[builder->gang->first_shard + number];
    const gw_time end_ns = devices->ends_ns[builder->gang->first_shard + number];
    const gw_flow_state flow = plan->has_flows ? *gw_devices_flow_of(devices, builder->gang, number)
                                               : (gw_flow_state){.exposed_ns = plan->collective_ns};
    const gw_span collective_ns = !plan->has_flows && plan->member_collective_ns != NULL
                                      ? plan->member_collective_ns[number]
                                      : flow.exposed_ns;
    const gw_span local_ns = plan->is_shared ? flow.computed_ns
                             : plan->is_apart || plan->is_uneven
                                 ? gw_devices_add_spans(devices, builder->gang, number)
                                 : plan->local_ns;
    const bool is_next = span->first_device + span->device_count == device;
    const bool is_alike = span->start_ns == start_ns && span->end_ns == end_ns &&
                          span->local_ns == local_ns && span->collective_ns == collective_ns &&
                          span->hidden_ns == flow.hidden_ns;
    if (span->device_count == 0 || !is_next || !is_alike) {
        flush_span(builder);
        *span = (gw_shard_span){
            .first_device = device,
            .start_ns = start_ns,
            .end_ns = end_ns,
            .local_ns = local_ns,
            .collective_ns = collective_ns,
            .hidden_ns = flow.hidden_ns,
        };
    }
    span->device_count++;
}

static void add_shards(span_builder *builder, uint32_t place)
{
    const gw_gang_layout *layout = builder->gang->plan->layout;
    for (uint32_t i = layout->first_local[place]; i < layout->first_local[place + 1]; i++) {
        add_shard(builder, layout->local_shards[i]);
    }
}

/* --- Shards that are told of one by one --- */

static void fire_shards(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_devices *devices = subject;
    gw_gang_state *gang = gw_devices_gang(devices, (uint32_t)(argument >> 32));
    span_builder builder = {.devices = devices, .gang = gang};
    if (gang->told_due_ns == gw_engine_now(engine)) {
        gang->told_due_ns = GW_TIME_NEVER; /* The list is closed. */
    }
    for (uint32_t i = (uint32_t)argument; i != GW_INDEX_NONE; i = devices->followers[i]) {
        add_shard(&builder, i - gang->first_shard);
    }
    flush_span(&builder);
}

static const gw_event_kind shards_kind = {.name = "shards.done", .fire = fire_shards};

/* Those that end at one instant share an event, as launches do.  A launch that ends then is told of
 * afterwards, so it joins no list of launches that was begun before this event was posted. */
void gw_devices_tell_shard(gw_devices *devices, uint32_t slot, uint32_t number, gw_time end_ns)
{
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_time due_ns = end_ns + devices->launch_ns[gang->plan->layout->island];
    const uint32_t shard = gang->first_shard + number;
    devices->followers[shard] = GW_INDEX_NONE; /* It has left its queue. */
    if (gang->told_due_ns == due_ns) {
        devices->followers[gang->told_last] = shard;
    } else {
        gw_engine_post(devices->engine, due_ns, &shards_kind, devices,
                       (uint64_t)slot << 32 | shard);
        gang->told_due_ns = due_ns;
        gang->batch_due_ns = GW_TIME_NEVER;
    }
    gang->told_last = shard;
}

/* --- Launches and gangs --- */

/* From start to end of each shard of a launch, added up. */
static gw_span add_device_time(const gw_devices *devices, const gw_gang_state *gang, uint32_t place)
{
    const gw_gang_plan *plan = gang->plan;
    const gw_gang_layout *layout = plan->layout;
    const uint32_t first = layout->first_local[place], end = layout->first_local[place + 1];
    if (plan->is_lockstep && began_at_once(gang)) {
        return (gang->end_ns - (gang->latest_ns - plan->first_ns)) * (end - first);
    }
    gw_span device_time_ns = 0;
    for (uint32_t i = first; i < end; i++) {
        const uint32_t number = layout->local_shards[i];
        device_time_ns += gw_devices_end_of(devices, gang, number) -
                          devices->starts_ns[gang->first_shard + number];
    }
    return device_time_ns;
}

/* The call may start and end other gangs, and may even take back the plan of the last one: so a
 * gang is gone before its last launch is reported. */
static void report_launch(gw_devices *devices, uint32_t slot, uint32_t launch_index)
{
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    gw_launch_state *launch = &devices->launches[launch_index];
    const uint32_t place = launch_index - gang->first_launch;
    const uint32_t host = gang->plan->layout->hosts[place];
    const gw_span device_time_ns = add_device_time(devices, gang, place);
    const uint64_t tag = gang->has_tags ? devices->tags[launch_index] : gang->tag;
    gw_check(launch->first_copy == GW_INDEX_NONE);
    launch->first_copy = GW_LAUNCH_ENDED;
    gang->unreported_count--;
    if (gang->unreported_count == 0) {
        close_gang(devices, slot);
    }
    devices->ops->launch_done(devices->owner, host, tag, device_time_ns);
}

static void fire_gang_done(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    gw_devices *devices = subject;
    const uint32_t slot = (uint32_t)argument;
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    const uint32_t first_launch = gang->first_launch;
    const uint32_t host_count = gang->plan->layout->host_count;
    report_lockstep(devices, gang);
    for (uint32_t i = 0; i < host_count; i++) {
        report_launch(devices, slot, first_launch + i);
    }
}

static void fire_launch_done(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_devices *devices = subject;
    const uint32_t slot = (uint32_t)(argument >> 32);
    const uint32_t first = (uint32_t)argument;
    gw_gang_state *gang = gw_devices_gang(devices, slot);
    span_builder builder = {.devices = devices, .gang = gang};
    if (gang->batch_due_ns == gw_engine_now(engine)) {
        gang->batch_due_ns = GW_TIME_NEVER; /* The list is closed. */
    }
    const bool is_told = gw_devices_tells_each(gang->plan);
    for (uint32_t i = first; i != GW_INDEX_NONE && !is_told; i = devices->launch_ends[i].next) {
        add_shards(&builder, i - gang->first_launch);
    }
    flush_span(&builder);
    uint32_t next = first;
    while (next != GW_INDEX_NONE) {
        const uint32_t launch_index = next;
        next = devices->launch_ends[launch_index].next;
        report_launch(devices, slot, launch_index);
    }
}

const gw_event_kind gw_devices_gang_done = {.name = "gang.done", .fire = fire_gang_done};
const gw_event_kind gw_devices_launch_done = {.name = "launch.done", .fire = fire_launch_done};
