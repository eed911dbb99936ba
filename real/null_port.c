/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes with something in their inbox stand in a ring; each in turn works off all that has come.
 * A kernel without arrivals on idle devices is done inside enqueue and leaves nothing but its
 * answer; another one takes a slot of its host's pool, which holds its shards side by side, and
 * stands in the devices' queues as a list through those slots.  Completions release copies, which
 * release further shards: a stack of devices to look at again keeps that from recursing. */
#include "real/null_port.h"

#include "base/check.h"
#include "base/pool.h"
#include "program/exchange.h"
#include "real/inbox.h"
#include "real/timers.h"

#define EXPLAIN_LINES_MAX 32

typedef struct {   /* Of a kernel in a queue; by local shard. */
    uint32_t next; /* The kernel behind it in the device's queue. */
    uint32_t arrivals_left;
    uint32_t first_copy, last_copy; /* Of the cluster's pool: wait for it to be done. */
    uint32_t device;                /* Counted on the host. */
    bool is_done;
} null_shard;

typedef struct {
    uint64_t gang, call;
    gw_tag tag;
    uint32_t instance, node, run;
    uint32_t left_count, shard_count;
    null_shard shards[]; /* devices_per_host of them. */
} null_kernel;

typedef struct {
    gw_copy copy;
    gw_tag tag;
    uint32_t host, job, next;
} null_copy;

typedef struct {
    uint32_t first, last; /* Kernels of the host's pool; GW_INDEX_NONE: the queue is empty. */
    uint64_t used_bytes, limit_bytes;
} null_device;

typedef struct {
    gw_port port;
    gw_null_cluster *cluster;
    gw_node_id id;
    bool is_ready; /* Stands in the ring. */
    gw_inbox inbox;
    gw_loaded_set loaded;
    uint32_t first_device, device_count;
    gw_pool kernels;
    gw_lookup kernel_of_gang; /* Those in queues. */
} null_node;

struct gw_null_cluster {
    const gw_directory *directory;
    gw_ledger *ledger;
    gw_real_handler handle;
    void *context;
    gw_real_answers answers;
    gw_time now_ns;
    gw_timers timers;
    null_node *nodes;
    uint32_t node_count;
    uint32_t *ring; /* node_count places: each node stands in it once at most. */
    uint32_t ring_first, ring_count;
    null_device *devices;
    gw_pool copies;
    GArray *stack; /* uint32_t: devices to look at again. */
    gw_real_usage usage;
    bool has_started;
};

static null_node *node_of(gw_port *port)
{
    return (null_node *)port;
}

gw_real_usage gw_null_cluster_usage(const gw_null_cluster *cluster)
{
    return cluster->usage;
}

/* --- Inputs --- */

static void post_input(gw_null_cluster *cluster, uint32_t target, const gw_input *input)
{
    gw_check(target < cluster->node_count);
    null_node *node = &cluster->nodes[target];
    gw_inbox_push(&node->inbox, input);
    if (!node->is_ready) {
        node->is_ready = true;
        uint32_t place = cluster->ring_first + cluster->ring_count;
        place -= place >= cluster->node_count ? cluster->node_count : 0;
        cluster->ring[place] = target;
        cluster->ring_count++;
    }
}

static void hand_in(gw_null_cluster *cluster, gw_node_id node, const gw_input *input)
{
    cluster->usage.inputs++;
    cluster->handle(cluster->context, node, input);
}

/* Everything that has come for the first node of the ring; how much that was. */
static uint64_t serve_first(gw_null_cluster *cluster)
{
    null_node *node = &cluster->nodes[cluster->ring[cluster->ring_first]];
    cluster->ring_first++;
    if (cluster->ring_first == cluster->node_count) {
        cluster->ring_first = 0;
    }
    cluster->ring_count--;
    node->is_ready = false;
    gw_inbox_turn(&node->inbox);
    uint64_t count = 0;
    gw_input input;
    while (gw_inbox_take(&node->inbox, &input)) {
        hand_in(cluster, node->id, &input);
        count++;
    }
    return count;
}

bool gw_null_cluster_run(gw_null_cluster *cluster, uint64_t input_count, bool with_timers)
{
    if (!cluster->has_started) {
        cluster->has_started = true;
        for (uint32_t i = 0; i < cluster->node_count; i++) {
            post_input(cluster, i, &(gw_input){.kind = GW_INPUT_START});
        }
    }
    for (uint64_t served = 0; served < input_count;) {
        if (cluster->ring_count > 0) {
            served += serve_first(cluster);
            continue;
        }
        const gw_time due_ns = gw_timers_next_ns(&cluster->timers);
        if (!gw_timers_are_sure(&cluster->timers) || (due_ns > cluster->now_ns && !with_timers)) {
            return false;
        }
        cluster->now_ns = MAX(cluster->now_ns, due_ns);
        gw_timer timer;
        gw_check(gw_timers_take(&cluster->timers, cluster->now_ns, &timer));
        hand_in(cluster, timer.node, &(gw_input){.kind = GW_INPUT_TIMER, .tag = timer.tag});
        served++;
    }
    return true;
}

/* --- The port, for all nodes --- */

static gw_time null_now(gw_port *port)
{
    return node_of(port)->cluster->now_ns;
}

static void null_timer_set(gw_port *port, gw_time due_ns, gw_tag tag)
{
    const null_node *node = node_of(port);
    gw_timers_set(&node->cluster->timers, node->id, due_ns, tag);
}

static void null_watch_set(gw_port *port, gw_time due_ns, gw_tag tag)
{
    const null_node *node = node_of(port);
    gw_timers_watch(&node->cluster->timers, node->id, due_ns, tag);
}

static void null_timer_cancel(gw_port *port, gw_tag tag)
{
    const null_node *node = node_of(port);
    gw_timers_cancel(&node->cluster->timers, node->id, tag);
}

static void null_spend(gw_port *port, gw_cost cost, uint32_t count)
{
    gw_check(cost < GW_COST_COUNT);
    node_of(port)->cluster->usage.spent[cost] += count;
}

static void null_send(gw_port *port, gw_node_id target, const gw_message *message)
{
    const null_node *node = node_of(port);
    if (node->cluster->ledger != NULL) {
        gw_ledger_add_message(node->cluster->ledger, node->id, target, message->size_bytes);
    }
    gw_input input = {.kind = GW_INPUT_MESSAGE};
    input.message.source = node->id;
    input.message.content = message;
    post_input(node->cluster, target.index, &input);
}

static void null_note(gw_port *port, const gw_note *note)
{
    const null_node *node = node_of(port);
    if (node->cluster->ledger != NULL) {
        gw_ledger_add_note(node->cluster->ledger, note, node->cluster->now_ns);
    }
}

static const gw_port_ops port_ops = {.name = "null",
                                     .now = null_now,
                                     .timer_set = null_timer_set,
                                     .timer_cancel = null_timer_cancel,
                                     .spend = null_spend,
                                     .send = null_send,
                                     .note = null_note,
                                     .watch_set = null_watch_set};

/* --- Shards --- */

static null_kernel *kernel_at(const null_node *node, uint32_t index)
{
    return (null_kernel *)gw_pool_at(&node->kernels, index);
}

static null_shard *shard_on(null_kernel *kernel, uint32_t device)
{
    uint32_t i = 0;
    while (i < kernel->shard_count && kernel->shards[i].device != device) {
        i++;
    }
    gw_check(i < kernel->shard_count);
    return &kernel->shards[i];
}

/* Devices side by side go to the recorder in one record. */
static void record_kernel(const null_node *node, const gw_kernel *what,
                          const gw_local_shard *locals, uint32_t local_count)
{
    gw_null_cluster *cluster = node->cluster;
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, what->instance);
    const uint32_t mesh = gw_program_node(loaded->program, what->node)->mesh;
    const gw_ledger_gang gang = {.gang = what->gang,
                                 .job = loaded->job,
                                 .run = what->run,
                                 .node = what->node,
                                 .call = what->call,
                                 .shard_count = loaded->first[mesh + 1] - loaded->first[mesh]};
    for (uint32_t i = 0; i < local_count;) {
        uint32_t end = i + 1;
        while (end < local_count && locals[end].device == locals[end - 1].device + 1) {
            end++;
        }
        const gw_shard_record record = {.first_device = node->first_device + locals[i].device,
                                        .device_count = end - i,
                                        .start_ns = cluster->now_ns,
                                        .end_ns = cluster->now_ns};
        gw_ledger_add_shards(cluster->ledger, &(gw_ledger_shards){gang, record}, 1);
        i = end;
    }
}

static void finish_kernel(null_node *node, const gw_kernel *what, gw_tag tag,
                          const gw_local_shard *locals, uint32_t local_count)
{
    if (node->cluster->ledger != NULL) {
        record_kernel(node, what, locals, local_count);
    }
    post_input(node->cluster, node->id.index,
               &(gw_input){.kind = GW_INPUT_KERNEL_DONE, .tag = tag});
}

/* All shards of a kernel that stood in queues are done. */
static void retire_kernel(null_node *node, uint32_t index)
{
    const null_kernel *kernel = kernel_at(node, index);
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, kernel->instance);
    uint32_t local_count;
    const gw_local_shard *locals = gw_loaded_locals(
        loaded, gw_program_node(loaded->program, kernel->node)->mesh, &local_count);
    const gw_kernel what = {.gang = kernel->gang,
                            .instance = kernel->instance,
                            .node = kernel->node,
                            .run = kernel->run,
                            .call = kernel->call};
    finish_kernel(node, &what, kernel->tag, locals, local_count);
    gw_lookup_take(&node->kernel_of_gang, kernel->gang);
    gw_pool_give(&node->kernels, index);
}

/* One arrival for the target's shard; its device is to be looked at. */
static void count_arrival(gw_null_cluster *cluster, const gw_copy *copy)
{
    null_node *target =
        &cluster->nodes[gw_directory_host(cluster->directory, copy->target_device).index];
    const uint64_t index = gw_lookup_find(&target->kernel_of_gang, copy->target_gang);
    gw_check(index != GW_LOOKUP_NONE);
    null_shard *shard = shard_on(kernel_at(target, (uint32_t)index),
                                 copy->target_device.index - target->first_device);
    gw_check(shard->arrivals_left > 0);
    shard->arrivals_left--;
    if (shard->arrivals_left == 0) {
        g_array_append_val(cluster->stack, copy->target_device.index);
    }
}

static void land_copy(gw_null_cluster *cluster, const null_copy *landed)
{
    const gw_copy *copy = &landed->copy;
    if (!gw_copy_is_to_host(copy) && copy->target_gang != GW_GANG_NONE) {
        count_arrival(cluster, copy);
    }
    if (cluster->ledger != NULL) {
        const gw_transfer_record record = {
            .job = landed->job,
            .source_device = gw_copy_is_from_host(copy) ? GW_INDEX_NONE : copy->source_device.index,
            .target_device = gw_copy_is_to_host(copy) ? GW_INDEX_NONE : copy->target_device.index,
            .size_bytes = copy->size_bytes,
            .start_ns = cluster->now_ns,
            .end_ns = cluster->now_ns};
        gw_ledger_add_transfer(cluster->ledger, &record);
    }
    gw_input done = {.kind = GW_INPUT_COPY_DONE, .tag = landed->tag};
    const gw_real_answers *answers = &cluster->answers;
    if (copy->kind == GW_COPY_TO_HOST && answers->value != NULL) {
        done.value = answers->value(answers->context, landed->job, copy->result, copy->run);
    }
    post_input(cluster, landed->host, &done);
}

/* The first shard of the queue is done: what waits for it goes on. */
static void finish_first(null_node *node, null_device *device, null_shard *shard)
{
    gw_null_cluster *cluster = node->cluster;
    const uint32_t index = device->first;
    device->first = shard->next;
    if (device->first == GW_INDEX_NONE) {
        device->last = GW_INDEX_NONE;
    }
    shard->is_done = true;
    uint32_t next = shard->first_copy;
    while (next != GW_INDEX_NONE) {
        const uint32_t slot = next;
        const null_copy *copy = (const null_copy *)gw_pool_at(&cluster->copies, slot);
        next = copy->next;
        land_copy(cluster, copy);
        gw_pool_give(&cluster->copies, slot);
    }
    null_kernel *kernel = kernel_at(node, index);
    kernel->left_count--;
    if (kernel->left_count == 0) {
        retire_kernel(node, index);
    }
}

/* Runs every queue on the stack as far as it goes. */
static void advance_devices(gw_null_cluster *cluster)
{
    while (cluster->stack->len > 0) {
        const uint32_t index = g_array_index(cluster->stack, uint32_t, cluster->stack->len - 1);
        g_array_set_size(cluster->stack, cluster->stack->len - 1);
        null_device *device = &cluster->devices[index];
        null_node *node =
            &cluster->nodes[gw_directory_host(cluster->directory, (gw_device_id){index}).index];
        while (device->first != GW_INDEX_NONE) {
            null_shard *shard =
                shard_on(kernel_at(node, device->first), index - node->first_device);
            if (shard->arrivals_left > 0) {
                break;
            }
            finish_first(node, device, shard);
        }
    }
}

/* --- The port, for executors --- */

static null_device *device_at(const null_node *node, uint32_t local)
{
    return &node->cluster->devices[node->first_device + local];
}

static void null_load(gw_port *port, const gw_executable *executable)
{
    null_node *node = node_of(port);
    gw_loaded_set_add(&node->loaded, executable, node->first_device, node->device_count);
}

static void null_unload(gw_port *port, uint32_t instance)
{
    gw_loaded_set_remove(&node_of(port)->loaded, instance);
}

static bool is_free(const null_node *node, const gw_kernel *what, const gw_local_shard *locals,
                    uint32_t local_count)
{
    for (uint32_t i = 0; i < local_count; i++) {
        if (device_at(node, locals[i].device)->first != GW_INDEX_NONE ||
            (what->arrivals != NULL && what->arrivals[i] > 0)) {
            return false;
        }
    }
    return true;
}

static void queue_kernel(null_node *node, const gw_kernel *what, gw_tag tag,
                         const gw_local_shard *locals, uint32_t local_count)
{
    const uint32_t index = gw_pool_take(&node->kernels);
    null_kernel *kernel = kernel_at(node, index);
    *kernel = (null_kernel){.gang = what->gang,
                            .call = what->call,
                            .tag = tag,
                            .instance = what->instance,
                            .node = what->node,
                            .run = what->run,
                            .left_count = local_count,
                            .shard_count = local_count};
    gw_lookup_add(&node->kernel_of_gang, what->gang, index);
    for (uint32_t i = 0; i < local_count; i++) {
        kernel->shards[i] =
            (null_shard){.next = GW_INDEX_NONE,
                         .arrivals_left = what->arrivals == NULL ? 0 : what->arrivals[i],
                         .first_copy = GW_INDEX_NONE,
                         .last_copy = GW_INDEX_NONE,
                         .device = locals[i].device};
        null_device *device = device_at(node, locals[i].device);
        if (device->first == GW_INDEX_NONE) {
            device->first = index;
            const uint32_t global = node->first_device + locals[i].device;
            g_array_append_val(node->cluster->stack, global);
        } else {
            shard_on(kernel_at(node, device->last), locals[i].device)->next = index;
        }
        device->last = index;
    }
    advance_devices(node->cluster);
}

static void null_enqueue(gw_port *port, const gw_kernel *what, gw_tag tag)
{
    null_node *node = node_of(port);
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, what->instance);
    uint32_t local_count;
    const gw_local_shard *locals =
        gw_loaded_locals(loaded, gw_program_node(loaded->program, what->node)->mesh, &local_count);
    gw_check(local_count > 0);
    if (node->cluster->ledger != NULL) {
        gw_ledger_launch(node->cluster->ledger, what, node->first_device, locals, local_count);
    }
    if (is_free(node, what, locals, local_count)) {
        finish_kernel(node, what, tag, locals, local_count);
    } else {
        queue_kernel(node, what, tag, locals, local_count);
    }
}

/* The shard that writes the copy's source, when it is not done; else NULL. */
static null_shard *find_source(const null_node *node, const gw_copy *copy)
{
    const uint64_t index = gw_lookup_find(&node->kernel_of_gang, copy->source_gang);
    if (index == GW_LOOKUP_NONE) {
        return NULL;
    }
    null_shard *shard =
        shard_on(kernel_at(node, (uint32_t)index), copy->source_device.index - node->first_device);
    return shard->is_done ? NULL : shard;
}

static void null_copy_bytes(gw_port *port, const gw_copy *copy, gw_tag tag)
{
    null_node *node = node_of(port);
    gw_null_cluster *cluster = node->cluster;
    gw_check(copy->source_device.index - node->first_device < node->device_count);
    const null_copy asked = {.copy = *copy,
                             .tag = tag,
                             .host = node->id.index,
                             .job = gw_loaded_set_find(&node->loaded, copy->instance)->job,
                             .next = GW_INDEX_NONE};
    const bool waits = copy->kind == GW_COPY_TO_DEVICE || copy->kind == GW_COPY_TO_HOST;
    null_shard *source = waits ? find_source(node, copy) : NULL;
    if (source == NULL) {
        land_copy(cluster, &asked);
        advance_devices(cluster);
        return;
    }
    const uint32_t slot = gw_pool_take(&cluster->copies);
    *(null_copy *)gw_pool_at(&cluster->copies, slot) = asked;
    if (source->last_copy == GW_INDEX_NONE) {
        source->first_copy = slot;
    } else {
        ((null_copy *)gw_pool_at(&cluster->copies, source->last_copy))->next = slot;
    }
    source->last_copy = slot;
}

static const gw_local_shard *locals_of(const null_node *node, const gw_memory *memory,
                                       uint32_t *out_count)
{
    return gw_loaded_locals(gw_loaded_set_find(&node->loaded, memory->instance), memory->mesh,
                            out_count);
}

static bool null_memory_reserve(gw_port *port, const gw_memory *memory)
{
    null_node *node = node_of(port);
    uint32_t local_count;
    const gw_local_shard *locals = locals_of(node, memory, &local_count);
    for (uint32_t i = 0; i < local_count; i++) {
        const null_device *device = device_at(node, locals[i].device);
        if (memory->size_bytes > device->limit_bytes - device->used_bytes) {
            return false;
        }
    }
    for (uint32_t i = 0; i < local_count; i++) {
        device_at(node, locals[i].device)->used_bytes += memory->size_bytes;
    }
    return true;
}

static void null_memory_release(gw_port *port, const gw_memory *memory)
{
    null_node *node = node_of(port);
    uint32_t local_count;
    const gw_local_shard *locals = locals_of(node, memory, &local_count);
    for (uint32_t i = 0; i < local_count; i++) {
        null_device *device = device_at(node, locals[i].device);
        gw_check(device->used_bytes >= memory->size_bytes);
        device->used_bytes -= memory->size_bytes;
    }
}

static void null_read_counts(gw_port *port, const gw_counts *asked, uint32_t *out_counts)
{
    const null_node *node = node_of(port);
    const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, asked->instance);
    gw_loaded_ask_counts(loaded, asked, &node->cluster->answers, out_counts);
}

static void null_expect(gw_port *port, const gw_expectation *expectation)
{
    null_node *node = node_of(port);
    const uint64_t index = gw_lookup_find(&node->kernel_of_gang, expectation->gang);
    gw_check(index != GW_LOOKUP_NONE);
    null_shard *shard =
        shard_on(kernel_at(node, (uint32_t)index), expectation->device.index - node->first_device);
    gw_check(shard->arrivals_left > 0);
    shard->arrivals_left += expectation->copy_count;
    shard->arrivals_left--;
    if (shard->arrivals_left == 0) {
        g_array_append_val(node->cluster->stack, expectation->device.index);
        advance_devices(node->cluster);
    }
}

static const gw_device_ops device_ops = {.load = null_load,
                                         .unload = null_unload,
                                         .enqueue = null_enqueue,
                                         .copy = null_copy_bytes,
                                         .memory_reserve = null_memory_reserve,
                                         .memory_release = null_memory_release,
                                         .read_counts = null_read_counts,
                                         .expect = null_expect};

/* --- The cluster --- */

static void init_node(gw_null_cluster *cluster, uint32_t index)
{
    null_node *node = &cluster->nodes[index];
    node->port.ops = &port_ops;
    node->cluster = cluster;
    node->id.index = index;
    uint32_t which;
    if (gw_directory_role(cluster->directory, node->id, &which) == GW_ROLE_EXECUTOR) {
        node->port.devices = &device_ops;
        node->device_count =
            gw_directory_devices_of_host(cluster->directory, node->id, &node->first_device);
    }
    gw_pool_init(&node->kernels,
                 sizeof(null_kernel) + sizeof(null_shard) * (node->device_count + 1));
}

gw_null_cluster *gw_null_cluster_new(const gw_directory *directory, gw_ledger *ledger,
                                     gw_real_handler handle, void *context)
{
    gw_null_cluster *cluster = g_new0(gw_null_cluster, 1);
    cluster->directory = directory;
    cluster->ledger = ledger;
    cluster->handle = handle;
    cluster->context = context;
    cluster->node_count = gw_directory_node_count(directory);
    cluster->nodes = g_new0(null_node, cluster->node_count);
    cluster->ring = g_new0(uint32_t, cluster->node_count);
    cluster->devices = g_new0(null_device, directory->device_count);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        init_node(cluster, i);
    }
    for (uint32_t i = 0; i < directory->device_count; i++) {
        const uint32_t island = gw_directory_island(directory, (gw_device_id){i});
        cluster->devices[i] = (null_device){.first = GW_INDEX_NONE,
                                            .last = GW_INDEX_NONE,
                                            .limit_bytes = directory->islands[island].hbm_bytes};
    }
    gw_pool_init(&cluster->copies, sizeof(null_copy));
    cluster->stack = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    return cluster;
}

void gw_null_cluster_set_answers(gw_null_cluster *cluster, const gw_real_answers *answers)
{
    cluster->answers = *answers;
}

void gw_null_cluster_free(gw_null_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        null_node *node = &cluster->nodes[i];
        gw_inbox_clear(&node->inbox);
        gw_loaded_set_clear(&node->loaded);
        gw_pool_clear(&node->kernels);
        gw_lookup_clear(&node->kernel_of_gang);
    }
    gw_timers_clear(&cluster->timers);
    gw_pool_clear(&cluster->copies);
    g_array_unref(cluster->stack);
    g_free(cluster->nodes);
    g_free(cluster->ring);
    g_free(cluster->devices);
    g_free(cluster);
}

gw_port *gw_null_cluster_port(gw_null_cluster *cluster, gw_node_id node)
{
    gw_check(node.index < cluster->node_count);
    return &cluster->nodes[node.index].port;
}

void gw_null_cluster_explain(const gw_null_cluster *cluster, GString *out)
{
    uint32_t line_count = 0;
    for (uint32_t i = 0; i < cluster->directory->device_count; i++) {
        const null_device *device = &cluster->devices[i];
        if (device->first == GW_INDEX_NONE || line_count == EXPLAIN_LINES_MAX) {
            continue;
        }
        const null_node *node =
            &cluster->nodes[gw_directory_host(cluster->directory, (gw_device_id){i}).index];
        null_kernel *kernel = kernel_at(node, device->first);
        const gw_loaded *loaded = gw_loaded_set_find(&node->loaded, kernel->instance);
        g_string_append_printf(out, "device %u: ", i);
        gw_loaded_describe_gang(loaded, &cluster->answers, kernel->gang, kernel->node, kernel->run,
                                out);
        gw_loaded_describe_arrivals(shard_on(kernel, i - node->first_device)->arrivals_left, out);
        g_string_append_c(out, '\n');
        line_count++;
    }
}
