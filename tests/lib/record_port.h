/* SPDX-License-Identifier: Apache-2.0 */
/* A port behind which nothing happens by itself.  Every call of the real code is written down, as
 * a struct and as a line of prose; an answer comes when the test asks for one; device memory has
 * the limit that the test sets.
 *
 * It holds its caller to the contract (port.h) with gw_check(): messages are whole, buffers are
 * reserved once and released as they were reserved, kernels and copies use buffers that are held,
 * a tag is not used again before its answer, and nothing is left of an instance that is unloaded.
 *
 * Lines read as follows; CPU time spent is only summed up.
 *     send to host 3: DISPATCH, instance 0 run 2 nodes 4 to 6 as gang 8.17, call 2
 *     reserve 64 B for buffer 3 of instance 0 on mesh 1             ("... : full")
 *     enqueue gang 8.17: instance 0 node 4 run 2, reads 3 7, writes 9, awaits 2 2
 *     expect 2 copies, 7 rows, into buffer 3 on device 0 for gang 8.18
 *     copy 64 B of buffer 9 from device 4 by gang 8.17 to buffer 2 + 64 on device 0 for gang 8.18
 * A gang is called NODE.SEQUENCE after the node that ordered it. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef enum {
    RECORD_TIMER_SET = 1,
    RECORD_TIMER_CANCEL,
    RECORD_SEND,
    RECORD_NOTE,
    RECORD_LOAD,
    RECORD_UNLOAD,
    RECORD_ENQUEUE,
    RECORD_COPY,
    RECORD_RESERVE,
    RECORD_RELEASE,
    RECORD_WATCH_SET,
    RECORD_EXPECT,
} record_kind;

typedef struct { /* Which members have a meaning follows from the kind; arrays are the port's. */
    record_kind kind;
    gw_tag tag;
    gw_time due_ns;
    gw_node_id target;
    gw_message *message;
    gw_note note;
    uint32_t instance; /* LOAD, UNLOAD */
    gw_kernel kernel;
    gw_copy copy;
    gw_memory memory;
    bool is_granted; /* RESERVE */
    gw_expectation expectation;
} record_call;

typedef struct {
    gw_port base;
    gw_node_id self;
    /* To be set by the test at any time. */
    gw_time now_ns;
    uint64_t limit_bytes; /* Of each device; at first UINT64_MAX. */
    /* What a shard deals; NULL: nothing.  Reading it is not written down. */
    void (*deal)(void *context, const gw_counts *asked, uint32_t *out_counts);
    void *deal_context;
    /* To be read. */
    GArray *calls; /* record_call, since the last record_port_clear. */
    uint64_t spent[GW_COST_COUNT];
    uint32_t refused_count; /* Reservations. */
    /* Its own. */
    const gw_directory *directory;
    uint32_t first_device, device_count; /* 0 devices: the node is no host. */
    uint64_t *held_bytes, *peak_bytes;   /* By device of this node. */
    GHashTable *held;                    /* Buffer number to gw_memory. */
    GPtrArray *loaded;                   /* By instance; NULL: not loaded. */
    GArray *asked;                       /* Questions without an answer, in order of asking. */
    GString *text;
} record_port;

/* For node `self` of `directory`, which is borrowed. */
record_port *record_port_new(const gw_directory *directory, gw_node_id self);
void record_port_free(record_port *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(record_port, record_port_free)

/* The lines since the last clear, each ended by a newline; the port's. */
const char *record_port_text(const record_port *port);
void record_port_clear(record_port *port);

/* Of one device of the cluster, which is this node's. */
uint64_t record_port_held_bytes(const record_port *port, uint32_t device);
uint64_t record_port_peak_bytes(const record_port *port, uint32_t device);
uint32_t record_port_held_count(const record_port *port); /* Buffers, workspaces too. */
uint32_t record_port_held_by(const record_port *port, uint32_t instance); /* Likewise. */
bool record_port_is_loaded(const record_port *port, uint32_t instance);
uint32_t record_port_loaded_count(const record_port *port); /* Instances. */
uint32_t record_port_asked_count(const record_port *port);  /* Questions without an answer. */

/* Whether a question of `kind` has no answer yet. */
bool record_port_asks(const record_port *port, record_kind kind);
/* The oldest question of `kind` (TIMER_SET, ENQUEUE, COPY) without an answer; there is one. */
gw_tag record_port_oldest(const record_port *port, record_kind kind);
/* What the world would hand in: the answer to that question, which is one no longer. */
gw_input record_port_answer(record_port *port, record_kind kind, gw_tag tag, double value);

/* The devices of this node that hold shards of `mesh`, in shard order, and the program; the
 * instance is loaded here. */
const GArray *record_port_local_devices(const record_port *port, uint32_t instance, uint32_t mesh);
const gw_program *record_port_program(const record_port *port, uint32_t instance);
/* Those of the whole mesh. */
const uint32_t *record_port_devices(const record_port *port, uint32_t instance, uint32_t mesh,
                                    uint32_t *out_count);

/* The line of a call, without its end (record_text.c). */
void record_append_call(GString *out, const record_port *port, const record_call *call);
