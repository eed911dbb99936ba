/* SPDX-License-Identifier: Apache-2.0 */
/* Where a run's CPU time goes, by part of the program: the kernel interrupts the process each time
 * it has used another tick, and the function that it is in counts for the part that its file
 * belongs to.  Functions are found in the program's own symbol table; what a header has inline
 * counts for who uses it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    GW_WHERE_CLIENT,
    GW_WHERE_RESOURCES, /* Resource manager, placement, lowering. */
    GW_WHERE_SCHEDULER, /* Order, policies, dispatch. */
    GW_WHERE_EXECUTOR,
    GW_WHERE_STORE,     /* Objects, memory, credits. */
    GW_WHERE_MESSAGES,  /* Inboxes, relays, handing over. */
    GW_WHERE_DEVICES,   /* The null world's, with its port and its counts. */
    GW_WHERE_LIBRARIES, /* libc, GLib: copying and allocating. */
    GW_WHERE_OTHER,
    GW_WHERE_COUNT,
} gw_where;

extern const char *const gw_where_names[GW_WHERE_COUNT]; /* "scheduler" */

/* The part of a local function of `file` ("store.c"), or (NULL) of the global function `symbol`
 * ("gw_store_take"), whose noun is its file's. */
gw_where gw_where_of(const char *file, const char *symbol);

typedef struct gw_where_sampler gw_where_sampler;

/* One at a time in a process, with one thread.  GW_ERROR_SYSTEM: the program has no symbols, or
 * this machine's kind is not known. */
gw_where_sampler *gw_where_begin(GError **error);
/* Frees it; how many ticks each part took. */
void gw_where_end(gw_where_sampler *sampler, uint64_t out_ticks[GW_WHERE_COUNT]);
