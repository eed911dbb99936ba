/* SPDX-License-Identifier: Apache-2.0 */
/* A whole cluster in one thread: the real controller on every node of a directory, each over a
 * record_port, and the least that must happen between them.  Messages arrive in order between two
 * nodes; a device runs its queue in order, a shard when its arrivals are in (and, where the
 * function has a collective, when all the gang's shards may run); copies wait for their source.
 *
 * What happens next is, of all that may, the oldest (seed 0) or one drawn at random (other seeds;
 * a seed may also make one kind of happening slow, and hosts leave and come late).  There is no
 * time: every step is 1 ns.
 *
 * With gw_check() it holds the controller to: every shard runs exactly once; gangs of one
 * dispatcher run in its order on every device; no more than `lookahead` of them stand in a queue;
 * kernels find in each input what the program says, whole, and each row once; buffers live until
 * their readers are done; clients keep to in_flight; results are those of their runs; at the end
 * nothing is held, loaded, asked or waited for. */
#pragma once

#include "controller/controller.h"

typedef struct {
    const gw_island *islands; /* As for gw_directory_new. */
    uint32_t island_count;
    const gw_control *control;
    const gw_job *jobs;
    uint32_t job_count;
    uint64_t seed;
    bool is_told; /* Every call of every node goes to standard error. */
} toy_spec;

typedef struct toy_world toy_world;

/* `spec` is borrowed for the call, what it points to for the world's life. */
toy_world *toy_world_new(const toy_spec *spec);
void toy_world_free(toy_world *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(toy_world, toy_world_free)

/* Until nothing is left to happen.  True: every job is done or refused, and all is as it should
 * be then.  False: stalled, with somebody waiting. */
bool toy_world_run(toy_world *world);
/* What the nodes say that they wait for. */
void toy_world_explain(const toy_world *world, GString *out);

typedef enum { TOY_JOB_WAITS = 1, TOY_JOB_DONE, TOY_JOB_REFUSED, TOY_JOB_FAILED } toy_job_state;
toy_job_state toy_world_job(const toy_world *world, uint32_t job);
gw_refusal toy_world_refusal(const toy_world *world, uint32_t job); /* 0: not refused. */
/* The devices of a job's mesh; NULL when it was never granted. */
const uint32_t *toy_world_devices(const toy_world *world, uint32_t job, uint32_t mesh);

uint64_t toy_world_peak_bytes(const toy_world *world, uint32_t device);
uint64_t toy_world_message_count(const toy_world *world, uint32_t kind); /* gw_message_kind */
uint32_t toy_world_refused_count(const toy_world *world);                /* Reservations. */
uint64_t toy_world_step_count(const toy_world *world);
