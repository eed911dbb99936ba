/* SPDX-License-Identifier: Apache-2.0 */
/* Pipeline schedules as data: what each stage does, in order.  Who plays one needs to know nothing
 * of how it was made, and who makes one (a file and a line in workload_schedules.c) nothing of
 * programs.
 *
 * A stage's layers may lie in `chunk_count` chunks.  Chunk c of stage s is place c * stage_count +
 * s of the pipeline: a micro-batch goes forward through the places in order, and back. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

#define GW_SCHEDULE_CHUNKS_MAX 64U

/* A backward pass is one slot, or two: first for the inputs, which the place before waits for, and
 * some time later for the weights, which nobody waits for. */
typedef enum {
    GW_SLOT_FORWARD = 1,
    GW_SLOT_BACKWARD, /* Inputs and weights. */
    GW_SLOT_INPUTS,
    GW_SLOT_WEIGHTS,
} gw_slot_kind;

typedef struct {
    gw_slot_kind kind;
    uint32_t microbatch, chunk;
    uint32_t line; /* Of the file that it was read from; 0: of none. */
} gw_slot;

typedef struct {
    uint32_t stage_count, microbatch_count, chunk_count;
    gw_slot *slots;
    uint32_t *first_slot; /* Stage s does slots [first_slot[s], first_slot[s + 1]). */
    char *source;         /* The file that it was read from, for messages; NULL: none. */
    /* Where micro-batches go round, from the last stage to the first one's next chunk, or back,
     * the first of each stage_count of them alone waits for its input: gw_workload_slot_waits(). */
    bool wraps_early;
} gw_workload_schedule;

typedef struct { /* Of one stage, of one micro-batch. */
    gw_span forward_ns, backward_ns;
    gw_span transfer_ns; /* Of what it sends, to either neighbour. */
    gw_span weight_ns;   /* The part of backward_ns that is for weights. */
} gw_stage_times;

/* What a schedule is made for. */
typedef struct {
    uint32_t stage_count, microbatch_count, chunk_count;
    const gw_stage_times *times; /* By stage. */
    /* How much of a micro-batch's activations stays from its backward pass for inputs to that for
     * weights, 0 to 1. */
    double kept_share;
    double activations_max; /* That a stage may hold, in micro-batches; 0: as many as it likes. */
    const char *file;       /* To read it from; NULL: none. */
} gw_schedule_request;

typedef struct {
    const char *name, *summary; /* "1f1b", in scenarios; a line for `gangway list`. */
    bool splits;                /* Backward passes are in two parts. */
    bool has_chunks;            /* Else chunk_count is 1. */
    bool needs_limit;           /* activations_max has to be given. */
    bool needs_file;
    bool is_searched;        /* Made by trying many, which takes a while. */
    uint32_t held_per_stage; /* What it keeps to: so many micro-batches for each stage that there
                                is; 0: activations_max, or nothing. */
    /* NULL: it cannot be made; the message says what was found and what expected. */
    gw_workload_schedule *(*make)(const gw_schedule_request *request, GError **error);
} gw_schedule_ops;

extern const gw_schedule_ops *const gw_workload_schedules[]; /* In order of name; NULL ends it. */

extern const gw_schedule_ops gw_schedule_1f1b;        /* workload_schedule_1f1b.c */
extern const gw_schedule_ops gw_schedule_file;        /* workload_schedule_file.c */
extern const gw_schedule_ops gw_schedule_gpipe;       /* workload_schedule_gpipe.c */
extern const gw_schedule_ops gw_schedule_interleaved; /* workload_schedule_interleaved.c */
extern const gw_schedule_ops gw_schedule_zb_1p;       /* workload_schedule_auto.c */
extern const gw_schedule_ops gw_schedule_zb_2p;       /* workload_schedule_auto.c */
extern const gw_schedule_ops gw_schedule_zb_auto;     /* workload_schedule_auto.c */
extern const gw_schedule_ops gw_schedule_zb_h1;       /* workload_schedule_zb.c */
extern const gw_schedule_ops gw_schedule_zb_h2;       /* workload_schedule_zb.c */

/* --- Making --- */

/* As many slots for every stage, not yet filled in. */
gw_workload_schedule *gw_workload_schedule_new(const gw_schedule_request *request,
                                               uint32_t slots_per_stage);
void gw_workload_schedule_free(gw_workload_schedule *schedule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_workload_schedule, gw_workload_schedule_free)

/* --- Reading --- */

/* "F 3 on stage 1", "BW 3 of chunk 2 on stage 1"; and where it stands, if it is of a file.  The
 * caller frees. */
char *gw_workload_slot_describe(const gw_workload_schedule *schedule, uint32_t stage,
                                const gw_slot *slot);

/* How long the slot takes; chunks share their stage's time as evenly as whole ns can. */
gw_span gw_workload_slot_ns(const gw_workload_schedule *schedule, const gw_stage_times *times,
                            const gw_slot *slot);

/* Whether the slot waits for what the place before it, or behind, gives.  Those at either end of
 * the pipeline do not, nor those for weights; and of a schedule that wraps_early not those to which
 * a micro-batch goes round, but for the first of its group: no machine can do that, but evaluations
 * that were published do. */
bool gw_workload_slot_waits(const gw_workload_schedule *schedule, uint32_t stage,
                            const gw_slot *slot);

/* Every stage does every chunk's forward of every micro-batch once, and its backward pass once,
 * whole or in its two parts.  Else an error that names the first slot that is forgotten, twice
 * there, or of no such micro-batch or chunk. */
bool gw_workload_schedule_check(const gw_workload_schedule *schedule, GError **error);

/* When each slot starts, if stages run their slots in order, each as soon as what it needs has
 * arrived, and transfers run beside: a forward needs the forward of the place before, a backward
 * (or its part for inputs) that of the place behind, at the last place its own forward, and the
 * part for weights its own part for inputs.  Slots that do not wait (gw_workload_slot_waits())
 * start when their stage is free.  `times` by stage, `out_start_ns` by slot.  False: the
 * schedule, which has to be checked, waits for itself; the message says who waits for whom. */
bool gw_workload_schedule_play(const gw_workload_schedule *schedule, const gw_stage_times *times,
                               gw_time *out_start_ns, GError **error);

/* The most that the stage holds at a time, in micro-batches: a micro-batch's activations count
 * from its forward to the end of its backward pass, as `kept_share` of it once only the part for
 * weights is left; those of a chunk count as that part of a micro-batch. */
double gw_workload_schedule_peak(const gw_workload_schedule *schedule, uint32_t stage,
                                 double kept_share);
