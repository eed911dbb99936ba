/* SPDX-License-Identifier: Apache-2.0 */
/* One node's controller under a system other than the default, over a recorder: what tests of the
 * systems need around it. */
#pragma once

#include "controller/controller.h"
#include "controller/system.h"
#include "small_control.h"

typedef struct {
    gw_directory *directory;
    gw_control control;
    gw_program *program;
    gw_plan *plan;
    gw_job job;
    record_port *port;
    gw_controller *controller;
} small_system;

typedef struct {
    const gw_system_ops *system;
    gw_program *program; /* Taken. */
    gw_submit_mode submit;
    uint32_t runs, in_flight, lookahead;
    uint32_t host_count, devices_per_host;
    bool is_client; /* The node is the job's client; else host `host`. */
    uint32_t host;
} small_system_spec;

/* Two hosts are nodes 0 and 1, then the scheduler, the resource manager, the client: node 4. */
/* start (once) -> a -> b, carried back to a; a makes a sharded value besides that nobody reads. */
gw_program *small_system_chain(void);

void small_system_init(small_system *made, const small_system_spec *spec);
void small_system_clear(small_system *made);

void small_system_hand(small_system *made, gw_node_id source, const gw_message *message);
/* INSTALL from the client, of instance 0 with its meshes on `devices`; forgets what came of it. */
void small_system_install(small_system *made, const uint32_t *devices);
/* The oldest question of that kind is answered. */
void small_system_answer(small_system *made, record_kind kind, double value);
/* Every message that the node has sent to itself since the last record_port_clear arrives, in
 * order; those that come of it do not. */
void small_system_deliver_own(small_system *made);
/* The client asks for nodes of the instance. */
void small_system_submit(small_system *made, uint32_t run, uint32_t first, uint32_t count,
                         uint64_t call);
