/* SPDX-License-Identifier: Apache-2.0 */
/* Each call is checked against what is held, loaded and asked, then written down.  Tables are
 * plain: a test has few of anything. */
#include "record_port.h"

#include "base/check.h"
#include "program/exchange.h"

typedef struct {
    const gw_program *program;
    uint32_t mesh_count;
    uint32_t *first, *devices;
    GPtrArray *local; /* By mesh: GArray of uint32_t. */
} loaded_instance;

typedef struct {
    record_kind kind;
    gw_tag tag;
    uint32_t instance;
} asked_question;

static record_port *port_of(gw_port *base)
{
    return (record_port *)(void *)base;
}

static void free_loaded(gpointer data)
{
    loaded_instance *loaded = data;
    if (loaded == NULL) {
        return;
    }
    g_ptr_array_unref(loaded->local);
    g_free(loaded->first);
    g_free(loaded->devices);
    g_free(loaded);
}

static loaded_instance *find_loaded(const record_port *port, uint32_t instance)
{
    gw_check(instance < port->loaded->len);
    loaded_instance *loaded = g_ptr_array_index(port->loaded, instance);
    gw_check(loaded != NULL);
    return loaded;
}

static void write_down(record_port *port, const record_call *call)
{
    g_array_append_val(port->calls, *call);
    record_append_call(port->text, port, call);
    g_string_append_c(port->text, '\n');
}

/* --- Questions --- */

static uint32_t find_question(const record_port *port, gw_tag tag)
{
    for (uint32_t i = 0; i < port->asked->len; i++) {
        if (g_array_index(port->asked, asked_question, i).tag.value == tag.value) {
            return i;
        }
    }
    return GW_INDEX_NONE;
}

static void ask(record_port *port, record_kind kind, gw_tag tag, uint32_t instance)
{
    const asked_question question = {kind, tag, instance};
    gw_check(find_question(port, tag) == GW_INDEX_NONE);
    g_array_append_val(port->asked, question);
}

bool record_port_asks(const record_port *port, record_kind kind)
{
    bool is_asked = false;
    for (uint32_t i = 0; i < port->asked->len; i++) {
        is_asked |= g_array_index(port->asked, asked_question, i).kind == kind;
    }
    return is_asked;
}

gw_tag record_port_oldest(const record_port *port, record_kind kind)
{
    for (uint32_t i = 0; i < port->asked->len; i++) {
        const asked_question *question = &g_array_index(port->asked, asked_question, i);
        if (question->kind == kind) {
            return question->tag;
        }
    }
    gw_check(!"a question of that kind");
    return (gw_tag){0};
}

/* They have one answer. */
static bool is_timer(record_kind kind)
{
    return kind == RECORD_TIMER_SET || kind == RECORD_WATCH_SET;
}

gw_input record_port_answer(record_port *port, record_kind kind, gw_tag tag, double value)
{
    const uint32_t index = find_question(port, tag);
    gw_check(index != GW_INDEX_NONE);
    const record_kind asked = g_array_index(port->asked, asked_question, index).kind;
    gw_check(asked == kind || (is_timer(asked) && is_timer(kind)));
    g_array_remove_index(port->asked, index);
    if (kind == RECORD_ENQUEUE) {
        return (gw_input){
            .kind = GW_INPUT_KERNEL_DONE, .tag = tag, .device_time_ns = (gw_span)value};
    }
    return (gw_input){
        .kind = is_timer(kind) ? GW_INPUT_TIMER : GW_INPUT_COPY_DONE, .tag = tag, .value = value};
}

/* --- The half of every node --- */

static gw_time record_now(gw_port *base)
{
    return port_of(base)->now_ns;
}

static void record_timer_set(gw_port *base, gw_time due_ns, gw_tag tag)
{
    record_port *port = port_of(base);
    ask(port, RECORD_TIMER_SET, tag, GW_INDEX_NONE);
    write_down(port, &(record_call){.kind = RECORD_TIMER_SET, .tag = tag, .due_ns = due_ns});
}

static void record_watch_set(gw_port *base, gw_time due_ns, gw_tag tag)
{
    record_port *port = port_of(base);
    ask(port, RECORD_WATCH_SET, tag, GW_INDEX_NONE);
    write_down(port, &(record_call){.kind = RECORD_WATCH_SET, .tag = tag, .due_ns = due_ns});
}

static void record_timer_cancel(gw_port *base, gw_tag tag)
{
    record_port *port = port_of(base);
    const uint32_t index = find_question(port, tag);
    if (index != GW_INDEX_NONE) {
        g_array_remove_index(port->asked, index);
    }
    write_down(port, &(record_call){.kind = RECORD_TIMER_CANCEL, .tag = tag});
}

static void record_spend(gw_port *base, gw_cost cost, uint32_t count)
{
    gw_check(cost >= GW_COST_CALL && cost < GW_COST_COUNT);
    gw_check(count > 0);
    port_of(base)->spent[cost] += count;
}

static size_t measure_move(const gw_message *message)
{
    if (message->kind == GW_MESSAGE_MOVE) {
        const gw_move_message *move = (const gw_move_message *)message;
        return sizeof *move +
               (move->mesh_count + 1 + 2 * (size_t)move->device_count) * sizeof(uint32_t);
    }
    if (message->kind == GW_MESSAGE_MOVE_SHARDS) {
        const gw_move_shards *shards = (const gw_move_shards *)message;
        return sizeof *shards + shards->shard_count * sizeof(gw_moving_shard);
    }
    return sizeof(gw_moved_message);
}

/* What the fields of a message say that it is long. */
static size_t measure_message(const gw_message *message)
{
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_SLICE_REQUEST:
        return sizeof(gw_slice_request);
    case GW_MESSAGE_SLICE_REFUSED:
        return sizeof(gw_slice_refused);
    case GW_MESSAGE_SLICE_GRANT:
    case GW_MESSAGE_INSTALL: {
        const gw_assignment_message *assignment = (const gw_assignment_message *)message;
        return sizeof *assignment +
               (assignment->mesh_count + 1 + assignment->device_count) * sizeof(uint32_t);
    }
    case GW_MESSAGE_SUBMIT:
        return sizeof(gw_submit);
    case GW_MESSAGE_RETURNED:
    case GW_MESSAGE_RUN_DONE:
    case GW_MESSAGE_HANDLE:
        return sizeof(gw_call_message);
    case GW_MESSAGE_FETCHED:
        return sizeof(gw_fetched) + ((const gw_fetched *)message)->data_bytes;
    case GW_MESSAGE_DISPATCH: {
        const gw_dispatch_message *dispatch = (const gw_dispatch_message *)message;
        return sizeof *dispatch + dispatch->segment_count * sizeof(gw_segment);
    }
    case GW_MESSAGE_RELAY: {
        const gw_relay_message *relay = (const gw_relay_message *)message;
        return gw_relay_size_bytes(relay->stop_count,
                                   (uint32_t)measure_message(&gw_relay_dispatch(relay)->header));
    }
    case GW_MESSAGE_ORDERED:
        return sizeof(gw_ordered_message);
    case GW_MESSAGE_PROGRESS: {
        const gw_progress *progress = (const gw_progress *)message;
        return gw_progress_size_bytes(progress->used_count, progress->device_count,
                                      progress->run_count) +
               progress->freed_count * sizeof(uint64_t);
    }
    case GW_MESSAGE_READY: {
        const gw_ready *ready = (const gw_ready *)message;
        return sizeof *ready + ready->item_count * sizeof(gw_ready_item);
    }
    case GW_MESSAGE_PROMISE:
        return sizeof(gw_promise) +
               ((const gw_promise *)message)->item_count * sizeof(gw_dealt_rows);
    case GW_MESSAGE_PLACE:
        return sizeof(gw_place) + ((const gw_place *)message)->item_count * sizeof(gw_dealt_rows);
    case GW_MESSAGE_HANDED:
        return sizeof(gw_handed_message);
    case GW_MESSAGE_RESULT:
        return sizeof(gw_result_message);
    case GW_MESSAGE_MOVE:
    case GW_MESSAGE_MOVE_SHARDS:
    case GW_MESSAGE_MOVED:
        return measure_move(message);
    case GW_MESSAGE_LEASE:
    case GW_MESSAGE_LEASE_KEPT:
    case GW_MESSAGE_LEASE_LOST:
        return sizeof(gw_lease_message);
    case GW_MESSAGE_ABANDONED:
    case GW_MESSAGE_DRAIN:
        return sizeof(gw_extent_message);
    default: /* About one instance, all others. */
        gw_check(message->kind > 0 && message->kind < GW_MESSAGE_KIND_COUNT);
        return sizeof(gw_instance_message);
    }
}

static void record_send(gw_port *base, gw_node_id target, const gw_message *message)
{
    record_port *port = port_of(base);
    gw_check(target.index < gw_directory_node_count(port->directory));
    gw_check(message->size_bytes == measure_message(message));
    gw_message *copy = g_memdup2(message, message->size_bytes);
    write_down(port, &(record_call){.kind = RECORD_SEND, .target = target, .message = copy});
}

static void record_note(gw_port *base, const gw_note *note)
{
    write_down(port_of(base), &(record_call){.kind = RECORD_NOTE, .note = *note});
}

/* --- The half of hosts --- */

static bool is_local(const record_port *port, uint32_t device)
{
    return device - port->first_device < port->device_count;
}

static void record_load(gw_port *base, const gw_executable *executable)
{
    record_port *port = port_of(base);
    const gw_assignment *assignment = &executable->assignment;
    const uint32_t mesh_count = assignment->mesh_count;
    gw_check(mesh_count == executable->program->meshes->len);
    if (executable->instance >= port->loaded->len) {
        g_ptr_array_set_size(port->loaded, (gint)executable->instance + 1);
    }
    gw_check(g_ptr_array_index(port->loaded, executable->instance) == NULL);
    loaded_instance *loaded = g_new0(loaded_instance, 1);
    loaded->program = executable->program;
    loaded->mesh_count = mesh_count;
    loaded->first = g_memdup2(assignment->first, (mesh_count + 1) * sizeof(uint32_t));
    loaded->devices =
        g_memdup2(assignment->devices, assignment->first[mesh_count] * sizeof(uint32_t));
    loaded->local = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    for (uint32_t m = 0; m < mesh_count; m++) {
        GArray *local = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        gw_check(loaded->first[m + 1] - loaded->first[m] ==
                 gw_mesh_device_count(gw_program_mesh(loaded->program, m)));
        for (uint32_t d = loaded->first[m]; d < loaded->first[m + 1]; d++) {
            if (is_local(port, loaded->devices[d])) {
                g_array_append_val(local, loaded->devices[d]);
            }
        }
        g_ptr_array_add(loaded->local, local);
    }
    g_ptr_array_index(port->loaded, executable->instance) = loaded;
    write_down(port, &(record_call){.kind = RECORD_LOAD, .instance = executable->instance});
}

static void record_unload(gw_port *base, uint32_t instance)
{
    record_port *port = port_of(base);
    find_loaded(port, instance);
    for (uint32_t i = 0; i < port->asked->len; i++) {
        gw_check(g_array_index(port->asked, asked_question, i).instance != instance);
    }
    gw_check(record_port_held_by(port, instance) == 0);
    write_down(port, &(record_call){.kind = RECORD_UNLOAD, .instance = instance});
    free_loaded(g_ptr_array_index(port->loaded, instance));
    g_ptr_array_index(port->loaded, instance) = NULL;
}

static const gw_memory *find_held(const record_port *port, uint32_t buffer)
{
    const gw_memory *held = g_hash_table_lookup(port->held, GUINT_TO_POINTER(buffer));
    gw_check(held != NULL);
    return held;
}

static void record_enqueue(gw_port *base, const gw_kernel *kernel, gw_tag tag)
{
    record_port *port = port_of(base);
    const gw_program *program = find_loaded(port, kernel->instance)->program;
    gw_check(kernel->node < program->nodes->len);
    const gw_function *function = gw_program_function(program, kernel->node);
    const uint32_t mesh = gw_program_node(program, kernel->node)->mesh;
    const uint32_t local_count = record_port_local_devices(port, kernel->instance, mesh)->len;
    const uint32_t count = function->input_count + function->output_count;
    gw_check(local_count > 0);
    for (uint32_t i = 0; i < count; i++) {
        const gw_memory *held = find_held(port, kernel->buffers[i]);
        const uint32_t value = i < function->input_count
                                   ? gw_function_input(function, i)
                                   : gw_function_output(function, i - function->input_count);
        gw_check(held->instance == kernel->instance);
        gw_check(held->mesh == mesh);
        gw_check(held->size_bytes == gw_value_bytes(gw_function_value(function, value)));
    }
    record_call call = {.kind = RECORD_ENQUEUE, .tag = tag, .kernel = *kernel};
    call.kernel.buffers = g_memdup2(kernel->buffers, MAX(1, count) * sizeof(uint32_t));
    if (kernel->arrivals != NULL) {
        call.kernel.arrivals = g_memdup2(kernel->arrivals, local_count * sizeof(uint32_t));
    }
    ask(port, RECORD_ENQUEUE, tag, kernel->instance);
    write_down(port, &call);
}

static void record_copy(gw_port *base, const gw_copy *copy, gw_tag tag)
{
    record_port *port = port_of(base);
    const gw_memory *held = find_held(port, copy->source_buffer);
    gw_check(is_local(port, copy->source_device.index));
    gw_check(copy->size_bytes > 0);
    gw_check(copy->source_offset_bytes + copy->size_bytes <= held->size_bytes);
    gw_check(copy->kind >= GW_COPY_TO_DEVICE && copy->kind <= GW_COPY_RETURN);
    gw_check(!gw_copy_is_from_host(copy) ||
             (copy->target_device.index == copy->source_device.index &&
              copy->target_buffer == copy->source_buffer &&
              copy->target_offset_bytes == copy->source_offset_bytes));
    gw_check(gw_copy_is_to_host(copy) || copy->target_device.index < port->directory->device_count);
    ask(port, RECORD_COPY, tag, held->instance);
    write_down(port, &(record_call){.kind = RECORD_COPY, .tag = tag, .copy = *copy});
}

static bool has_room(const record_port *port, const gw_memory *memory)
{
    const GArray *local = record_port_local_devices(port, memory->instance, memory->mesh);
    for (uint32_t i = 0; i < local->len; i++) {
        const uint32_t device = g_array_index(local, uint32_t, i) - port->first_device;
        if (port->held_bytes[device] + memory->size_bytes > port->limit_bytes) {
            return false;
        }
    }
    return true;
}

static bool record_memory_reserve(gw_port *base, const gw_memory *memory)
{
    record_port *port = port_of(base);
    const GArray *local = record_port_local_devices(port, memory->instance, memory->mesh);
    const bool is_granted = has_room(port, memory);
    gw_check(local->len > 0);
    gw_check(memory->size_bytes > 0);
    gw_check(!g_hash_table_contains(port->held, GUINT_TO_POINTER(memory->buffer)));
    write_down(port,
               &(record_call){.kind = RECORD_RESERVE, .memory = *memory, .is_granted = is_granted});
    if (!is_granted) {
        port->refused_count++;
        return false;
    }
    g_hash_table_insert(port->held, GUINT_TO_POINTER(memory->buffer),
                        g_memdup2(memory, sizeof *memory));
    for (uint32_t i = 0; i < local->len; i++) {
        const uint32_t device = g_array_index(local, uint32_t, i) - port->first_device;
        port->held_bytes[device] += memory->size_bytes;
        port->peak_bytes[device] = MAX(port->peak_bytes[device], port->held_bytes[device]);
    }
    return true;
}

static void record_memory_release(gw_port *base, const gw_memory *memory)
{
    record_port *port = port_of(base);
    const gw_memory *held = find_held(port, memory->buffer);
    const GArray *local = record_port_local_devices(port, memory->instance, memory->mesh);
    gw_check(held->instance == memory->instance && held->mesh == memory->mesh);
    gw_check(held->size_bytes == memory->size_bytes);
    write_down(port, &(record_call){.kind = RECORD_RELEASE, .memory = *memory});
    g_hash_table_remove(port->held, GUINT_TO_POINTER(memory->buffer));
    for (uint32_t i = 0; i < local->len; i++) {
        port->held_bytes[g_array_index(local, uint32_t, i) - port->first_device] -=
            memory->size_bytes;
    }
}

static void record_read_counts(gw_port *base, const gw_counts *asked, uint32_t *out_counts)
{
    record_port *port = port_of(base);
    const gw_program *program = record_port_program(port, asked->instance);
    gw_check(is_local(port, asked->device.index));
    gw_check(find_held(port, asked->buffer)->instance == asked->instance);
    memset(out_counts, 0, gw_exchange_target_count(program, asked->edge) * sizeof *out_counts);
    if (port->deal != NULL) {
        port->deal(port->deal_context, asked, out_counts);
    }
}

static void record_expect(gw_port *base, const gw_expectation *expectation)
{
    record_port *port = port_of(base);
    gw_check(is_local(port, expectation->device.index));
    gw_check(find_held(port, expectation->buffer)->instance == expectation->instance);
    write_down(port, &(record_call){.kind = RECORD_EXPECT, .expectation = *expectation});
}

static const gw_port_ops record_ops = {
    .name = "record",
    .now = record_now,
    .timer_set = record_timer_set,
    .timer_cancel = record_timer_cancel,
    .spend = record_spend,
    .send = record_send,
    .note = record_note,
    .watch_set = record_watch_set,
};

static const gw_device_ops record_device_ops = {
    .load = record_load,
    .unload = record_unload,
    .enqueue = record_enqueue,
    .copy = record_copy,
    .memory_reserve = record_memory_reserve,
    .memory_release = record_memory_release,
    .read_counts = record_read_counts,
    .expect = record_expect,
};

/* --- The test's side --- */

static void clear_call(gpointer data)
{
    record_call *call = data;
    g_free(call->message);
    g_free((void *)call->kernel.buffers);
    g_free((void *)call->kernel.arrivals);
}

record_port *record_port_new(const gw_directory *directory, gw_node_id self)
{
    record_port *port = g_new0(record_port, 1);
    uint32_t index;
    port->base.ops = &record_ops;
    port->self = self;
    port->directory = directory;
    port->limit_bytes = UINT64_MAX;
    if (gw_directory_role(directory, self, &index) == GW_ROLE_EXECUTOR) {
        port->base.devices = &record_device_ops;
        port->device_count = gw_directory_devices_of_host(directory, self, &port->first_device);
    }
    port->calls = g_array_new(FALSE, FALSE, sizeof(record_call));
    g_array_set_clear_func(port->calls, clear_call);
    port->held_bytes = g_new0(uint64_t, port->device_count + 1);
    port->peak_bytes = g_new0(uint64_t, port->device_count + 1);
    port->held = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    port->loaded = g_ptr_array_new_with_free_func(free_loaded);
    port->asked = g_array_new(FALSE, FALSE, sizeof(asked_question));
    port->text = g_string_new(NULL);
    return port;
}

void record_port_free(record_port *port)
{
    if (port == NULL) {
        return;
    }
    g_array_unref(port->calls);
    g_free(port->held_bytes);
    g_free(port->peak_bytes);
    g_hash_table_unref(port->held);
    g_ptr_array_unref(port->loaded);
    g_array_unref(port->asked);
    g_string_free(port->text, TRUE);
    g_free(port);
}

const char *record_port_text(const record_port *port)
{
    return port->text->str;
}

void record_port_clear(record_port *port)
{
    g_array_set_size(port->calls, 0);
    g_string_set_size(port->text, 0);
}

uint64_t record_port_held_bytes(const record_port *port, uint32_t device)
{
    gw_check(is_local(port, device));
    return port->held_bytes[device - port->first_device];
}

uint64_t record_port_peak_bytes(const record_port *port, uint32_t device)
{
    gw_check(is_local(port, device));
    return port->peak_bytes[device - port->first_device];
}

uint32_t record_port_held_count(const record_port *port)
{
    return g_hash_table_size(port->held);
}

uint32_t record_port_held_by(const record_port *port, uint32_t instance)
{
    GHashTableIter iterator;
    gpointer held;
    uint32_t count = 0;
    g_hash_table_iter_init(&iterator, port->held);
    while (g_hash_table_iter_next(&iterator, NULL, &held)) {
        count += ((gw_memory *)held)->instance == instance;
    }
    return count;
}

bool record_port_is_loaded(const record_port *port, uint32_t instance)
{
    return instance < port->loaded->len && g_ptr_array_index(port->loaded, instance) != NULL;
}

uint32_t record_port_loaded_count(const record_port *port)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < port->loaded->len; i++) {
        count += g_ptr_array_index(port->loaded, i) != NULL;
    }
    return count;
}

uint32_t record_port_asked_count(const record_port *port)
{
    return port->asked->len;
}

const GArray *record_port_local_devices(const record_port *port, uint32_t instance, uint32_t mesh)
{
    const loaded_instance *loaded = find_loaded(port, instance);
    gw_check(mesh < loaded->mesh_count);
    return g_ptr_array_index(loaded->local, mesh);
}

const gw_program *record_port_program(const record_port *port, uint32_t instance)
{
    return find_loaded(port, instance)->program;
}

const uint32_t *record_port_devices(const record_port *port, uint32_t instance, uint32_t mesh,
                                    uint32_t *out_count)
{
    const loaded_instance *loaded = find_loaded(port, instance);
    gw_check(mesh < loaded->mesh_count);
    *out_count = loaded->first[mesh + 1] - loaded->first[mesh];
    return loaded->devices + loaded->first[mesh];
}
