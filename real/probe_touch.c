/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that the system has only promised, touched page by page, as a device does that writes its
 * first buffers.  Each area is mapped apart and kept until the end, so that none is one that was
 * used before: an allocator would hand that out again. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "real/activity.h"
#include "real/probe.h"

#define AREA_BYTES (256U << 10) /* As buffers are: too small for the system's large pages. */
#define AREAS_MIN  16
#define AREAS_MAX  256 /* Of one thread: 64 MiB. */

typedef struct {
    const gw_probe_settings *settings;
    pthread_barrier_t *barrier;
    pthread_t thread;
    GArray *sample; /* double: ns for 1 KiB, by area. */
} touch_thread;

static void touch_pages(volatile unsigned char *area)
{
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t at = 0; at < AREA_BYTES; at += page_bytes)
        area[at] = 1;
}

static void *run_thread(void *context)
{
    touch_thread *own = context;
    void *areas[AREAS_MAX];
    uint32_t count = 0;
    pthread_barrier_wait(own->barrier);
    const uint64_t end_ns = gw_monotonic_ns() + (uint64_t)(own->settings->seconds * 1e9);
    while (count < AREAS_MAX && (count < AREAS_MIN || gw_monotonic_ns() < end_ns)) {
        const uint64_t before_ns = gw_thread_core_ns();
        void *area =
            mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        gw_check(area != MAP_FAILED);
        touch_pages(area);
        const double kib_ns = (double)(gw_thread_core_ns() - before_ns) / (AREA_BYTES / 1024.0);
        areas[count++] = area;
        g_array_append_val(own->sample, kib_ns);
    }
    while (count > 0)
        munmap(areas[--count], AREA_BYTES);
    return NULL;
}

gw_probe_stat gw_probe_first_touch(const gw_probe_settings *settings)
{
    g_autofree touch_thread *threads = g_new0(touch_thread, settings->thread_count);
    g_autoptr(GArray) sample = g_array_new(FALSE, FALSE, sizeof(double));
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, settings->thread_count);
    for (uint32_t i = 0; i < settings->thread_count; i++) {
        threads[i] = (touch_thread){.settings = settings, .barrier = &barrier};
        threads[i].sample = g_array_new(FALSE, FALSE, sizeof(double));
        gw_check(pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]) == 0);
    }
    for (uint32_t i = 0; i < settings->thread_count; i++) {
        pthread_join(threads[i].thread, NULL);
        g_array_append_vals(sample, threads[i].sample->data, threads[i].sample->len);
        g_array_unref(threads[i].sample);
    }
    pthread_barrier_destroy(&barrier);
    return gw_probe_summarize(sample);
}
