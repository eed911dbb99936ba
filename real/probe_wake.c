/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that sleeps is woken after a while: its core has gone to rest meanwhile, the deeper the
 * longer it was, and who wakes it has computed, as a device does that ends a kernel.  Threads that
 * pass a turn to and fro (gw_probe_handover()) find their cores awake. */
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "real/activity.h"
#include "real/probe.h"
#include "real/probe_data.h"

#define SAMPLES_MIN  9
#define WORK_FLOATS  (256U << 10) /* 1 MiB: more than a core's nearest cache. */
#define CHUNK_FLOATS (4U << 10)

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t called, answered;
    bool is_called, is_over;
    uint64_t awake_ns; /* 0: it is asleep, or about to be. */
} wake_probe;

static void *run_sleeper(void *context)
{
    wake_probe *probe = context;
    pthread_mutex_lock(&probe->mutex);
    for (;;) {
        while (!probe->is_called && !probe->is_over)
            pthread_cond_wait(&probe->called, &probe->mutex);
        if (probe->is_over)
            break;
        probe->is_called = false;
        probe->awake_ns = gw_monotonic_ns();
        pthread_cond_signal(&probe->answered);
    }
    pthread_mutex_unlock(&probe->mutex);
    return NULL;
}

static void work_for(float *data, gw_span span_ns)
{
    const uint64_t end_ns = gw_monotonic_ns() + span_ns;
    for (uint32_t at = 0; gw_monotonic_ns() < end_ns; at = (at + CHUNK_FLOATS) % WORK_FLOATS)
        for (uint32_t i = 0; i < CHUNK_FLOATS; i++)
            data[at + i] = data[at + i] * 0.5F + 1;
}

/* From before it is called to its having woken. */
static double wake_once(wake_probe *probe)
{
    const uint64_t before_ns = gw_monotonic_ns();
    pthread_mutex_lock(&probe->mutex);
    probe->awake_ns = 0;
    probe->is_called = true;
    pthread_mutex_unlock(&probe->mutex);
    pthread_cond_signal(&probe->called);
    pthread_mutex_lock(&probe->mutex);
    while (probe->awake_ns == 0)
        pthread_cond_wait(&probe->answered, &probe->mutex);
    const uint64_t awake_ns = probe->awake_ns;
    pthread_mutex_unlock(&probe->mutex);
    return awake_ns > before_ns ? (double)(awake_ns - before_ns) : 0;
}

gw_probe_stat gw_probe_wake(const gw_probe_settings *settings, gw_span rest_ns)
{
    wake_probe probe = {.is_called = false};
    pthread_t sleeper;
    g_autoptr(GArray) sample = g_array_new(FALSE, FALSE, sizeof(double));
    float *data = gw_probe_zeros(WORK_FLOATS);
    pthread_mutex_init(&probe.mutex, NULL);
    pthread_cond_init(&probe.called, NULL);
    pthread_cond_init(&probe.answered, NULL);
    gw_check(pthread_create(&sleeper, NULL, run_sleeper, &probe) == 0);
    const uint64_t end_ns = gw_monotonic_ns() + (uint64_t)(settings->seconds * 1e9);
    while (sample->len < SAMPLES_MIN || gw_monotonic_ns() < end_ns) {
        work_for(data, rest_ns);
        const double took_ns = wake_once(&probe);
        g_array_append_val(sample, took_ns);
    }
    pthread_mutex_lock(&probe.mutex);
    probe.is_over = true;
    pthread_mutex_unlock(&probe.mutex);
    pthread_cond_signal(&probe.called);
    pthread_join(sleeper, NULL);
    pthread_cond_destroy(&probe.called);
    pthread_cond_destroy(&probe.answered);
    pthread_mutex_destroy(&probe.mutex);
    free(data);
    return gw_probe_summarize(sample);
}
