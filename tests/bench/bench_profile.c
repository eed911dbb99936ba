/* SPDX-License-Identifier: Apache-2.0 */
/* Coordinate descent: each group's cost in turn is set to its best, or to 0 where that is below.
 * Six unknowns and a dozen rows need no better method. */
#include "tests/bench/bench_profile.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "record/json.h"

#define SWEEPS     20000
#define GROUPS_MAX 8

typedef struct {
    gw_cost first, second; /* The second, if any, takes half. */
} cost_group;

static const cost_group groups[] = {
    {GW_COST_CALL, 0},
    {GW_COST_SCHEDULE, 0},
    {GW_COST_SEND, GW_COST_RECEIVE},
    {GW_COST_PREPARE, GW_COST_COMPLETE},
    {GW_COST_LAUNCH, 0},
    {GW_COST_LOWER, 0},
};

/* What a row's actions of a group take of its time, per nanosecond that one costs. */
static double weigh(const gw_bench_row *row, uint32_t group)
{
    const double time_ns = row->ns_per_operation * (double)row->count;
    return (double)row->actions[groups[group].first] / time_ns;
}

static double miss(const gw_bench_row *row, const double *costs)
{
    double rest = 1;
    for (uint32_t g = 0; g < G_N_ELEMENTS(groups); g++)
        rest -= weigh(row, g) * costs[g];
    return rest;
}

static void improve(const GArray *rows, double *costs, uint32_t group)
{
    double above = 0, below = 0;
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        const double weight = weigh(row, group);
        above += weight * (miss(row, costs) + weight * costs[group]);
        below += weight * weight;
    }
    costs[group] = below > 0 ? MAX(0, above / below) : 0;
}

static GArray *choose_rows(const GArray *rows)
{
    GArray *chosen = g_array_new(FALSE, FALSE, sizeof(gw_bench_row));
    for (guint i = 0; i < rows->len; i++)
        if (strcmp(g_array_index(rows, gw_bench_row, i).name, GW_BENCH_PROFILE_ROWS) == 0)
            g_array_append_val(chosen, g_array_index(rows, gw_bench_row, i));
    return chosen;
}

gw_bench_profile gw_bench_fit_profile(const GArray *all)
{
    g_autoptr(GArray) rows = choose_rows(all);
    G_STATIC_ASSERT(G_N_ELEMENTS(groups) <= GROUPS_MAX);
    double costs[GROUPS_MAX] = {0};
    gw_bench_profile profile = {.error_max = 0};
    for (uint32_t sweep = 0; sweep < SWEEPS; sweep++)
        for (uint32_t g = 0; g < G_N_ELEMENTS(groups); g++)
            improve(rows, costs, g);
    for (uint32_t g = 0; g < G_N_ELEMENTS(groups); g++) {
        const bool is_pair = groups[g].second != 0;
        profile.cost_ns[groups[g].first] = is_pair ? costs[g] / 2 : costs[g];
        if (is_pair)
            profile.cost_ns[groups[g].second] = costs[g] / 2;
    }
    for (guint i = 0; i < rows->len; i++) {
        const double rest = miss(&g_array_index(rows, gw_bench_row, i), costs);
        profile.error_max = MAX(profile.error_max, fabs(rest));
    }
    return profile;
}

static const struct {
    gw_cost cost;
    const char *name, *source;
} names[] = {
    {GW_COST_CALL, "call", "a client's call, whose language here is C"},
    {GW_COST_SCHEDULE, "schedule", "a gang put in its place"},
    {GW_COST_SEND, "send",
     "half of a message from node to node, handed over in memory: no network"},
    {GW_COST_RECEIVE, "receive", "as send"},
    {GW_COST_PREPARE, "prepare", "half of a gang on one host: buffers, launch, completion, report"},
    {GW_COST_LAUNCH, "launch", "a shard put on a device's queue, and none of a driver's time"},
    {GW_COST_COMPLETE, "complete", "as prepare"},
    {GW_COST_LOWER, "lower", "a shard placed"},
};

bool gw_bench_write_profile(const gw_bench_profile *profile, const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json json;
    gw_json_init(&json, text);
    gw_json_string(&json, "name", "gangway");
    gw_json_string(&json, "description",
                   "gangway's own controller: what its actions cost the CPU that measured them.");
    gw_json_string(&json, "network", "modelled");
    gw_json_open_object(&json, "costs");
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *cost = g_strdup_printf("%.0fns", ceil(profile->cost_ns[names[i].cost]));
        gw_json_string(&json, names[i].name, cost);
    }
    gw_json_close_object(&json);
    gw_json_open_object(&json, "sources");
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *source = g_strdup_printf(
            "Measured: gangway bench control --costs, %s.  Fitted with the others on runs of the "
            "null world; the worst of them is off by %.0f %%.",
            names[i].source, 100 * profile->error_max);
        gw_json_string(&json, names[i].name, source);
    }
    gw_json_close_object(&json);
    gw_json_finish(&json);
    g_string_append(text, "\n");
    GError *cause = NULL;
    if (g_file_set_contents(path, text->str, (gssize)text->len, &cause))
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s", cause->message);
    g_error_free(cause);
    return false;
}
