/* SPDX-License-Identifier: Apache-2.0 */
/* The same table of calls serves both occasions: with a world behind it a port writes, without
 * one it reads.  A call is turned into bytes field by field, since what lies between the fields of
 * a struct is nobody's; messages are taken as they are, since they travel as they are. */
#include "tape_port.h"

#include <string.h>

#include "base/check.h"
#include "program/exchange.h"

struct tape_port {
    gw_port base;
    gw_port *world;        /* NULL: this is a replay. */
    record_port *recorder; /* Hears everything, too. */
    gw_node_id self;
    GArray *lines;       /* Its own, or the tape that is replayed. */
    uint32_t next_line;  /* Of a replay. */
    GString *difference; /* Of a replay; empty: none so far. */
};

static tape_port *port_of(gw_port *base)
{
    return (tape_port *)(void *)base;
}

/* --- Bytes --- */

static void put(GByteArray *bytes, const void *data, size_t size_bytes)
{
    g_byte_array_append(bytes, data, (guint)size_bytes);
}

#define PUT(bytes, field) put((bytes), &(field), sizeof(field))

static void take(const GByteArray *bytes, guint *place, void *out, size_t size_bytes)
{
    gw_check(*place + size_bytes <= bytes->len);
    memcpy(out, bytes->data + *place, size_bytes);
    *place += (guint)size_bytes;
}

#define TAKE(bytes, place, field) take((bytes), (place), &(field), sizeof(field))

static GByteArray *flatten_input(const gw_input *input)
{
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, input->kind);
    if (input->kind == GW_INPUT_MESSAGE) {
        PUT(bytes, input->message.source);
        put(bytes, input->message.content, input->message.content->size_bytes);
    } else if (input->kind != GW_INPUT_START) {
        PUT(bytes, input->tag);
    }
    if (input->kind == GW_INPUT_KERNEL_DONE) {
        PUT(bytes, input->device_time_ns);
    } else if (input->kind == GW_INPUT_COPY_DONE) {
        PUT(bytes, input->value);
    }
    return bytes;
}

/* `*out_message` is a copy for the handler to borrow; the caller frees it. */
static gw_input unflatten_input(const GByteArray *bytes, gw_message **out_message)
{
    gw_input input = {0};
    guint place = 0;
    *out_message = NULL;
    TAKE(bytes, &place, input.kind);
    if (input.kind == GW_INPUT_MESSAGE) {
        TAKE(bytes, &place, input.message.source);
        *out_message = g_memdup2(bytes->data + place, bytes->len - place);
        input.message.content = *out_message;
        gw_check(input.message.content->size_bytes == bytes->len - place);
    } else if (input.kind != GW_INPUT_START) {
        TAKE(bytes, &place, input.tag);
    }
    if (input.kind == GW_INPUT_KERNEL_DONE) {
        TAKE(bytes, &place, input.device_time_ns);
    } else if (input.kind == GW_INPUT_COPY_DONE) {
        TAKE(bytes, &place, input.value);
    }
    return input;
}

static GByteArray *flatten_kernel(const record_port *recorder, const gw_kernel *kernel, gw_tag tag)
{
    const gw_program *program = record_port_program(recorder, kernel->instance);
    const gw_function *function = gw_program_function(program, kernel->node);
    const uint32_t mesh = gw_program_node(program, kernel->node)->mesh;
    const uint32_t local_count = record_port_local_devices(recorder, kernel->instance, mesh)->len;
    const uint8_t has_arrivals = kernel->arrivals != NULL;
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, tag);
    PUT(bytes, kernel->gang);
    PUT(bytes, kernel->instance);
    PUT(bytes, kernel->node);
    PUT(bytes, kernel->run);
    PUT(bytes, kernel->call);
    put(bytes, kernel->buffers,
        (function->input_count + function->output_count) * sizeof(uint32_t));
    PUT(bytes, has_arrivals);
    if (has_arrivals) {
        put(bytes, kernel->arrivals, local_count * sizeof(uint32_t));
    }
    return bytes;
}

static GByteArray *flatten_copy(const gw_copy *copy, gw_tag tag)
{
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, tag);
    PUT(bytes, copy->kind);
    PUT(bytes, copy->instance);
    PUT(bytes, copy->source_gang);
    PUT(bytes, copy->source_device);
    PUT(bytes, copy->source_buffer);
    PUT(bytes, copy->source_offset_bytes);
    PUT(bytes, copy->size_bytes);
    PUT(bytes, copy->target_gang);
    PUT(bytes, copy->target_device);
    PUT(bytes, copy->target_buffer);
    PUT(bytes, copy->target_offset_bytes);
    PUT(bytes, copy->duration_ns);
    return bytes;
}

static GByteArray *flatten_memory(const gw_memory *memory)
{
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, memory->instance);
    PUT(bytes, memory->mesh);
    PUT(bytes, memory->buffer);
    PUT(bytes, memory->size_bytes);
    return bytes;
}

/* The program is named by what it holds: its address is the run's own affair. */
static GByteArray *flatten_executable(const gw_executable *executable)
{
    const gw_program *program = executable->program;
    const gw_assignment *assignment = &executable->assignment;
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, executable->instance);
    PUT(bytes, executable->job);
    put(bytes, program->name, strlen(program->name) + 1);
    PUT(bytes, program->nodes->len);
    PUT(bytes, program->edges->len);
    PUT(bytes, assignment->mesh_count);
    put(bytes, assignment->first, (assignment->mesh_count + 1) * sizeof(uint32_t));
    put(bytes, assignment->devices, assignment->first[assignment->mesh_count] * sizeof(uint32_t));
    return bytes;
}

/* --- Lines --- */

static void clear_line(gpointer data)
{
    tape_line *line = data;
    g_byte_array_unref(line->bytes);
    g_free(line->words);
    if (line->counts != NULL) {
        g_byte_array_unref(line->counts);
    }
}

static void describe_node(const tape_port *port, GString *out)
{
    static const char *const roles[] = {
        [GW_ROLE_EXECUTOR] = "host",
        [GW_ROLE_SCHEDULER] = "scheduler",
        [GW_ROLE_RESOURCES] = "resources",
        [GW_ROLE_CLIENT] = "client",
    };
    uint32_t index;
    const gw_role role = gw_directory_role(port->recorder->directory, port->self, &index);
    g_string_append_printf(out, "node %u (%s %u)", port->self.index, roles[role], index);
}

static guint find_other_byte(const GByteArray *left, const GByteArray *right)
{
    guint place = 0;
    while (place < left->len && place < right->len && left->data[place] == right->data[place]) {
        place++;
    }
    return place;
}

/* A call of a replay against the tape's next line, of which the answer comes. */
static uint64_t compare_call(tape_port *port, const tape_line *made)
{
    if (port->difference->len > 0) {
        return made->answer; /* The first difference says all: what follows is its consequence. */
    }
    const uint32_t number = port->next_line++;
    const tape_line *line =
        number < port->lines->len ? &g_array_index(port->lines, tape_line, number) : NULL;
    const bool is_call = line != NULL && line->kind != TAPE_INPUT;
    if (is_call && line->kind == made->kind && line->bytes->len == made->bytes->len &&
        find_other_byte(line->bytes, made->bytes) == made->bytes->len) {
        return line->answer;
    }
    describe_node(port, port->difference);
    g_string_append_printf(port->difference,
                           ", line %u of its tape\n  on tape:  %s\n  replayed: %s", number,
                           is_call ? line->words : "no further call for this input", made->words);
    if (is_call && line->kind == made->kind) {
        g_string_append_printf(port->difference, "\n  first other byte: %u of %u and %u",
                               find_other_byte(line->bytes, made->bytes), line->bytes->len,
                               made->bytes->len);
    }
    return made->answer;
}

/* Takes `bytes`; the words are the recorder's last line, or `words` where it has none. */
static uint64_t take_call(tape_port *port, tape_kind kind, GByteArray *bytes, uint64_t answer,
                          const char *words)
{
    tape_line line = {.kind = kind, .bytes = bytes, .answer = answer};
    line.words = g_strchomp(g_strdup(words != NULL ? words : record_port_text(port->recorder)));
    record_port_clear(port->recorder);
    if (port->world != NULL) {
        g_array_append_val(port->lines, line);
        return answer;
    }
    answer = compare_call(port, &line);
    clear_line(&line);
    return answer;
}

/* --- The half of every node --- */

static gw_time tape_now(gw_port *base)
{
    tape_port *port = port_of(base);
    const gw_time now_ns = port->world != NULL ? port->world->ops->now(port->world) : 0;
    return take_call(port, TAPE_NOW, g_byte_array_new(), now_ns, "asks for the time");
}

static void tape_timer_set(gw_port *base, gw_time due_ns, gw_tag tag)
{
    tape_port *port = port_of(base);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, due_ns);
    PUT(bytes, tag);
    if (port->world != NULL) {
        port->world->ops->timer_set(port->world, due_ns, tag);
    }
    port->recorder->base.ops->timer_set(&port->recorder->base, due_ns, tag);
    take_call(port, TAPE_TIMER_SET, bytes, 0, NULL);
}

static void tape_watch_set(gw_port *base, gw_time due_ns, gw_tag tag)
{
    tape_port *port = port_of(base);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, due_ns);
    PUT(bytes, tag);
    if (port->world != NULL) {
        port->world->ops->watch_set(port->world, due_ns, tag);
    }
    port->recorder->base.ops->watch_set(&port->recorder->base, due_ns, tag);
    take_call(port, TAPE_WATCH_SET, bytes, 0, NULL);
}

static void tape_timer_cancel(gw_port *base, gw_tag tag)
{
    tape_port *port = port_of(base);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, tag);
    if (port->world != NULL) {
        port->world->ops->timer_cancel(port->world, tag);
    }
    port->recorder->base.ops->timer_cancel(&port->recorder->base, tag);
    take_call(port, TAPE_TIMER_CANCEL, bytes, 0, NULL);
}

static void tape_spend(gw_port *base, gw_cost cost, uint32_t count)
{
    tape_port *port = port_of(base);
    g_autofree char *words = g_strdup_printf("spends cost %u, %u times", (unsigned)cost, count);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, cost);
    PUT(bytes, count);
    if (port->world != NULL) {
        port->world->ops->spend(port->world, cost, count);
    }
    port->recorder->base.ops->spend(&port->recorder->base, cost, count);
    take_call(port, TAPE_SPEND, bytes, 0, words);
}

static void tape_send(gw_port *base, gw_node_id target, const gw_message *message)
{
    tape_port *port = port_of(base);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, target);
    put(bytes, message, message->size_bytes);
    if (port->world != NULL) {
        port->world->ops->send(port->world, target, message);
    }
    port->recorder->base.ops->send(&port->recorder->base, target, message);
    take_call(port, TAPE_SEND, bytes, 0, NULL);
}

static void tape_note(gw_port *base, const gw_note *note)
{
    tape_port *port = port_of(base);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, note->kind);
    PUT(bytes, note->a);
    PUT(bytes, note->b);
    PUT(bytes, note->value);
    if (port->world != NULL) {
        port->world->ops->note(port->world, note);
    }
    port->recorder->base.ops->note(&port->recorder->base, note);
    take_call(port, TAPE_NOTE, bytes, 0, NULL);
}

static const gw_port_ops tape_ops = {
    .name = "tape",
    .now = tape_now,
    .timer_set = tape_timer_set,
    .timer_cancel = tape_timer_cancel,
    .spend = tape_spend,
    .send = tape_send,
    .note = tape_note,
    .watch_set = tape_watch_set,
};

/* --- The half of hosts --- */

static void tape_load(gw_port *base, const gw_executable *executable)
{
    tape_port *port = port_of(base);
    if (port->world != NULL) {
        port->world->devices->load(port->world, executable);
    }
    port->recorder->base.devices->load(&port->recorder->base, executable);
    take_call(port, TAPE_LOAD, flatten_executable(executable), 0, NULL);
}

static void tape_unload(gw_port *base, uint32_t instance)
{
    tape_port *port = port_of(base);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, instance);
    if (port->world != NULL) {
        port->world->devices->unload(port->world, instance);
    }
    port->recorder->base.devices->unload(&port->recorder->base, instance);
    take_call(port, TAPE_UNLOAD, bytes, 0, NULL);
}

static void tape_enqueue(gw_port *base, const gw_kernel *kernel, gw_tag tag)
{
    tape_port *port = port_of(base);
    if (port->world != NULL) {
        port->world->devices->enqueue(port->world, kernel, tag);
    }
    port->recorder->base.devices->enqueue(&port->recorder->base, kernel, tag);
    take_call(port, TAPE_ENQUEUE, flatten_kernel(port->recorder, kernel, tag), 0, NULL);
}

static void tape_copy(gw_port *base, const gw_copy *copy, gw_tag tag)
{
    tape_port *port = port_of(base);
    if (port->world != NULL) {
        port->world->devices->copy(port->world, copy, tag);
    }
    port->recorder->base.devices->copy(&port->recorder->base, copy, tag);
    take_call(port, TAPE_COPY, flatten_copy(copy, tag), 0, NULL);
}

/* The recorder is told the answer by the room that it has. */
static bool tape_memory_reserve(gw_port *base, const gw_memory *memory)
{
    tape_port *port = port_of(base);
    uint64_t is_granted = 1;
    if (port->world != NULL) {
        is_granted = port->world->devices->memory_reserve(port->world, memory) ? 1 : 0;
    }
    g_autofree char *words =
        g_strdup_printf("reserve %" G_GUINT64_FORMAT " B for buffer %u of "
                        "instance %u on mesh %u",
                        memory->size_bytes, memory->buffer, memory->instance, memory->mesh);
    is_granted = take_call(port, TAPE_RESERVE, flatten_memory(memory), is_granted, words);
    port->recorder->limit_bytes = is_granted == 1 ? UINT64_MAX : 0;
    const bool was_granted =
        port->recorder->base.devices->memory_reserve(&port->recorder->base, memory);
    record_port_clear(port->recorder);
    gw_check(was_granted == (is_granted == 1));
    return was_granted;
}

static void tape_memory_release(gw_port *base, const gw_memory *memory)
{
    tape_port *port = port_of(base);
    if (port->world != NULL) {
        port->world->devices->memory_release(port->world, memory);
    }
    port->recorder->base.devices->memory_release(&port->recorder->base, memory);
    take_call(port, TAPE_RELEASE, flatten_memory(memory), 0, NULL);
}

/* What a replay is about to be asked for, where the tape has so much of it. */
static void read_from_tape(const tape_port *port, uint32_t *out_counts, uint32_t size_bytes)
{
    const tape_line *line = port->next_line < port->lines->len
                                ? &g_array_index(port->lines, tape_line, port->next_line)
                                : NULL;
    memset(out_counts, 0, size_bytes);
    if (line != NULL && line->counts != NULL && line->counts->len == size_bytes) {
        memcpy(out_counts, line->counts->data, size_bytes);
    }
}

static void tape_read_counts(gw_port *base, const gw_counts *asked, uint32_t *out_counts)
{
    tape_port *port = port_of(base);
    const gw_program *program = record_port_program(port->recorder, asked->instance);
    const uint32_t size_bytes =
        gw_exchange_target_count(program, asked->edge) * (uint32_t)sizeof *out_counts;
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, asked->instance);
    PUT(bytes, asked->run);
    PUT(bytes, asked->edge);
    PUT(bytes, asked->device);
    PUT(bytes, asked->buffer);
    if (port->world != NULL) {
        port->world->devices->read_counts(port->world, asked, out_counts);
    } else {
        read_from_tape(port, out_counts, size_bytes);
    }
    take_call(port, TAPE_COUNTS, bytes, 0, "reads counts");
    if (port->world != NULL) {
        tape_line *line = &g_array_index(port->lines, tape_line, port->lines->len - 1);
        line->counts = g_byte_array_new();
        put(line->counts, out_counts, size_bytes);
    }
}

static void tape_expect(gw_port *base, const gw_expectation *expectation)
{
    tape_port *port = port_of(base);
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, expectation->gang);
    PUT(bytes, expectation->instance);
    PUT(bytes, expectation->run);
    PUT(bytes, expectation->edge);
    PUT(bytes, expectation->device);
    PUT(bytes, expectation->buffer);
    PUT(bytes, expectation->copy_count);
    PUT(bytes, expectation->row_count);
    if (port->world != NULL) {
        port->world->devices->expect(port->world, expectation);
    }
    port->recorder->base.devices->expect(&port->recorder->base, expectation);
    take_call(port, TAPE_EXPECT, bytes, 0, NULL);
}

static const gw_device_ops tape_device_ops = {
    .load = tape_load,
    .unload = tape_unload,
    .enqueue = tape_enqueue,
    .copy = tape_copy,
    .memory_reserve = tape_memory_reserve,
    .memory_release = tape_memory_release,
    .read_counts = tape_read_counts,
    .expect = tape_expect,
};

/* --- Recording --- */

static tape_port *make_port(const gw_directory *directory, gw_node_id self)
{
    tape_port *port = g_new0(tape_port, 1);
    port->recorder = record_port_new(directory, self);
    port->base.ops = &tape_ops;
    port->base.devices = port->recorder->base.devices != NULL ? &tape_device_ops : NULL;
    port->self = self;
    port->difference = g_string_new(NULL);
    return port;
}

tape_port *tape_port_new(const gw_directory *directory, gw_node_id self, gw_port *world)
{
    tape_port *port = make_port(directory, self);
    port->world = world;
    port->lines = g_array_new(FALSE, FALSE, sizeof(tape_line));
    g_array_set_clear_func(port->lines, clear_line);
    return port;
}

void tape_port_free(tape_port *port)
{
    if (port == NULL) {
        return;
    }
    if (port->world != NULL) {
        g_array_unref(port->lines);
    }
    record_port_free(port->recorder);
    g_string_free(port->difference, TRUE);
    g_free(port);
}

gw_port *tape_port_base(tape_port *port)
{
    return &port->base;
}

GArray *tape_port_lines(tape_port *port)
{
    return port->lines;
}

/* The recorder's question is none any more. */
static void answer_recorder(record_port *recorder, const gw_input *input)
{
    if (input->kind == GW_INPUT_KERNEL_DONE) {
        record_port_answer(recorder, RECORD_ENQUEUE, input->tag, 0);
    } else if (input->kind == GW_INPUT_COPY_DONE) {
        record_port_answer(recorder, RECORD_COPY, input->tag, 0);
    } else if (input->kind == GW_INPUT_TIMER) {
        record_port_answer(recorder, RECORD_TIMER_SET, input->tag, 0);
    }
}

static char *describe_input(const gw_input *input)
{
    static const char *const names[] = {
        [GW_INPUT_START] = "START",
        [GW_INPUT_TIMER] = "TIMER",
        [GW_INPUT_KERNEL_DONE] = "KERNEL_DONE",
        [GW_INPUT_COPY_DONE] = "COPY_DONE",
    };
    if (input->kind == GW_INPUT_MESSAGE) {
        return g_strdup_printf("is handed a message of kind %u from node %u",
                               input->message.content->kind, input->message.source.index);
    }
    return g_strdup_printf("is handed %s", names[input->kind]);
}

void tape_port_hear(tape_port *port, const gw_input *input)
{
    const tape_line line = {
        .kind = TAPE_INPUT, .bytes = flatten_input(input), .words = describe_input(input)};
    g_array_append_val(port->lines, line);
    answer_recorder(port->recorder, input);
}

/* --- Replaying --- */

static void replay_input(tape_port *port, gw_controller *controller, const tape_line *line)
{
    gw_message *message;
    const gw_input input = unflatten_input(line->bytes, &message);
    answer_recorder(port->recorder, &input);
    gw_controller_handle(controller, &input);
    g_free(message);
}

bool tape_replay(const GArray *lines, const gw_directory *directory, const gw_control *control,
                 const gw_job *jobs, gw_node_id self, GString *out_difference)
{
    g_autoptr(tape_port) port = make_port(directory, self);
    port->lines = (GArray *)lines;
    GError *error = NULL;
    g_autoptr(gw_controller) controller =
        gw_controller_new(directory, control, jobs, self, &port->base, &error);
    gw_check(controller != NULL);
    while (port->next_line < lines->len && port->difference->len == 0) {
        const uint32_t number = port->next_line++;
        const tape_line *line = &g_array_index(lines, tape_line, number);
        if (line->kind == TAPE_INPUT) {
            replay_input(port, controller, line);
            continue;
        }
        describe_node(port, port->difference);
        g_string_append_printf(port->difference,
                               ", line %u of its tape\n  on tape:  %s\n  replayed: no such call",
                               number, line->words);
    }
    g_string_append(out_difference, port->difference->str);
    return port->difference->len == 0;
}
