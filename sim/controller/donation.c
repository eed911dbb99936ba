/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads a slot last is found in one pass over all inputs; then each output with a donor is
 * looked at by itself. */
#include "controller/donation.h"

#include "controller/system.h"

typedef struct {    /* Of one slot, of those that read it in place. */
    uint32_t last;  /* 1 + the last one's node, + node_count in the run after; 0: nobody does. */
    uint32_t count; /* Inputs of that node. */
} last_reader;

static void note_reader(last_reader *readers, uint32_t slot, uint32_t time)
{
    last_reader *reader = &readers[slot];
    if (time + 1 > reader->last)
        *reader = (last_reader){.last = time + 1};
    reader->count += time + 1 == reader->last;
}

static last_reader *find_last_readers(const gw_plan *plan)
{
    last_reader *readers = g_new0(last_reader, plan->slot_count + 1);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_plan_node *node = &plan->nodes[n];
        for (uint32_t i = 0; i < node->input_count; i++) {
            const gw_plan_input *input = &plan->inputs[node->first_input + i];
            if (!input->is_transfer)
                note_reader(readers, input->slot, input->is_carried ? plan->node_count + n : n);
            if (input->is_carried && !input->is_initial_transfer)
                note_reader(readers, input->initial_slot, n);
        }
    }
    return readers;
}

/* Only gangs of its own mesh read it, the one at `time` last and once. */
static bool may_be_taken(const gw_plan *plan, const last_reader *readers, uint32_t slot,
                         uint32_t time)
{
    const gw_plan_slot *donor = &plan->slots[slot];
    return !donor->is_permanent && !donor->is_copied && readers[slot].last == time + 1 &&
           readers[slot].count == 1;
}

static bool is_sound(const gw_plan *plan, const last_reader *readers, uint32_t n, uint32_t slot,
                     const gw_plan_input *input)
{
    const gw_plan_node *node = &plan->nodes[n];
    if (node->is_once || node->decider != GW_INDEX_NONE || input->is_transfer)
        return false;
    if (!input->is_carried)
        return may_be_taken(plan, readers, input->slot, n);
    return input->slot == slot && !input->is_initial_transfer &&
           may_be_taken(plan, readers, slot, plan->node_count + n) &&
           may_be_taken(plan, readers, input->initial_slot, n);
}

void gw_plan_settle_donations(gw_plan *plan)
{
    g_autofree last_reader *readers = NULL;
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_plan_node *node = &plan->nodes[n];
        const gw_function *function = gw_program_function(plan->program, n);
        for (uint32_t o = 0; o < node->output_count; o++) {
            const uint32_t donor =
                gw_function_value(function, gw_function_output(function, o))->donor;
            if (donor == 0)
                continue;
            if (readers == NULL)
                readers = find_last_readers(plan);
            const uint32_t input = node->first_input + donor - 1;
            if (!is_sound(plan, readers, n, node->first_slot + o, &plan->inputs[input]))
                continue;
            plan->slots[node->first_slot + o].taken_input = input + 1;
            plan->has_donations = true;
        }
    }
}

bool gw_control_may_donate(const gw_control *control)
{
    return control->spill == NULL && gw_system_of(control)->hosts == GW_HOST_TAKES_NOTHING;
}

void gw_plan_forgo_donations(gw_plan *plan)
{
    for (uint32_t s = 0; s < plan->slot_count; s++)
        plan->slots[s].taken_input = 0;
    plan->has_donations = false;
    gw_plan_settle_peak(plan);
}
