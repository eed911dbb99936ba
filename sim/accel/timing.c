/* SPDX-License-Identifier: Apache-2.0 */
/* Splits a function at its collectives and prices the pieces.  Shards differ only in which group
 * of a collective they are in, so one walk over the operations does for all shards, and each
 * collective is priced once per group. */
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

/* Prices each group into `out_ns`; returns the longest.  Nothing is added for one that goes with
 * the collective before it. */
static gw_span price_groups(const gw_accel_model *model, const gw_function *function,
                            uint32_t index, const gw_mesh *mesh, const uint32_t *devices,
                            gw_span *out_ns)
{
    const gw_operation *operation = gw_function_operation(function, index);
    if (operation->is_joined)
        return 0;
    g_autofree uint32_t *members = list_members(mesh, operation->axes, devices);
    const uint32_t group_count = group_count_of(mesh, operation->axes);
    const uint32_t size = gw_mesh_device_count(mesh) / group_count;
    gw_span longest_ns = 0;
    for (uint32_t i = 0; i < group_count; i++) {
        const gw_collective collective = {
            .kind = operation->kind,
            .size_bytes = gw_function_collective_bytes(function, index),
            .member_count = size,
            .devices = members + (size_t)i * size,
            .shift = operation->shift,
        };
        out_ns[i] = model->ops->collective_ns(model, &collective);
        longest_ns = MAX(longest_ns, out_ns[i]);
    }
    return longest_ns;
}

/* Room for `function`'s collectives, and where each one's groups begin. */
static gw_timing *make_timing(const gw_function *function, const gw_mesh *mesh)
{
    gw_timing *made = g_new0(gw_timing, 1);
    made->collective_count = count_collectives(function);
    made->local_ns = g_new0(gw_span, made->collective_count + 1);
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

gw_timing *gw_timing_new(const gw_accel_model *model, const gw_function *function,
                         const gw_mesh *mesh, const uint32_t *devices)
{
    const gw_cluster *cluster = model->cluster;
    const uint32_t island = cluster->island_of_device[devices[0]];
    for (uint32_t shard = 0; shard < gw_mesh_device_count(mesh); shard++) {
        gw_check(devices[shard] < cluster->device_count);
        gw_check(cluster->island_of_device[devices[shard]] == island);
    }
    g_autoptr(gw_timing) made = make_timing(function, mesh);
    const gw_accelerator *accelerator = cluster->islands[island].accelerator;
    g_autofree gw_fused *fused = accelerator->fuses ? gw_fusion_new(function) : NULL;
    made->local_ns[0] = accelerator->kernel_overhead_ns;
    uint32_t next = 0;
    gw_span collectives_ns = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (gw_operation_is_collective(operation)) {
            collectives_ns += price_groups(model, function, i, mesh, devices,
                                           made->collective_ns + made->first_group[next]);
            next++;
        } else {
            made->local_ns[next] += model->ops->operation_ns(model, island, function, operation,
                                                             fused != NULL ? &fused[i] : NULL);
        }
    }
    for (uint32_t i = 0; i <= made->collective_count; i++) {
        made->total_local_ns += made->local_ns[i];
    }
    made->total_ns = made->total_local_ns + collectives_ns;
    return g_steal_pointer(&made);
}

void gw_timing_count(const gw_accel_model *model, uint32_t island, const gw_function *function,
                     const gw_counted *counted, uint32_t rows, gw_span *out_ns)
{
    g_autoptr(gw_function) scratch = gw_function_copy(function);
    gw_counted_resize(counted, scratch, rows);
    const gw_accelerator *accelerator = model->cluster->islands[island].accelerator;
    g_autofree gw_fused *fused = accelerator->fuses ? gw_fusion_new(scratch) : NULL;
    uint32_t next = 0;
    out_ns[0] = accelerator->kernel_overhead_ns;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        if (gw_operation_is_collective(gw_function_operation(function, i))) {
            out_ns[++next] = 0;
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
    g_free(timing->local_ns);
    g_free(timing->axes);
    g_free(timing->first_group);
    g_free(timing->collective_ns);
    g_free(timing);
}
