/* SPDX-License-Identifier: Apache-2.0 */
/* A device without a cluster, and a queue of kernels that fill one number.  The first waits for a
 * copy until all are queued, so that the thread then goes from one to the next. */
#include <pthread.h>

#include "base/check.h"
#include "real/cpu_device.h"
#include "real/probe.h"

#define KERNELS     256
#define BATCHES_MIN 5
#define LIMIT_BYTES 4096

typedef struct {
    gw_cpu_kernel kernel;
    gw_cpu_shard shard;
    gw_cpu_block *blocks[1];
} probe_kernel;

typedef struct {
    gw_activity activity;
    atomic_bool is_stopping;
    atomic_uint idle_count;
    gw_cpu_shared shared;
    gw_cpu_device device;
    gw_program *program;
    gw_cpu_plan *plan;
    gw_loaded_set loaded;
    probe_kernel *kernels;
    uint32_t done_count; /* Of a batch; the thread's, like what follows, until it is told. */
    uint64_t first_ns, last_ns;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_over; /* The batch. */
} device_probe;

static void hear_done(void *context, gw_cpu_device *device, gw_cpu_shard *shard)
{
    (void)device;
    (void)shard;
    device_probe *probe = context;
    probe->done_count++;
    if (probe->done_count == 1) {
        probe->first_ns = gw_thread_core_ns();
    }
    if (probe->done_count == KERNELS) {
        probe->last_ns = gw_thread_core_ns();
        pthread_mutex_lock(&probe->mutex);
        probe->is_over = true;
        pthread_cond_signal(&probe->changed);
        pthread_mutex_unlock(&probe->mutex);
    }
}

static void open_probe(device_probe *probe)
{
    static const uint32_t first[] = {0, 1}, devices[] = {0};
    gw_cpu_operations_init();
    gw_activity_init(&probe->activity);
    atomic_init(&probe->is_stopping, false);
    atomic_init(&probe->idle_count, 1);
    pthread_mutex_init(&probe->mutex, NULL);
    pthread_cond_init(&probe->changed, NULL);
    probe->shared = (gw_cpu_shared){.activity = &probe->activity,
                                    .is_stopping = &probe->is_stopping,
                                    .idle_count = &probe->idle_count,
                                    .shard_done = hear_done,
                                    .context = probe};
    probe->program = gw_probe_program(1);
    probe->plan = gw_cpu_plan_new(gw_program_function(probe->program, 0));
    const gw_executable executable = {
        .program = probe->program,
        .assignment = {.mesh_count = 1, .first = first, .devices = devices}};
    gw_loaded_set_add(&probe->loaded, &executable, 0, 1);
    probe->kernels = g_new0(probe_kernel, KERNELS);
    gw_cpu_device_init(&probe->device, &probe->shared, (gw_device_id){0}, LIMIT_BYTES);
    const bool has_room = gw_cpu_device_reserve(&probe->device, 0, 0, sizeof(float));
    gw_check(has_room);
}

static void close_probe(device_probe *probe)
{
    atomic_store(&probe->is_stopping, true);
    gw_cpu_device_wake(&probe->device);
    gw_cpu_device_join(&probe->device);
    gw_cpu_device_release(&probe->device, 0, sizeof(float));
    gw_cpu_device_clear(&probe->device);
    gw_cpu_plan_free(probe->plan);
    gw_loaded_set_clear(&probe->loaded);
    gw_program_free(probe->program);
    gw_activity_clear(&probe->activity);
    pthread_mutex_destroy(&probe->mutex);
    pthread_cond_destroy(&probe->changed);
    g_free(probe->kernels);
}

/* All of them, from gang `first` on; what one took, but for the first, which finds caches cold. */
static double run_batch(device_probe *probe, uint64_t first)
{
    static const uint32_t buffers[] = {0};
    probe->done_count = 0;
    probe->is_over = false;
    for (uint32_t i = 0; i < KERNELS; i++) {
        probe_kernel *made = &probe->kernels[i];
        made->kernel = (gw_cpu_kernel){.loaded = gw_loaded_set_find(&probe->loaded, 0),
                                       .plan = probe->plan,
                                       .gang = first + i,
                                       .shard_count = 1,
                                       .shards = &made->shard,
                                       .blocks = made->blocks};
        made->shard = (gw_cpu_shard){
            .kernel = &made->kernel, .arrivals_left = i == 0 ? 1 : 0, .blocks = made->blocks};
        gw_cpu_device_enqueue(&probe->device, &made->shard, buffers);
    }
    gw_cpu_device_arrive(&probe->device, first);
    pthread_mutex_lock(&probe->mutex);
    while (!probe->is_over) {
        pthread_cond_wait(&probe->changed, &probe->mutex);
    }
    pthread_mutex_unlock(&probe->mutex);
    return (double)(probe->last_ns - probe->first_ns) / (KERNELS - 1);
}

gw_probe_stat gw_probe_kernel(const gw_probe_settings *settings)
{
    device_probe probe = {.done_count = 0};
    g_autoptr(GArray) sample = g_array_new(FALSE, FALSE, sizeof(double));
    open_probe(&probe);
    const bool has_thread = gw_cpu_device_start(&probe.device, NULL);
    gw_check(has_thread);
    const uint64_t end_ns = gw_monotonic_ns() + (uint64_t)(settings->seconds * 1e9);
    for (uint64_t first = 0; sample->len < BATCHES_MIN || gw_monotonic_ns() < end_ns;
         first += KERNELS) {
        const double kernel_ns = run_batch(&probe, first);
        g_array_append_val(sample, kernel_ns);
    }
    close_probe(&probe);
    return gw_probe_summarize(sample);
}
