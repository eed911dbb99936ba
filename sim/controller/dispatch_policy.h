/* SPDX-License-Identifier: Apache-2.0 */
/* What a dispatch policy is: it decides when gangs that have their place in the order leave the
 * scheduler, and by which hosts a batch of them travels.  The order is the scheduler's, and kept
 * whatever a dispatch policy answers: it has no port, no clock and no randomness.  A new one is one
 * file with a table, one line in the list of dispatch_policies.c, and its name in
 * configs/scenario.schema.json; or a plugin (docs/PLUGINS.md). */
#pragma once

#include <glib.h>

#include "base/units.h"

/* Counts up with every change of this file that a plugin can notice (docs/PLUGINS.md). */
#define GW_DISPATCH_ABI 1

typedef struct gw_dispatch_policy gw_dispatch_policy;
typedef struct gw_params gw_params;

/* A scheduler orders in turns: all that may be ordered at one time.  What it does with a gang that
 * has just got its place: */
typedef enum {
    /* It leaves at the turn's end, in one message per host with all that is ordered until then.
     * The next gang of its program may be ordered in the same turn. */
    GW_DISPATCH_WITH_TURN = 1,
    /* What waits for the turn's end leaves at once, this gang last.  The next gang of its program
     * may be ordered in the same turn. */
    GW_DISPATCH_NOW,
    /* As GW_DISPATCH_NOW, but in a message of its own, which its hosts answer when the gang stands
     * in their devices' queues; the next gang of its program is not ordered before. */
    GW_DISPATCH_AWAIT,
} gw_dispatch_step;

/* A gang that has just got its place in the order.  (A node that waits for a value to be decided
 * has its place only when the value is known, whatever the policy.) */
typedef struct {
    uint32_t job, instance; /* An instance is a job's program, loaded. */
    uint32_t run, node;
    const uint32_t *hosts;   /* Those that have shards of it, by number in the cluster; */
    uint32_t host_count;     /* at least 1. */
    uint32_t shard_count;    /* One per device. */
    uint32_t gangs_left;     /* Of its call, on this scheduler, this one not included. */
    uint32_t batch_gangs;    /* That wait for the turn's end already. */
    bool is_static;          /* No node of its program is decided by a value. */
    bool is_enqueued_before; /* The gang of its program before it on this scheduler was awaited, or
                                there was none: hosts are not behind. */
} gw_dispatch_gang;

/* What leaves: gangs in order, in a message that each of the hosts gets once. */
typedef struct {
    const uint32_t *hosts; /* By number in the cluster, each once. */
    uint32_t host_count;   /* At least 1. */
    uint32_t gang_count;   /* At least 1. */
    uint32_t size_bytes;   /* Of the message. */
    uint32_t degree;       /* The tree that the scenario's "fanout" asks for; 0: "direct". */
} gw_dispatch_batch;

typedef struct {
    uint32_t abi;               /* GW_DISPATCH_ABI */
    uint32_t size_bytes;        /* sizeof(gw_dispatch_policy_ops) */
    const char *name, *summary; /* "parallel", in configs/; a line for `gangway list` */
    /* `params` may be NULL.  NULL with GW_ERROR_SCENARIO when they are wrong. */
    gw_dispatch_policy *(*create)(gw_params *params, GError **error);
    void (*destroy)(gw_dispatch_policy *policy);
    /* Asked once for each gang, in their order.  `gang` is borrowed for the call. */
    gw_dispatch_step (*step)(gw_dispatch_policy *policy, const gw_dispatch_gang *gang,
                             gw_time now_ns);
    /* Optional; NULL: as the scenario's "fanout" says.  Who sends the batch to each host: for
     * hosts[i], the place in `hosts` of one before it (less than i), or GW_INDEX_NONE: the
     * scheduler itself, which is what `out_senders` is filled with.  A host that has the batch
     * passes it on before it begins its own work. */
    void (*fan_out)(gw_dispatch_policy *policy, const gw_dispatch_batch *batch,
                    uint32_t *out_senders);
    /* Optional.  The instance is gone; no gang of it comes any more. */
    void (*forget)(gw_dispatch_policy *policy, uint32_t instance);
} gw_dispatch_policy_ops;

struct gw_dispatch_policy {
    const gw_dispatch_policy_ops *ops; /* First member of each implementation: its table. */
};

/* What a plugin defines; gangway itself has none (docs/PLUGINS.md). */
extern __attribute__((visibility("default"))) const gw_dispatch_policy_ops gw_dispatch_plugin;

/* The wrappers that own what NULL means.  Without a policy too, fan_out does as "fanout" says. */
void gw_dispatch_fan_out(gw_dispatch_policy *policy, const gw_dispatch_batch *batch,
                         uint32_t *out_senders);
void gw_dispatch_forget(gw_dispatch_policy *policy, uint32_t instance);

/* The tree of "fanout": {"tree": degree} over hosts first, first + 1, ... before `end` of a batch,
 * the first of whom are sent to by `sender`: at every level those that are left are cut into
 * `degree` rows (at least 2), as equal as can be and the longer ones first, and the first host of
 * each row gets the rest of the row to pass on. */
void gw_dispatch_tree(uint32_t degree, uint32_t sender, uint32_t first, uint32_t end,
                      uint32_t *out_senders);

extern const gw_dispatch_policy_ops gw_dispatch_parallel; /* The default. */
extern const gw_dispatch_policy_ops gw_dispatch_sequential;

extern const gw_dispatch_policy_ops *const gw_dispatch_policies[]; /* By name; NULL ends it. */
/* The policy called `name`; NULL when there is none. */
const gw_dispatch_policy_ops *gw_dispatch_policy_find(const char *name);
