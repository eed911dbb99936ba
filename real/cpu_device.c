/* SPDX-License-Identifier: Apache-2.0 */
/* The thread takes the first shard when it may start, runs its operations without the lock, takes
 * it out of the queue, and tells.  It is idle, and not counted as active, while the first shard
 * lacks arrivals or there is none; whoever changes that counts it in before waking it. */
#include "real/cpu_device.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/check.h"
#include "real/bfloat16.h"
#include "real/blas_room.h"
#include "real/cores.h"
#include "real/cpu_copy.h"
#include "real/cpu_nan.h"

#define MODELLED_BYTES 64 /* What is cleared of an output that no operation writes. */

void gw_cpu_device_init(gw_cpu_device *device, const gw_cpu_shared *shared, gw_device_id id,
                        uint64_t limit_bytes)
{
    *device =
        (gw_cpu_device){.shared = shared, .id = id, .is_idle = true, .limit_bytes = limit_bytes};
    device->kept = g_ptr_array_new();
    device->spare = g_ptr_array_new_with_free_func(g_free);
    gw_short_mutex_init(&device->mutex);
    gw_monotonic_cond_init(&device->has_work);
}

static void free_block(gw_cpu_device *device, gw_cpu_block *block)
{
    if (block->data == NULL) {
        gw_cpu_memory_give_up(&device->memory, block->size_bytes);
    } else {
        gw_cpu_memory_give(&device->memory, block->size_bytes, block->data);
    }
    g_ptr_array_add(device->spare, block);
}

void gw_cpu_device_clear(gw_cpu_device *device)
{
    gw_check(!device->has_thread);
    gw_check(device->first == NULL);
    uint64_t block = gw_lookup_take_any(&device->blocks);
    for (; block != GW_LOOKUP_NONE; block = gw_lookup_take_any(&device->blocks)) {
        free_block(device, (gw_cpu_block *)(uintptr_t)block);
    }
    for (uint32_t i = 0; i < device->kept->len; i++) {
        free_block(device, (gw_cpu_block *)g_ptr_array_index(device->kept, i));
    }
    gw_cpu_memory_clear(&device->memory);
    g_ptr_array_unref(device->kept);
    g_ptr_array_unref(device->spare);
    gw_lookup_clear(&device->blocks);
    gw_lookup_clear(&device->shards);
    pthread_mutex_destroy(&device->mutex);
    pthread_cond_destroy(&device->has_work);
    free(device->scratch);
    g_free(device->values);
}

/* --- The queue, under the lock --- */

static bool is_stopping(const gw_cpu_device *device)
{
    return atomic_load(device->shared->is_stopping);
}

/* Gives the lock up, and wakes the thread when it sleeps and may go on: after the lock, so that it
 * does not wake only to wait for that. */
static void unlock_and_wake(gw_cpu_device *device)
{
    const bool is_woken =
        device->is_idle && device->first != NULL && device->first->arrivals_left == 0;
    if (is_woken) {
        gw_activity_begin(device->shared->activity, 1);
        atomic_fetch_sub(device->shared->idle_count, 1);
        device->is_idle = false;
    }
    pthread_mutex_unlock(&device->mutex);
    if (is_woken) {
        pthread_cond_signal(&device->has_work);
    }
}

static void back_block(gw_cpu_device *device, gw_cpu_block *block)
{
    if (block->data == NULL) {
        block->data = gw_cpu_memory_take(&device->memory, block->size_bytes);
    }
}

static uint32_t block_count(const gw_cpu_kernel *kernel)
{
    return kernel->plan->function->input_count + kernel->plan->function->output_count;
}

/* The first shard, once it may start, its buffers backed; NULL: the thread is to end. */
static gw_cpu_shard *await_first(gw_cpu_device *device)
{
    for (;;) {
        while (device->is_idle && !is_stopping(device)) {
            pthread_cond_wait(&device->has_work, &device->mutex);
        }
        if (is_stopping(device)) {
            return NULL;
        }
        if (device->first != NULL && device->first->arrivals_left == 0) {
            for (uint32_t i = 0; i < block_count(device->first->kernel); i++) {
                back_block(device, device->first->blocks[i]);
            }
            return device->first;
        }
        device->is_idle = true;
        atomic_fetch_add(device->shared->idle_count, 1);
        gw_activity_end(device->shared->activity);
    }
}

static gw_cpu_shard *find_shard(const gw_cpu_device *device, uint64_t gang)
{
    const uint64_t found = gw_lookup_find(&device->shards, gang);
    return found == GW_LOOKUP_NONE ? NULL : (gw_cpu_shard *)(uintptr_t)found;
}

/* Out of the queue, its buffers free of it. */
static void remove_first(gw_cpu_device *device, gw_cpu_shard *shard)
{
    gw_check(device->first == shard);
    device->first = shard->next;
    if (device->first == NULL) {
        device->last = NULL;
    }
    gw_lookup_take(&device->shards, shard->kernel->gang);
    device->done_program = shard->kernel->loaded->program;
    device->done_job = shard->kernel->loaded->job;
    device->done_node = shard->kernel->node;
    device->done_run = shard->kernel->run;
    for (uint32_t i = 0; i < block_count(shard->kernel); i++) {
        gw_check(shard->blocks[i]->pin_count > 0);
        shard->blocks[i]->pin_count--;
    }
}

static gw_cpu_block *pin_block(gw_cpu_device *device, uint32_t buffer)
{
    const uint64_t found = gw_lookup_find(&device->blocks, buffer);
    gw_check(found != GW_LOOKUP_NONE);
    gw_cpu_block *block = (gw_cpu_block *)(uintptr_t)found;
    block->pin_count++;
    return block;
}

void gw_cpu_device_enqueue(gw_cpu_device *device, gw_cpu_shard *shard, const uint32_t *buffers)
{
    pthread_mutex_lock(&device->mutex);
    for (uint32_t i = 0; i < block_count(shard->kernel); i++) {
        shard->blocks[i] = pin_block(device, buffers[i]);
    }
    gw_lookup_add(&device->shards, shard->kernel->gang, (uint64_t)(uintptr_t)shard);
    shard->next = NULL;
    if (device->last == NULL) {
        device->first = shard;
    } else {
        device->last->next = shard;
    }
    device->last = shard;
    unlock_and_wake(device);
}

void gw_cpu_device_arrive(gw_cpu_device *device, uint64_t gang)
{
    pthread_mutex_lock(&device->mutex);
    gw_cpu_shard *shard = find_shard(device, gang);
    gw_check(shard != NULL);
    gw_check(shard->arrivals_left > 0);
    shard->arrivals_left--;
    unlock_and_wake(device);
}

void gw_cpu_device_expect(gw_cpu_device *device, uint64_t gang, uint32_t copy_count,
                          uint32_t row_count)
{
    pthread_mutex_lock(&device->mutex);
    gw_cpu_shard *shard = find_shard(device, gang);
    gw_check(shard != NULL);
    gw_check(shard->arrivals_left > 0);
    shard->arrivals_left += copy_count;
    shard->arrivals_left--;
    if (row_count != GW_INDEX_NONE) {
        gw_check(shard->kernel->counted != NULL);
        shard->counted_rows = row_count;
    }
    unlock_and_wake(device);
}

bool gw_cpu_device_awaits(gw_cpu_device *device, uint64_t gang)
{
    pthread_mutex_lock(&device->mutex);
    const gw_cpu_shard *shard = find_shard(device, gang);
    const bool awaits = shard != NULL && shard->arrivals_left > 0;
    pthread_mutex_unlock(&device->mutex);
    return awaits;
}

bool gw_cpu_device_follow(gw_cpu_device *device, uint64_t gang, gw_cpu_copy *copy)
{
    pthread_mutex_lock(&device->mutex);
    gw_cpu_shard *shard = find_shard(device, gang);
    if (shard != NULL) {
        copy->next = NULL;
        if (shard->last_copy == NULL) {
            shard->first_copy = copy;
        } else {
            shard->last_copy->next = copy;
        }
        shard->last_copy = copy;
    }
    pthread_mutex_unlock(&device->mutex);
    return shard != NULL;
}

gw_cpu_shard *gw_cpu_device_drain(gw_cpu_device *device)
{
    gw_check(!device->has_thread);
    gw_cpu_shard *shard = device->first;
    if (shard != NULL) {
        remove_first(device, shard);
    }
    return shard;
}

/* --- Memory --- */

bool gw_cpu_device_has_room(gw_cpu_device *device, uint64_t size_bytes)
{
    pthread_mutex_lock(&device->mutex);
    const bool has_room = size_bytes <= device->limit_bytes - device->used_bytes;
    pthread_mutex_unlock(&device->mutex);
    return has_room;
}

/* Under the lock: what was spilled from the buffer; NULL: nothing was. */
static gw_cpu_block *take_kept(gw_cpu_device *device, uint32_t buffer)
{
    for (uint32_t i = 0; i < device->kept->len; i++) {
        gw_cpu_block *block = (gw_cpu_block *)g_ptr_array_index(device->kept, i);
        if (block->buffer == buffer) {
            g_ptr_array_remove_index_fast(device->kept, i);
            return block;
        }
    }
    return NULL;
}

/* Likewise: a block of its own; NULL: this machine has no room. */
static gw_cpu_block *make_block(gw_cpu_device *device, uint32_t buffer, uint32_t job,
                                uint64_t size_bytes)
{
    if (!gw_cpu_memory_promise(&device->memory, size_bytes)) {
        return NULL;
    }
    GPtrArray *spare = device->spare;
    gw_cpu_block *block = spare->len > 0
                              ? (gw_cpu_block *)g_ptr_array_steal_index_fast(spare, spare->len - 1)
                              : g_new(gw_cpu_block, 1);
    *block = (gw_cpu_block){.size_bytes = size_bytes, .buffer = buffer, .job = job};
    return block;
}

bool gw_cpu_device_reserve(gw_cpu_device *device, uint32_t buffer, uint32_t job,
                           uint64_t size_bytes)
{
    pthread_mutex_lock(&device->mutex);
    gw_cpu_block *block = NULL;
    if (size_bytes <= device->limit_bytes - device->used_bytes) {
        block = take_kept(device, buffer);
        if (block == NULL) {
            block = make_block(device, buffer, job, size_bytes);
        }
    }
    if (block != NULL) {
        gw_check(block->size_bytes == size_bytes);
        device->used_bytes += size_bytes;
        gw_lookup_add(&device->blocks, buffer, (uint64_t)(uintptr_t)block);
    }
    pthread_mutex_unlock(&device->mutex);
    return block != NULL;
}

void gw_cpu_device_release(gw_cpu_device *device, uint32_t buffer, uint64_t size_bytes)
{
    pthread_mutex_lock(&device->mutex);
    const uint64_t found = gw_lookup_take(&device->blocks, buffer);
    gw_check(found != GW_LOOKUP_NONE);
    gw_cpu_block *block = (gw_cpu_block *)(uintptr_t)found;
    gw_check(block->size_bytes == size_bytes);
    gw_check(block->pin_count == 0); /* A kernel or a copy still needs it. */
    device->used_bytes -= size_bytes;
    if (block->kept_for > 0) {
        g_ptr_array_add(device->kept, block);
    } else {
        free_block(device, block);
    }
    pthread_mutex_unlock(&device->mutex);
}

void gw_cpu_device_keep(gw_cpu_device *device, gw_cpu_block *block, uint32_t instance)
{
    pthread_mutex_lock(&device->mutex);
    block->kept_for = instance + 1;
    pthread_mutex_unlock(&device->mutex);
}

void gw_cpu_device_end_keeping(gw_cpu_device *device, gw_cpu_block *block)
{
    pthread_mutex_lock(&device->mutex);
    block->kept_for = 0;
    pthread_mutex_unlock(&device->mutex);
}

void gw_cpu_device_forget(gw_cpu_device *device, uint32_t instance)
{
    pthread_mutex_lock(&device->mutex);
    for (uint32_t i = device->kept->len; i-- > 0;) {
        gw_cpu_block *block = (gw_cpu_block *)g_ptr_array_index(device->kept, i);
        if (block->kept_for == instance + 1) {
            g_ptr_array_remove_index_fast(device->kept, i);
            free_block(device, block);
        }
    }
    pthread_mutex_unlock(&device->mutex);
}

gw_cpu_block *gw_cpu_device_pin(gw_cpu_device *device, uint32_t buffer)
{
    pthread_mutex_lock(&device->mutex);
    gw_cpu_block *block = pin_block(device, buffer);
    pthread_mutex_unlock(&device->mutex);
    return block;
}

float *gw_cpu_device_data(gw_cpu_device *device, gw_cpu_block *block)
{
    pthread_mutex_lock(&device->mutex);
    back_block(device, block);
    pthread_mutex_unlock(&device->mutex);
    return block->data;
}

void gw_cpu_device_unpin(gw_cpu_device *device, gw_cpu_block *block)
{
    pthread_mutex_lock(&device->mutex);
    gw_check(block->pin_count > 0);
    block->pin_count--;
    pthread_mutex_unlock(&device->mutex);
}

/* --- The thread --- */

static void tell_failure(const gw_cpu_device *device, const gw_cpu_shard *shard, const char *what)
{
    const gw_cpu_kernel *kernel = shard->kernel;
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "device %u: ", device->id.index);
    gw_real_describe(device->shared->answers, kernel->loaded->job, kernel->loaded->program,
                     kernel->node, kernel->run, text);
    g_string_append_printf(text, ": %s", what);
    device->shared->failed(device->shared->context, text->str);
}

static bool ensure_product_room(gw_cpu_device *device, const gw_cpu_shard *shard)
{
    const uint32_t count = MIN(MAX(device->shared->thread_count, 1), GW_CPU_PRODUCTS_MAX);
    device->has_product_room = gw_blas_has_room(count);
    if (!device->has_product_room) {
        g_autofree char *what = g_strdup_printf(
            "no addresses for OpenBLAS, which takes %" G_GUINT64_FORMAT " MiB for each of the %u "
            "matrix products that may be under way at once here (ulimit -v)",
            GW_BLAS_AREA_BYTES >> 20, count);
        tell_failure(device, shard, what);
    }
    return device->has_product_room;
}

/* False, and told: this machine has no room for it. */
static bool ensure_scratch(gw_cpu_device *device, const gw_cpu_shard *shard)
{
    const gw_cpu_plan *plan = shard->kernel->plan;
    if (plan->function->values->len > device->value_capacity) {
        device->value_capacity = plan->function->values->len;
        device->values = g_renew(float *, device->values, device->value_capacity);
    }
    if (plan->scratch_bytes > device->scratch_bytes) {
        free(device->scratch);
        device->scratch = gw_cpu_memory_allocate(plan->scratch_bytes);
        device->scratch_bytes = device->scratch == NULL ? 0 : plan->scratch_bytes;
        if (device->scratch == NULL) {
            tell_failure(device, shard, "no memory for what it computes with");
            return false;
        }
    }
    return !plan->multiplies || device->has_product_room || ensure_product_room(device, shard);
}

/* False: the device has failed. */
static bool place_values(gw_cpu_device *device, const gw_cpu_shard *shard)
{
    const gw_cpu_plan *plan = shard->kernel->plan;
    const gw_function *function = plan->function;
    if (!ensure_scratch(device, shard)) {
        return false;
    }
    for (uint32_t i = 0; i < function->values->len; i++) {
        const gw_value *value = gw_function_value(function, i);
        if (value->role == GW_VALUE_TEMPORARY) {
            device->values[i] = device->scratch + plan->offsets_bytes[i] / sizeof(float);
            continue;
        }
        const uint32_t position = value->role == GW_VALUE_INPUT
                                      ? value->position
                                      : function->input_count + value->position;
        const gw_cpu_block *block = shard->blocks[position];
        gw_check(block->size_bytes >= gw_value_bytes(value));
        device->values[i] = block->data;
        if (value->role == GW_VALUE_OUTPUT && !plan->is_written[i]) {
            memset(block->data, 0, MIN(block->size_bytes, MODELLED_BYTES));
        }
    }
    return true;
}

static const gw_mesh *mesh_of(const gw_cpu_kernel *kernel)
{
    const gw_program *program = kernel->loaded->program;
    return gw_program_mesh(program, gw_program_node(program, kernel->node)->mesh);
}

/* --- Operands in 2 bytes --- */

#define OPERANDS_MAX (GW_OPERATION_INPUTS_MAX + GW_OPERATION_OUTPUTS_MAX)
typedef struct { /* Those of one operation that stand in for narrow ones while it runs. */
    uint32_t count;
    uint32_t values[OPERANDS_MAX];
    uint16_t *narrow[OPERANDS_MAX];
    uint64_t used_bytes;
} wide_operands;

static void widen(gw_cpu_device *device, const gw_cpu_plan *plan, uint32_t index, bool is_read,
                  wide_operands *wide)
{
    const uint64_t size_bytes = gw_cpu_wide_bytes(plan->function, index);
    for (uint32_t i = 0; i < wide->count; i++)
        if (wide->values[i] == index)
            return;
    if (size_bytes == 0)
        return;
    const uint64_t offset_bytes = plan->scratch_bytes - plan->wide_bytes + wide->used_bytes;
    uint16_t *narrow = (uint16_t *)(void *)device->values[index];
    device->values[index] = device->scratch + offset_bytes / sizeof(float);
    if (is_read)
        gw_bfloat16_widen(narrow, device->values[index],
                          gw_function_elements(plan->function, index));
    wide->values[wide->count] = index;
    wide->narrow[wide->count++] = narrow;
    wide->used_bytes += size_bytes;
}

static wide_operands widen_all(gw_cpu_device *device, const gw_cpu_plan *plan,
                               const gw_operation *operation)
{
    wide_operands wide = {0};
    if (plan->wide_bytes == 0)
        return wide;
    for (uint32_t k = 0; k < gw_operation_input_count(operation); k++)
        widen(device, plan, operation->inputs[k], true, &wide);
    for (uint32_t k = 0; k < gw_operation_output_count(operation); k++)
        widen(device, plan, operation->outputs[k], false, &wide);
    return wide;
}

/* Outputs go back into their 2 bytes. */
static void narrow_all(gw_cpu_device *device, const gw_cpu_plan *plan,
                       const gw_operation *operation, const wide_operands *wide)
{
    for (uint32_t i = 0; i < wide->count; i++) {
        for (uint32_t k = 0; k < gw_operation_output_count(operation); k++)
            if (operation->outputs[k] == wide->values[i])
                gw_bfloat16_narrow(device->values[wide->values[i]], wide->narrow[i],
                                   gw_function_elements(plan->function, wide->values[i]));
        device->values[wide->values[i]] = (float *)(void *)wide->narrow[i];
    }
}

/* False: aborted. */
static bool run_collective(gw_cpu_device *device, gw_cpu_shard *shard, uint32_t index)
{
    const gw_cpu_kernel *kernel = shard->kernel;
    const gw_function *function = kernel->plan->function;
    const gw_operation *operation = gw_function_operation(function, index);
    gw_cpu_member member = {
        .gang = kernel->gang,
        .operation_index = index,
        .operation = operation,
        .input = device->values[operation->inputs[0]],
        .output = device->values[operation->outputs[0]],
        .input_count = gw_function_elements(function, operation->inputs[0]),
    };
    member.member_count = gw_mesh_group(mesh_of(kernel), operation->axes, shard->shard,
                                        &member.group, &member.position);
    const uint64_t before_ns = gw_monotonic_ns();
    uint64_t last_ns = before_ns;
    const gw_cpu_shared *shared = device->shared;
    if (shared->join != NULL ? !shared->join(shared->join_context, shard, &member, &last_ns)
                             : !gw_cpu_meetings_join(shared->meetings, &member, &last_ns)) {
        return false;
    }
    const uint64_t after_ns = gw_monotonic_ns();
    shard->local_ns -= after_ns - before_ns;
    shard->collective_ns += after_ns - MAX(last_ns, before_ns);
    return true;
}

/* Rows that no dealt row stands behind are 0. */
static void clear_rest(const gw_cpu_context *context, const gw_operation *operation)
{
    for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
        const gw_value *value = gw_function_value(context->function, operation->outputs[k]);
        const uint64_t row_elements = value->columns;
        memset(context->values[operation->outputs[k]] + context->counted_rows * row_elements, 0,
               (value->rows - context->counted_rows) * row_elements * sizeof(float));
    }
}

static void run_counted(const gw_cpu_context *context, const gw_cpu_shard *shard, uint32_t index)
{
    gw_cpu_context counted = *context;
    counted.counted = shard->kernel->counted;
    counted.counted_rows = shard->counted_rows;
    const gw_operation operation =
        gw_counted_operation(counted.counted, context->function, index, shard->counted_rows);
    if (shard->counted_rows > 0) {
        gw_cpu_operation_run(&counted, &operation);
    }
    clear_rest(&counted, &operation);
}

/* False, and told: something that it has written is no number. */
static bool check_outputs(const gw_cpu_device *device, const gw_cpu_shard *shard)
{
    const gw_cpu_plan *plan = shard->kernel->plan;
    for (uint32_t i = 0; device->shared->checks_nan && i < plan->function->values->len; i++) {
        const gw_value *value = gw_function_value(plan->function, i);
        if (value->role != GW_VALUE_OUTPUT || !plan->is_written[i]) {
            continue;
        }
        const uint64_t found = gw_cpu_find_nan(value, device->values[i]);
        if (found != GW_CPU_NO_NAN) {
            g_autofree char *what =
                g_strdup_printf("element %" G_GUINT64_FORMAT " of output %u is no number (NaN)",
                                found, value->position);
            tell_failure(device, shard, what);
            return false;
        }
    }
    return true;
}

/* Others look at it all the time, so it is written when it changes. */
static void remember_length(const gw_cpu_shard *shard)
{
    gw_cpu_plan *plan = shard->kernel->plan;
    const bool is_short = !plan->meets && shard->local_ns <= GW_CPU_SHORT_NS;
    if (is_short != atomic_load_explicit(&plan->is_short, memory_order_relaxed)) {
        atomic_store_explicit(&plan->is_short, is_short, memory_order_relaxed);
    }
}

/* False: aborted. */
static bool run_shard(gw_cpu_device *device, gw_cpu_shard *shard)
{
    const gw_function *function = shard->kernel->plan->function;
    shard->start_ns = gw_monotonic_ns();
    shard->local_ns = shard->collective_ns = 0;
    if (!place_values(device, shard)) {
        return false;
    }
    const gw_cpu_context context = {.function = function,
                                    .values = device->values,
                                    .shard = shard->shard,
                                    .mesh = mesh_of(shard->kernel),
                                    .flops_per_s = device->shared->flops_per_s,
                                    .is_alone = device->shared->is_alone,
                                    .is_cancelled = device->shared->is_stopping};
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        shard->operation_index = i;
        const wide_operands wide = widen_all(device, shard->kernel->plan, operation);
        const gw_counted *counted = shard->kernel->counted;
        if (counted != NULL && counted->operations[i]) {
            run_counted(&context, shard, i);
        } else if (!gw_operation_is_collective(operation)) {
            gw_cpu_operation_run(&context, operation);
        } else if (!run_collective(device, shard, i)) {
            return false;
        }
        narrow_all(device, shard->kernel->plan, operation, &wide);
    }
    shard->end_ns = gw_monotonic_ns();
    shard->local_ns += shard->end_ns - shard->start_ns; /* Less what collectives took, above. */
    remember_length(shard);
    return !is_stopping(device) && check_outputs(device, shard);
}

/* Under the lock, when `shard` is out of the queue. */
static void look_ahead(const gw_cpu_device *device, gw_cpu_shard *shard)
{
    const gw_cpu_shard *next = device->first;
    shard->has_next = next != NULL && next->arrivals_left == 0;
    shard->is_next_short = shard->has_next && atomic_load_explicit(&next->kernel->plan->is_short,
                                                                   memory_order_relaxed);
}

static void finish_shard(gw_cpu_device *device, gw_cpu_shard *shard)
{
    pthread_mutex_lock(&device->mutex);
    remove_first(device, shard);
    gw_cpu_copy *copy = shard->first_copy;
    look_ahead(device, shard);
    pthread_mutex_unlock(&device->mutex);
    while (copy != NULL) {
        gw_cpu_copy *next = copy->next;
        device->shared->copy_ready(device->shared->context, device, copy);
        copy = next;
    }
    device->shared->shard_done(device->shared->context, device, shard);
}

static void *run_device(void *context)
{
    gw_cpu_device *device = context;
    if (device->shared->is_bound) {
        gw_cores_bind(device->place);
    }
    prctl(PR_SET_TIMERSLACK, 1); /* A replayed duration ends when it should. */
    for (;;) {
        pthread_mutex_lock(&device->mutex);
        gw_cpu_shard *shard = await_first(device);
        pthread_mutex_unlock(&device->mutex);
        if (shard == NULL || !run_shard(device, shard)) {
            return NULL;
        }
        finish_shard(device, shard);
    }
}

bool gw_cpu_device_start(gw_cpu_device *device, GError **error)
{
    char what[32];
    g_snprintf(what, sizeof(what), "device %u", device->id.index);
    device->has_thread = gw_thread_start(&device->thread, run_device, device, what, error);
    return device->has_thread;
}

void gw_cpu_device_wake(gw_cpu_device *device)
{
    pthread_mutex_lock(&device->mutex);
    pthread_cond_broadcast(&device->has_work);
    pthread_mutex_unlock(&device->mutex);
}

void gw_cpu_device_join(gw_cpu_device *device)
{
    if (device->has_thread) {
        pthread_join(device->thread, NULL);
        device->has_thread = false;
    }
}
