/* SPDX-License-Identifier: Apache-2.0 */
/* The executables that a host has loaded: which of its devices hold which shards of each mesh. */
#pragma once

#include "controller/directory.h"
#include "controller/port.h"
#include "real/handler.h"
#include "real/lookup.h"

typedef struct {
    uint32_t device; /* Counted on this host. */
    uint32_t shard;  /* Of the mesh. */
} gw_local_shard;

typedef struct {
    uint32_t instance, job;
    const gw_program *program; /* Borrowed: it outlives the run. */
    uint32_t *first_local;     /* By mesh, and one more: offsets into `locals`. */
    gw_local_shard *locals;
    uint32_t *first, *devices; /* The whole assignment, copied. */
    void *extra;               /* The world's own; freed by the world. */
} gw_loaded;

typedef struct {
    gw_lookup by_instance; /* To a place in `all`. */
    gw_loaded **all;       /* Freed places are NULL. */
    uint32_t count;
} gw_loaded_set;

/* Copies `executable`; its instance is new here.  The host's devices are [first_device,
 * first_device + device_count); it holds at most one shard of a mesh on each. */
gw_loaded *gw_loaded_set_add(gw_loaded_set *set, const gw_executable *executable,
                             uint32_t first_device, uint32_t device_count);
/* Never NULL: an instance that is not loaded here is asked for by mistake. */
gw_loaded *gw_loaded_set_find(const gw_loaded_set *set, uint32_t instance);
void gw_loaded_set_remove(gw_loaded_set *set, uint32_t instance);
/* Frees all that is left in it. */
void gw_loaded_set_clear(gw_loaded_set *set);

/* What `answers` say of the shard that is asked for. */
void gw_loaded_ask_counts(const gw_loaded *loaded, const gw_counts *asked,
                          const gw_real_answers *answers, uint32_t *out_counts);

/* "job a, node x, run 2", appended to `out`: what words call an execution of a node.
 * `answers` may be NULL; without its jobs it is "program, node x, run 2". */
void gw_real_describe(const gw_real_answers *answers, uint32_t job, const gw_program *program,
                      uint32_t node, uint32_t run, GString *out);
/* "gang 1 (job a, node x, run 2) ": numbered as its dispatcher counts. */
void gw_loaded_describe_gang(const gw_loaded *loaded, const gw_real_answers *answers, uint64_t gang,
                             uint32_t node, uint32_t run, GString *out);
/* "waits for 3 more copies of its inputs". */
void gw_loaded_describe_arrivals(uint32_t arrivals_left, GString *out);

/* The local shards of `mesh`, in order of shard: `*out_count` of them. */
static inline const gw_local_shard *gw_loaded_locals(const gw_loaded *loaded, uint32_t mesh,
                                                     uint32_t *out_count)
{
    *out_count = loaded->first_local[mesh + 1] - loaded->first_local[mesh];
    return loaded->locals + loaded->first_local[mesh];
}
