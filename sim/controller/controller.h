/* SPDX-License-Identifier: Apache-2.0 */
/* The one door in: a controller is what runs on one node, whichever parts that node carries.
 *
 * The same archive serves every world.  A world makes one controller per node over a port of its
 * own (port.h), hands GW_INPUT_START in once, and then whatever the port owes. */
#pragma once

#include "controller/directory.h"
#include "controller/dispatch_policy.h"
#include "controller/lower.h"
#include "controller/placement.h"
#include "controller/policy.h"
#include "controller/port.h"

/* How a client hands its program over. */
typedef enum {
    GW_SUBMIT_OP_BY_OP = 1, /* One call per node; each waits for its handles. */
    GW_SUBMIT_CHAINED,      /* One call per run. */
    GW_SUBMIT_FUSED,        /* As chained, the program fused before (gw_program_fuse). */
} gw_submit_mode;

/* Ends a job early: after the first run whose result is below the threshold (or above it). */
typedef struct {
    uint32_t result; /* Of the program. */
    bool is_above;
    double threshold;
} gw_until;

typedef struct { /* One job, as its client sees it. */
    const char *name;
    const gw_program *program; /* Already fused where asked. */
    const gw_plan *plan;       /* gw_plan_new(program): shared by all nodes. */
    gw_submit_mode submit;
    uint64_t runs;         /* At most so many, with `until`. */
    const gw_until *until; /* NULL: all runs.  Else a run is submitted when the value of the one
                              before is known. */
    uint32_t in_flight;    /* Runs submitted and not known to be done. */
    gw_time start_ns;
    gw_time stop_ns; /* The client leaves: it begins no run after this; 0: when all are done. */
    gw_time fail_ns; /* The client's node stops, between two inputs; 0: never.  Needs leases. */
    /* What policies may go by (policy.h). */
    uint32_t weight;     /* At least 1. */
    uint32_t priority;   /* The higher, the sooner. */
    gw_span deadline_ns; /* Of a call, from when it reaches the scheduler; 0: none. */
    /* Per mesh of the program: which island (GW_INDEX_NONE: any), which kind of accelerator
     * (gw_island's number; GW_INDEX_NONE: any), and the very devices, where the scenario pins
     * them (NULL: placed by the resource manager).  Each table NULL: no mesh says. */
    const uint32_t *islands;
    const uint32_t *accelerators;
    const uint32_t *const *devices;
} gw_job;

typedef struct gw_system_ops gw_system_ops; /* controller/system.h */
/* Hosts that an administrator takes out of the cluster, or puts back (resources.h). */
typedef struct {
    gw_time at_ns;
    bool is_removal;
    uint32_t island;
    const uint32_t *hosts; /* Counted within the island, each once. */
    uint32_t host_count;
} gw_change;

typedef struct {                 /* The control plane's settings. */
    const gw_system_ops *system; /* Who decides and who tells hosts; NULL: pathways. */
    const gw_policy_ops *policy; /* NULL: no scheduler; clients dispatch straight to hosts.
                                    Always NULL where the system has none. */
    gw_params *policy_params;    /* Borrowed; may be NULL. */
    const gw_dispatch_policy_ops *dispatch; /* NULL: gw_dispatch_parallel. */
    gw_params *dispatch_params;             /* Borrowed; may be NULL. */
    uint32_t lookahead; /* Gangs ordered and not known to be done, per device; at least 1. */
    /* Bytes of buffers ordered and not known to be given back, per device (budget.h); 0: what the
     * device has. */
    uint64_t lookahead_memory_bytes;
    const struct gw_spill_ops *spill; /* NULL: buffers stay on their devices (spill.h). */
    bool counts_bytes; /* gw_budget_is_needed(): where they can never run out nobody counts them. */
    /* Hosts that one node sends a batch to, and that pass it on to as many each (relay.h); at
     * least 2.  0: the dispatcher sends to every host itself. */
    uint32_t fanout;
    const gw_placement_ops *placement; /* NULL: gw_placement_spread. */
    gw_params *placement_params;       /* Borrowed; may be NULL. */
    uint64_t placement_seed;           /* Of gw_placement_view. */
    const gw_change *changes;          /* In order of time: a host that is there is removed, one */
    uint32_t change_count;             /* that is not is put back. */
    /* A gang that waits longer for its place, while others are ordered on its devices, starves; 0:
     * none does. */
    gw_span starvation_limit_ns;
    /* A client that leaves the resource manager's question unanswered for so long is given up, and
     * what it owns is collected (lease.h); 0: nobody is asked.  Pathways alone. */
    gw_span lease_ns;
    /* A host launches a gang when its inputs are there and its devices have nothing left, and the
     * call is spent then, as by a program that waits for its device at each hand-off
     * (executor_handoff.c).  Multi-controller alone, where all jobs submit op by op and none has
     * an exchange. */
    bool has_blocking_handoffs;
} gw_control;

typedef struct gw_controller gw_controller;

/* Everything is borrowed for the controller's life.  NULL when a policy refuses its params. */
gw_controller *gw_controller_new(const gw_directory *directory, const gw_control *control,
                                 const gw_job *jobs, gw_node_id self, gw_port *port,
                                 GError **error);
void gw_controller_free(gw_controller *controller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_controller, gw_controller_free)

/* `next` will probably be handed an input after this node, and `soon` after that: a hint to the
 * machine, for worlds that go through many nodes in one thread.  It changes nothing but time. */
void gw_controller_fetch(const gw_controller *soon, const gw_controller *next);
/* To completion; never called from inside a port call. */
void gw_controller_handle(gw_controller *controller, const gw_input *input);

/* What this node waits for, in words ("gang 17 (job mlp, node f3): 64.0 MiB per device for its
 * outputs"), one line each, appended to `out`: the second half of a stall's diagnosis. */
void gw_controller_explain(const gw_controller *controller, GString *out);

/* What a policy of this node has answered that it must not, and what was expected: after the node's
 * GW_NOTE_PLACEMENT_WRONG or GW_NOTE_DISPATCH_WRONG, and only then.  Appended to `out`, without a
 * line's end. */
void gw_controller_blame(const gw_controller *controller, GString *out);

/* Why a job's slices can never be granted. */
typedef enum {
    GW_REFUSAL_SHAPE = 1, /* No island has room for such a slice, even when empty. */
    GW_REFUSAL_MEMORY,    /* It needs more memory than a device has. */
    GW_REFUSAL_REMOVED,   /* Devices that it needs were removed, and none are put back later. */
} gw_refusal;
/* In words, for a message: "it needs more memory than its devices have". */
const char *gw_refusal_text(gw_refusal reason);
