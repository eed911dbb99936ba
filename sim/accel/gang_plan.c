/* SPDX-License-Identifier: Apache-2.0 */
/* Everything here is made once per executable and const afterwards, so it may cost time in
 * proportion to the members and collectives: what it buys is that launching and ending a gang
 * are flat loops over small arrays. */
#include "accel/gang_plan.h"

#include <string.h>

#include "accel/crossings.h"
#include "base/check.h"

/* --- Layout --- */

/* Smallest value, and how many values lie between it and the largest, both included. */
static uint32_t find_range(const uint32_t *values, uint32_t count, uint32_t *out_first)
{
    uint32_t first = values[0], last = values[0];
    for (uint32_t i = 1; i < count; i++) {
        first = MIN(first, values[i]);
        last = MAX(last, values[i]);
    }
    *out_first = first;
    return last - first + 1;
}

static uint32_t *new_index_table(uint32_t count)
{
    uint32_t *table = g_new(uint32_t, count);
    memset(table, 0xff, count * sizeof(uint32_t)); /* GW_INDEX_NONE */
    return table;
}

static void map_devices(gw_gang_layout *layout, const gw_cluster *cluster)
{
    layout->island = cluster->island_of_device[layout->devices[0]];
    layout->device_span = find_range(layout->devices, layout->member_count, &layout->first_device);
    layout->shard_of_device = new_index_table(layout->device_span);
    for (uint32_t shard = 0; shard < layout->member_count; shard++) {
        const uint32_t device = layout->devices[shard];
        gw_check(device < cluster->device_count);
        gw_check(cluster->island_of_device[device] == layout->island);
        uint32_t *slot = &layout->shard_of_device[device - layout->first_device];
        gw_check(*slot == GW_INDEX_NONE); /* No device holds two shards of one gang. */
        *slot = shard;
        layout->is_uneven |= cluster->slowness != NULL && cluster->slowness[device] != 1;
    }
    layout->is_uneven |= cluster->islands[layout->island].jitter > 0;
    layout->is_uneven |= cluster->islands[layout->island].accelerator->core_slowness_count > 0;
    layout->is_stopped = cluster->islands[layout->island].accelerator->stops_to_transfer;
    layout->is_shared = cluster->islands[layout->island].accelerator->shared_cores > 0;
}

static void find_runs(gw_gang_layout *layout)
{
    layout->run_ends = g_new(uint32_t, layout->member_count);
    for (uint32_t shard = layout->member_count; shard-- > 0;) {
        const bool goes_on = shard + 1 < layout->member_count &&
                             layout->devices[shard + 1] == layout->devices[shard] + 1;
        layout->run_ends[shard] = goes_on ? layout->run_ends[shard + 1] : shard + 1;
    }
}

/* Numbers the hosts that hold members; `host_of` is by shard. */
static void number_hosts(gw_gang_layout *layout, const uint32_t *host_of)
{
    layout->host_span = find_range(host_of, layout->member_count, &layout->first_host);
    layout->place_of_host = new_index_table(layout->host_span);
    for (uint32_t shard = 0; shard < layout->member_count; shard++) {
        layout->place_of_host[host_of[shard] - layout->first_host] = 0;
    }
    layout->hosts = g_new(uint32_t, MIN(layout->host_span, layout->member_count));
    for (uint32_t offset = 0; offset < layout->host_span; offset++) {
        if (layout->place_of_host[offset] != GW_INDEX_NONE) {
            layout->place_of_host[offset] = layout->host_count;
            layout->hosts[layout->host_count] = layout->first_host + offset;
            layout->host_count++;
        }
    }
}

static void map_hosts(gw_gang_layout *layout, const gw_cluster *cluster)
{
    const uint32_t count = layout->member_count;
    g_autofree uint32_t *host_of = g_new(uint32_t, count);
    for (uint32_t shard = 0; shard < count; shard++) {
        host_of[shard] =
            gw_cluster_host_of(cluster, (gw_device_id){.index = layout->devices[shard]});
    }
    number_hosts(layout, host_of);
    layout->place_of_shard = g_new(uint32_t, count);
    layout->first_local = g_new0(uint32_t, layout->host_count + 1);
    for (uint32_t shard = 0; shard < count; shard++) {
        const uint32_t place = layout->place_of_host[host_of[shard] - layout->first_host];
        layout->place_of_shard[shard] = place;
        layout->first_local[place + 1]++;
    }
    for (uint32_t place = 0; place < layout->host_count; place++) {
        layout->first_local[place + 1] += layout->first_local[place];
    }
    g_autofree uint32_t *next = g_memdup2(layout->first_local, layout->host_count * sizeof *next);
    layout->local_shards = g_new(uint32_t, count);
    layout->local_devices = g_new(uint32_t, count);
    for (uint32_t shard = 0; shard < count; shard++) {
        const uint32_t position = next[layout->place_of_shard[shard]]++;
        layout->local_shards[position] = shard;
        layout->local_devices[position] = layout->devices[shard];
    }
}

gw_gang_layout *gw_gang_layout_new(const gw_cluster *cluster, const gw_mesh *mesh,
                                   const uint32_t *devices)
{
    g_autoptr(gw_gang_layout) layout = g_new0(gw_gang_layout, 1);
    layout->mesh = *mesh;
    layout->mesh.name = NULL;
    layout->member_count = gw_mesh_device_count(mesh);
    gw_check(layout->member_count > 0);
    layout->devices = g_memdup2(devices, layout->member_count * sizeof(uint32_t));
    map_devices(layout, cluster);
    find_runs(layout);
    map_hosts(layout, cluster);
    return g_steal_pointer(&layout);
}

void gw_gang_layout_free(gw_gang_layout *layout)
{
    if (layout == NULL) {
        return;
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(layout->groups); i++) {
        if (layout->groups[i] != NULL) {
            g_free(layout->groups[i]->group_of);
            g_free(layout->groups[i]->members);
            g_free(layout->groups[i]->devices);
            g_free(layout->groups[i]);
        }
    }
    g_free(layout->devices);
    g_free(layout->run_ends);
    g_free(layout->hosts);
    g_free(layout->first_local);
    g_free(layout->local_shards);
    g_free(layout->local_devices);
    g_free(layout->place_of_shard);
    g_free(layout->place_of_host);
    g_free(layout->shard_of_device);
    g_free(layout);
}

/* --- Groups --- */

/* Spanning a dimension of size 1 changes nothing, so such a bit is dropped: equal groups are one
 * table, and stages can be told apart by its address. */
gw_gang_groups *gw_gang_layout_groups(gw_gang_layout *layout, uint8_t asked_axes)
{
    uint8_t axes = 0;
    for (uint32_t dim = 0; dim < layout->mesh.dims; dim++) {
        const uint8_t bit = (uint8_t)(1u << dim);
        axes |= layout->mesh.shape[dim] > 1 ? asked_axes & bit : 0;
    }
    if (layout->groups[axes] != NULL) {
        return layout->groups[axes];
    }
    const uint32_t count = layout->member_count;
    gw_gang_groups *groups = g_new0(gw_gang_groups, 1);
    groups->group_of = g_new(uint32_t, count);
    groups->members = g_new(uint32_t, count);
    groups->devices = g_new(uint32_t, count);
    for (uint32_t shard = 0; shard < count; shard++) {
        uint32_t group = 0, place = 0;
        groups->group_size = gw_mesh_group(&layout->mesh, axes, shard, &group, &place);
        gw_check(group < count / groups->group_size && place < groups->group_size);
        groups->group_of[shard] = group;
        groups->members[group * groups->group_size + place] = shard;
        groups->devices[group * groups->group_size + place] = layout->devices[shard];
    }
    groups->group_count = count / groups->group_size;
    layout->groups[axes] = groups;
    return groups;
}

/* --- Plan --- */

static void add_collective_spans(gw_gang_stage *stage, const gw_gang_groups *groups,
                                 const gw_timing *timing, uint32_t collective, gw_span before_ns)
{
    const gw_span *spans_ns = &timing->collective_ns[timing->first_group[collective]];
    for (uint32_t group = 0; group < groups->group_count; group++) {
        stage->span_ns[group] += before_ns + spans_ns[group];
    }
}

/* The last ISSUE stage so far, of `collective` where that is one; GW_INDEX_NONE: none. */
static uint32_t find_issue(const gw_gang_plan *plan, uint32_t collective)
{
    uint32_t stage = plan->stage_count;
    while (stage > 0 &&
           (plan->stages[stage - 1].kind != GW_STEP_ISSUE ||
            (collective != GW_INDEX_NONE && plan->stages[stage - 1].collective != collective))) {
        stage--;
    }
    return stage > 0 ? stage - 1 : GW_INDEX_NONE;
}

static void add_await(gw_gang_plan *plan, uint32_t collective)
{
    const uint32_t issue = find_issue(plan, collective);
    gw_check(issue != GW_INDEX_NONE);
    plan->stages[plan->stage_count] = plan->stages[issue];
    gw_gang_stage *stage = &plan->stages[plan->stage_count++];
    stage->kind = GW_STEP_AWAIT;
    stage->span_ns = NULL;
    stage->previous = issue;
    stage->next = GW_INDEX_NONE;
}

static void add_stage(gw_gang_plan *plan, const gw_gang_groups *groups, const gw_timing *timing,
                      gw_step_kind kind, uint32_t collective)
{
    const uint32_t previous =
        kind == GW_STEP_ISSUE ? find_issue(plan, GW_INDEX_NONE) : GW_INDEX_NONE;
    if (previous != GW_INDEX_NONE) {
        plan->stages[previous].next = plan->stage_count;
    }
    gw_gang_stage *stage = &plan->stages[plan->stage_count++];
    *stage = (gw_gang_stage){.kind = kind,
                             .groups = groups,
                             .first_group = plan->group_count,
                             .collective = collective,
                             .span_ns = g_new0(gw_span, groups->group_count),
                             .previous = previous,
                             .next = GW_INDEX_NONE};
    add_collective_spans(stage, groups, timing, collective, 0);
    stage->first_play = timing->plays != NULL ? timing->first_play[collective] : 0;
    plan->group_count += groups->group_count;
}

/* One after another over the same groups, with nothing that sets members apart between them, and
 * nobody who asks how long each took. */
static bool goes_with(const gw_gang_plan *plan, const gw_gang_groups *groups)
{
    if (plan->stage_count == 0 || plan->is_apart || plan->is_uneven || plan->has_flows) {
        return false;
    }
    const gw_gang_stage *last = &plan->stages[plan->stage_count - 1];
    return last->kind == GW_STEP_MEET && last->groups == groups;
}

static void make_stages(gw_gang_plan *plan, gw_gang_layout *layout, const gw_timing *timing)
{
    const uint32_t count = timing->steps != NULL ? timing->step_count : timing->collective_count;
    plan->stages = g_new0(gw_gang_stage, MAX(count, 1));
    if (timing->plays != NULL && count > 0) {
        plan->plays = g_ptr_array_ref(timing->plays);
        plan->has_flows = true;
    }
    for (uint32_t i = 0; timing->steps != NULL && i < count; i++) {
        plan->has_flows |= timing->steps[i].kind == GW_STEP_ISSUE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const gw_step step = timing->steps != NULL
                                 ? timing->steps[i]
                                 : (gw_step){.kind = GW_STEP_MEET, .collective = i};
        const gw_gang_groups *groups = gw_gang_layout_groups(layout, timing->axes[step.collective]);
        if (step.kind == GW_STEP_AWAIT) {
            add_await(plan, step.collective);
        } else if (step.kind == GW_STEP_MEET && goes_with(plan, groups)) {
            add_collective_spans(&plan->stages[plan->stage_count - 1], groups, timing,
                                 step.collective, timing->local_ns[i]);
        } else {
            add_stage(plan, groups, timing, step.kind, step.collective);
        }
        plan->stages[plan->stage_count - 1].after_ns = timing->local_ns[i + 1];
        plan->stages[plan->stage_count - 1].given_ns =
            timing->given_ns != NULL ? timing->given_ns[i + 1] : 0;
    }
}

/* How long each member is in collectives that have met: one figure where all agree. */
static void sum_collectives(gw_gang_plan *plan, gw_gang_layout *layout, const gw_timing *timing)
{
    g_autofree gw_span *sums_ns = g_new0(gw_span, layout->member_count);
    bool is_alike = true;
    for (uint32_t i = 0; i < timing->collective_count; i++) {
        const gw_gang_groups *groups = gw_gang_layout_groups(layout, timing->axes[i]);
        const gw_span *spans_ns = &timing->collective_ns[timing->first_group[i]];
        for (uint32_t shard = 0; shard < layout->member_count; shard++) {
            sums_ns[shard] += spans_ns[groups->group_of[shard]];
        }
    }
    for (uint32_t shard = 1; shard < layout->member_count; shard++) {
        is_alike = is_alike && sums_ns[shard] == sums_ns[0];
    }
    plan->collective_ns = sums_ns[0];
    plan->member_collective_ns = is_alike ? NULL : g_steal_pointer(&sums_ns);
}

static gw_gang_plan *new_plan(gw_gang_layout *layout, const gw_timing *timing, bool is_apart)
{
    gw_gang_plan *plan = g_new0(gw_gang_plan, 1);
    plan->layout = layout;
    plan->is_apart = is_apart;
    plan->is_uneven = layout->is_uneven;
    plan->is_shared = plan->has_flows = layout->is_shared;
    plan->first_ns = timing->local_ns[0];
    plan->first_given_ns = timing->given_ns != NULL ? timing->given_ns[0] : 0;
    plan->local_ns = timing->total_local_ns;
    plan->scratch_bytes = timing->scratch_bytes;
    make_stages(plan, layout, timing);
    sum_collectives(plan, layout, timing);
    if (plan->is_apart || plan->is_uneven || plan->has_flows || layout->is_stopped) {
        return plan; /* Members may start or end one by one. */
    }
    if (plan->stage_count == 1 && plan->group_count == 1) {
        plan->is_lockstep = true;
        plan->rest_ns = plan->stages[0].span_ns[0] + plan->stages[0].after_ns;
    }
    if (plan->stage_count == 0 && layout->member_count == 1) {
        plan->is_lockstep = true;
    }
    return plan;
}

gw_gang_plan *gw_gang_plan_new(gw_gang_layout *layout, const gw_timing *timing)
{
    return new_plan(layout, timing, false);
}

gw_gang_plan *gw_gang_plan_new_apart(gw_gang_layout *layout, const gw_timing *timing)
{
    return new_plan(layout, timing, true);
}

bool gw_gang_plan_is_outdated(const gw_gang_plan *plan)
{
    bool is_any = false;
    for (uint32_t i = 0; !is_any && i < plan->stage_count; i++) {
        is_any = gw_track_is_watched(plan->stages[i].groups->track);
    }
    return is_any != (plan->plays != NULL);
}

void gw_gang_plan_free(gw_gang_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        g_free(plan->stages[i].span_ns);
    }
    g_free(plan->stages);
    g_free(plan->member_collective_ns);
    g_clear_pointer(&plan->plays, g_ptr_array_unref);
    g_free(plan);
}
