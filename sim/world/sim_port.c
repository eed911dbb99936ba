/* SPDX-License-Identifier: Apache-2.0 */
/* A node is a server (engine/server.h) whose items are inputs.  Serving one sets the node's clock
 * to now, hands the input in, and stays busy for as long as the clock was moved on.  Devices
 * answer through the ops at the end; everything else is one event per message and timer. */
#include "world/sim_port.h"

#include <string.h>

#include "accel/device.h"
#include "accel/gang_table.h"
#include "base/check.h"
#include "base/lines.h"
#include "base/pool.h"
#include "engine/server.h"
#include "record/launch_digest.h"
#include "world/executables.h"
#include "world/message_pool.h"

G_STATIC_ASSERT(GW_GANG_SEQUENCE_BITS == GW_GANG_TABLE_BITS);
G_STATIC_ASSERT(GW_GANG_NONE == GW_DEVICE_GANG_NONE);
G_STATIC_ASSERT(GW_COST_COUNT <= GW_PROFILE_COSTS_MAX);

enum { ITEM_START = 1, ITEM_TIMER, ITEM_MESSAGE, ITEM_KERNEL_DONE, ITEM_COPY_DONE };

typedef struct {
    gw_port port; /* First: a port is its node. */
    gw_sim_ports *ports;
    gw_node_id self;
    bool is_handling;
    gw_time clock_ns;    /* While handling: the node's own time. */
    gw_time nic_free_ns; /* Its NIC sends one message at a time. */
    uint32_t first_timer;
    gw_server server;
} sim_node;

typedef struct {
    gw_tag tag;
    gw_event_id event;
    uint32_t node, next;
    bool is_watch;
} sim_timer;

struct gw_sim_ports {
    gw_sim_ports_settings settings;
    gw_engine *engine;
    gw_cluster *cluster;
    gw_accel_model model;
    gw_devices *devices;
    bool shares_cores; /* Some of them. */
    gw_executables executables;
    gw_message_pool messages;
    gw_pool timers;
    uint64_t watch_count; /* Of them. */
    sim_node *nodes;
    uint32_t node_count;
    gw_span cost_ns[GW_COST_COUNT];
    gw_span dcn_latency_ns, local_latency_ns;
    uint64_t wire_size_bytes; /* The last size asked for, */
    gw_span wire_ns;          /* and how long it occupies a NIC. */
    uint64_t *launch_chains;  /* By device. */
    gw_sim_counts counts;
};

static void fire_start(gw_engine *engine, void *subject, uint64_t argument);
static void fire_timer(gw_engine *engine, void *subject, uint64_t argument);
static void fire_message(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind start_kind = {.name = "node.start", .fire = fire_start};
static const gw_event_kind timer_kind = {.name = "timer", .fire = fire_timer};
static const gw_event_kind message_kind = {.name = "message", .fire = fire_message};

static sim_node *node_of(gw_port *port)
{
    sim_node *node = (sim_node *)port;
    gw_check(node->is_handling); /* A port is called while its node handles an input. */
    return node;
}

/* --- In --- */

/* GW_INDEX_NONE: the node is no host. */
static uint32_t find_island(const gw_sim_ports *ports, gw_node_id node)
{
    const gw_directory *directory = ports->settings.directory;
    return node.index < directory->host_count ? gw_directory_island_of_host(directory, node)
                                              : GW_INDEX_NONE;
}

static gw_span serve_node(void *owner, const gw_server_item *item)
{
    sim_node *node = owner;
    gw_sim_ports *ports = node->ports;
    const gw_time now_ns = gw_engine_now(ports->engine);
    gw_message_block *block = NULL;
    gw_input input = {0};
    node->clock_ns = now_ns;
    node->is_handling = true;
    switch (item->kind) {
    case ITEM_START:
        input.kind = GW_INPUT_START;
        break;
    case ITEM_TIMER:
        input.kind = GW_INPUT_TIMER;
        input.tag.value = item->value;
        break;
    case ITEM_KERNEL_DONE:
        input.kind = GW_INPUT_KERNEL_DONE;
        input.tag.value = item->value;
        input.device_time_ns = item->more;
        break;
    case ITEM_COPY_DONE:
        input.kind = GW_INPUT_COPY_DONE;
        input.tag.value = item->value;
        memcpy(&input.value, &item->more, sizeof input.value);
        break;
    default:
        gw_check(item->kind == ITEM_MESSAGE);
        block = (gw_message_block *)(uintptr_t)item->value;
        input.kind = GW_INPUT_MESSAGE;
        input.message.source.index = block->source;
        input.message.content = &block->message;
        node->clock_ns += block->source == node->self.index ? 0 : ports->cost_ns[GW_COST_RECEIVE];
        break;
    }
    ports->settings.handle(ports->settings.context, node->self, &input);
    if (block != NULL) {
        gw_message_pool_give(&ports->messages, block);
    }
    node->is_handling = false;
    if (ports->shares_cores) {
        gw_devices_take_core(ports->devices, find_island(ports, node->self),
                             node->clock_ns - now_ns);
    }
    return node->clock_ns - now_ns;
}

static void offer_item(gw_sim_ports *ports, uint32_t node, uint32_t kind, uint64_t value)
{
    const gw_server_item item = {.kind = kind, .value = value};
    gw_server_offer(&ports->nodes[node].server, &item);
}

static void fire_start(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    offer_item(subject, (uint32_t)argument, ITEM_START, 0);
}

/* --- Time --- */

static gw_time sim_now(gw_port *port)
{
    return node_of(port)->clock_ns;
}

static void sim_spend(gw_port *port, gw_cost cost, uint32_t count)
{
    sim_node *node = node_of(port);
    gw_check(cost > 0 && cost < GW_COST_COUNT);
    node->clock_ns += node->ports->cost_ns[cost] * count;
}

static void set_timer(sim_node *node, gw_time due_ns, gw_tag tag, bool is_watch)
{
    gw_sim_ports *ports = node->ports;
    const uint32_t slot = gw_pool_take(&ports->timers);
    sim_timer *timer = gw_pool_at(&ports->timers, slot);
    *timer = (sim_timer){
        .tag = tag,
        .event =
            gw_engine_post(ports->engine, MAX(due_ns, node->clock_ns), &timer_kind, ports, slot),
        .node = node->self.index,
        .next = node->first_timer,
        .is_watch = is_watch,
    };
    node->first_timer = slot;
    ports->watch_count += is_watch;
}

static void sim_timer_set(gw_port *port, gw_time due_ns, gw_tag tag)
{
    set_timer(node_of(port), due_ns, tag, false);
}

static void sim_watch_set(gw_port *port, gw_time due_ns, gw_tag tag)
{
    set_timer(node_of(port), due_ns, tag, true);
}

bool gw_sim_ports_are_at_rest(const gw_sim_ports *ports)
{
    return gw_engine_pending_count(ports->engine) == ports->watch_count;
}

/* Takes the timer that `link` leads to out of its node's list. */
static void drop_timer(gw_sim_ports *ports, uint32_t *link)
{
    const uint32_t slot = *link;
    const sim_timer *dropped = gw_pool_at(&ports->timers, slot);
    ports->watch_count -= dropped->is_watch;
    *link = dropped->next;
    gw_pool_give(&ports->timers, slot);
}

static void sim_timer_cancel(gw_port *port, gw_tag tag)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    uint32_t *link = &node->first_timer;
    while (*link != GW_INDEX_NONE) {
        sim_timer *timer = gw_pool_at(&ports->timers, *link);
        if (timer->tag.value == tag.value) {
            gw_engine_withdraw(ports->engine, timer->event);
            drop_timer(ports, link);
        } else {
            link = &timer->next;
        }
    }
    gw_server_drop(&node->server, ITEM_TIMER, tag.value);
}

static void fire_timer(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    gw_sim_ports *ports = subject;
    const uint32_t slot = (uint32_t)argument;
    const sim_timer fired = *(const sim_timer *)gw_pool_at(&ports->timers, slot);
    uint32_t *link = &ports->nodes[fired.node].first_timer;
    while (*link != slot) {
        link = &((sim_timer *)gw_pool_at(&ports->timers, *link))->next;
    }
    drop_timer(ports, link);
    offer_item(ports, fired.node, ITEM_TIMER, fired.tag.value);
}

/* --- Messages --- */

/* How long a message occupies a NIC: most have the size of the one before. */
static gw_span ask_wire(gw_sim_ports *ports, uint64_t size_bytes)
{
    if (size_bytes != ports->wire_size_bytes) {
        ports->wire_size_bytes = size_bytes;
        ports->wire_ns =
            gw_span_from_seconds((double)size_bytes / ports->settings.cluster->dcn_bytes_per_s);
    }
    return ports->settings.profile->is_network_free ? 0 : ports->wire_ns;
}

static gw_time leave_node(sim_node *node, const gw_message *message)
{
    gw_sim_ports *ports = node->ports;
    node->clock_ns += ports->cost_ns[GW_COST_SEND];
    node->nic_free_ns =
        MAX(node->nic_free_ns, node->clock_ns) + ask_wire(ports, message->size_bytes);
    ports->counts.messages++;
    ports->counts.message_bytes += message->size_bytes;
    if (ports->settings.recorder != NULL) {
        gw_recorder_add_message(ports->settings.recorder, message->size_bytes);
    }
    return node->nic_free_ns + ports->dcn_latency_ns;
}

static void sim_send(gw_port *port, gw_node_id target, const gw_message *message)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    gw_check(target.index < ports->node_count);
    const gw_time due_ns = target.index == node->self.index
                               ? node->clock_ns + ports->local_latency_ns
                               : leave_node(node, message);
    gw_message_block *block = gw_message_pool_take(&ports->messages, message);
    block->owner = ports;
    block->source = node->self.index;
    gw_engine_post(ports->engine, due_ns, &message_kind, block,
                   (uint64_t)node->self.index << 32 | target.index);
}

static void fire_message(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    gw_message_block *block = subject;
    offer_item(block->owner, (uint32_t)argument, ITEM_MESSAGE, (uint64_t)(uintptr_t)block);
}

static void sim_note(gw_port *port, const gw_note *note)
{
    sim_node *node = node_of(port);
    const gw_sim_ports_settings *settings = &node->ports->settings;
    if (note->kind == GW_NOTE_GANG_ORDERED && settings->invariants != NULL) {
        gw_invariants_ordered(settings->invariants, note->a);
    }
    if (note->kind == GW_NOTE_ROWS && settings->invariants != NULL) {
        gw_invariants_dropped(settings->invariants, (uint64_t)note->value);
    }
    if (settings->note != NULL) {
        settings->note(settings->context, node->self, note, node->clock_ns);
    }
}

/* --- Devices --- */

static void sim_load(gw_port *port, const gw_executable *executable)
{
    gw_executables_load(&node_of(port)->ports->executables, executable);
}

static void sim_unload(gw_port *port, uint32_t instance)
{
    gw_executables_unload(&node_of(port)->ports->executables, instance);
}

/* Devices of one host mostly have had the same launches: then they have the same chain. */
static void chain_launch(gw_sim_ports *ports, const gw_kernel *kernel, const uint32_t *devices,
                         uint32_t device_count)
{
    uint64_t before = 0;
    const uint32_t node = gw_launch_digest_node(kernel->node, kernel->is_otherwise);
    uint64_t after = gw_launch_digest_chain(0, kernel->instance, node, kernel->run);
    for (uint32_t i = 0; i < device_count; i++) {
        uint64_t *chain = &ports->launch_chains[devices[i]];
        if (*chain != before) {
            before = *chain;
            after = gw_launch_digest_chain(before, kernel->instance, node, kernel->run);
        }
        *chain = after;
    }
}

/* Of outputs that are not written over an input. */
static uint64_t sum_own_outputs(const gw_function *function, const uint32_t *buffers)
{
    uint64_t sum_bytes = 0;
    for (uint32_t i = 0; i < function->output_count; i++) {
        bool is_own = true;
        for (uint32_t k = 0; k < function->input_count; k++) {
            is_own = is_own && buffers[k] != buffers[function->input_count + i];
        }
        const gw_value *value = gw_function_value(function, gw_function_output(function, i));
        sum_bytes += is_own ? gw_value_bytes(value) : 0;
    }
    return sum_bytes;
}

static void sim_enqueue(gw_port *port, const gw_kernel *kernel, gw_tag tag)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    const gw_loaded_executable *loaded = gw_executables_at(&ports->executables, kernel->instance);
    gw_check(kernel->node < loaded->program->nodes->len);
    const gw_launch launch = {
        .origin = {.gang = kernel->gang,
                   .call = kernel->call,
                   .job = loaded->job,
                   .instance = kernel->instance,
                   .node = kernel->node,
                   .run = kernel->run},
        .plan = kernel->is_otherwise ? loaded->plan_otherwise[kernel->node]
                                     : loaded->plan_of_node[kernel->node],
        .host = node->self.index,
        .tag = tag.value,
        .issued_ns = node->clock_ns,
        .arrivals = kernel->arrivals,
        .output_bytes = gw_devices_count_touches(ports->devices)
                            ? sum_own_outputs(gw_program_function(loaded->program, kernel->node),
                                              kernel->buffers)
                            : 0,
    };
    const gw_gang_layout *layout = launch.plan->layout;
    const uint32_t place = gw_gang_layout_place(layout, node->self.index);
    gw_check(place != GW_INDEX_NONE);
    const uint32_t first = layout->first_local[place];
    const uint32_t count = layout->first_local[place + 1] - first;
    ports->counts.launches++;
    ports->counts.shards += count;
    chain_launch(ports, kernel, &layout->local_devices[first], count);
    if (ports->settings.invariants != NULL) {
        const gw_function *function = gw_program_function(loaded->program, kernel->node);
        gw_invariants_launched(ports->settings.invariants, &launch, kernel->buffers,
                               function->input_count + function->output_count);
    }
    gw_devices_launch(ports->devices, &launch);
}

static void sim_copy(gw_port *port, const gw_copy *copy, gw_tag tag)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    gw_check(copy->kind >= GW_COPY_TO_DEVICE && copy->kind <= GW_COPY_RETURN);
    const gw_device_copy asked = {
        .is_to_host = gw_copy_is_to_host(copy),
        .is_from_host = gw_copy_is_from_host(copy),
        .is_source_done = copy->kind != GW_COPY_TO_DEVICE && copy->kind != GW_COPY_TO_HOST,
        .host = node->self.index,
        .job = gw_executables_at(&ports->executables, copy->instance)->job,
        .buffer = copy->source_buffer,
        .tag = tag.value,
        .source_gang = copy->source_gang,
        .target_gang = copy->target_gang,
        .source_device = copy->source_device.index,
        .target_device = copy->target_device.index,
        .size_bytes = copy->size_bytes,
        .duration_ns = copy->duration_ns,
        .issued_ns = node->clock_ns,
        .result = copy->result,
        .run = copy->run,
    };
    if (ports->settings.invariants != NULL) {
        gw_invariants_copy_asked(ports->settings.invariants, asked.host, asked.buffer);
    }
    if (copy->kind != GW_COPY_TO_DEVICE || copy->target_gang == GW_GANG_NONE) {
        gw_executables_note_copy(&ports->executables, copy);
    }
    gw_devices_copy(ports->devices, &asked);
}

/* This node's devices in the mesh; none is no mistake. */
static const uint32_t *find_local(sim_node *node, const gw_memory *memory, uint32_t *out_count)
{
    const gw_loaded_executable *loaded =
        gw_executables_at(&node->ports->executables, memory->instance);
    gw_check(memory->mesh < loaded->mesh_count);
    const gw_gang_layout *layout = loaded->layouts[memory->mesh];
    const uint32_t place = gw_gang_layout_place(layout, node->self.index);
    if (place == GW_INDEX_NONE) {
        *out_count = 0;
        return NULL;
    }
    *out_count = layout->first_local[place + 1] - layout->first_local[place];
    return &layout->local_devices[layout->first_local[place]];
}

static bool sim_memory_reserve(gw_port *port, const gw_memory *memory)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    uint32_t count = 0;
    const uint32_t *local = find_local(node, memory, &count);
    if (!gw_devices_reserve(ports->devices, local, count, memory->size_bytes)) {
        return false;
    }
    if (ports->settings.invariants != NULL) {
        gw_invariants_reserved(ports->settings.invariants, memory->instance, node->self.index,
                               memory->buffer, local, count, memory->size_bytes);
    }
    return true;
}

static void sim_memory_release(gw_port *port, const gw_memory *memory)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    uint32_t count = 0;
    const uint32_t *local = find_local(node, memory, &count);
    gw_devices_release(ports->devices, local, count, memory->size_bytes);
    if (ports->settings.invariants != NULL) {
        gw_invariants_released(ports->settings.invariants, node->self.index, memory->buffer, local,
                               count, memory->size_bytes);
    }
}

static void sim_read_counts(gw_port *port, const gw_counts *counts, uint32_t *out_counts)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    const gw_loaded_executable *loaded = gw_executables_at(&ports->executables, counts->instance);
    const gw_edge *edge = gw_program_edge(loaded->program, counts->edge);
    const uint32_t mesh = gw_program_node(loaded->program, edge->source_node)->mesh;
    const uint32_t shard = gw_gang_layout_shard(loaded->layouts[mesh], counts->device.index);
    const uint32_t target_count = gw_exchange_target_count(loaded->program, counts->edge);
    gw_check(shard != GW_INDEX_NONE);
    memset(out_counts, 0, target_count * sizeof *out_counts);
    if (ports->settings.counts != NULL) {
        ports->settings.counts(ports->settings.context, loaded->job, counts->edge, counts->run,
                               shard, out_counts);
    }
    uint64_t row_count = 0;
    for (uint32_t i = 0; i < target_count; i++) {
        row_count += out_counts[i];
    }
    gw_check(row_count <= gw_exchange_rows(loaded->program, counts->edge));
    if (ports->settings.invariants != NULL) {
        gw_invariants_dealt(ports->settings.invariants, row_count);
    }
}

static void sim_expect(gw_port *port, const gw_expectation *expectation)
{
    sim_node *node = node_of(port);
    gw_sim_ports *ports = node->ports;
    const gw_loaded_executable *loaded =
        gw_executables_at(&ports->executables, expectation->instance);
    const gw_edge *edge = gw_program_edge(loaded->program, expectation->edge);
    const bool is_dealt = edge->exchange.kind == GW_EXCHANGE_DEAL;
    const gw_gang_plan *plan = loaded->plan_of_node[edge->target_node];
    g_autofree gw_span *spans_ns = g_new0(gw_span, plan->stage_count + 1);
    if (is_dealt) {
        gw_timing_count(&ports->model, plan->layout->island,
                        gw_program_function(loaded->program, edge->target_node),
                        loaded->program->counted[edge->target_node], expectation->row_count,
                        spans_ns);
    }
    if (ports->settings.invariants != NULL) {
        gw_invariants_expected(ports->settings.invariants, expectation->gang,
                               expectation->device.index, expectation->copy_count,
                               is_dealt ? expectation->row_count : 0);
    }
    const gw_device_expectation told = {.gang = expectation->gang,
                                        .device = expectation->device.index,
                                        .copy_count = expectation->copy_count,
                                        .issued_ns = node->clock_ns,
                                        .spans_ns = is_dealt ? spans_ns : NULL};
    gw_devices_expect(ports->devices, &told);
}

static const gw_port_ops sim_port_ops = {
    .name = "sim",
    .now = sim_now,
    .timer_set = sim_timer_set,
    .timer_cancel = sim_timer_cancel,
    .spend = sim_spend,
    .send = sim_send,
    .note = sim_note,
    .watch_set = sim_watch_set,
};
static const gw_device_ops sim_device_ops = {
    .load = sim_load,
    .unload = sim_unload,
    .enqueue = sim_enqueue,
    .copy = sim_copy,
    .memory_reserve = sim_memory_reserve,
    .memory_release = sim_memory_release,
    .read_counts = sim_read_counts,
    .expect = sim_expect,
};

/* --- What the devices answer --- */

static void answer_launch(void *owner, uint32_t host, uint64_t tag, gw_span device_time_ns)
{
    gw_sim_ports *ports = owner;
    if (ports->settings.invariants != NULL) {
        gw_invariants_launch_done(ports->settings.invariants, host, tag);
    }
    const gw_server_item item = {.kind = ITEM_KERNEL_DONE, .value = tag, .more = device_time_ns};
    gw_server_offer(&ports->nodes[host].server, &item);
}

static void tell_transfer(const gw_sim_ports_settings *settings, const gw_transfer_record *record)
{
    if (settings->recorder != NULL) {
        gw_recorder_add_transfer(settings->recorder, record);
    }
    if (settings->transfer != NULL) {
        settings->transfer(settings->context, record);
    }
}

static void answer_copy(void *owner, const gw_device_copy *copy, gw_time start_ns)
{
    gw_sim_ports *ports = owner;
    const gw_time now_ns = gw_engine_now(ports->engine);
    const uint32_t *islands = ports->cluster->island_of_device;
    ports->counts.transfers++;
    if (ports->settings.recorder != NULL || ports->settings.transfer != NULL) {
        const gw_transfer_record record = {
            .job = copy->job,
            .source_device = copy->is_from_host ? GW_INDEX_NONE : copy->source_device,
            .target_device = copy->is_to_host ? GW_INDEX_NONE : copy->target_device,
            .is_dcn =
                !copy->is_to_host && islands[copy->source_device] != islands[copy->target_device],
            .size_bytes = copy->size_bytes,
            .start_ns = start_ns,
            .end_ns = now_ns,
        };
        tell_transfer(&ports->settings, &record);
    }
    if (ports->settings.invariants != NULL) {
        gw_invariants_copy_arrived(ports->settings.invariants, copy->host, copy->buffer,
                                   copy->is_to_host, copy->target_gang, copy->target_device,
                                   now_ns);
    }
    const double value =
        copy->is_to_host && ports->settings.value != NULL
            ? ports->settings.value(ports->settings.context, copy->job, copy->result, copy->run)
            : 0;
    gw_server_item item = {.kind = ITEM_COPY_DONE, .value = copy->tag};
    memcpy(&item.more, &value, sizeof item.more);
    gw_server_offer(&ports->nodes[copy->host].server, &item);
}

static void record_shards(void *owner, const gw_gang_origin *origin, const gw_shard_span *span)
{
    gw_sim_ports *ports = owner;
    if (ports->settings.recorder != NULL) {
        const gw_shard_record record = {
            .gang = origin->gang,
            .job = origin->job,
            .run = origin->run,
            .node = origin->node,
            .first_device = span->first_device,
            .device_count = span->device_count,
            .start_ns = span->start_ns,
            .end_ns = span->end_ns,
            .local_ns = span->local_ns,
            .collective_ns = span->collective_ns,
            .hidden_ns = span->hidden_ns,
        };
        gw_recorder_add_shards(ports->settings.recorder, &record);
    }
    if (ports->settings.invariants != NULL) {
        gw_invariants_shards_ended(ports->settings.invariants, origin->gang, span);
    }
}

static void tell_gang(const gw_sim_ports_settings *settings, const gw_gang_record *record)
{
    if (settings->recorder != NULL) {
        gw_recorder_add_gang(settings->recorder, record);
    }
    if (settings->gang != NULL) {
        settings->gang(settings->context, record);
    }
}

static void record_gang(void *owner, const gw_gang_origin *origin, const gw_gang_span *span)
{
    gw_sim_ports *ports = owner;
    const gw_gang_layout *layout = span->plan->layout;
    ports->counts.gangs++;
    if (ports->settings.recorder != NULL || ports->settings.gang != NULL) {
        const gw_gang_record record = {
            .gang = origin->gang,
            .job = origin->job,
            .run = origin->run,
            .node = origin->node,
            .call = origin->call,
            .island = layout->island,
            .first_device = layout->first_device,
            .last_device = layout->first_device + layout->device_span - 1,
            .device_count = layout->member_count,
            .start_ns = span->start_ns,
            .end_ns = span->end_ns,
        };
        tell_gang(&ports->settings, &record);
    }
    if (ports->settings.invariants != NULL) {
        gw_invariants_gang_ended(ports->settings.invariants, origin->gang);
    }
}

static const gw_devices_ops devices_ops = {
    .launch_done = answer_launch,
    .copy_done = answer_copy,
    .shards_ended = record_shards,
    .gang_ended = record_gang,
};

/* --- Life --- */

static void set_costs(gw_sim_ports *ports)
{
    const gw_sim_ports_settings *settings = &ports->settings;
    for (uint32_t i = 0; i < GW_COST_COUNT; i++) {
        ports->cost_ns[i] = settings->profile->cost_ns[i];
    }
    if (!settings->profile->is_network_free) {
        ports->dcn_latency_ns = settings->cluster->dcn_latency_ns;
        ports->local_latency_ns = settings->cluster->local_latency_ns;
    }
}

static void fill_nodes(gw_sim_ports *ports)
{
    ports->node_count = gw_directory_node_count(ports->settings.directory);
    ports->nodes = gw_lines_new0(ports->node_count, sizeof(sim_node));
    for (uint32_t i = 0; i < ports->node_count; i++) {
        sim_node *node = &ports->nodes[i];
        const bool is_host = i < ports->settings.directory->host_count;
        node->port.ops = &sim_port_ops;
        node->port.devices = is_host ? &sim_device_ops : NULL;
        node->ports = ports;
        node->self.index = i;
        node->first_timer = GW_INDEX_NONE;
        gw_server_init(&node->server, ports->engine, serve_node, node);
        gw_engine_post(ports->engine, 0, &start_kind, ports, i);
    }
}

gw_sim_ports *gw_sim_ports_new(const gw_sim_ports_settings *settings)
{
    gw_sim_ports *ports = g_new0(gw_sim_ports, 1);
    ports->settings = *settings;
    ports->engine = gw_engine_new(settings->queue);
    ports->cluster = gw_cluster_new(settings->cluster);
    gw_check(ports->cluster->host_count == settings->directory->host_count);
    gw_check(ports->cluster->device_count == settings->directory->device_count);
    ports->model = gw_accel_model_of(&gw_model_roofline, ports->cluster);
    ports->devices = gw_devices_new(ports->engine, ports->cluster,
                                    settings->profile->is_network_free, &devices_ops, ports);
    gw_devices_set_seed(ports->devices, settings->seed);
    ports->launch_chains = g_new0(uint64_t, ports->cluster->device_count);
    gw_executables_init(&ports->executables, ports->cluster, &ports->model, settings->awaited);
    gw_message_pool_init(&ports->messages);
    gw_pool_init(&ports->timers, sizeof(sim_timer));
    for (uint32_t i = 0; i < ports->cluster->island_count; i++) {
        ports->shares_cores |= ports->cluster->islands[i].accelerator->shared_cores > 0;
    }
    set_costs(ports);
    fill_nodes(ports);
    return ports;
}

void gw_sim_ports_free(gw_sim_ports *ports)
{
    if (ports == NULL) {
        return;
    }
    for (uint32_t i = 0; i < ports->node_count; i++) {
        gw_server_clear(&ports->nodes[i].server);
    }
    gw_lines_free(ports->nodes);
    gw_pool_clear(&ports->timers);
    gw_message_pool_clear(&ports->messages);
    gw_devices_free(ports->devices);
    gw_executables_clear(&ports->executables);
    g_free(ports->launch_chains);
    gw_cluster_free(ports->cluster);
    gw_engine_free(ports->engine);
    g_free(ports);
}

gw_port *gw_sim_ports_at(gw_sim_ports *ports, gw_node_id node)
{
    gw_check(node.index < ports->node_count);
    return &ports->nodes[node.index].port;
}

gw_engine *gw_sim_ports_engine(gw_sim_ports *ports)
{
    return ports->engine;
}

const gw_devices *gw_sim_ports_devices(const gw_sim_ports *ports)
{
    return ports->devices;
}

gw_sim_counts gw_sim_ports_count(const gw_sim_ports *ports)
{
    return ports->counts;
}

uint64_t gw_sim_ports_launch_digest(const gw_sim_ports *ports)
{
    return gw_launch_digest_of(ports->launch_chains, ports->cluster->device_count);
}
