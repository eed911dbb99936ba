/* SPDX-License-Identifier: Apache-2.0 */
/* The higher `priority` first; and each `ageing` of waiting counts as one level, so that nothing
 * starves.  A gang has priority + waited / ageing, where it has waited since it lacks nothing but
 * room on its devices, whenever it was offered.  All gangs wait at the same rate, so their order
 * never changes while they do: it is that of priority x ageing - (since when it waits), a key that
 * is fixed.  Equal keys go by submission.
 *
 * What follows: a gang of priority p is passed only by gangs of priority q > p that wait since less
 * than (q - p) x ageing after it.
 *
 * Parameter `ageing`: a span above 0, up to an hour, or "never"; default 1 s.  With "never" the
 * priority alone decides, and jobs may starve. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/params.h"
#include "controller/offer_groups.h"

#define AGEING_KINDS "a span such as \"500ms\" (or a plain number as \"ageing_ns\"), or \"never\""

/* Steps of training take seconds: a job a few levels below the others has a gang every few
 * seconds, within the default of `control.starvation_limit`, 10 s. */
#define DEFAULT_AGEING_NS UINT64_C(1000000000)
/* So that GW_PRIORITY_MAX x ageing, and any instant of a run on top, stays below 2^64 ns. */
#define AGEING_MAX_NS UINT64_C(3600000000000)

extern const gw_policy_ops gw_policy_priority;

typedef struct {
    gw_heap_policy base;
    gw_span ageing_ns; /* 0: never. */
} priority_policy;

/* A word in place of a span: "never" it must be. */
static bool read_word(gw_params *value, GError **error)
{
    const char *word = NULL;
    if (!gw_params_as_string(value, &word, error))
        return false;
    if (strcmp(word, "never") == 0)
        return true;
    gw_params_refuse(value, AGEING_KINDS, error);
    return false;
}

/* 0: never.  False: not what was expected, and said so. */
static bool read_ageing(gw_params *params, gw_span *out_ns, GError **error)
{
    gw_params *value = NULL;
    const char *text = "";
    if (!gw_params_value(params, "ageing", false, &value, error))
        return false;
    if (value != NULL && !gw_params_as_string(value, &text, NULL)) {
        gw_params_refuse(value, AGEING_KINDS, error);
        return false;
    }
    if (text[0] >= 'A') {
        *out_ns = 0;
        return read_word(value, error);
    }
    gw_span ageing_ns = DEFAULT_AGEING_NS;
    if (!gw_params_span(params, "ageing", false, &ageing_ns, error))
        return false;
    if (ageing_ns == 0 || ageing_ns > AGEING_MAX_NS) {
        gw_params_error(params, value != NULL ? "ageing" : "ageing_ns", error,
                        "found %s, expected a time above 0 and up to 1 h (3600 s), or \"never\"",
                        ageing_ns == 0 ? "0" : "more");
        return false;
    }
    *out_ns = ageing_ns;
    return true;
}

static gw_policy *priority_create(gw_params *params, GError **error)
{
    gw_span ageing_ns = DEFAULT_AGEING_NS;
    if (params != NULL &&
        (!read_ageing(params, &ageing_ns, error) || !gw_params_finish(params, error)))
        return NULL;
    priority_policy *made =
        (priority_policy *)gw_heap_policy_new(&gw_policy_priority, sizeof(priority_policy));
    made->ageing_ns = ageing_ns;
    return &made->base.base;
}

/* The same order as priority x ageing - since, the greater first, in numbers above 0. */
static uint64_t compute_key(const priority_policy *policy, uint32_t priority, gw_time since_ns)
{
    gw_check(priority <= GW_PRIORITY_MAX);
    const uint64_t levels_below = GW_PRIORITY_MAX - priority;
    return policy->ageing_ns == 0 ? levels_below : since_ns + levels_below * policy->ageing_ns;
}

static void priority_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    const uint64_t key =
        compute_key((const priority_policy *)policy, offer->priority, offer->waits_since_ns);
    (void)now_ns;
    gw_heap_policy_push(policy, offer, (gw_offer_key){key, offer->submission});
}

const gw_policy_ops gw_policy_priority = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "priority",
    .summary = "the higher a job's `priority`, the sooner; waiting counts (parameter `ageing`)",
    .create = priority_create,
    .destroy = gw_heap_policy_destroy,
    .offer = priority_offer,
    .pick = gw_heap_policy_pick,
    .take = gw_heap_policy_take,
    .hold = gw_heap_policy_hold,
    .release = gw_heap_policy_release,
    .withdraw = gw_heap_policy_withdraw,
};
