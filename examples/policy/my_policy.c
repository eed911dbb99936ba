/* SPDX-License-Identifier: Apache-2.0 */
/* Two levels: gangs of jobs whose shards are short go before those of jobs whose shards are long,
 * and within a level whoever called first comes first.  After `patience` short gangs in a row a
 * long one that waits has its turn, so nobody starves.  A job counts as short until enough is
 * known of it: its first shards must be done before their time can be told.
 *
 * A plain array and a scan: right for tens of jobs.  For thousands keep a heap per level. */
#include <base/check.h>
#include <base/params.h>
#include <controller/policy.h>

#define DEFAULT_SHORT_NS 1000000 /* 1 ms */
#define DEFAULT_PATIENCE 8
#define PATIENCE_MAX     1000000

typedef struct {
    uint64_t offer, submission;
    bool is_short;
} waiting_gang;

typedef struct {
    gw_policy base;  /* First: the scheduler knows no more of it. */
    GArray *waiting; /* waiting_gang, in any order. */
    gw_span short_ns;
    uint64_t patience;
    uint64_t in_a_row; /* Short gangs ordered since the last long one. */
} two_levels;

/* Parameters come from the scenario: {"name": "./my_policy.so", "short": "2ms", "patience": 4}.
 * Without an object there are none.  Wrong ones are answered with file, line and path. */
static bool read_params(two_levels *policy, gw_params *params, GError **error)
{
    const char *name;
    if (params == NULL)
        return true;
    return gw_params_string(params, "name", true, &name, error) &&
           gw_params_span(params, "short", false, &policy->short_ns, error) &&
           gw_params_count(params, "patience", false, 1, PATIENCE_MAX, &policy->patience, error) &&
           gw_params_finish(params, error);
}

static gw_policy *create(gw_params *params, GError **error)
{
    two_levels read = {.short_ns = DEFAULT_SHORT_NS, .patience = DEFAULT_PATIENCE};
    if (!read_params(&read, params, error))
        return NULL;
    two_levels *policy = g_new0(two_levels, 1);
    *policy = read;
    policy->base.ops = &gw_policy_plugin;
    policy->waiting = g_array_new(FALSE, FALSE, sizeof(waiting_gang));
    return &policy->base;
}

static void destroy(gw_policy *base)
{
    two_levels *policy = (two_levels *)base;
    g_array_unref(policy->waiting);
    g_free(policy);
}

static void offer(gw_policy *base, const gw_offer *offer, gw_time now_ns)
{
    two_levels *policy = (two_levels *)base;
    const waiting_gang gang = {offer->offer, offer->submission,
                               offer->shard_time_ns <= policy->short_ns};
    (void)now_ns;
    g_array_append_val(policy->waiting, gang);
}

/* The first that called, of one level; NULL: none of it waits.  No two gangs tie in the end:
 * offers differ, so the order is the same in every run. */
static const waiting_gang *find_first(const two_levels *policy, bool is_short)
{
    const waiting_gang *first = NULL;
    for (guint i = 0; i < policy->waiting->len; i++) {
        const waiting_gang *gang = &g_array_index(policy->waiting, waiting_gang, i);
        if (gang->is_short != is_short)
            continue;
        if (first == NULL || gang->submission < first->submission ||
            (gang->submission == first->submission && gang->offer < first->offer))
            first = gang;
    }
    return first;
}

static bool pick(gw_policy *base, gw_time now_ns, uint64_t *out_offer)
{
    const two_levels *policy = (const two_levels *)base;
    const waiting_gang *short_one = find_first(policy, true);
    const waiting_gang *long_one = find_first(policy, false);
    const bool is_long_due = short_one == NULL || policy->in_a_row >= policy->patience;
    const waiting_gang *chosen = long_one != NULL && is_long_due ? long_one : short_one;
    (void)now_ns;
    if (chosen == NULL)
        return false;
    *out_offer = chosen->offer;
    return true;
}

/* What was picked leaves, ordered or not; only what was ordered counts. */
static void take(gw_policy *base, uint64_t offer, bool is_ordered)
{
    two_levels *policy = (two_levels *)base;
    guint i = 0;
    while (i < policy->waiting->len &&
           g_array_index(policy->waiting, waiting_gang, i).offer != offer)
        i++;
    gw_check(i < policy->waiting->len);
    const bool is_short = g_array_index(policy->waiting, waiting_gang, i).is_short;
    g_array_remove_index_fast(policy->waiting, i);
    if (is_ordered)
        policy->in_a_row = is_short ? policy->in_a_row + 1 : 0;
}

const gw_policy_ops gw_policy_plugin = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "two-levels",
    .summary = "jobs with short shards first, but a long one after `patience` of them",
    .create = create,
    .destroy = destroy,
    .offer = offer,
    .pick = pick,
    .take = take,
};
