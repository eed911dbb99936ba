/* SPDX-License-Identifier: Apache-2.0 */
/* What a scheduling policy is: it decides the order of gangs, and nothing else.  It has no port,
 * no clock and no randomness; it is told the time. */
#pragma once

#include <glib.h>
#include <stddef.h>

#include "base/units.h"

/* Counts up with every change of this file that a plugin can notice (docs/PLUGINS.md). */
#define GW_POLICY_ABI 1

#define GW_PRIORITY_MAX 1000000

typedef struct gw_policy gw_policy;
typedef struct gw_params gw_params;

/* A gang that may be ordered next: the first not yet ordered of its run.  A run has at most one
 * such gang at a time, so whatever a policy picks keeps every program's own order. */
typedef struct {
    uint64_t offer;      /* Its name until it is taken; no two at a time have the same. */
    uint64_t submission; /* Of its call: counts up over all calls that reached this scheduler. */
    uint32_t job,
        instance; /* An instance is a job's program, loaded; each has one offer at most. */
    uint32_t run, node;
    /* What the job asked for, as its scenario says. */
    uint32_t weight;     /* Its share of device time, relative to others'; at least 1. */
    uint32_t priority;   /* The higher, the sooner; at most GW_PRIORITY_MAX. */
    gw_time deadline_ns; /* When the call should be done; may be past; GW_TIME_NEVER: none. */
    /* What is known of its length. */
    gw_span shard_time_ns; /* The mean time of this instance's shards so far; 0: none is done.
                            * What is learned while it is offered, `finished` tells. */
    uint32_t shard_count;  /* Of the gang, on this scheduler's devices: one per device. */
    uint32_t gangs_left;   /* Of its call, on this scheduler, this one included. */
    uint32_t slice;        /* What it needs, as a small number: gangs of one have the very same
                            * devices and, where memory is counted, as many bytes; those of two
                            * may share some devices. */
    gw_time waits_since_ns; /* Since when it has all but room: its call, the gang before it in its
                             * place, the value that decides it; the same when offered again. */
} gw_offer;

typedef struct {
    uint32_t abi;               /* GW_POLICY_ABI */
    uint32_t size_bytes;        /* sizeof(gw_policy_ops) */
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
     * last room on its devices went to one picked before it, and it will be offered again.  Offers
     * that are not picked stay, also while their devices are full: then nothing is asked. */
    void (*take)(gw_policy *policy, uint64_t offer, bool is_ordered);
    /* Optional.  So many shards of the instance's ordered gangs are done, and took so much device
     * time together.  Hosts report in batches, so this lags behind what was ordered. */
    void (*finished)(gw_policy *policy, uint32_t instance, uint64_t shard_count,
                     gw_span device_time_ns);
    /* Optional.  The instance has ordered all that its client has asked for: no gang of it waits,
     * offered or not, until it is offered again.  (One that is not offered may wait for room.) */
    void (*idle)(gw_policy *policy, uint32_t instance);
    /* Optional.  The instance is gone; nothing of it is offered any more. */
    void (*forget)(gw_policy *policy, uint32_t instance);
    /* Optional, all three or none: so that it costs nothing to have many offers for devices that
     * are full.  The table ends before them, or they are NULL, in a policy without. */
    /* The slice is full, or short of memory, until `release`, and nothing is offered for it
     * meanwhile.  Its offers stay, and other ones had better be picked, in the order in which they
     * would be without these; false when there are none.  One that is picked nevertheless finds no
     * room. */
    void (*hold)(gw_policy *policy, uint32_t slice);
    /* The slice was held, and has room and memory again. */
    void (*release)(gw_policy *policy, uint32_t slice);
    /* The instance's offer leaves without being picked: its client has failed. */
    void (*withdraw)(gw_policy *policy, uint32_t instance);
} gw_policy_ops;

/* What a table had when there was no `hold` yet; such tables are good as they are. */
#define GW_POLICY_OPS_FIRST_BYTES offsetof(gw_policy_ops, hold)

struct gw_policy {
    const gw_policy_ops *ops; /* First member of each implementation: the table it came from. */
};

/* What a plugin defines; gangway itself has none (docs/PLUGINS.md). */
extern __attribute__((visibility("default"))) const gw_policy_ops gw_policy_plugin;

/* The wrappers that own what NULL means: nothing happens. */
void gw_policy_finished(gw_policy *policy, uint32_t instance, uint64_t shard_count,
                        gw_span device_time_ns);
void gw_policy_idle(gw_policy *policy, uint32_t instance);
void gw_policy_forget(gw_policy *policy, uint32_t instance);
/* Whether it has hold, release and withdraw; else none of them is called. */
bool gw_policy_can_hold(const gw_policy *policy);

extern const gw_policy_ops *const gw_policies[]; /* In order of name; NULL ends it. */
/* The policy called `name`; NULL when there is none.  "none" is not one: it switches the
 * scheduler off (controller.h). */
const gw_policy_ops *gw_policy_find(const char *name);
