/* SPDX-License-Identifier: Apache-2.0 */
/* A world under test: how to make one, and which parts of the contract it takes leave from. */
#pragma once

#include "controller/directory.h"
#include "controller/port.h"

typedef void (*contract_handler)(void *context, gw_node_id node, const gw_input *input);

typedef void (*contract_counts)(void *context, uint32_t job, uint32_t edge, uint32_t run,
                                uint32_t shard, uint32_t *out_counts);

typedef struct {
    const char *name;
    bool waits_for_members; /* Collectives wait for the gang's other members. */
    bool has_data;          /* Kernels compute, copies move bytes, values are read back. */
    bool takes_time;        /* Kernels and timed copies take time by the port's own clock, */
    bool is_exact;          /* and no longer than they should, however busy the machine is. */
    bool rests_late;        /* Watches may still go off until it is known that all is at rest. */
    /* `directory` and `context` outlive the world.  `counts`: what exchanges deal where that is not
     * computed; NULL: nothing. */
    void *(*create)(const gw_directory *directory, contract_handler handle, contract_counts counts,
                    void *context);
    gw_port *(*port)(void *world, gw_node_id node);
    /* START to every node, then all that follows from it, until nothing is left to happen.
     * Nothing is handed in after it has returned.  False: it did not come to an end. */
    bool (*run)(void *world);
    void (*destroy)(void *world);
} contract_world;

extern const contract_world contract_ranks_world; /* ranks.c */

extern const contract_world *const contract_worlds[];
extern const int contract_world_count;
