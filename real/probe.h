/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine takes for the things that CPU devices do, measured the way devices do them: all
 * cores at once, each with memory of its own; collectives between as many threads as there are
 * members; hand-overs between sleeping threads. */
#pragma once

#include "program/measured.h"
#include "real/probe_layout.h"

/* Of repeated measurements of the same thing. */
typedef struct {
    double median_ns;
    double low_ns; /* A tenth took less: the best rates, and what one thing costs by itself. */
    double spread; /* The middle half's width over the median. */
    uint32_t count;
} gw_probe_stat;

/* How long to measure each thing, and on how many threads. */
typedef struct {
    double seconds;
    uint32_t thread_count;
} gw_probe_settings;

/* Of a sample of nanoseconds (double), not empty, which is sorted. */
gw_probe_stat gw_probe_summarize(GArray *sample);

#define GW_PROBE_HEADS 2

/* A function of one operation; the caller frees.  `kind` is no collective.  Sizes: MATMUL makes
 * rows x columns from rows x inner, with `map` one of GW_MEASURED_PLAIN and the like; ATTENTION and
 * its gradient have rows tokens of `columns` columns in sequences of `inner`, and GW_PROBE_HEADS
 * heads; EMBEDDING and what has tokens have a vocabulary of `inner`; others ignore `inner`. */
gw_function *gw_probe_function(gw_operation_kind kind, uint32_t map, uint32_t rows,
                               uint32_t columns, uint32_t inner);
/* What is loaded where a device needs a program: one node, which fills a number on each of
 * `member_count` devices.  The caller frees. */
gw_program *gw_probe_program(uint32_t member_count);

/* One run of the function's operation, on every thread. */
gw_probe_stat gw_probe_operation(const gw_probe_settings *settings, const gw_function *function);
/* A collective of `member_count` threads, each with an input of `element_count` floats: from when
 * the last has come, to others who sleep, until the last has left. */
gw_probe_stat gw_probe_collective(const gw_probe_settings *settings, gw_operation_kind kind,
                                  uint32_t member_count, uint32_t element_count);
/* From one thread's signal to the other's having woken. */
gw_probe_stat gw_probe_handover(const gw_probe_settings *settings);
/* From one thread's signal to the other's having woken, which has slept for `rest_ns` while the
 * first computed. */
gw_probe_stat gw_probe_wake(const gw_probe_settings *settings, gw_span rest_ns);
/* A kernel on a device's thread with others queued behind it, beside what its operations take. */
gw_probe_stat gw_probe_kernel(const gw_probe_settings *settings);
/* A KiB of memory that no one has used yet, on every thread; what is done there comes on top. */
gw_probe_stat gw_probe_first_touch(const gw_probe_settings *settings);
/* memcpy of so many bytes by one thread. */
gw_probe_stat gw_probe_copy(const gw_probe_settings *settings, uint64_t size_bytes);

/* What a device of one mesh does in a run of a program, by itself: all operations of its nodes in
 * order, in the memory where they would lie, on as many threads as devices may compute at a time,
 * over and over.  Collectives are not run, nor functions that model time: a member's output is its
 * own input. */
typedef struct {
    gw_probe_layout *layout;
    gw_probe_layout *all; /* Of all meshes, for what they send each other; NULL: there is one. */
    uint32_t device_count;
    uint32_t *first;  /* By node: its first operation's number; one more ends them. */
    uint32_t count;   /* Of operations. */
    GArray **samples; /* By operation: double, what it took, in ns on a core.  Empty: it was not
                         run, or only once. */
    /* Of the stretches from one collective, or one node's end, to the next: how long they took, and
     * how far apart two threads were that did the same one at about the same time; in ns, sums over
     * stretches, passes and pairs of threads. */
    double took_ns, apart_ns;
    /* double: what those stretches took the slowest thread of each measurement in all, then the
     * next one, and so on; as many as there were threads.  Empty: nothing is measured. */
    GArray *threads_ns;
} gw_probe_runs;

/* Nothing is measured yet.  The program is borrowed.  At most `device_count` devices, one at least,
 * compute where it runs: on no more threads it is measured. */
gw_probe_runs *gw_probe_runs_new(const gw_program *program, uint32_t mesh, uint32_t device_count);
void gw_probe_runs_free(gw_probe_runs *runs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_probe_runs, gw_probe_runs_free)
/* What a thread needs of memory. */
uint64_t gw_probe_runs_bytes(const gw_probe_runs *runs);
/* Adds samples: again is more of them, at another time. */
void gw_probe_runs_measure(const gw_probe_settings *settings, gw_probe_runs *runs);
