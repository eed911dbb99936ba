/* SPDX-License-Identifier: Apache-2.0 */
/* The event core: when and what, never why.
 *
 * Events fire in order of (due_ns, order of posting); there is no other order.  Kinds are const
 * data whose names go to traces and to the digest; an engine takes 512 different ones.  Once a
 * run is warm, neither posting nor firing allocates.  Withdrawn events do not pile up: they are
 * swept out of the queue when they outnumber the pending ones. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

typedef struct gw_engine gw_engine;

typedef struct {
    uint32_t slot, generation; /* A stale id is harmless.  {0, 0} never names an event. */
} gw_event_id;

typedef struct {
    const char *name; /* "link.idle" */
    void (*fire)(gw_engine *engine, void *subject, uint64_t argument);
} gw_event_kind;

/* Which queue keeps the order: the fast one, or the plain one that tests hold against it. */
typedef enum { GW_QUEUE_LADDER = 1, GW_QUEUE_HEAP } gw_queue_kind;

gw_engine *gw_engine_new(gw_queue_kind queue);
void gw_engine_free(gw_engine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_engine, gw_engine_free)

/* `due_ns` is not past and not GW_TIME_NEVER.  `kind` is static data; `subject` is borrowed until
 * the event fires or is withdrawn; `argument` is never a pointer. */
gw_event_id gw_engine_post(gw_engine *engine, gw_time due_ns, const gw_event_kind *kind,
                           void *subject, uint64_t argument);

/* False: it has fired, or was withdrawn before. */
bool gw_engine_withdraw(gw_engine *engine, gw_event_id event);

/* Fires the next event: time moves on to its instant, and then its kind is called, which may post
 * and withdraw.  False: nothing is left, and time stands still. */
bool gw_engine_step(gw_engine *engine);

gw_time gw_engine_now(const gw_engine *engine);

/* Of every (due_ns, kind name, argument) fired so far, in order.  The same on every machine. */
uint64_t gw_engine_digest(const gw_engine *engine);

/* Events fired since the beginning, and events posted and neither fired nor withdrawn. */
uint64_t gw_engine_fired_count(const gw_engine *engine);
uint64_t gw_engine_pending_count(const gw_engine *engine);

/* The kind of the event that fires or fired last; NULL before the first. */
const gw_event_kind *gw_engine_current_kind(const gw_engine *engine);
