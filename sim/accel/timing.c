/* SPDX-License-Identifier: Apache-2.0 */
/* Splits a function at its steps and prices the pieces.  Shards differ only in which group
 * of a collective they are in, so one walk over the operations does for all shards, and each
 * collective is priced once per group. */
#include <string.h>

#include "accel/collective_play.h"
#include "accel/model.h"
#include "base/check.h"

static uint32_t count_collectives(const gw_function *function)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        count += gw_operation_is_collective(gw_function_operation(function, i)) ? 1 : 0;
    }
    return count;
}

static uint32_t group_count_of(const gw_mesh *mesh, uint8_t axes)
{
    uint32_t group, position;
    return gw_mesh_device_count(mesh) / gw_mesh_group(mesh, axes, 0, &group, &position);
}

/* The real devices of every group, group after group, each in group order.  The caller frees. */
static uint32_t *list_members(const gw_mesh *mesh, uint8_t axes, const uint32_t *devices)
{
    const uint32_t device_count = gw_mesh_device_count(mesh);
    uint32_t *members = g_new(uint32_t, device_count);
    for (uint32_t shard = 0; shard < device_count; shard++) {
        uint32_t group, position;
        const uint32_t size = gw_mesh_group(mesh, axes, shard, &group, &position);
        gw_check(position < size);
        gw_check(group < device_count / size);
        members[group * size + position] = devices[shard];
    }
    return members;
}

/* --- Plays --- */

static void free_play(void *data)
{
    gw_timing_play *play = data;
    if (play != NULL) {
        gw_rounds_free(play->rounds);
        g_free(play->steps_ns);
        g_free(play);
    }
}

/* A function's collectives that are told apart: by what they move, and among whom. */
typedef struct {
    const gw_operation *operation;
    uint64_t member_bytes, collective_bytes;
    uint32_t collective; /* The first that is so. */
} kind_of_collective;

/* The first of the function's collectives that moves as much among the same; itself, if none before
 * it does.  One that is joined to the collective before it is like none. */
static uint32_t find_like(GArray *kinds, const gw_function *function, uint32_t index,
                          uint32_t collective)
{
    const gw_operation *operation = gw_function_operation(function, index);
    const kind_of_collective own = {operation, gw_function_member_bytes(function, index),
                                    gw_function_collective_bytes(function, index), collective};
    if (operation->is_joined) {
        return collective;
    }
    for (uint32_t i = 0; i < kinds->len; i++) {
        const kind_of_collective *other = &g_array_index(kinds, kind_of_collective, i);
        if (operation->kind == other->operation->kind &&
            operation->axes == other->operation->axes &&
            operation->shift == other->operation->shift &&
            own.member_bytes == other->member_bytes &&
            own.collective_bytes == other->collective_bytes) {
            return other->collective;
        }
    }
    g_array_append_val(kinds, own);
    return collective;
}

/* NULL: it goes over no link. */
static void add_play(gw_timing *timing, const gw_timing_play *play)
{
    g_ptr_array_add(timing->plays, play != NULL ? g_memdup2(play, sizeof *play) : NULL);
}

static void plan_play(gw_timing *timing, const gw_accel_model *model,
                      const gw_collective *collective)
{
    gw_timing_play play = {
        .kind = collective->kind, .size_bytes = collective->size_bytes, .shift = collective->shift};
    play.rounds = gw_collective_play(model->cluster, collective, &play.lead_ns);
    add_play(timing, play.rounds != NULL ? &play : NULL);
}

/* --- Prices --- */

/* Threads do their collectives themselves: none beside other work, and each by itself, also those
 * that go with the one before them. */
static bool are_threads(const gw_accel_model *model, const uint32_t *devices)
{
    const gw_device_id first = {devices[0]};
    return gw_cluster_island_of(model->cluster, first)->accelerator->shared_cores > 0;
}

typedef struct {
    const gw_accel_model *model;
    const gw_function *function;
    const gw_mesh *mesh;
    const uint32_t *devices;
    gw_timing *timing;
    GArray *kinds;  /* kind_of_collective */
    bool is_single; /* They are threads. */
} pricing;

/* Prices each group of operation `index`, which is `number` of the function's collectives, and
 * plans its plays. */
static void price_groups(const pricing *at, uint32_t index, uint32_t number)
{
    const gw_operation *operation = gw_function_operation(at->function, index);
    gw_span *out_ns = at->timing->collective_ns + at->timing->first_group[number];
    g_autofree uint32_t *members = list_members(at->mesh, operation->axes, at->devices);
    const uint32_t group_count = group_count_of(at->mesh, operation->axes);
    const uint32_t size = gw_mesh_device_count(at->mesh) / group_count;
    const uint64_t size_bytes = at->is_single ? gw_function_member_bytes(at->function, index)
                                              : gw_function_collective_bytes(at->function, index);
    for (uint32_t i = 0; i < group_count; i++) {
        const gw_collective collective = {
            .kind = operation->kind,
            .size_bytes = size_bytes,
            .member_count = size,
            .devices = members + (size_t)i * size,
            .shift = operation->shift,
        };
        out_ns[i] = at->model->ops->collective_ns(at->model, &collective);
        if (at->timing->plays != NULL) {
            plan_play(at->timing, at->model, &collective);
        }
    }
}

/* Operation `index`, the function's collective `number`; returns the longest of its groups.
 * Nothing is added for one that goes with the collective before it. */
static gw_span price_collective(const pricing *at, uint32_t index, uint32_t number)
{
    const gw_timing *timing = at->timing;
    const uint32_t group_count = timing->first_group[number + 1] - timing->first_group[number];
    gw_span *out_ns = timing->collective_ns + timing->first_group[number];
    const uint32_t like = find_like(at->kinds, at->function, index, number);
    if (timing->plays != NULL) {
        timing->first_play[number] = like != number ? timing->first_play[like] : timing->plays->len;
    }
    if (like != number) {
        memcpy(out_ns, timing->collective_ns + timing->first_group[like],
               group_count * sizeof *out_ns);
    } else if (!gw_function_operation(at->function, index)->is_joined || at->is_single) {
        price_groups(at, index, number);
    } else {
        for (uint32_t i = 0; timing->plays != NULL && i < group_count; i++) {
            add_play(at->timing, NULL);
        }
    }
    gw_span longest_ns = 0;
    for (uint32_t i = 0; i < group_count; i++) {
        longest_ns = MAX(longest_ns, out_ns[i]);
    }
    return longest_ns;
}

/* --- Steps --- */

typedef struct { /* Of overlapped collectives that are not awaited yet: the last to be issued of
                    those that are awaited before an operation. */
    uint32_t *last_issued;  /* By operation, and one for the end; GW_INDEX_NONE: none. */
    uint32_t awaited_count; /* All collectives up to this one have been. */
} awaiting;

static void add_step(GArray *steps, gw_step_kind kind, uint32_t collective, uint32_t operation)
{
    const gw_step step = {.kind = kind, .collective = collective, .operation = operation};
    g_array_append_val(steps, step);
}

/* What has to be awaited before `operation`, unless it has been with a later one. */
static void add_await(GArray *steps, awaiting *waits, uint32_t operation)
{
    const uint32_t collective = waits->last_issued[operation];
    if (collective != GW_INDEX_NONE && collective >= waits->awaited_count) {
        add_step(steps, GW_STEP_AWAIT, collective, operation);
        waits->awaited_count = collective + 1;
    }
}

static bool can_overlap(const gw_accelerator *accelerator)
{
    return !accelerator->stops_to_transfer && !accelerator->waits_for_collectives &&
           accelerator->shared_cores == 0;
}

static GArray *list_steps(const gw_function *function, bool can_overlap)
{
    const uint32_t count = function->operations->len;
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(gw_step));
    g_autofree uint32_t *awaits = gw_function_list_awaits(function);
    g_autofree uint32_t *last_issued = g_new(uint32_t, count + 1);
    awaiting waits = {.last_issued = last_issued};
    uint32_t collective = 0;
    for (uint32_t i = 0; i <= count; i++) {
        last_issued[i] = GW_INDEX_NONE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        add_await(steps, &waits, i);
        if (!gw_operation_is_collective(operation)) {
            continue;
        }
        if (operation->is_overlapped && can_overlap) {
            add_step(steps, GW_STEP_ISSUE, collective, i);
            last_issued[awaits[i]] = collective;
        } else {
            add_step(steps, GW_STEP_MEET, collective, i);
        }
        collective++;
    }
    add_await(steps, &waits, count);
    return steps;
}

/* How many of the steps from `next` on come before what follows `operation`. */
static uint32_t pass_steps(const gw_step *steps, uint32_t step_count, uint32_t next,
                           uint32_t operation)
{
    while (next < step_count && steps[next].operation == operation) {
        next++;
    }
    return next;
}

/* --- Timings --- */

/* Room for `function`'s collectives, and where each one's groups begin. */
static gw_timing *make_timing(const gw_function *function, const gw_mesh *mesh, bool can_overlap)
{
    gw_timing *made = g_new0(gw_timing, 1);
    GArray *steps = list_steps(function, can_overlap);
    made->step_count = steps->len;
    made->steps = (gw_step *)(void *)g_array_free(steps, FALSE);
    made->collective_count = count_collectives(function);
    made->local_ns = g_new0(gw_span, made->step_count + 1);
    made->given_ns = g_new0(gw_span, made->step_count + 1);
    made->axes = g_new0(uint8_t, made->collective_count);
    made->first_group = g_new0(uint32_t, made->collective_count + 1);
    for (uint32_t i = 0, next = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (gw_operation_is_collective(operation)) {
            made->axes[next] = operation->axes;
            made->first_group[next + 1] =
                made->first_group[next] + group_count_of(mesh, operation->axes);
            next++;
        }
    }
    made->collective_ns = g_new0(gw_span, made->first_group[made->collective_count]);
    return made;
}

/* What stands for work that is not there: threads sleep for as long. */
static bool is_given(const gw_operation *operation)
{
    return operation->kind == GW_OPERATION_DURATION || operation->kind == GW_OPERATION_WORK;
}

gw_timing *gw_timing_new(const gw_accel_model *model, const gw_function *function,
                         const gw_mesh *mesh, const uint32_t *devices)
{
    const gw_cluster *cluster = model->cluster;
    const uint32_t island = cluster->island_of_device[devices[0]];
    for (uint32_t shard = 0; shard < gw_mesh_device_count(mesh); shard++) {
        gw_check(devices[shard] < cluster->device_count);
        gw_check(cluster->island_of_device[devices[shard]] == island);
    }
    const gw_accelerator *accelerator = cluster->islands[island].accelerator;
    g_autoptr(gw_timing) made = make_timing(function, mesh, can_overlap(accelerator));
    if (cluster->spec->plays_collectives) {
        made->plays = g_ptr_array_new_with_free_func(free_play);
        made->first_play = g_new0(uint32_t, made->collective_count + 1);
    }
    made->local_ns[0] = accelerator->kernel_overhead_ns;
    made->scratch_bytes = accelerator->first_touch_bytes_per_s > 0
                              ? gw_function_place_temporaries(function, 1, NULL)
                              : 0;
    g_autofree gw_fused *fused = accelerator->fuses ? gw_fusion_new(function) : NULL;
    g_autoptr(GArray) kinds = g_array_new(FALSE, FALSE, sizeof(kind_of_collective));
    const pricing prices = {
        model, function, mesh, devices, made, kinds, are_threads(model, devices)};
    uint32_t next = 0, collective = 0;
    gw_span collectives_ns = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        next = pass_steps(made->steps, made->step_count, next, i);
        if (gw_operation_is_collective(operation)) {
            collectives_ns += price_collective(&prices, i, collective);
            collective++;
        } else {
            const gw_span span_ns = model->ops->operation_ns(model, island, function, operation,
                                                             fused != NULL ? &fused[i] : NULL);
            made->local_ns[next] += span_ns;
            made->given_ns[next] += is_given(operation) ? span_ns : 0;
        }
    }
    for (uint32_t i = 0; i <= made->step_count; i++) {
        made->total_local_ns += made->local_ns[i];
    }
    made->total_ns = made->total_local_ns + collectives_ns;
    return g_steal_pointer(&made);
}

void gw_timing_watch(gw_timing *timing, const gw_function *function)
{
    gw_check(timing->plays == NULL);
    timing->plays = g_ptr_array_new_with_free_func(free_play);
    timing->first_play = g_new0(uint32_t, timing->collective_count + 1);
    g_autoptr(GArray) kinds = g_array_new(FALSE, FALSE, sizeof(kind_of_collective));
    uint32_t collective = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (!gw_operation_is_collective(operation)) {
            continue;
        }
        const gw_timing_play play = {.is_watched = true,
                                     .kind = operation->kind,
                                     .size_bytes = gw_function_collective_bytes(function, i),
                                     .shift = operation->shift};
        const uint32_t like = find_like(kinds, function, i, collective);
        timing->first_play[collective] =
            like != collective ? timing->first_play[like] : timing->plays->len;
        const uint32_t group_count =
            timing->first_group[collective + 1] - timing->first_group[collective];
        for (uint32_t k = 0; k < group_count && like == collective; k++) {
            add_play(timing, operation->is_joined || play.size_bytes == 0 ? NULL : &play);
        }
        collective++;
    }
}

void gw_timing_count(const gw_accel_model *model, uint32_t island, const gw_function *function,
                     const gw_counted *counted, uint32_t rows, gw_span *out_ns)
{
    const gw_accelerator *accelerator = model->cluster->islands[island].accelerator;
    g_autoptr(gw_function) scratch = gw_function_copy(function);
    g_autoptr(GArray) steps = list_steps(function, can_overlap(accelerator));
    gw_counted_resize(counted, scratch, rows);
    g_autofree gw_fused *fused = accelerator->fuses ? gw_fusion_new(scratch) : NULL;
    uint32_t next = 0;
    memset(out_ns, 0, (steps->len + 1) * sizeof *out_ns);
    out_ns[0] = accelerator->kernel_overhead_ns;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        next = pass_steps((const gw_step *)(void *)steps->data, steps->len, next, i);
        if (gw_operation_is_collective(gw_function_operation(function, i))) {
            continue;
        }
        const bool is_whole = !counted->operations[i];
        const gw_operation operation = gw_counted_operation(counted, scratch, i, rows);
        out_ns[next] += model->ops->operation_ns(model, island, is_whole ? function : scratch,
                                                 &operation, fused != NULL ? &fused[i] : NULL);
    }
}

void gw_timing_free(gw_timing *timing)
{
    if (timing == NULL) {
        return;
    }
    g_free(timing->steps);
    g_free(timing->local_ns);
    g_free(timing->given_ns);
    g_free(timing->axes);
    g_free(timing->first_group);
    g_free(timing->collective_ns);
    g_free(timing->first_play);
    g_clear_pointer(&timing->plays, g_ptr_array_unref);
    g_free(timing);
}
