/* SPDX-License-Identifier: Apache-2.0 */
#include "real/probe_layout.h"

#include "real/cpu_operations.h"

typedef struct {          /* An output of a node. */
    uint32_t last_reader; /* Node; GW_INDEX_NONE: nobody. */
    bool lasts;           /* Later runs read it, or the control plane does. */
} output_use;

typedef struct {
    gw_probe_layout *out;
    output_use **uses; /* By node: by output. */
    GArray *idle;      /* uint32_t: buffers, the last given back at the end. */
} planner;

void gw_probe_source(const gw_program *program, uint32_t node, uint32_t input, uint32_t *out_node,
                     uint32_t *out_value)
{
    const gw_edge *edge = gw_program_edge(program, program->first_edge[node] + input);
    *out_node = edge->is_carried ? edge->initial_node : edge->source_node;
    *out_value = gw_function_output(gw_program_function(program, *out_node),
                                    edge->is_carried ? edge->initial_output : edge->source_output);
}

/* Whose output is the node's input.  False: it is copied. */
static bool find_source(const gw_probe_layout *layout, uint32_t node, uint32_t input,
                        uint32_t *out_node, uint32_t *out_output)
{
    const gw_function *function = gw_program_function(layout->program, node);
    uint32_t value;
    gw_probe_source(layout->program, node, input, out_node, &value);
    const gw_function *source = gw_program_function(layout->program, *out_node);
    *out_output = gw_function_value(source, value)->position;
    return layout->buffers[*out_node] != NULL &&
           gw_function_elements(source, value) ==
               gw_function_elements(function, gw_function_input(function, input));
}

bool gw_probe_layout_is_foreign(const gw_probe_layout *layout, uint32_t node, uint32_t input)
{
    uint32_t source, output;
    return !find_source(layout, node, input, &source, &output);
}

static void find_uses(planner *at)
{
    const gw_program *program = at->out->program;
    for (guint i = 0; i < program->nodes->len; i++) {
        if (at->out->buffers[i] == NULL)
            continue;
        const gw_function *function = gw_program_function(program, i);
        at->uses[i] = g_new0(output_use, MAX(function->output_count, 1));
        for (guint k = 0; k < function->output_count; k++)
            at->uses[i][k] = (output_use){GW_INDEX_NONE, gw_program_node(program, i)->is_once};
        for (guint k = 0; k < function->input_count; k++) {
            uint32_t source, output;
            if (find_source(at->out, i, k, &source, &output))
                at->uses[source][output].last_reader = i;
        }
    }
    for (guint i = 0; i < program->results->len; i++) {
        const gw_result *result = &g_array_index(program->results, gw_result, i);
        if (at->uses[result->node] != NULL)
            at->uses[result->node][result->output].lasts = true;
    }
}

static uint32_t add_buffer(planner *at, uint64_t size_bytes)
{
    g_array_append_val(at->out->sizes_bytes, size_bytes);
    return at->out->sizes_bytes->len - 1;
}

static uint32_t take_buffer(planner *at, uint64_t size_bytes)
{
    const GArray *sizes = at->out->sizes_bytes;
    for (guint i = at->idle->len; i-- > 0;) {
        const uint32_t buffer = g_array_index(at->idle, uint32_t, i);
        if (g_array_index(sizes, uint64_t, buffer) == size_bytes) {
            g_array_remove_index(at->idle, i);
            return buffer;
        }
    }
    return add_buffer(at, size_bytes);
}

static uint64_t float_bytes(const gw_function *function, uint32_t value)
{
    return gw_function_elements(function, value) * sizeof(float);
}

static void place_inputs(planner *at, uint32_t node)
{
    const gw_program *program = at->out->program;
    const gw_function *function = gw_program_function(program, node);
    for (guint i = 0; i < function->input_count; i++) {
        const uint32_t value = gw_function_input(function, i);
        uint32_t source, output;
        at->out->buffers[node][value] =
            find_source(at->out, node, i, &source, &output)
                ? at->out->buffers[source]
                                  [gw_function_output(gw_program_function(program, source), output)]
                : add_buffer(at, float_bytes(function, value)); /* What it holds, it keeps. */
    }
}

/* Whether the node is the last to read its input, of this run and of all runs' state. */
static bool is_given_up(const planner *at, uint32_t node, uint32_t input)
{
    uint32_t source, output;
    return find_source(at->out, node, input, &source, &output) &&
           at->uses[source][output].last_reader == node;
}

static void place_outputs(planner *at, uint32_t node)
{
    const gw_function *function = gw_program_function(at->out->program, node);
    for (guint i = 0; i < function->output_count; i++) {
        const uint32_t value = gw_function_output(function, i);
        const uint32_t donor = gw_function_value(function, value)->donor;
        at->out->buffers[node][value] =
            donor > 0 && is_given_up(at, node, donor - 1)
                ? at->out->buffers[node][gw_function_input(function, donor - 1)]
                : take_buffer(at, float_bytes(function, value));
    }
}

static bool is_taken_over(const planner *at, uint32_t node, uint32_t buffer)
{
    const gw_function *function = gw_program_function(at->out->program, node);
    for (guint i = 0; i < function->output_count; i++)
        if (at->out->buffers[node][gw_function_output(function, i)] == buffer)
            return true;
    return false;
}

static void give_back(planner *at, uint32_t node)
{
    const gw_program *program = at->out->program;
    const gw_function *function = gw_program_function(program, node);
    for (guint i = 0; i < function->input_count; i++) {
        const uint32_t buffer = at->out->buffers[node][gw_function_input(function, i)];
        uint32_t source, output;
        if (find_source(at->out, node, i, &source, &output) && is_given_up(at, node, i) &&
            !at->uses[source][output].lasts && !is_taken_over(at, node, buffer)) {
            g_array_append_val(at->idle, buffer);
            at->uses[source][output].lasts = true; /* Once, though read at several inputs. */
        }
    }
    for (guint i = 0; i < function->output_count; i++) {
        const output_use *use = &at->uses[node][i];
        const uint32_t value = gw_function_output(function, i);
        if (use->last_reader == GW_INDEX_NONE && !use->lasts &&
            gw_function_value(function, value)->donor == 0)
            g_array_append_val(at->idle, at->out->buffers[node][value]);
    }
}

static void place_all(planner *at)
{
    const gw_program *program = at->out->program;
    for (guint i = 0; i < program->nodes->len; i++) {
        if (at->out->buffers[i] == NULL)
            continue;
        const uint64_t block_bytes = gw_function_place_temporaries(gw_program_function(program, i),
                                                                   GW_CPU_ALIGNMENT_BYTES, NULL);
        at->out->scratch_bytes = MAX(at->out->scratch_bytes, block_bytes);
        place_inputs(at, i);
        place_outputs(at, i);
        give_back(at, i);
    }
}

gw_probe_layout *gw_probe_layout_new(const gw_program *program, uint32_t mesh)
{
    const guint count = program->nodes->len;
    gw_probe_layout *layout = g_new0(gw_probe_layout, 1);
    planner at = {layout, g_new0(output_use *, count), g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    layout->program = program;
    layout->mesh = mesh;
    layout->sizes_bytes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    layout->buffers = g_new0(uint32_t *, count);
    for (guint i = 0; i < count; i++) {
        const guint values = gw_program_function(program, i)->values->len;
        if (mesh != GW_INDEX_NONE && gw_program_node(program, i)->mesh != mesh)
            continue;
        layout->buffers[i] = g_new(uint32_t, MAX(values, 1));
        for (guint k = 0; k < values; k++)
            layout->buffers[i][k] = GW_INDEX_NONE;
    }
    find_uses(&at);
    place_all(&at);
    for (guint i = 0; i < count; i++)
        g_free(at.uses[i]);
    g_free(at.uses);
    g_array_unref(at.idle);
    return layout;
}

void gw_probe_layout_free(gw_probe_layout *layout)
{
    if (layout == NULL)
        return;
    for (guint i = 0; i < layout->program->nodes->len; i++)
        g_free(layout->buffers[i]);
    g_free(layout->buffers);
    g_array_unref(layout->sizes_bytes);
    g_free(layout);
}

uint64_t gw_probe_layout_bytes(const gw_probe_layout *layout)
{
    uint64_t all_bytes = layout->scratch_bytes;
    for (guint i = 0; i < layout->sizes_bytes->len; i++)
        all_bytes += g_array_index(layout->sizes_bytes, uint64_t, i);
    return all_bytes;
}
