/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of every run (docs/TESTING.md, "Invariants"), kept by a bookkeeper of its own: it
 * is told what the world was asked and what the devices did, and finds what does not fit.  Slow
 * and memory-hungry beside the run itself; used by tests and by --paranoid.
 *
 * 1. On every device, gangs run in the order that their dispatcher gave them, which is that of
 *    their numbers.
 * 2. Every shard of a gang runs exactly once.
 * 3. None starts before its launch and its copies have come; no device runs two at once.
 * 4. Memory never exceeds what a device has, is released as it was reserved, not while a reader is
 *    pending, and all of it in the end; of an instance whose client has failed, all of it when that
 *    is called collected. */
#pragma once

#include "accel/device.h"
#include "controller/port.h"

typedef struct gw_invariants gw_invariants;

/* `cluster` is borrowed. */
gw_invariants *gw_invariants_new(const gw_cluster *cluster);
void gw_invariants_free(gw_invariants *invariants);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_invariants, gw_invariants_free)

/* The first thing that did not fit, in words; NULL: none so far.  What comes after it is not
 * looked at. */
const char *gw_invariants_violation(const gw_invariants *invariants);

/* --- What is told, in the order in which it happens --- */
/* The gang has its place in its dispatcher's order: once. */
void gw_invariants_ordered(gw_invariants *invariants, uint64_t gang);
/* `buffer_count` buffers of the launch's host are read and written by it. */
void gw_invariants_launched(gw_invariants *invariants, const gw_launch *launch,
                            const uint32_t *buffers, uint32_t buffer_count);
void gw_invariants_copy_asked(gw_invariants *invariants, uint32_t host, uint32_t source_buffer);
/* `target_gang` and `target_device` do not count when the copy goes to the host. */
void gw_invariants_copy_arrived(gw_invariants *invariants, uint32_t host, uint32_t source_buffer,
                                bool is_to_host, uint64_t target_gang, uint32_t target_device,
                                gw_time now_ns);
/* In place of one of the copies that the gang's shard there awaits, `copy_count` with `row_count`
 * rows that are dealt to it, or 0 of those. */
void gw_invariants_expected(gw_invariants *invariants, uint64_t gang, uint32_t device,
                            uint32_t copy_count, uint64_t row_count);
/* Rows that sources deal; rows that targets have no room for. */
void gw_invariants_dealt(gw_invariants *invariants, uint64_t row_count);
void gw_invariants_dropped(gw_invariants *invariants, uint64_t row_count);
void gw_invariants_shards_ended(gw_invariants *invariants, uint64_t gang,
                                const gw_shard_span *span);
/* The host is told that its part of a gang is done. */
void gw_invariants_launch_done(gw_invariants *invariants, uint32_t host, uint64_t tag);
void gw_invariants_gang_ended(gw_invariants *invariants, uint64_t gang);
/* On each of `devices`, all of `host`.  A refused reservation is not told. */
void gw_invariants_reserved(gw_invariants *invariants, uint32_t instance, uint32_t host,
                            uint32_t buffer, const uint32_t *devices, uint32_t device_count,
                            uint64_t size_bytes);
void gw_invariants_released(gw_invariants *invariants, uint32_t host, uint32_t buffer,
                            const uint32_t *devices, uint32_t device_count, uint64_t size_bytes);
/* What the failed client of an instance owned is said to be given back. */
void gw_invariants_collected(gw_invariants *invariants, uint32_t instance);

/* After every event: the devices' own figures agree with these. */
void gw_invariants_look(gw_invariants *invariants, const gw_devices *devices);
/* The run is over, with every job done. */
void gw_invariants_finish(gw_invariants *invariants, const gw_devices *devices);
