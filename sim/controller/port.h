/* SPDX-License-Identifier: Apache-2.0 */
/* All that the controller may ask of the world.  docs/PORT.md is the contract at length, and
 * tests/contract/ holds every world to it.
 *
 * A port serves one node and that node's devices.  One thread calls it; no call blocks; none
 * re-enters the caller: an answer comes later, as a gw_input with the asker's tag, and each tag is
 * answered once.  Everything handed over is borrowed for the call and copied where it must last. */
#pragma once

#include "program/program.h"

typedef struct gw_port gw_port;

typedef struct {
    uint64_t value; /* The asker's own mark, handed back with the answer. */
} gw_tag;

/* What a control-plane action costs its CPU; a profile gives each a time (configs/profiles/). */
typedef enum {
    GW_COST_CALL = 1, /* Who runs the user's program, the client or each host: one call into
                         the runtime. */
    GW_COST_SCHEDULE, /* A scheduler: one gang put in its place in the order; a coordinator: one
                         shard of it. */
    GW_COST_SEND,     /* Any node: one message handed to the network. */
    GW_COST_RECEIVE,  /* Any node: one message taken from the network. */
    GW_COST_PREPARE,  /* An executor: one gang's local shards: buffers, addresses, descriptors. */
    GW_COST_LAUNCH,   /* An executor: one kernel put on one device's queue. */
    GW_COST_COMPLETE, /* An executor: one completion of a gang's local shards handled. */
    GW_COST_LOWER,    /* Client or resource manager: one shard placed. */
    GW_COST_DESCRIBE, /* A scheduler: one gang written down for one of its hosts. */
} gw_cost;
#define GW_COST_COUNT (GW_COST_DESCRIBE + 1)

/* What nodes say to each other: flat, without pointers.  message.h adds the fields. */
typedef struct {
    uint32_t kind;
    uint32_t size_bytes; /* Header included: what the network charges. */
} gw_message;

/* An executable made known to this node: the program and where its meshes lie. */
typedef struct {
    uint32_t instance; /* Names it from here on; unique in the run. */
    uint32_t job;
    const gw_program *program; /* Outlives the run. */
    gw_assignment assignment;
} gw_executable;

/* A gang's number: the node that ordered it, above, and how many that node had ordered before. */
#define GW_GANG_SEQUENCE_BITS 40
#define GW_GANG_NONE          UINT64_MAX /* No gang has this number. */

/* The node's local shards of one execution of one program node: a gang's part on this host.
 * Buffers are named by the executor's own numbers, unique on this host (gw_memory). */
typedef struct {
    uint64_t gang;     /* The execution: the same number on all its hosts, never used again. */
    uint32_t instance; /* Loaded here. */
    uint32_t node, run;
    bool is_otherwise;        /* An irregular node: it runs its other function. */
    uint64_t call;            /* The client's call that asked for it: 0, 1, ... per instance. */
    const uint32_t *buffers;  /* The function's inputs, then its outputs, in order of position. */
    const uint32_t *arrivals; /* Per local shard: how many copies it awaits; NULL: none.  An
                                 exchange counts as one, until what it brings is expected. */
} gw_kernel;

typedef enum {
    GW_COPY_TO_DEVICE = 1,
    GW_COPY_TO_HOST,
    GW_COPY_FROM_HOST,
    GW_COPY_SPILL,  /* To the host, to be kept there while the buffer is given back. */
    GW_COPY_RETURN, /* From there, into the buffer of the same number, which is reserved again. */
} gw_copy_kind;

/* One shard's piece of a buffer, from a device of this node.  It starts when the gang that writes
 * the source is done there, at once if it was done before.  FROM_HOST is the way back of what a
 * TO_HOST has read: from the host's memory into the same buffer, which holds it still.  Source and
 * target are the same then, and it starts at once, whatever source_gang is.
 *
 * SPILL and RETURN are such a pair, too, of whole shards; the gang that writes the buffer is done,
 * so both start at once.  What a SPILL has read is kept until its RETURN or `unload`.
 *
 * TO_DEVICE from source_gang GW_GANG_NONE starts at once: who wrote the source is done.  With
 * target_gang GW_GANG_NONE it is nobody's arrival: its target is held, and somebody will be told.
 */
typedef struct {
    gw_copy_kind kind;
    uint32_t instance; /* Whose buffer it is; loaded here. */
    uint64_t source_gang;
    gw_device_id source_device;
    uint32_t source_buffer;
    uint32_t result, run; /* TO_HOST: which of the program's results, of which run; GW_INDEX_NONE:
                             none of them. */
    uint64_t source_offset_bytes, size_bytes;
    /* Not TO_HOST: it counts as one arrival for the target's shard of target_gang. */
    uint64_t target_gang;
    gw_device_id target_device;
    uint32_t target_buffer; /* In the numbers of the target's host. */
    uint64_t target_offset_bytes;
    gw_span duration_ns; /* It takes so long; 0: the interconnect says. */
} gw_copy;

static inline bool gw_copy_is_to_host(const gw_copy *copy)
{
    return copy->kind == GW_COPY_TO_HOST || copy->kind == GW_COPY_SPILL;
}
static inline bool gw_copy_is_from_host(const gw_copy *copy)
{
    return copy->kind == GW_COPY_FROM_HOST || copy->kind == GW_COPY_RETURN;
}

/* One buffer's shards: `size_bytes` on each of this node's devices in mesh `mesh`. */
typedef struct {
    uint32_t instance, mesh;
    uint32_t buffer;
    uint64_t size_bytes;
} gw_memory;

/* Counts by which an exchange deals (program/exchange.h): a shard's row of them, on a device of
 * this node.  Their writer is done, and `buffer` is held. */
typedef struct {
    uint32_t instance, run;
    uint32_t edge;
    gw_device_id device;
    uint32_t buffer;
} gw_counts;

/* What comes to one shard of a queued gang over exchange `edge`: so many copies, of so many rows
 * together.  The one arrival that stood for them is taken back. */
typedef struct {
    uint64_t gang;
    uint32_t instance, run;
    uint32_t edge;
    gw_device_id device; /* Of this node. */
    uint32_t buffer;     /* The input's. */
    uint32_t copy_count, row_count;
} gw_expectation;

/* For records only: nothing comes back, and a world may do nothing. */
typedef enum {
    GW_NOTE_GANG_ORDERED = 1, /* a: gang, b: instance << 32 | node; by the scheduler */
    GW_NOTE_CALL_RETURNED,    /* a: job, b: call; the client has the handles */
    GW_NOTE_RUN_DONE,         /* a: job, b: run */
    GW_NOTE_RESULT,           /* a: job, b: run << 32 | result; value */
    GW_NOTE_JOB_STARTED,      /* a: job, b: instance; its slices are granted and loaded */
    GW_NOTE_JOB_MOVED,        /* a: job, b: instance; other slices are granted and loaded, and
                                 what its runs hand on is there */
    GW_NOTE_JOB_STAYED,       /* a: job, b: instance; it stays on devices that are removed, since
                                 its runs hand data on and no others have room */
    GW_NOTE_JOB_DONE,         /* a: job, b: runs that its client left without asking for */
    GW_NOTE_JOB_REFUSED,      /* a: job, b: a gw_refusal; its slices can never be granted */
    GW_NOTE_MEMORY_WAIT,      /* a: gang, b: bytes per device; an executor meets back-pressure */
    GW_NOTE_ORDER_WAIT,       /* a: job, b: ns; by a scheduler that the job leaves: the longest that
                                 one of its gangs waited there for its place in the order */
    GW_NOTE_STARVED,          /* a: job, b: ns; likewise, where that was beyond the limit and others
                                 were ordered on its devices meanwhile; at most one a scheduler */
    GW_NOTE_DEADLINE_MISSED,  /* a: job, b: run; by the scheduler of the program's last node */
    GW_NOTE_POLICY_WRONG, /* a: scheduler's node, b: the offer that its policy picked and was not
                             offered; it orders nothing any more */
    /* What gw_controller_blame has words for; the node decides nothing any more. */
    GW_NOTE_PLACEMENT_WRONG, /* a: the resource manager's node, b: job; the placement policy gave
                                devices that the job's mesh must not have */
    GW_NOTE_DISPATCH_WRONG,  /* a: a scheduler's node, or a client's that has none; its dispatch
                                policy answered what is no answer */
    GW_NOTE_CLIENT_FAILED,   /* a: job, b: 1: it had asked for slices, 0: it owned nothing; the node
                                of its client has stopped */
    GW_NOTE_LEASE_EXPIRED,   /* a: job, b: instance, its latest; by the resource manager */
    GW_NOTE_JOB_COLLECTED,   /* a: job, b: instance; what the client owned is given back */
    GW_NOTE_SPILLED,         /* a: job, b: bytes that its host took over from its devices */
    GW_NOTE_RETURNED,        /* a: job, b: bytes that came back from there */
    /* A job takes along what its runs have handed on. */
    GW_NOTE_STATE_LEAVES, /* a: job, b: instance; it begins to move there */
    GW_NOTE_STATE_MOVED,  /* a: job, b: bytes, all shards together; it is there */
    GW_NOTE_OVERFLOW, /* a: job << 32 | edge, b: run << 32 | shard, value: rows; more than it has
                         room for: nothing more comes of this run */
    GW_NOTE_ROWS,     /* a: job, b: rows that an exchange brought to a host, value: dropped rows */
} gw_note_kind;
typedef struct {
    gw_note_kind kind;
    uint64_t a, b;
    double value;
} gw_note;

/* Whether a policy has answered what it must not, which ends the run. */
static inline bool gw_note_is_wrong(const gw_note *note)
{
    return note->kind == GW_NOTE_POLICY_WRONG || note->kind == GW_NOTE_PLACEMENT_WRONG ||
           note->kind == GW_NOTE_DISPATCH_WRONG;
}

/* Whether the note ends its job: done, or failed with nothing left of it.  The first one does. */
static inline bool gw_note_is_end(const gw_note *note)
{
    return note->kind == GW_NOTE_JOB_DONE || note->kind == GW_NOTE_JOB_COLLECTED ||
           (note->kind == GW_NOTE_CLIENT_FAILED && note->b == 0);
}

typedef struct {
    const char *name; /* "sim", "cpu", "null", "record" */
    gw_time (*now)(gw_port *port);
    void (*timer_set)(gw_port *port, gw_time due_ns, gw_tag tag);
    void (*timer_cancel)(gw_port *port, gw_tag tag); /* No answer will come, even if due. */
    /* The caller's own CPU time: a simulated node stays busy so long, a real one only counts. */
    void (*spend)(gw_port *port, gw_cost cost, uint32_t count);
    /* Reliable, and in order between two nodes; a node may send to itself.  The port itself
     * charges SEND here and RECEIVE at the other end, where the two are not the same node. */
    void (*send)(gw_port *port, gw_node_id target, const gw_message *message);
    void (*note)(gw_port *port, const gw_note *note);
    /* A timer that waits for nothing of its own: as timer_set, but where nothing else is left to
     * happen than such timers, none of them goes off any more, and the run is at rest. */
    void (*watch_set)(gw_port *port, gw_time due_ns, gw_tag tag);
} gw_port_ops;

/* The half that only executors use: this node's devices. */
typedef struct {
    void (*load)(gw_port *port, const gw_executable *executable);
    /* Nothing of it is queued or held any more. */
    void (*unload)(gw_port *port, uint32_t instance);
    /* Onto the queues of the devices that hold the local shards: each runs its queue in order and
     * is never preempted.  A shard starts when it is first in its queue and its arrivals are in;
     * its collectives wait for the gang's other members.  KERNEL_DONE when all local shards are. */
    void (*enqueue)(gw_port *port, const gw_kernel *kernel, gw_tag tag);
    void (*copy)(gw_port *port, const gw_copy *copy, gw_tag tag); /* COPY_DONE: it has arrived. */
    /* All devices or none.  False: full at this moment.  That is back-pressure, not an error. */
    bool (*memory_reserve)(gw_port *port, const gw_memory *memory);
    void (*memory_release)(gw_port *port, const gw_memory *memory);
    /* One count per target shard, none negative and all together no more than there are rows. */
    void (*read_counts)(gw_port *port, const gw_counts *counts, uint32_t *out_counts);
    /* Before any of those copies is asked for.  Where no row comes the input holds 0. */
    void (*expect)(gw_port *port, const gw_expectation *expectation);
} gw_device_ops;

struct gw_port {
    const gw_port_ops *ops;       /* First member of each implementation. */
    const gw_device_ops *devices; /* NULL: the node has none. */
};

/* --- What the world hands in --- */
typedef enum {
    GW_INPUT_START = 1, /* Once, before any other. */
    GW_INPUT_TIMER,
    GW_INPUT_MESSAGE,
    GW_INPUT_KERNEL_DONE,
    GW_INPUT_COPY_DONE,
} gw_input_kind;

typedef struct {
    gw_input_kind kind;
    gw_tag tag; /* Not of START, MESSAGE. */
    union {
        /* KERNEL_DONE: of its local shards, added up: each from its start to its end, the wait for
         * members of its collectives included. */
        gw_span device_time_ns;
        struct {
            gw_node_id source;
            const gw_message *content; /* Borrowed. */
        } message;
        /* COPY_DONE to host: the first element.  Where there is no data, what the scenario says
         * of this result, or 0. */
        double value;
    };
} gw_input;
