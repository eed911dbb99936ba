/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench_profile.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/fit.h"

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

/* By group: how often its actions were done; and the row's time. */
static gw_fit_row fit_row_of(const gw_bench_row *row)
{
    gw_fit_row made = {.total = row->ns_per_operation * (double)row->count};
    for (uint32_t g = 0; g < G_N_ELEMENTS(groups); g++)
        made.parts[g] = (double)row->actions[groups[g].first];
    return made;
}

gw_bench_profile gw_bench_fit_profile(const GArray *all)
{
    G_STATIC_ASSERT(G_N_ELEMENTS(groups) <= GW_FIT_COSTS_MAX);
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(gw_fit_row));
    for (guint i = 0; i < all->len; i++) {
        const gw_bench_row *row = &g_array_index(all, gw_bench_row, i);
        const gw_fit_row fitted = fit_row_of(row);
        if (strcmp(row->name, GW_BENCH_PROFILE_ROWS) == 0)
            g_array_append_val(rows, fitted);
    }
    double costs[GW_FIT_COSTS_MAX];
    gw_bench_profile profile = {.error_max =
                                    gw_fit_costs((const gw_fit_row *)(const void *)rows->data,
                                                 rows->len, G_N_ELEMENTS(groups), costs)};
    for (uint32_t g = 0; g < G_N_ELEMENTS(groups); g++) {
        const bool is_pair = groups[g].second != 0;
        profile.cost_ns[groups[g].first] = is_pair ? costs[g] / 2 : costs[g];
        if (is_pair)
            profile.cost_ns[groups[g].second] = costs[g] / 2;
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

void gw_bench_put_profile(const gw_bench_profile *profile, const char *name, const char *command,
                          gw_json *json)
{
    gw_json_string(json, "name", name);
    gw_json_string(json, "description",
                   "gangway's own controller: what its actions cost the CPU that measured them.");
    gw_json_string(json, "network", "modelled");
    gw_json_open_object(json, "costs");
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *cost = g_strdup_printf("%.0fns", ceil(profile->cost_ns[names[i].cost]));
        gw_json_string(json, names[i].name, cost);
    }
    gw_json_close_object(json);
    gw_json_open_object(json, "sources");
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *source = g_strdup_printf(
            "Measured: %s, %s.  Fitted with the others on runs of the null world; the worst of "
            "them is off by %.0f %%.",
            command, names[i].source, 100 * profile->error_max);
        gw_json_string(json, names[i].name, source);
    }
    gw_json_close_object(json);
}

bool gw_bench_write_profile(const gw_bench_profile *profile, const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json json;
    gw_json_init(&json, text);
    gw_bench_put_profile(profile, "gangway", "gangway bench control --costs", &json);
    gw_json_finish(&json);
    g_string_append(text, "\n");
    GError *cause = NULL;
    if (g_file_set_contents(path, text->str, (gssize)text->len, &cause))
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s", cause->message);
    g_error_free(cause);
    return false;
}
