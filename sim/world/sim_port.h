/* SPDX-License-Identifier: Apache-2.0 */
/* The port over simulated time: all nodes of one simulated cluster.
 *
 * A node handles one input at a time, in the order in which they came; while it is busy the next
 * ones wait.  What it spends moves its own clock on, so that whatever it asks for later in the
 * same handling leaves that much later.  A message to another node leaves when the node's NIC is
 * free, occupies it for its size, and arrives after the network's latency; SEND and RECEIVE are
 * charged here.  Where the profile says that the network is free, none of this takes time. */
#pragma once

#include "controller/directory.h"
#include "controller/port.h"
#include "engine/engine.h"
#include "record/recorder.h"
#include "world/awaited.h"
#include "world/invariants.h"

typedef struct gw_sim_ports gw_sim_ports;

typedef struct { /* All borrowed for the ports' life. */
    const gw_directory *directory;
    const gw_cluster_spec *cluster;
    const gw_profile *profile;
    uint64_t seed; /* Of what devices draw. */
    gw_queue_kind queue;
    /* The door in: a controller, or a test's stand-in. */
    void (*handle)(void *context, gw_node_id node, const gw_input *input);
    /* Optional: what nodes note, with the node's own time. */
    void (*note)(void *context, gw_node_id node, const gw_note *note, gw_time now_ns);
    /* Optional: gangs that are done, transfers that have arrived. */
    void (*gang)(void *context, const gw_gang_record *gang);
    void (*transfer)(void *context, const gw_transfer_record *transfer);
    /* Optional: what a result reads as (simulated devices hold no data); else 0. */
    double (*value)(void *context, uint32_t job, uint32_t result, uint32_t run);
    /* Optional: what a shard deals over an exchange, a count per target; else nothing. */
    void (*counts)(void *context, uint32_t job, uint32_t edge, uint32_t run, uint32_t shard,
                   uint32_t *out_counts);
    void *context;
    const gw_awaited_settings *awaited; /* NULL: nobody is loaded later than another is launched. */
    gw_recorder *recorder;              /* NULL: nothing is recorded. */
    gw_invariants *invariants;          /* NULL: they are not looked after. */
} gw_sim_ports_settings;

/* The cluster is wired and the devices are there.  Every node gets GW_INPUT_START at time 0, in
 * order of node, as the first events. */
gw_sim_ports *gw_sim_ports_new(const gw_sim_ports_settings *settings);
void gw_sim_ports_free(gw_sim_ports *ports);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_sim_ports, gw_sim_ports_free)

gw_port *gw_sim_ports_at(gw_sim_ports *ports, gw_node_id node);
gw_engine *gw_sim_ports_engine(gw_sim_ports *ports);
const gw_devices *gw_sim_ports_devices(const gw_sim_ports *ports);

typedef struct {
    uint64_t launches;  /* Kernels enqueued: one per gang and host. */
    uint64_t shards;    /* Shards enqueued: one per gang and device. */
    uint64_t gangs;     /* Done on all their devices. */
    uint64_t transfers; /* Copies that have arrived, to devices and to hosts. */
    uint64_t messages;  /* Between different nodes. */
    uint64_t message_bytes;
} gw_sim_counts;
gw_sim_counts gw_sim_ports_count(const gw_sim_ports *ports);
/* Nothing is left to happen but timers that keep no run going (watch_set in port.h). */
bool gw_sim_ports_are_at_rest(const gw_sim_ports *ports);
/* Which launches every device got, in which order (record/launch_digest.h). */
uint64_t gw_sim_ports_launch_digest(const gw_sim_ports *ports);
