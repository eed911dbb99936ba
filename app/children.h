/* SPDX-License-Identifier: Apache-2.0 */
/* One function called many times, each time in a process of its own, several at once.
 *
 * A child is a fork of this process: it sees everything as it was before the call, and whatever it
 * changes is lost, but for its answer.  A child that crashes, runs out of memory or is killed is
 * one failed answer and nothing more.  To be called while this process has one thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define GW_CHILDREN_MAX 1024 /* Processes at a time. */

/* In the child: appends to `answer`, or answers false with an error. */
typedef bool (*gw_children_job)(void *context, guint index, GString *answer, GError **error);

typedef struct {
    int exit_code; /* 0, or what the job's error asks for (base/error.h); 5 when it was killed. */
    char *text;    /* What the job answered, or the error's message. */
} gw_children_answer;

typedef struct {
    guint count_max; /* Children at a time, at most GW_CHILDREN_MAX; 0: as many as cores. */
    void *context;   /* Handed to all three. */
    gw_children_job job;
    /* In this process, as answers come in whatever order; false with an error ends all.  Optional.
     * May take `answer->text` out, leaving NULL. */
    bool (*answered)(void *context, guint index, gw_children_answer *answer, GError **error);
    /* In this process, several times a second; false ends all.  Optional. */
    bool (*goes_on)(void *context, guint done_count);
} gw_children;

/* Calls the job for the indices 0 to `count` - 1, begun in this order.  An array of `count`
 * answers, by index; free it with g_ptr_array_unref.  NULL, with every child ended and waited for:
 *   GW_ERROR_INTERRUPTED  `goes_on` said no, or a child was interrupted;
 *   GW_ERROR_SYSTEM       no process or pipe could be made;
 *   what `answered` said. */
GPtrArray *gw_children_run(const gw_children *children, guint count, GError **error);
