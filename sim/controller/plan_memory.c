/* SPDX-License-Identifier: Apache-2.0 */
/* How much a plan needs: buffers live and die as in runs that follow one another, in the order of
 * dispatch, and the sum is looked at after each that is born. */
#include <string.h>

#include "base/check.h"
#include "controller/lower.h"

typedef struct {
    const gw_plan *plan;
    gw_plan_memory *live, *peak; /* By mesh. */
    uint32_t *refs;              /* By 2 * slot + run parity. */
    bool *is_taken;              /* Likewise: another holds the buffer by now. */
} peak_walk;

static void walk_reserve(peak_walk *walk, uint32_t slot, uint32_t run, uint32_t refs)
{
    const gw_plan_slot *planned = &walk->plan->slots[slot];
    gw_plan_memory *live = &walk->live[planned->mesh];
    walk->refs[2 * slot + run % 2] = refs;
    if (planned->taken_input > 0) {
        const gw_plan_input *input = &walk->plan->inputs[planned->taken_input - 1];
        const bool is_first = input->is_carried && run == 0;
        const uint32_t donor = is_first ? input->initial_slot : input->slot;
        walk->is_taken[2 * donor + (input->is_carried && run > 0 ? run - 1 : run) % 2] = true;
        return;
    }
    live->bytes += planned->size_bytes;
    live->class_bytes[planned->memory] += planned->size_bytes;
    if (live->bytes > walk->peak[planned->mesh].bytes)
        walk->peak[planned->mesh] = *live;
}

static void walk_release(peak_walk *walk, uint32_t slot, uint32_t run)
{
    const gw_plan_slot *planned = &walk->plan->slots[slot];
    if (planned->is_permanent)
        return;
    uint32_t *refs = &walk->refs[2 * slot + run % 2];
    gw_check(*refs > 0);
    if (--*refs > 0)
        return;
    bool *is_taken = &walk->is_taken[2 * slot + run % 2];
    if (!*is_taken) {
        walk->live[planned->mesh].bytes -= planned->size_bytes;
        walk->live[planned->mesh].class_bytes[planned->memory] -= planned->size_bytes;
    }
    *is_taken = false;
}

static void walk_node(peak_walk *walk, uint32_t n, uint32_t run)
{
    const gw_plan *plan = walk->plan;
    const gw_plan_node *node = &plan->nodes[n];
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_plan_input *input = &plan->inputs[node->first_input + i];
        if (gw_plan_input_arrives(input, run))
            walk_reserve(walk, input->inbound_slot, run, 1);
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        uint32_t slot = node->first_slot + o;
        walk_reserve(walk, slot, run,
                     1 + plan->slots[slot].readers + plan->slots[slot].readers_next);
    }
    for (uint32_t t = 0; t < node->outgoing_count; t++) {
        uint32_t transfer = plan->outgoing[node->first_outgoing + t];
        walk->refs[2 * plan->transfer_slot[transfer] + run % 2]++;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_plan_input *input = &plan->inputs[node->first_input + i];
        bool is_first = input->is_carried && run == 0;
        uint32_t source_run = input->is_carried && run > 0 ? run - 1 : run;
        if (gw_plan_input_arrives(input, run))
            walk_release(walk, input->inbound_slot, run);
        walk_release(walk, is_first ? input->initial_slot : input->slot, source_run);
    }
    for (uint32_t o = 0; o < node->output_count; o++)
        walk_release(walk, node->first_slot + o, run);
}

void gw_plan_settle_peak(gw_plan *plan)
{
    const uint32_t mesh_count = plan->program->meshes->len;
    g_autofree gw_plan_memory *live = g_new0(gw_plan_memory, mesh_count);
    g_autofree uint32_t *refs = g_new0(uint32_t, 2 * plan->slot_count + 1);
    g_autofree bool *is_taken = g_new0(bool, 2 * plan->slot_count + 1);
    g_free(plan->peak);
    plan->peak = g_new0(gw_plan_memory, mesh_count);
    peak_walk walk = {plan, live, plan->peak, refs, is_taken};
    for (uint32_t m = 0; m < mesh_count; m++) {
        live[m].bytes = live[m].class_bytes[GW_MEMORY_TEMPORARIES] = plan->workspace_bytes[m];
        plan->peak[m] = live[m];
    }
    for (uint32_t run = 0; run < 3; run++)
        for (uint32_t n = 0; n < plan->node_count; n++)
            if (run == 0 || !plan->nodes[n].is_once)
                walk_node(&walk, n, run);
}

void gw_plan_peak(const gw_plan *plan, gw_plan_memory *out)
{
    memcpy(out, plan->peak, plan->program->meshes->len * sizeof(gw_plan_memory));
}

void gw_plan_peak_bytes(const gw_plan *plan, uint64_t *out_bytes)
{
    for (uint32_t m = 0; m < plan->program->meshes->len; m++)
        out_bytes[m] = plan->peak[m].bytes;
}

bool gw_plan_has_state(const gw_plan *plan)
{
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_plan_node *node = &plan->nodes[n];
        if (node->is_once)
            return true;
        for (uint32_t i = 0; i < node->input_count; i++)
            if (plan->inputs[node->first_input + i].is_carried)
                return true;
    }
    return false;
}

void gw_plan_state_bytes(const gw_plan *plan, uint64_t *out_bytes)
{
    for (uint32_t m = 0; m < plan->program->meshes->len; m++)
        out_bytes[m] = plan->workspace_bytes[m];
    for (uint32_t s = 0; s < plan->slot_count; s++)
        if (plan->slots[s].is_permanent || plan->slots[s].is_carried)
            out_bytes[plan->slots[s].mesh] += plan->slots[s].size_bytes;
}
