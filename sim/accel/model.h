/* SPDX-License-Identifier: Apache-2.0 */
/* How long work takes.  A model is a pure answer: the same question has the same answer, and
 * asking changes nothing.  device.c says when. */
#pragma once

#include "accel/fusion.h"
#include "program/exchange.h"
#include "topology/cluster.h"

/* One group's collective.  All members are of one island: a collective goes over the
 * interconnect, and islands meet over the DCN only. */
typedef struct {
    gw_operation_kind kind; /* A collective. */
    uint64_t size_bytes;    /* One member's input. */
    uint32_t member_count;
    const uint32_t *devices; /* The members' real devices, in group order, each once. */
    uint32_t shift;          /* PERMUTE */
} gw_collective;

typedef struct gw_accel_model gw_accel_model;
typedef struct {
    const char *name; /* "roofline" */
    /* One shard's operation that is no collective, on a device of `island`.  `fused`: what it is
     * one kernel with; NULL: it stands alone. */
    gw_span (*operation_ns)(const gw_accel_model *model, uint32_t island,
                            const gw_function *function, const gw_operation *operation,
                            const gw_fused *fused);
    /* From the moment the last member has come to the moment all leave together. */
    gw_span (*collective_ns)(const gw_accel_model *model, const gw_collective *collective);
} gw_accel_ops;

struct gw_accel_model {
    const gw_accel_ops *ops;   /* First member of each implementation. */
    const gw_cluster *cluster; /* Borrowed. */
};

extern const gw_accel_ops gw_model_roofline; /* model_roofline.c */

/* The model over `cluster`, const; nothing to free. */
static inline gw_accel_model gw_accel_model_of(const gw_accel_ops *ops, const gw_cluster *cluster)
{
    return (gw_accel_model){.ops = ops, .cluster = cluster};
}

/* A group's collective as transfers (collective_play.h); NULL instead: it goes over no link.
 * `is_watched`: it is played where it meets others (device_play.c), and its rounds are made when
 * that is, of what the collective is; until then they are NULL. */
typedef struct {
    struct gw_rounds *rounds;
    gw_span lead_ns;
    bool is_watched;
    gw_operation_kind kind;
    uint64_t size_bytes;
    uint32_t shift;
    gw_span alone_ns;  /* With its rounds: what they take with nobody else there, and the lead; */
    gw_span *steps_ns; /* and gw_rounds_steps_ns(), once somebody has come in between; else NULL. */
} gw_timing_play;

typedef enum {
    GW_STEP_MEET =
        1, /* Members wait for the last of their group, and leave the collective together. */
    GW_STEP_ISSUE, /* An overlapped collective: members come and go on. */
    GW_STEP_AWAIT, /* They wait for the end of an overlapped one, and of those before it. */
} gw_step_kind;
typedef struct {
    gw_step_kind kind;
    uint32_t collective;
    uint32_t operation; /* The step comes before this operation, or is it. */
} gw_step;

/* A function on a mesh, as a device sees it: local spans between steps.
 * local_ns[0], step 0, local_ns[1], step 1, ..., local_ns[step_count].
 * Where `steps` is NULL each collective is a MEET. */
typedef struct {
    uint32_t step_count;
    gw_step *steps;
    uint32_t collective_count;
    gw_span *local_ns;      /* step_count + 1. */
    gw_span *given_ns;      /* Likewise, of them: what waits and computes nothing; NULL: nothing. */
    uint8_t *axes;          /* By collective: the mesh dimensions that its groups span. */
    uint32_t *first_group;  /* By collective: offset into collective_ns; one more ends it. */
    gw_span *collective_ns; /* By collective and group. */
    GPtrArray *plays;       /* gw_timing_play; NULL: none is played. */
    uint32_t *first_play;   /* By collective: of its groups, in `plays`; equal ones share. */
    uint64_t scratch_bytes; /* Of one shard's temporaries, where the first use of memory takes time
                               (first_touch_bytes_per_s); else 0. */
    gw_span total_local_ns; /* Sum of local_ns. */
    gw_span
        total_ns; /* total_local_ns and the longest group of each collective, overlapped or not. */
} gw_timing;

/* `devices`: the mesh's real devices, by shard, all of one island.  The kernel's own start-up
 * (kernel_overhead_ns) is in local_ns[0], so a function without operations takes that long.
 * Between two steps that follow each other the local span is 0.  Nothing is overlapped on an
 * accelerator that cannot compute while it transfers, or beside collectives. */
gw_timing *gw_timing_new(const gw_accel_model *model, const gw_function *function,
                         const gw_mesh *mesh, const uint32_t *devices);
/* Its collectives are played where they meet others, from when somebody else may be on their links
 * on; once, of a timing of this function that has no plays. */
void gw_timing_watch(gw_timing *timing, const gw_function *function);
/* What a member computes of a function whose operations go over rows that it was dealt, when there
 * are `rows` of them: as local_ns of its timing, into `out_ns`. */
void gw_timing_count(const gw_accel_model *model, uint32_t island, const gw_function *function,
                     const gw_counted *counted, uint32_t rows, gw_span *out_ns);
void gw_timing_free(gw_timing *timing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_timing, gw_timing_free)
