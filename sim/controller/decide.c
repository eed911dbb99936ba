/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of runs: run r has its place at r % depth, and brings its number along, so that what is
 * left of an older run is not taken for it. */
#include "controller/decide.h"

#include "base/check.h"

typedef struct {
    uint32_t known_run; /* 1 + the run it is known for; 0: none. */
    bool is_otherwise;
} decision;

struct gw_decisions {
    uint32_t depth, result_count;
    decision *known; /* By (run % depth) * result_count + result. */
};

gw_decisions *gw_decisions_new(const gw_plan *plan, uint32_t depth)
{
    if (!plan->has_decisions)
        return NULL;
    gw_decisions *decisions = g_new0(gw_decisions, 1);
    decisions->depth = depth;
    decisions->result_count = plan->program->results->len;
    decisions->known = g_new0(decision, (size_t)depth * decisions->result_count);
    return decisions;
}

void gw_decisions_free(gw_decisions *decisions)
{
    if (decisions == NULL)
        return;
    g_free(decisions->known);
    g_free(decisions);
}

static decision *find_place(const gw_decisions *decisions, uint32_t run, uint32_t result)
{
    gw_check(result < decisions->result_count);
    return &decisions->known[(run % decisions->depth) * decisions->result_count + result];
}

void gw_decisions_hear(gw_decisions *decisions, uint32_t run, uint32_t result, double value)
{
    decision *heard = find_place(decisions, run, result);
    gw_check(heard->known_run != run + 1); /* Once. */
    *heard = (decision){.known_run = run + 1, .is_otherwise = !(value > 0)};
}

bool gw_decisions_ask(const gw_decisions *decisions, uint32_t run, uint32_t result,
                      bool *out_is_otherwise)
{
    const decision *heard = find_place(decisions, run, result);
    if (heard->known_run != run + 1)
        return false;
    *out_is_otherwise = heard->is_otherwise;
    return true;
}

static void add_once(GArray *nodes, uint32_t node)
{
    for (uint32_t i = 0; i < nodes->len; i++)
        if (g_array_index(nodes, uint32_t, i) == node)
            return;
    g_array_append_val(nodes, node);
}

GArray **gw_deciders_new(const gw_directory *directory, const gw_control *control,
                         const gw_plan *plan, const gw_assignment *assignment, uint32_t job)
{
    if (!plan->has_decisions)
        return NULL;
    GArray **deciders = g_new0(GArray *, plan->program->results->len);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_plan_node *node = &plan->nodes[n];
        if (node->decider == GW_INDEX_NONE)
            continue;
        const gw_device_id first = {assignment->devices[assignment->first[node->mesh]]};
        const uint32_t island = gw_directory_island(directory, first);
        GArray **nodes = &deciders[node->decider];
        if (*nodes == NULL)
            *nodes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        add_once(*nodes, control->policy == NULL ? gw_directory_client(directory, job).index
                                                 : gw_directory_scheduler(directory, island).index);
    }
    return deciders;
}

void gw_deciders_free(GArray **deciders, const gw_plan *plan)
{
    for (uint32_t r = 0; deciders != NULL && r < plan->program->results->len; r++)
        if (deciders[r] != NULL)
            g_array_unref(deciders[r]);
    g_free(deciders);
}
