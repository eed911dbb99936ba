/* SPDX-License-Identifier: Apache-2.0 */
/* A counter that threads touch only when they fall asleep or are woken, never per item of work. */
#include "real/activity.h"

#include <signal.h>
#include <time.h>

#include "base/check.h"
#include "base/error.h"

#define NS_PER_S    1000000000
#define STACK_BYTES (512 * 1024) /* Reserved, not used: a thread touches a few pages of it. */

void gw_short_mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void gw_monotonic_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

uint64_t gw_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t gw_thread_core_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec;
}

struct timespec gw_monotonic_timespec(uint64_t instant_ns)
{
    return (struct timespec){.tv_sec = (time_t)(instant_ns / NS_PER_S),
                             .tv_nsec = (long)(instant_ns % NS_PER_S)};
}

void gw_activity_init(gw_activity *activity)
{
    atomic_init(&activity->count, 0);
    pthread_mutex_init(&activity->mutex, NULL);
    gw_monotonic_cond_init(&activity->became_quiet);
}

void gw_activity_clear(gw_activity *activity)
{
    pthread_mutex_destroy(&activity->mutex);
    pthread_cond_destroy(&activity->became_quiet);
}

void gw_activity_begin(gw_activity *activity, unsigned thread_count)
{
    atomic_fetch_add(&activity->count, thread_count);
}

bool gw_activity_join(gw_activity *activity)
{
    unsigned count = atomic_load(&activity->count);
    while (count > 0 && !atomic_compare_exchange_weak(&activity->count, &count, count + 1)) {
    }
    return count > 0;
}

void gw_activity_end(gw_activity *activity)
{
    const unsigned before = atomic_fetch_sub(&activity->count, 1);
    gw_check(before > 0);
    if (before == 1) {
        pthread_mutex_lock(&activity->mutex);
        pthread_cond_broadcast(&activity->became_quiet);
        pthread_mutex_unlock(&activity->mutex);
    }
}

bool gw_activity_end_last(gw_activity *activity)
{
    unsigned expected = 1;
    return atomic_compare_exchange_strong(&activity->count, &expected, 0);
}

unsigned gw_activity_count(gw_activity *activity)
{
    return atomic_load(&activity->count);
}

bool gw_activity_wait(gw_activity *activity, gw_span timeout_ns)
{
    const struct timespec until = gw_monotonic_timespec(gw_monotonic_ns() + timeout_ns);
    pthread_mutex_lock(&activity->mutex);
    int waited = 0;
    while (atomic_load(&activity->count) > 0 && waited == 0) {
        waited = pthread_cond_timedwait(&activity->became_quiet, &activity->mutex, &until);
    }
    const bool is_quiet = atomic_load(&activity->count) == 0;
    pthread_mutex_unlock(&activity->mutex);
    return is_quiet;
}

bool gw_thread_start(pthread_t *thread, void *(*run)(void *context), void *context,
                     const char *what, GError **error)
{
    sigset_t all, previous;
    sigfillset(&all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    const int failed = pthread_create(thread, &attributes, run, context);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "cannot start the thread of %s: %s", what,
                    g_strerror(failed));
    }
    return failed == 0;
}
