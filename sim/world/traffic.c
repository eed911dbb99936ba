/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline hands on the same shapes between the same meshes again and again: each is looked at
 * once. */
#include "world/traffic.h"

#include "base/check.h"

typedef struct { /* What decides which devices copy to which. */
    uint32_t source_mesh, target_mesh;
    uint32_t source_rows, target_rows;
    uint32_t is_source_sharded, is_target_sharded, is_exchange;
} transfer_kind;

typedef struct {
    gw_crossings *crossings;
    const gw_program *program;
    const gw_assignment *assignment;
    GHashTable *kinds; /* transfer_kind: those seen. */
} program_traffic;

static gw_device_id device_of(const program_traffic *traffic, uint32_t mesh, uint32_t shard)
{
    const gw_assignment *assignment = traffic->assignment;
    return (gw_device_id){assignment->devices[assignment->first[mesh] + shard]};
}

static uint32_t count_shards(const program_traffic *traffic, uint32_t mesh)
{
    return traffic->assignment->first[mesh + 1] - traffic->assignment->first[mesh];
}

static const gw_value *output_of(const gw_program *program, uint32_t node, uint32_t output)
{
    const gw_function *function = gw_program_function(program, node);
    return gw_function_value(function, gw_function_output(function, output));
}

static void add_pairs(const program_traffic *traffic, const transfer_kind *kind,
                      const gw_value *source, const gw_value *target)
{
    const uint32_t source_count = count_shards(traffic, kind->source_mesh);
    const uint32_t target_count = count_shards(traffic, kind->target_mesh);
    for (uint32_t shard = 0; shard < target_count; shard++) {
        uint32_t first = 0, end = source_count;
        if (kind->is_exchange == 0) {
            end = gw_value_sources(source, source_count, target, shard, &first);
        }
        for (uint32_t s = first; s < end; s++) {
            gw_crossings_add_copy(traffic->crossings, device_of(traffic, kind->source_mesh, s),
                                  device_of(traffic, kind->target_mesh, shard));
        }
    }
}

/* Its hosts read how many rows go to whom. */
static void add_counts(const program_traffic *traffic, const transfer_kind *kind)
{
    for (uint32_t shard = 0; shard < count_shards(traffic, kind->source_mesh); shard++) {
        gw_crossings_add_host_copy(traffic->crossings, device_of(traffic, kind->source_mesh, shard),
                                   false);
    }
}

/* By this edge an output of `node` goes to its target. */
static void add_transfer(const program_traffic *traffic, const gw_edge *edge, uint32_t node,
                         uint32_t output)
{
    const gw_program *program = traffic->program;
    const gw_function *into = gw_program_function(program, edge->target_node);
    const gw_value *source = output_of(program, node, output);
    const gw_value *target = gw_function_value(into, gw_function_input(into, edge->target_input));
    const transfer_kind kind = {
        .source_mesh = gw_program_node(program, node)->mesh,
        .target_mesh = gw_program_node(program, edge->target_node)->mesh,
        .source_rows = source->rows,
        .target_rows = target->rows,
        .is_source_sharded = source->is_sharded,
        .is_target_sharded = target->is_sharded,
        .is_exchange = edge->exchange.kind != GW_EXCHANGE_NONE,
    };
    if (kind.source_mesh == kind.target_mesh || edge->duration_ns > 0) {
        return; /* It is read in place; or takes its time and no link. */
    }
    GBytes *key = g_bytes_new(&kind, sizeof kind);
    if (g_hash_table_add(traffic->kinds, key)) {
        add_pairs(traffic, &kind, source, target);
        if (kind.is_exchange != 0) {
            add_counts(traffic, &kind);
        }
    }
}

void gw_traffic_add_copies(gw_crossings *crossings, const gw_program *program,
                           const gw_assignment *assignment)
{
    g_autoptr(GHashTable) kinds =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    const program_traffic traffic = {crossings, program, assignment, kinds};
    for (uint32_t i = 0; i < program->edges->len; i++) {
        const gw_edge *edge = gw_program_edge(program, i);
        add_transfer(&traffic, edge, edge->source_node, edge->source_output);
        if (edge->is_carried) {
            add_transfer(&traffic, edge, edge->initial_node, edge->initial_output);
        }
    }
    for (uint32_t i = 0; i < program->results->len; i++) {
        const gw_result *result = &g_array_index(program->results, gw_result, i);
        const uint32_t mesh = gw_program_node(program, result->node)->mesh;
        gw_crossings_add_host_copy(crossings, device_of(&traffic, mesh, 0), false);
    }
}

static gw_track *track_of(gw_crossings *crossings, gw_gang_groups *groups)
{
    if (groups->track == NULL) {
        groups->track =
            gw_crossings_ask(crossings, groups->group_count, groups->group_size, groups->devices);
    }
    return groups->track;
}

void gw_traffic_add_collectives(gw_crossings *crossings, const gw_function *function,
                                const gw_timing *timing, gw_gang_layout *layout)
{
    for (uint32_t i = 0; i < timing->step_count; i++) {
        const gw_step *step = &timing->steps[i];
        const gw_operation *operation = gw_function_operation(function, step->operation);
        if (step->kind == GW_STEP_AWAIT || operation->is_joined) {
            continue;
        }
        gw_gang_groups *groups = gw_gang_layout_groups(layout, timing->axes[step->collective]);
        const gw_collective like = {
            .kind = operation->kind,
            .size_bytes = gw_function_collective_bytes(function, step->operation),
            .shift = operation->shift,
        };
        gw_crossings_add_collective(crossings, track_of(crossings, groups), step->kind, &like,
                                    groups->devices);
    }
}
