/* SPDX-License-Identifier: Apache-2.0 */
/* How many threads of a cluster are active: doing something, or sure to go on by themselves.
 *
 * A thread that waits for another one is not active.  Whoever gives it something to do counts it
 * as active again first, and is active meanwhile; so the count reaches 0 once, and then for good:
 * nothing will ever happen any more.  With work outstanding that is a deadlock, found at once and
 * without a clock. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/units.h"

typedef struct {
    atomic_uint count;
    pthread_mutex_t mutex;
    pthread_cond_t became_quiet;
} gw_activity;

void gw_activity_init(gw_activity *activity);
void gw_activity_clear(gw_activity *activity);
void gw_activity_begin(gw_activity *activity, unsigned thread_count);
/* As begin, of one thread that goes on by itself: false when nothing is active, and it must not. */
bool gw_activity_join(gw_activity *activity);
void gw_activity_end(gw_activity *activity);
/* As end, if it is the last one that is active; else false, and nothing is changed. */
bool gw_activity_end_last(gw_activity *activity);
/* How many threads are active now. */
unsigned gw_activity_count(gw_activity *activity);
/* True when nothing is active, at once or within `timeout_ns`. */
bool gw_activity_wait(gw_activity *activity, gw_span timeout_ns);

/* Starts a thread that takes no signals: those are the main thread's.  GW_ERROR_SYSTEM, naming
 * `what`, when the system has no room for it. */
bool gw_thread_start(pthread_t *thread, void *(*run)(void *context), void *context,
                     const char *what, GError **error);

/* A lock that is held for less than a thread takes to fall asleep and to be woken: who finds it
 * taken looks again for a moment first. */
void gw_short_mutex_init(pthread_mutex_t *mutex);
/* A condition variable that waits by the monotonic clock. */
void gw_monotonic_cond_init(pthread_cond_t *cond);
/* CLOCK_MONOTONIC, in ns. */
uint64_t gw_monotonic_ns(void);
/* How long the calling thread has been on a core. */
uint64_t gw_thread_core_ns(void);
struct timespec gw_monotonic_timespec(uint64_t instant_ns);
