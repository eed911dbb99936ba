/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/fetch.h"

bool *gw_fetch_slots(const gw_plan *plan, gw_submit_mode submit)
{
    bool *leaves = g_new0(bool, plan->slot_count + 1);
    const gw_program *program = plan->program;
    for (uint32_t s = 0; s < plan->slot_count; s++)
        leaves[s] = true;
    for (uint32_t n = 0; n < plan->node_count; n++) /* Inbound slots are nobody's output. */
        for (uint32_t i = 0; i < plan->nodes[n].input_count; i++) {
            const gw_plan_input *input = &plan->inputs[plan->nodes[n].first_input + i];
            bool is_within = input->is_carried || input->is_permanent;
            if (is_within || submit != GW_SUBMIT_OP_BY_OP)
                leaves[input->slot] = false;
            if (input->is_carried)
                leaves[input->initial_slot] = false;
            if (input->inbound_slot != GW_INDEX_NONE)
                leaves[input->inbound_slot] = false;
        }
    for (uint32_t r = 0; r < program->results->len; r++) {
        const gw_result *result = &g_array_index(program->results, gw_result, r);
        leaves[plan->nodes[result->node].first_slot + result->output] = false;
    }
    return leaves;
}

uint32_t gw_fetch_shard_count(const gw_plan *plan, uint32_t n, uint32_t o)
{
    const gw_function *function = gw_program_function(plan->program, n);
    if (!gw_function_value(function, gw_function_output(function, o))->is_sharded)
        return 1;
    return gw_program_shard_count(plan->program, n);
}
