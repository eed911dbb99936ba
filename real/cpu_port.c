/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that serves a node (cpu_server.h) turns its inbox over and handles what has come, one
 * input after another; what the port is asked meanwhile lands in other inboxes, in device queues
 * and with the copier, so no call waits for anything but a short lock.  Timers belong to whoever
 * serves the node and go off between two turns, which is why a cancelled one never answers. */
#include "real/cpu_port.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "real/cores.h"
#include "real/cpu_explain.h"
#include "real/cpu_private.h"

#define EXPLAIN_LINES_MAX 32

static gw_cpu_node *node_of(gw_port *port)
{
    return (gw_cpu_node *)port;
}

gw_time gw_cpu_cluster_now(const gw_cpu_cluster *cluster)
{
    return gw_monotonic_ns() - cluster->origin_ns;
}

/* --- The port, for all nodes --- */

static gw_time cpu_now(gw_port *port)
{
    return gw_cpu_cluster_now(node_of(port)->cluster);
}

static void cpu_timer_set(gw_port *port, gw_time due_ns, gw_tag tag)
{
    gw_cpu_node *node = node_of(port);
    gw_timers_set(&node->timers, node->id, due_ns, tag);
}

static void cpu_watch_set(gw_port *port, gw_time due_ns, gw_tag tag)
{
    gw_cpu_node *node = node_of(port);
    gw_timers_watch(&node->timers, node->id, due_ns, tag);
}

static void cpu_timer_cancel(gw_port *port, gw_tag tag)
{
    gw_cpu_node *node = node_of(port);
    gw_timers_cancel(&node->timers, node->id, tag);
}

static void cpu_spend(gw_port *port, gw_cost cost, uint32_t count)
{
    gw_check(cost < GW_COST_COUNT);
    node_of(port)->usage.spent[cost] += count;
}

static void cpu_send(gw_port *port, gw_node_id target, const gw_message *message)
{
    gw_cpu_node *node = node_of(port);
    if (node->cluster->ledger != NULL) {
        gw_ledger_add_message(node->cluster->ledger, node->id, target, message->size_bytes);
    }
    const gw_cpu_remote *remote = node->cluster->remote;
    if (remote != NULL && !remote->is_here(remote->context, target)) {
        remote->send(remote->context, node->id, target, message);
        return;
    }
    gw_input input = {.kind = GW_INPUT_MESSAGE};
    input.message.source = node->id;
    input.message.content = message;
    gw_cpu_cluster_post(node->cluster, target, &input, node->server);
}

static void cpu_note(gw_port *port, const gw_note *note)
{
    const gw_cpu_node *node = node_of(port);
    if (node->cluster->ledger != NULL) {
        gw_ledger_add_note(node->cluster->ledger, note, gw_cpu_cluster_now(node->cluster));
    }
}

static const gw_port_ops port_ops = {.name = "cpu",
                                     .now = cpu_now,
                                     .timer_set = cpu_timer_set,
                                     .timer_cancel = cpu_timer_cancel,
                                     .spend = cpu_spend,
                                     .send = cpu_send,
                                     .note = cpu_note,
                                     .watch_set = cpu_watch_set};

/* --- The port, for executors --- */

static gw_cpu_device *device_at(const gw_cpu_node *node, uint32_t local)
{
    return &node->cluster->devices[node->first_device + local];
}

static void cpu_load(gw_port *port, const gw_executable *executable)
{
    gw_cpu_node *node = node_of(port);
    gw_loaded *loaded =
        gw_loaded_set_add(&node->loaded, executable, node->first_device, node->device_count);
    const GPtrArray *functions = loaded->program->functions;
    gw_cpu_plan **plans = g_new0(gw_cpu_plan *, functions->len);
    for (uint32_t i = 0; i < functions->len; i++) {
        plans[i] = gw_cpu_plan_new((const gw_function *)g_ptr_array_index(functions, i));
    }
    loaded->extra = plans;
}

static void free_plans(gw_loaded *loaded)
{
    gw_cpu_plan **plans = loaded->extra;
    for (uint32_t i = 0; i < loaded->program->functions->len; i++) {
        gw_cpu_plan_free(plans[i]);
    }
    g_free(plans);
}

static void cpu_unload(gw_port *port, uint32_t instance)
{
    gw_cpu_node *node = node_of(port);
    for (uint32_t d = 0; d < node->device_count; d++) {
        gw_cpu_device_forget(device_at(node, d), instance);
    }
    free_plans(gw_loaded_set_find(&node->loaded, instance));
    gw_loaded_set_remove(&node->loaded, instance);
}

/* Zeroed.  One that devices have given back, if it is as large: they are made and freed by other
 * threads, which malloc is slow at. */
static gw_cpu_kernel *take_kernel(gw_cpu_node *node, size_t size_bytes)
{
    if (node->spare == NULL) {
        node->spare = atomic_exchange(&node->spare_given, NULL);
    }
    gw_cpu_kernel *kernel = node->spare;
    if (kernel != NULL) {
        node->spare = kernel->next;
        if (kernel->size_bytes == size_bytes) {
            memset(kernel, 0, size_bytes);
            kernel->size_bytes = size_bytes;
            return kernel;
        }
        g_free(kernel);
    }
    kernel = g_malloc0(size_bytes);
    kernel->size_bytes = size_bytes;
    return kernel;
}

static void give_kernel(gw_cpu_node *node, gw_cpu_kernel *kernel)
{
    kernel->next = atomic_load(&node->spare_given);
    while (!atomic_compare_exchange_weak(&node->spare_given, &kernel->next, kernel)) {
    }
}

static void free_kernels(gw_cpu_kernel *first)
{
    while (first != NULL) {
        gw_cpu_kernel *next = first->next;
        g_free(first);
        first = next;
    }
}

/* A kernel, its shards and their buffers in one piece of memory. */
static gw_cpu_kernel *make_kernel(gw_cpu_node *node, uint32_t shard_count, uint32_t buffer_count)
{
    const size_t shards_bytes = sizeof(gw_cpu_shard) * shard_count;
    const size_t blocks_bytes = sizeof(gw_cpu_block *) * shard_count * buffer_count;
    gw_cpu_kernel *kernel = take_kernel(node, sizeof(*kernel) + shards_bytes + blocks_bytes);
    kernel->shards = (gw_cpu_shard *)(void *)(kernel + 1);
    kernel->blocks = (gw_cpu_block **)(void *)(kernel->shards + shard_count);
    kernel->shard_count = shard_count;
    atomic_init(&kernel->left_count, shard_count);
    atomic_init(&kernel->device_time_ns, 0);
    for (uint32_t i = 0; i < shard_count; i++) {
        kernel->shards[i].kernel = kernel;
        kernel->shards[i].blocks = kernel->blocks + (size_t)i * buffer_count;
    }
    return kernel;
}

static void cpu_enqueue(gw_port *port, const gw_kernel *what, gw_tag tag)
{
    gw_cpu_node *node = node_of(port);
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, what->instance);
    const gw_node *program_node = gw_program_node(loaded->program, what->node);
    gw_cpu_plan *plan =
        ((gw_cpu_plan **)
             loaded->extra)[what->is_otherwise ? program_node->otherwise : program_node->function];
    const uint32_t buffer_count = plan->function->input_count + plan->function->output_count;
    uint32_t local_count;
    const gw_local_shard *locals = gw_loaded_locals(loaded, program_node->mesh, &local_count);
    gw_check(local_count > 0);
    gw_cpu_kernel *kernel = make_kernel(node, local_count, buffer_count);
    kernel->loaded = loaded;
    kernel->plan = plan;
    kernel->counted =
        loaded->program->counted == NULL ? NULL : loaded->program->counted[what->node];
    kernel->gang = what->gang;
    kernel->node = what->node;
    kernel->run = what->run;
    kernel->call = what->call;
    kernel->tag = tag;
    kernel->host = node->id;
    for (uint32_t i = 0; i < local_count; i++) {
        kernel->shards[i].shard = locals[i].shard;
        kernel->shards[i].arrivals_left = what->arrivals == NULL ? 0 : what->arrivals[i];
    }
    if (node->cluster->ledger != NULL) {
        gw_ledger_launch(node->cluster->ledger, what, node->first_device, locals, local_count);
    }
    /* A shard that is enqueued may be done before the next one is: `kernel` lives until all are,
     * and `locals` are not the kernel's. */
    for (uint32_t i = 0; i < local_count; i++) {
        gw_cpu_device_enqueue(device_at(node, locals[i].device), &kernel->shards[i], what->buffers);
    }
}

/* A function that models time leaves no number to read. */
static void give_value(const gw_cpu_cluster *cluster, const gw_loaded *loaded, gw_cpu_copy *copy)
{
    const gw_copy *what = &copy->copy;
    if (what->result >= loaded->program->results->len) {
        return;
    }
    const gw_result *result = &g_array_index(loaded->program->results, gw_result, what->result);
    copy->is_given = gw_function_models_time(gw_program_function(loaded->program, result->node));
    const gw_real_answers *answers = &cluster->answers;
    if (copy->is_given && answers->value != NULL) {
        copy->given = answers->value(answers->context, loaded->job, what->result, what->run);
    }
}

static bool is_to_elsewhere(const gw_cpu_cluster *cluster, const gw_copy *what)
{
    if (cluster->remote == NULL || gw_copy_is_to_host(what)) {
        return false;
    }
    const gw_node_id host = gw_directory_host(cluster->directory, what->target_device);
    return !cluster->remote->is_here(cluster->remote->context, host);
}

static void cpu_copy(gw_port *port, const gw_copy *what, gw_tag tag)
{
    gw_cpu_node *node = node_of(port);
    gw_cpu_cluster *cluster = node->cluster;
    gw_check(what->source_device.index - node->first_device < node->device_count);
    gw_cpu_copy *copy = g_new0(gw_cpu_copy, 1);
    copy->copy = *what;
    copy->tag = tag;
    copy->host = node->id;
    copy->source = &cluster->devices[what->source_device.index];
    copy->source_block = gw_cpu_device_pin(copy->source, what->source_buffer);
    copy->job = copy->source_block->job;
    gw_check(what->source_offset_bytes + what->size_bytes <= copy->source_block->size_bytes);
    if (is_to_elsewhere(cluster, what)) {
        gw_check(what->kind == GW_COPY_TO_DEVICE);
    } else if (!gw_copy_is_to_host(what)) {
        copy->target = &cluster->devices[what->target_device.index];
        copy->target_block = gw_cpu_device_pin(copy->target, what->target_buffer);
        gw_check(what->target_offset_bytes + what->size_bytes <= copy->target_block->size_bytes);
        gw_check(what->target_gang == GW_GANG_NONE ||
                 gw_cpu_device_awaits(copy->target, what->target_gang));
        if (what->kind == GW_COPY_RETURN) {
            gw_cpu_device_end_keeping(copy->target, copy->target_block);
        }
    } else {
        give_value(cluster, gw_loaded_set_find(&node->loaded, what->instance), copy);
    }
    const bool waits = what->kind == GW_COPY_TO_DEVICE || what->kind == GW_COPY_TO_HOST;
    if (what->kind == GW_COPY_SPILL) {
        gw_cpu_device_keep(copy->source, copy->source_block, what->instance);
    }
    if (!waits || !gw_cpu_device_follow(copy->source, what->source_gang, copy)) {
        gw_cpu_copier_take(&cluster->copier, copy, node->server);
    }
}

static bool cpu_memory_reserve(gw_port *port, const gw_memory *memory)
{
    gw_cpu_node *node = node_of(port);
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, memory->instance);
    uint32_t local_count;
    const gw_local_shard *locals = gw_loaded_locals(loaded, memory->mesh, &local_count);
    for (uint32_t i = 0; i < local_count; i++) {
        gw_cpu_device *device = device_at(node, locals[i].device);
        if (gw_cpu_device_reserve(device, memory->buffer, loaded->job, memory->size_bytes)) {
            continue;
        }
        if (gw_cpu_device_has_room(device, memory->size_bytes)) {
            node->denied_bytes = memory->size_bytes;
        }
        while (i-- > 0) {
            gw_cpu_device_release(device_at(node, locals[i].device), memory->buffer,
                                  memory->size_bytes);
        }
        return false;
    }
    return true;
}

static void cpu_memory_release(gw_port *port, const gw_memory *memory)
{
    gw_cpu_node *node = node_of(port);
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, memory->instance);
    uint32_t local_count;
    const gw_local_shard *locals = gw_loaded_locals(loaded, memory->mesh, &local_count);
    for (uint32_t i = 0; i < local_count; i++) {
        gw_cpu_device_release(device_at(node, locals[i].device), memory->buffer,
                              memory->size_bytes);
    }
}

/* The counts that a router has written: never more than there are rows, whatever they are. */
static void read_written_counts(gw_cpu_device *device, uint32_t buffer, uint32_t rows,
                                uint32_t target_count, uint32_t *out_counts)
{
    gw_cpu_block *block = gw_cpu_device_pin(device, buffer);
    gw_check(block->size_bytes >= target_count * sizeof(float));
    const float *counts = gw_cpu_device_data(device, block);
    uint32_t rows_left = rows;
    for (uint32_t i = 0; i < target_count; i++) {
        const float count = counts[i];
        out_counts[i] = count >= (float)rows_left ? rows_left : count > 0 ? (uint32_t)count : 0;
        rows_left -= out_counts[i];
    }
    gw_cpu_device_unpin(device, block);
}

static void cpu_read_counts(gw_port *port, const gw_counts *asked, uint32_t *out_counts)
{
    const gw_cpu_node *node = node_of(port);
    const gw_cpu_cluster *cluster = node->cluster;
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, asked->instance);
    const gw_program *program = loaded->program;
    const uint32_t source = gw_program_edge(program, asked->edge)->source_node;
    if (gw_function_models_time(gw_program_function(program, source))) {
        gw_loaded_ask_counts(loaded, asked, &cluster->answers, out_counts);
        return;
    }
    read_written_counts(&cluster->devices[asked->device.index], asked->buffer,
                        gw_exchange_rows(program, asked->edge),
                        gw_exchange_target_count(program, asked->edge), out_counts);
}

/* What no row comes to is cleared now: the copies that fill the rest are asked for later. */
static void cpu_expect(gw_port *port, const gw_expectation *expectation)
{
    const gw_cpu_node *node = node_of(port);
    const gw_program *program = gw_loaded_set_find(&node->loaded, expectation->instance)->program;
    const bool is_dealt =
        gw_program_edge(program, expectation->edge)->exchange.kind == GW_EXCHANGE_DEAL;
    const uint64_t row_bytes = gw_exchange_row_bytes(program, expectation->edge);
    const bool is_whole =
        !is_dealt && expectation->row_count == gw_exchange_rows(program, expectation->edge);
    gw_cpu_device *device = &node->cluster->devices[expectation->device.index];
    gw_cpu_block *block = gw_cpu_device_pin(device, expectation->buffer);
    const uint64_t kept_bytes = is_dealt || is_whole ? expectation->row_count * row_bytes : 0;
    gw_check(kept_bytes <= block->size_bytes);
    memset((unsigned char *)gw_cpu_device_data(device, block) + kept_bytes, 0,
           block->size_bytes - kept_bytes);
    gw_cpu_device_unpin(device, block);
    gw_cpu_device_expect(device, expectation->gang, expectation->copy_count,
                         is_dealt ? expectation->row_count : GW_INDEX_NONE);
}

static const gw_device_ops device_ops = {.load = cpu_load,
                                         .unload = cpu_unload,
                                         .enqueue = cpu_enqueue,
                                         .copy = cpu_copy,
                                         .memory_reserve = cpu_memory_reserve,
                                         .memory_release = cpu_memory_release,
                                         .read_counts = cpu_read_counts,
                                         .expect = cpu_expect};

/* --- What devices and the copier tell --- */

static void tell_ledger(gw_cpu_cluster *cluster, gw_cpu_books *books)
{
    if (books->count > 0) {
        gw_ledger_add_shards(cluster->ledger, books->done, books->count);
        books->count = 0;
    }
}

/* The ledger hears of it when the device has no more to do, or of many together. */
static void record_shard(gw_cpu_cluster *cluster, const gw_cpu_device *device,
                         const gw_cpu_shard *shard)
{
    gw_cpu_books *books = &cluster->books[device->id.index];
    const gw_cpu_kernel *kernel = shard->kernel;
    const gw_program *program = kernel->loaded->program;
    const gw_ledger_gang gang = {.gang = kernel->gang,
                                 .job = kernel->loaded->job,
                                 .run = kernel->run,
                                 .node = kernel->node,
                                 .call = kernel->call,
                                 .shard_count = gw_program_shard_count(program, kernel->node)};
    const gw_shard_record record = {.first_device = device->id.index,
                                    .device_count = 1,
                                    .start_ns = shard->start_ns - cluster->origin_ns,
                                    .end_ns = shard->end_ns - cluster->origin_ns,
                                    .local_ns = shard->local_ns,
                                    .collective_ns = shard->collective_ns};
    books->done[books->count++] = (gw_ledger_shards){gang, record};
    if (books->count == GW_CPU_BOOKED_MAX || !shard->has_next) {
        tell_ledger(cluster, books);
    }
}

static void take_done_shard(void *context, gw_cpu_device *device, gw_cpu_shard *shard)
{
    gw_cpu_cluster *cluster = context;
    gw_cpu_kernel *kernel = shard->kernel;
    if (cluster->ledger != NULL) {
        record_shard(cluster, device, shard);
    }
    gw_cpu_node *host = &cluster->nodes[kernel->host.index];
    const uint64_t now_ns = shard->end_ns;
    const bool leaves = shard->is_next_short && atomic_load(&cluster->idle_count) == 0;
    atomic_fetch_add(&kernel->device_time_ns, shard->end_ns - shard->start_ns);
    const bool is_last = atomic_fetch_sub(&kernel->left_count, 1) == 1;
    if (is_last) {
        const gw_input done = {.kind = GW_INPUT_KERNEL_DONE,
                               .tag = kernel->tag,
                               .device_time_ns = atomic_load(&kernel->device_time_ns)};
        give_kernel(host, kernel);
        if (leaves) {
            gw_cpu_cluster_leave(cluster, host->id, &done, now_ns);
        } else {
            gw_cpu_cluster_post(cluster, host->id, &done, &device->server);
        }
    }
    const gw_span patience_ns = !leaves ? 0 : is_last ? GW_CPU_LEAVE_NS : GW_CPU_LEAVE_NS / 2;
    gw_cpu_server_take_left(&device->server, host, patience_ns, now_ns);
    gw_cpu_server_run(&device->server);
}

/* The first one is told. */
static void take_failure(void *context, const char *text)
{
    gw_cpu_cluster *cluster = context;
    pthread_mutex_lock(&cluster->failure_mutex);
    if (cluster->failure == NULL) {
        cluster->failure = g_strdup(text);
    }
    pthread_mutex_unlock(&cluster->failure_mutex);
}

bool gw_cpu_cluster_check(gw_cpu_cluster *cluster, GError **error)
{
    pthread_mutex_lock(&cluster->failure_mutex);
    const bool is_sound = cluster->failure == NULL;
    if (!is_sound) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, cluster->failure);
    }
    pthread_mutex_unlock(&cluster->failure_mutex);
    return is_sound;
}

static void take_leaving_copy(void *context, gw_cpu_copy *copy)
{
    const gw_cpu_cluster *cluster = context;
    cluster->remote->copy(cluster->remote->context, copy);
}

static void take_ready_copy(void *context, gw_cpu_device *device, gw_cpu_copy *copy)
{
    gw_cpu_cluster *cluster = context;
    gw_cpu_copier_take(&cluster->copier, copy, &device->server);
}

void gw_cpu_cluster_end_copy(gw_cpu_cluster *cluster, gw_cpu_copy *copy, double value,
                             gw_cpu_server *server)
{
    const gw_copy *what = &copy->copy;
    const bool is_to_device = !gw_copy_is_to_host(what);
    if (cluster->ledger != NULL) {
        const gw_transfer_record record = {
            .job = copy->job,
            .source_device = gw_copy_is_from_host(what) ? GW_INDEX_NONE : what->source_device.index,
            .target_device = is_to_device ? what->target_device.index : GW_INDEX_NONE,
            .size_bytes = what->size_bytes,
            .start_ns = copy->start_ns - cluster->origin_ns,
            .end_ns = gw_cpu_cluster_now(cluster)};
        gw_ledger_add_transfer(cluster->ledger, &record);
    }
    gw_cpu_device_unpin(copy->source, copy->source_block);
    if (copy->target != NULL) {
        gw_cpu_device_unpin(copy->target, copy->target_block);
        if (what->target_gang != GW_GANG_NONE) {
            gw_cpu_device_arrive(copy->target, what->target_gang);
        }
    }
    const gw_node_id host = copy->host;
    const gw_input done = {.kind = GW_INPUT_COPY_DONE,
                           .tag = copy->tag,
                           .value = copy->is_given ? copy->given : value};
    g_free(copy);
    gw_cpu_cluster_post(cluster, host, &done, server);
}

static void take_arrived_copy(void *context, gw_cpu_copy *copy, double value, gw_cpu_server *server)
{
    gw_cpu_cluster_end_copy(context, copy, value, server);
}

/* --- The cluster --- */

static void init_node(gw_cpu_cluster *cluster, uint32_t index)
{
    gw_cpu_node *node = &cluster->nodes[index];
    node->port.ops = &port_ops;
    node->cluster = cluster;
    node->id.index = index;
    gw_short_mutex_init(&node->mutex);
    gw_monotonic_cond_init(&node->has_input);
    uint32_t which;
    if (gw_directory_role(cluster->directory, node->id, &which) == GW_ROLE_EXECUTOR) {
        node->port.devices = &device_ops;
        node->device_count =
            gw_directory_devices_of_host(cluster->directory, node->id, &node->first_device);
    }
}

gw_cpu_cluster *gw_cpu_cluster_new(const gw_directory *directory, gw_ledger *ledger,
                                   gw_real_handler handle, void *context)
{
    gw_cpu_operations_init();
    gw_cpu_cluster *cluster = g_new0(gw_cpu_cluster, 1);
    cluster->directory = directory;
    cluster->ledger = ledger;
    cluster->handle = handle;
    cluster->context = context;
    cluster->origin_ns = gw_monotonic_ns();
    gw_activity_init(&cluster->activity);
    pthread_mutex_init(&cluster->failure_mutex, NULL);
    atomic_init(&cluster->is_stopping, false);
    cluster->meetings = gw_cpu_meetings_new(&cluster->activity);
    cluster->shared = (gw_cpu_shared){.activity = &cluster->activity,
                                      .meetings = cluster->meetings,
                                      .is_stopping = &cluster->is_stopping,
                                      .idle_count = &cluster->idle_count,
                                      .answers = &cluster->answers,
                                      .shard_done = take_done_shard,
                                      .copy_ready = take_ready_copy,
                                      .failed = take_failure,
                                      .context = cluster};
    gw_cpu_copier_init(&cluster->copier, &cluster->activity, &cluster->is_stopping,
                       take_arrived_copy, cluster);
    cluster->copier.leaves = take_leaving_copy;
    cluster->node_count = gw_directory_node_count(directory);
    cluster->nodes = g_new0(gw_cpu_node, cluster->node_count);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        init_node(cluster, i);
    }
    cluster->device_count = directory->device_count;
    cluster->devices = g_new0(gw_cpu_device, cluster->device_count);
    cluster->books = g_new0(gw_cpu_books, cluster->device_count);
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        const uint32_t island = gw_directory_island(directory, (gw_device_id){i});
        gw_cpu_device_init(&cluster->devices[i], &cluster->shared, (gw_device_id){i},
                           directory->islands[island].hbm_bytes);
    }
    return cluster;
}

void gw_cpu_cluster_set_answers(gw_cpu_cluster *cluster, const gw_real_answers *answers)
{
    cluster->answers = *answers;
}

void gw_cpu_cluster_check_nan(gw_cpu_cluster *cluster)
{
    cluster->shared.checks_nan = true;
}

gw_port *gw_cpu_cluster_port(gw_cpu_cluster *cluster, gw_node_id node)
{
    gw_check(node.index < cluster->node_count);
    return &cluster->nodes[node.index].port;
}

static void count_devices(gw_cpu_cluster *cluster)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        count += cluster->nodes[i].is_elsewhere ? 0 : cluster->nodes[i].device_count;
    }
    atomic_store(&cluster->idle_count, count);
    cluster->shared.thread_count = count;
    cluster->shared.is_alone = count <= GW_CPU_PRODUCTS_MAX;
    cluster->shared.is_bound = gw_cores_bind_so_many(count);
}

static bool start_threads(gw_cpu_cluster *cluster, GError **error)
{
    count_devices(cluster);
    uint32_t place = 0;
    if (!gw_cpu_copier_start(&cluster->copier, error)) {
        return false;
    }
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        const gw_node_id host = gw_directory_host(cluster->directory, (gw_device_id){i});
        if (cluster->nodes[host.index].is_elsewhere) {
            continue;
        }
        cluster->devices[i].place = place++;
        if (!gw_cpu_device_start(&cluster->devices[i], error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        gw_cpu_node *node = &cluster->nodes[i];
        if (node->is_elsewhere) {
            continue;
        }
        char what[32];
        g_snprintf(what, sizeof(what), "node %u", i);
        node->has_thread = gw_thread_start(&node->thread, gw_cpu_node_run, node, what, error);
        if (!node->has_thread) {
            return false;
        }
    }
    return true;
}

bool gw_cpu_cluster_start(gw_cpu_cluster *cluster, GError **error)
{
    cluster->origin_ns = gw_monotonic_ns();
    gw_activity_begin(&cluster->activity, 1); /* Not quiet before all have begun. */
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        if (!cluster->nodes[i].is_elsewhere) {
            gw_cpu_cluster_post(cluster, (gw_node_id){i}, &(gw_input){.kind = GW_INPUT_START},
                                NULL);
        }
    }
    const bool has_started = start_threads(cluster, error);
    if (!has_started) {
        gw_cpu_cluster_stop(cluster);
    }
    gw_activity_end(&cluster->activity);
    return has_started;
}

bool gw_cpu_cluster_wait(gw_cpu_cluster *cluster, gw_span timeout_ns)
{
    return gw_activity_wait(&cluster->activity, timeout_ns);
}

void gw_cpu_cluster_stop(gw_cpu_cluster *cluster)
{
    atomic_store(&cluster->is_stopping, true);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        gw_cpu_node *node = &cluster->nodes[i];
        pthread_mutex_lock(&node->mutex);
        pthread_cond_broadcast(&node->has_input);
        pthread_mutex_unlock(&node->mutex);
    }
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        gw_cpu_device_wake(&cluster->devices[i]);
    }
    gw_cpu_copier_wake(&cluster->copier);
    gw_cpu_meetings_abort(cluster->meetings);
    if (cluster->remote != NULL) {
        cluster->remote->stop(cluster->remote->context);
    }
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i].has_thread) {
            pthread_join(cluster->nodes[i].thread, NULL);
            cluster->nodes[i].has_thread = false;
        }
    }
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        gw_cpu_device_join(&cluster->devices[i]);
        tell_ledger(cluster, &cluster->books[i]);
    }
    gw_cpu_copier_join(&cluster->copier);
}

static void drain_device(gw_cpu_device *device)
{
    gw_cpu_shard *shard = gw_cpu_device_drain(device);
    for (; shard != NULL; shard = gw_cpu_device_drain(device)) {
        for (gw_cpu_copy *copy = shard->first_copy; copy != NULL;) {
            gw_cpu_copy *next = copy->next;
            g_free(copy);
            copy = next;
        }
        if (atomic_fetch_sub(&shard->kernel->left_count, 1) == 1) {
            g_free(shard->kernel);
        }
    }
}

void gw_cpu_cluster_free(gw_cpu_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    gw_cpu_cluster_stop(cluster);
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        drain_device(&cluster->devices[i]);
        gw_cpu_device_clear(&cluster->devices[i]);
    }
    gw_cpu_copier_clear(&cluster->copier);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        gw_cpu_node *node = &cluster->nodes[i];
        for (uint32_t k = 0; k < node->loaded.count; k++) {
            if (node->loaded.all[k] != NULL) {
                free_plans(node->loaded.all[k]);
            }
        }
        gw_loaded_set_clear(&node->loaded);
        gw_timers_clear(&node->timers);
        gw_inbox_clear(&node->inbox);
        free_kernels(node->spare);
        free_kernels(atomic_load(&node->spare_given));
        pthread_mutex_destroy(&node->mutex);
        pthread_cond_destroy(&node->has_input);
    }
    gw_cpu_meetings_free(cluster->meetings);
    gw_activity_clear(&cluster->activity);
    pthread_mutex_destroy(&cluster->failure_mutex);
    g_free(cluster->failure);
    g_free(cluster->nodes);
    g_free(cluster->devices);
    g_free(cluster->books);
    g_free(cluster);
}

gw_real_usage gw_cpu_cluster_usage(const gw_cpu_cluster *cluster)
{
    gw_real_usage total = {0};
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const gw_real_usage *usage = &cluster->nodes[i].usage;
        total.inputs += usage->inputs;
        for (uint32_t k = 0; k < GW_COST_COUNT; k++) {
            total.spent[k] += usage->spent[k];
        }
    }
    return total;
}

/* --- A diagnosis --- */

void gw_cpu_cluster_explain(gw_cpu_cluster *cluster, GString *out)
{
    uint32_t line_count = 0;
    for (uint32_t i = 0; i < cluster->device_count && line_count < EXPLAIN_LINES_MAX; i++) {
        line_count += gw_cpu_explain_device(cluster->meetings, &cluster->devices[i], out) ? 1 : 0;
    }
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i].denied_bytes > 0) {
            g_autofree char *size = gw_bytes_format(cluster->nodes[i].denied_bytes);
            g_string_append_printf(out, "host %u: this machine had no memory for %s\n", i, size);
        }
    }
}
