/* SPDX-License-Identifier: Apache-2.0 */
/* Reference counts differ from host to host only by the pieces that leave it, so they are worked
 * out once, when the program is installed. */
#include "controller/host_instance.h"

#include "controller/decide.h"

#include "base/check.h"
#include "controller/fetch.h"
#include "controller/system.h"

/* Runs that may hold buffers at once: those in flight, the one before (carried), and one more for
 * completions that are still on their way.  Hosts without a common window may be a window apart:
 * what one of them awaits then belongs to a run that the other is still to begin. */
static uint32_t depth_of(const gw_job *job, uint32_t window_count)
{
    return window_count * job->in_flight + 2;
}

static void count_transfer_references(gw_host_instance *instance, uint32_t t)
{
    const gw_plan *plan = instance->plan;
    const uint32_t slot = plan->transfer_slot[t];
    const gw_plan_input *input = &plan->inputs[t / 2];
    if (input->is_permanent) /* Kept for good, and asked for whenever a reader likes. */
        return;
    const uint32_t pieces = gw_lowered_pieces(instance->lowered, plan, t).count;
    const bool is_initial = t % 2 == 1;
    const bool is_once = plan->nodes[gw_program_edge(plan->program, t / 2)->target_node].is_once;
    if (input->is_carried && !is_initial) {
        *gw_host_instance_refs_next(instance, slot) += pieces;
        instance->operations_per_run += pieces;
    } else {
        *gw_host_instance_refs(instance, slot) += pieces;
        instance->operations_in_run_0 += pieces;
        instance->operations_per_run += is_initial || is_once ? 0 : pieces;
    }
}

static void count_slot_references(gw_host_instance *instance)
{
    const gw_plan *plan = instance->plan;
    for (uint32_t m = 0; m < instance->lowered->mesh_count; m++) {
        if (gw_lowered_local_count(instance->lowered, m) == 0)
            continue;
        for (uint32_t s = plan->mesh_slots[m]; s < plan->mesh_slots[m + 1]; s++) {
            *gw_host_instance_refs(instance, s) = 1 + plan->slots[s].readers;
            *gw_host_instance_refs_next(instance, s) = plan->slots[s].readers_next;
        }
        for (uint32_t i = plan->meshes[m].leaving; i < plan->meshes[m + 1].leaving; i++)
            count_transfer_references(instance, plan->leaving[i]);
    }
}

static void count_results(gw_host_instance *instance)
{
    const gw_plan *plan = instance->plan;
    for (uint32_t r = 0; r < plan->program->results->len; r++) {
        const gw_result *result = &g_array_index(plan->program->results, gw_result, r);
        const gw_plan_node *node = &plan->nodes[result->node];
        if (!instance->lowered->has_first_shard[node->mesh])
            continue;
        (*gw_host_instance_refs(instance, node->first_slot + result->output))++;
        instance->operations_in_run_0++;
        instance->operations_per_run += !node->is_once;
    }
}

/* A host that deals has its rows and counts read, and one that returns rows has those read, in one
 * operation each, however many pieces that turns out to be. */
static void count_exchanges(gw_host_instance *instance)
{
    for (uint32_t i = 0; instance->exchanges != NULL && i < instance->exchanges->count; i++) {
        const gw_exchange_here *here = &instance->exchanges->exchanges[i];
        uint32_t source_count = gw_exchange_mesh_local_count(&here->source);
        bool deals = source_count > 0;
        bool returns =
            here->return_edge != GW_INDEX_NONE && gw_exchange_mesh_local_count(&here->target) > 0;
        if (deals) {
            *gw_host_instance_refs(instance, here->counts_slot) += source_count;
            (*gw_host_instance_refs(instance, here->source_slot))++;
        }
        if (returns)
            (*gw_host_instance_refs(instance, here->return_slot))++;
        instance->operations_in_run_0 += (deals ? 1 : 0) + (returns ? 1 : 0);
        instance->operations_per_run += (deals ? 1 : 0) + (returns ? 1 : 0);
    }
}

/* Whether a result is read from the first shard of output `o` of node `n`, on this host. */
static bool is_read_here(const gw_host_instance *instance, uint32_t n, uint32_t o)
{
    const GArray *results = instance->plan->program->results;
    bool is_read = false;
    for (uint32_t r = 0; r < results->len; r++) {
        const gw_result *result = &g_array_index(results, gw_result, r);
        is_read |= result->node == n && result->output == o;
    }
    return is_read && instance->lowered->has_first_shard[instance->plan->nodes[n].mesh];
}

/* Each is a reader of its slot and an operation of its run. */
static void count_host_copies(gw_host_instance *instance, gw_host_style style,
                              gw_submit_mode submit)
{
    const gw_plan *plan = instance->plan;
    instance->host_copies = g_new0(uint32_t, plan->slot_count + 1);
    g_autofree bool *leaves = gw_fetch_slots(plan, submit);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_plan_node *node = &plan->nodes[n];
        uint32_t local_count = gw_lowered_local_count(instance->lowered, node->mesh);
        for (uint32_t o = 0; o < node->output_count && local_count > 0; o++) {
            uint32_t slot = node->first_slot + o, count = local_count;
            if (style == GW_HOST_SENDS_OUTPUTS && !leaves[slot])
                continue;
            if (style == GW_HOST_SENDS_OUTPUTS && gw_fetch_shard_count(plan, n, o) == 1)
                count = instance->lowered->has_first_shard[node->mesh] ? 1 : 0;
            if (style == GW_HOST_KEEPS_OUTPUTS && is_read_here(instance, n, o))
                count--;
            instance->host_copies[slot] = count;
            *gw_host_instance_refs(instance, slot) += count;
            instance->operations_in_run_0 += count;
            instance->operations_per_run += node->is_once ? 0 : count;
        }
    }
}

gw_host_instance *gw_host_instance_new(const gw_directory *directory, gw_node_id host,
                                       const gw_job *job, const gw_executable *executable,
                                       const gw_system_ops *system, gw_store *store)
{
    const uint32_t depth = depth_of(job, system->window_count);
    gw_host_instance *instance =
        (gw_host_instance *)gw_lines_new0(1, sizeof(gw_host_instance) + depth * sizeof(uint32_t));
    gw_check(job->runs < UINT32_MAX);
    instance->instance = executable->instance;
    instance->job = executable->job;
    instance->run_count = (uint32_t)job->runs;
    instance->plan = job->plan;
    instance->lowered = gw_lowered_new(job->plan, &executable->assignment, directory, host);
    instance->operations_in_run_0 = instance->lowered->gangs_in_run_0;
    instance->operations_per_run = instance->lowered->gangs_per_run;
    gw_store_open(store, &instance->block, instance->instance, job->plan,
                  gw_lowered_slots(instance->lowered, job->plan), depth);
    instance->refs = g_new0(uint32_t, instance->block.slots.count + 1);
    instance->refs_next = g_new0(uint32_t, instance->block.slots.count + 1);
    count_slot_references(instance);
    count_results(instance);
    instance->exchanges =
        gw_exchange_book_new(job->plan, &executable->assignment, directory, host, depth);
    count_exchanges(instance);
    if (system->hosts != GW_HOST_TAKES_NOTHING)
        count_host_copies(instance, system->hosts, job->submit);
    if (instance->lowered->gangs_per_run == 0)
        instance->operations_per_run = 0;
    return instance;
}

void gw_host_instance_free(gw_host_instance *instance, gw_store *store)
{
    if (instance == NULL)
        return;
    if (instance->block.refs != NULL)
        gw_store_close(store, &instance->block);
    if (instance->fence != NULL)
        g_array_unref(instance->fence->held);
    g_free(instance->fence);
    gw_deciders_free(instance->deciders, instance->plan);
    gw_exchange_book_free(instance->exchanges);
    gw_lowered_free(instance->lowered);
    g_free(instance->refs);
    g_free(instance->refs_next);
    g_free(instance->host_copies);
    gw_lines_free(instance);
}

static uint32_t operations_of(const gw_host_instance *instance, uint32_t run)
{
    return run == 0 ? instance->operations_in_run_0 : instance->operations_per_run;
}

void gw_host_instance_begin_run(gw_host_instance *instance, uint32_t run)
{
    uint32_t *left = &instance->left[run % instance->block.depth];
    instance->newest_run = MAX(instance->newest_run, run);
    if (*left == 0)
        *left = operations_of(instance, run);
}

bool gw_host_instance_count_down(gw_host_instance *instance, uint32_t run)
{
    if (operations_of(instance, run) == 0)
        return false;
    uint32_t *left = &instance->left[run % instance->block.depth];
    gw_check(*left > 0);
    return --*left == 0;
}
