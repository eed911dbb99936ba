/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for what, in words. */
#include "controller/schedule_private.h"

/* Offered or not: a policy is not asked about slices that are full. */
static bool waits_for_room(const gw_scheduled_instance *instance)
{
    return instance->state == GW_SCHEDULED_BLOCKED ||
           (instance->state == GW_SCHEDULED_OFFERED && gw_schedule_next_slice(instance)->is_full);
}

/* Likewise. */
static bool waits_for_memory(const gw_scheduled_instance *instance)
{
    return (instance->state == GW_SCHEDULED_SHORT || instance->state == GW_SCHEDULED_OFFERED) &&
           gw_schedule_next_need(instance)->is_short;
}

void gw_schedule_explain(const gw_schedule *schedule, GString *out)
{
    if (schedule->budget != NULL)
        gw_budget_explain_rest(schedule->budget, out);
    for (uint32_t i = 0; i < schedule->instances->len; i++) {
        const gw_scheduled_instance *instance =
            (const gw_scheduled_instance *)g_ptr_array_index(schedule->instances, i);
        if (instance == NULL || instance->state == GW_SCHEDULED_IDLE)
            continue;
        const gw_waiting_call *call = gw_schedule_first_call(instance);
        if (call == NULL)
            continue;
        const gw_program *program = instance->plan->program;
        uint32_t n = MIN(call->next_node, instance->plan->node_count - 1);
        g_string_append_printf(out, "scheduler on node %u: job %s, run %u, node %s ",
                               schedule->self.index, schedule->jobs[instance->job].name, call->run,
                               gw_program_node(program, n)->name);
        if (waits_for_room(instance)) {
            const gw_slice *slice = gw_schedule_next_slice(instance);
            g_string_append_printf(out, "waits for room on device %u (lookahead %u)\n",
                                   slice->devices[slice->full_place], schedule->control->lookahead);
        } else if (instance->state == GW_SCHEDULED_GATED) {
            gw_node_id peer = {0};
            gw_gate_is_open(instance->gate, call->run, call->next_node, &peer);
            g_string_append_printf(out, "waits for the scheduler on node %u to order its part\n",
                                   peer.index);
        } else if (instance->state == GW_SCHEDULED_UNDECIDED) {
            const uint32_t decider = instance->plan->nodes[n].decider;
            g_string_append_printf(out, "waits for result %s, which decides it\n",
                                   g_array_index(program->results, gw_result, decider).name);
        } else if (waits_for_memory(instance)) {
            gw_budget_explain(schedule->budget, gw_schedule_next_need(instance), out);
        } else if (instance->state == GW_SCHEDULED_ENQUEUEING)
            g_string_append_printf(out, "waits for %u host%s to enqueue\n", instance->acks_left,
                                   gw_count_ending(instance->acks_left));
        else
            g_string_append_printf(out, "is offered to policy %s and not picked\n",
                                   schedule->policy->ops->name);
    }
}

void gw_schedule_blame(const gw_schedule *schedule, GString *out)
{
    gw_dispatch_blame(schedule->dispatch, schedule->jobs, out);
}
