/* SPDX-License-Identifier: Apache-2.0 */
/* What a scheduling policy is: it decides the order of gangs, and nothing else.  It has no port,
 * no clock and no randomness; it is told the time. */
#pragma once

#include <glib.h>

#include "base/units.h"

typedef struct gw_policy gw_policy;
typedef struct gw_params gw_params;

/* A gang that may be ordered next: the first not yet ordered of its run.  A run has at most one
 * such gang at a time, so whatever a policy picks keeps every program's own order. */
typedef struct {
    uint64_t offer;      /* Its name until it is taken; no two at a time have the same. */
    uint64_t submission; /* Of its call: counts up over all calls that reached this scheduler. */
    uint32_t job;
    uint32_t instance, run, node;
} gw_offer;

typedef struct {
    const char *name, *summary; /* "fifo", in configs/; a line for `gangway list` */
    /* `params` may be NULL.  NULL with GW_ERROR_SCENARIO when they are wrong. */
    gw_policy *(*create)(gw_params *params, GError **error);
    void (*destroy)(gw_policy *policy);
    /* Now the policy has it.  `offer` is borrowed for the call. */
    void (*offer)(gw_policy *policy, const gw_offer *offer, gw_time now_ns);
    /* Which of those it has comes next; it keeps it.  False: it has none.  Asked again before
     * `take`, with nothing between, it gives the same answer. */
    bool (*pick)(gw_policy *policy, gw_time now_ns, uint64_t *out_offer);
    /* The picked offer leaves the policy.  `is_ordered`: it has its place in the order; else the
     * last room on its devices went to one picked before it, and it will be offered again. */
    void (*take)(gw_policy *policy, uint64_t offer, bool is_ordered);
} gw_policy_ops;

struct gw_policy {
    const gw_policy_ops *ops; /* First member of each implementation. */
};

extern const gw_policy_ops *const gw_policies[]; /* In order of name; NULL ends it. */
/* The policy called `name`; NULL when there is none.  "none" is not one: it switches the
 * scheduler off (controller.h). */
const gw_policy_ops *gw_policy_find(const char *name);
