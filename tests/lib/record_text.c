/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded call in words.  Numbers that tests never need (sizes of messages) are left out. */
#include "record_port.h"

#include "base/check.h"

static void append_gang(GString *out, uint64_t gang)
{
    if (gang == GW_GANG_NONE) {
        g_string_append(out, "none");
        return;
    }
    g_string_append_printf(out, "%u.%u", (unsigned)(gang >> GW_GANG_SEQUENCE_BITS),
                           (unsigned)(gang & ((UINT64_C(1) << GW_GANG_SEQUENCE_BITS) - 1)));
}

static void append_node(GString *out, const gw_directory *directory, gw_node_id node)
{
    static const char *const roles[] = {
        [GW_ROLE_EXECUTOR] = "host",
        [GW_ROLE_SCHEDULER] = "scheduler",
        [GW_ROLE_RESOURCES] = "resources",
        [GW_ROLE_CLIENT] = "client",
    };
    uint32_t index;
    const gw_role role = gw_directory_role(directory, node, &index);
    g_string_append(out, roles[role]);
    if (role != GW_ROLE_RESOURCES) {
        g_string_append_printf(out, " %u", index);
    }
}

static void append_list(GString *out, const char *what, const uint32_t *numbers, uint32_t count)
{
    if (count == 0) {
        return;
    }
    g_string_append(out, what);
    for (uint32_t i = 0; i < count; i++) {
        g_string_append_printf(out, " %u", numbers[i]);
    }
}

/* --- Messages --- */

static const char *const message_names[] = {
    [GW_MESSAGE_SLICE_REQUEST] = "SLICE_REQUEST",
    [GW_MESSAGE_SLICE_GRANT] = "SLICE_GRANT",
    [GW_MESSAGE_SLICE_REFUSED] = "SLICE_REFUSED",
    [GW_MESSAGE_SLICE_RELEASE] = "SLICE_RELEASE",
    [GW_MESSAGE_SLICE_RECALL] = "SLICE_RECALL",
    [GW_MESSAGE_SLICE_EXCHANGE] = "SLICE_EXCHANGE",
    [GW_MESSAGE_SLICE_MOVE] = "SLICE_MOVE",
    [GW_MESSAGE_SLICE_STAY] = "SLICE_STAY",
    [GW_MESSAGE_MOVE] = "MOVE",
    [GW_MESSAGE_MOVE_SHARDS] = "MOVE_SHARDS",
    [GW_MESSAGE_MOVED] = "MOVED",
    [GW_MESSAGE_INSTALL] = "INSTALL",
    [GW_MESSAGE_INSTALLED] = "INSTALLED",
    [GW_MESSAGE_SUBMIT] = "SUBMIT",
    [GW_MESSAGE_RETURNED] = "RETURNED",
    [GW_MESSAGE_DISPATCH] = "DISPATCH",
    [GW_MESSAGE_ENQUEUED] = "ENQUEUED",
    [GW_MESSAGE_PROGRESS] = "PROGRESS",
    [GW_MESSAGE_ORDERED] = "ORDERED",
    [GW_MESSAGE_READY] = "READY",
    [GW_MESSAGE_RESULT] = "RESULT",
    [GW_MESSAGE_RUN_DONE] = "RUN_DONE",
    [GW_MESSAGE_RETIRE] = "RETIRE",
    [GW_MESSAGE_RETIRED] = "RETIRED",
    [GW_MESSAGE_LOOP] = "LOOP",
    [GW_MESSAGE_LOOP_DONE] = "LOOP_DONE",
    [GW_MESSAGE_FETCHED] = "FETCHED",
    [GW_MESSAGE_HANDLE] = "HANDLE",
    [GW_MESSAGE_RELAY] = "RELAY",
    [GW_MESSAGE_LEASE] = "LEASE",
    [GW_MESSAGE_LEASE_KEPT] = "LEASE_KEPT",
    [GW_MESSAGE_LEASE_LOST] = "LEASE_LOST",
    [GW_MESSAGE_ABANDON] = "ABANDON",
    [GW_MESSAGE_ABANDONED] = "ABANDONED",
    [GW_MESSAGE_DRAIN] = "DRAIN",
    [GW_MESSAGE_DRAINED] = "DRAINED",
    [GW_MESSAGE_PROMISE] = "PROMISE",
    [GW_MESSAGE_PLACE] = "PLACE",
    [GW_MESSAGE_HANDED] = "HANDED",
};

static void append_span(GString *out, uint32_t first, uint32_t count)
{
    if (count == 1) {
        g_string_append_printf(out, "node %u", first);
    } else {
        g_string_append_printf(out, "nodes %u to %u", first, first + count - 1);
    }
}

static void append_assignment(GString *out, const gw_assignment_message *message)
{
    const uint32_t *devices = message->data + message->mesh_count + 1;
    g_string_append_printf(out, ", instance %u of job %u", message->instance, message->job);
    for (uint32_t m = 0; m < message->mesh_count; m++) {
        g_string_append_printf(out, ", mesh %u on", m);
        append_list(out, "", devices + message->data[m], message->data[m + 1] - message->data[m]);
    }
}

static void append_submit(GString *out, const gw_submit *message)
{
    g_string_append_printf(out, ", instance %u run %u ", message->instance, message->run);
    append_span(out, message->first_node, message->node_count);
    g_string_append_printf(out, ", call %u", (unsigned)message->call);
}

static void append_dispatch(GString *out, const gw_dispatch_message *message)
{
    for (uint32_t s = 0; s < message->segment_count; s++) {
        const gw_segment *segment = &message->segments[s];
        g_string_append_printf(out, "%s instance %u run %u ", s == 0 ? "," : ";", segment->instance,
                               segment->run);
        append_span(out, segment->first_node, segment->node_count);
        g_string_append(out, segment->is_otherwise ? " otherwise as gang " : " as gang ");
        append_gang(out, segment->gang);
        g_string_append_printf(out, ", call %u", (unsigned)segment->call);
    }
    if (message->wants_enqueued) {
        g_string_append(out, ", wants ENQUEUED");
    }
}

static void append_relay(GString *out, const gw_relay_message *message)
{
    g_string_append_printf(out, " of node %u to", message->dispatcher);
    for (uint32_t i = 0; i < message->stop_count; i++) {
        const gw_relay_stop *stop = &message->stops[i];
        g_string_append_printf(out, "%s host %u #%u", i == 0 ? "" : ",", (unsigned)stop->host,
                               (unsigned)stop->sequence);
    }
    append_dispatch(out, gw_relay_dispatch(message));
}

static void append_ordered(GString *out, const gw_ordered_message *message)
{
    g_string_append_printf(out, ", instance %u up to node %u of run %u", message->instance,
                           message->node, message->run);
}

static void append_progress(GString *out, const gw_progress *message)
{
    append_list(out, ", finished", gw_progress_counts(message), message->device_count);
    for (uint32_t d = 0; d < message->freed_count; d++)
        g_string_append_printf(out, "%s %" G_GUINT64_FORMAT, d == 0 ? ", freed" : "",
                               gw_progress_freed_bytes(message)[d]);
    for (uint32_t i = 0; i < message->used_count; i++) {
        const gw_used_time *used = &message->used[i];
        if (used->device_time_ns > 0)
            g_string_append_printf(out, ", instance %u used %" G_GUINT64_FORMAT " ns in %u shards",
                                   used->instance, used->device_time_ns, used->shard_count);
    }
    const gw_finished_run *runs = gw_progress_runs(message);
    for (uint32_t r = 0; r < message->run_count; r++) {
        g_string_append_printf(out, ", instance %u run %u done", runs[r].instance, runs[r].run);
    }
}

static void append_ready(GString *out, const gw_ready *message)
{
    for (uint32_t i = 0; i < message->item_count; i++) {
        const gw_ready_item *item = &message->items[i];
        g_string_append_printf(out, "%s instance %u run %u transfer %u into buffer %u for gang ",
                               i == 0 ? "," : ";", item->instance, item->run, item->transfer,
                               item->buffer);
        append_gang(out, item->gang);
    }
}

static void append_extent(GString *out, const gw_extent_message *message)
{
    const gw_extent *extent = &message->extent;
    g_string_append_printf(out, ", instance %u ", message->instance);
    if (gw_extent_is_empty(extent)) {
        g_string_append(out, "nothing");
    } else {
        g_string_append_printf(out, "from run %u to before node %u of run %u", extent->first_run,
                               extent->node_end, extent->run);
    }
}

static void append_fetched(GString *out, const gw_fetched *fetched)
{
    g_string_append_printf(out, ", instance %u run %u, %u B%s", fetched->instance, fetched->run,
                           fetched->data_bytes, fetched->is_last ? ", the last" : "");
}

static void append_move_shards(GString *out, const gw_move_shards *message)
{
    g_string_append_printf(out, ", instance %u to instance %u before run %u",
                           message->source_instance, message->instance, message->run);
    for (uint32_t s = 0; s < message->shard_count; s++) {
        const gw_moving_shard *shard = &message->shards[s];
        g_string_append_printf(out, "%s slot %u from device %u to buffer %u on device %u",
                               s == 0 ? "," : ";", shard->slot, shard->source_device, shard->buffer,
                               shard->target_device);
    }
}

/* MOVE, MOVE_SHARDS or MOVED. */
static void append_move(GString *out, const gw_message *message)
{
    if (message->kind == GW_MESSAGE_MOVE_SHARDS) {
        append_move_shards(out, (const gw_move_shards *)message);
        return;
    }
    if (message->kind == GW_MESSAGE_MOVED) {
        const gw_moved_message *moved = (const gw_moved_message *)message;
        g_string_append_printf(out, ", instance %u, %u B", moved->instance,
                               (unsigned)moved->size_bytes);
        return;
    }
    const gw_move_message *move = (const gw_move_message *)message;
    const uint32_t *sources = move->data + move->mesh_count + 1;
    const uint32_t *targets = sources + move->device_count;
    g_string_append_printf(out, ", instance %u to instance %u before run %u", move->source_instance,
                           move->instance, move->run);
    for (uint32_t m = 0; m < move->mesh_count; m++) {
        const uint32_t first = move->data[m], count = move->data[m + 1] - first;
        g_string_append_printf(out, ", mesh %u", m);
        append_list(out, " from", sources + first, count);
        append_list(out, " to", targets + first, count);
    }
}

/* "; 3 rows of shard 0 from 2 to shard 4 at 0": what an exchange deals. */
static void append_dealt_rows(GString *out, const gw_dealt_rows *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        g_string_append_printf(out, "; %u rows of shard %u from %u to shard %u at %u",
                               items[i].row_count, items[i].source_shard, items[i].source_row,
                               items[i].target_shard, items[i].target_row);
    }
}

static void append_promise(GString *out, const gw_promise *promise)
{
    g_string_append_printf(out, ", instance %u run %u edge %u, %u shards", promise->instance,
                           promise->run, promise->edge, promise->shard_count);
    append_dealt_rows(out, promise->items, promise->item_count);
}

static void append_place(GString *out, const gw_place *place)
{
    g_string_append_printf(out, ", instance %u run %u edge %u, buffer %u for gang ",
                           place->instance, place->run, place->edge, place->buffer);
    append_gang(out, place->gang);
    append_dealt_rows(out, place->items, place->item_count);
}

static void append_result(GString *out, const gw_result_message *result)
{
    g_string_append_printf(out, ", instance %u run %u result %u is %g", result->instance,
                           result->run, result->result, result->value);
}

static void append_call(GString *out, const gw_call_message *call)
{
    g_string_append_printf(out, ", instance %u run %u", call->instance, call->run);
    if (call->header.kind != GW_MESSAGE_RUN_DONE) {
        g_string_append_printf(out, ", call %u", (unsigned)call->call);
    }
}

/* READY, PROMISE, PLACE and HANDED: between hosts, about data. */
static void append_transfer(GString *out, const gw_message *message)
{
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_READY:
        append_ready(out, (const gw_ready *)message);
        break;
    case GW_MESSAGE_PROMISE:
        append_promise(out, (const gw_promise *)message);
        break;
    case GW_MESSAGE_PLACE:
        append_place(out, (const gw_place *)message);
        break;
    default:
        g_string_append(out, ", gang ");
        append_gang(out, ((const gw_handed_message *)message)->gang);
    }
}

static void append_message(GString *out, const gw_message *message)
{
    g_string_append(out, message_names[message->kind]);
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_SLICE_REQUEST:
        g_string_append_printf(out, ", job %u", ((const gw_slice_request *)message)->job);
        break;
    case GW_MESSAGE_LEASE:
    case GW_MESSAGE_LEASE_KEPT:
    case GW_MESSAGE_LEASE_LOST:
        g_string_append_printf(out, ", job %u", ((const gw_lease_message *)message)->job);
        break;
    case GW_MESSAGE_ABANDONED:
    case GW_MESSAGE_DRAIN:
        append_extent(out, (const gw_extent_message *)message);
        break;
    case GW_MESSAGE_SLICE_REFUSED:
        g_string_append_printf(out, ", reason %u", ((const gw_slice_refused *)message)->reason);
        break;
    case GW_MESSAGE_SLICE_GRANT:
    case GW_MESSAGE_INSTALL:
        append_assignment(out, (const gw_assignment_message *)message);
        break;
    case GW_MESSAGE_SUBMIT:
        append_submit(out, (const gw_submit *)message);
        break;
    case GW_MESSAGE_RETURNED:
    case GW_MESSAGE_HANDLE:
    case GW_MESSAGE_RUN_DONE:
        append_call(out, (const gw_call_message *)message);
        break;
    case GW_MESSAGE_FETCHED:
        append_fetched(out, (const gw_fetched *)message);
        break;
    case GW_MESSAGE_DISPATCH:
        append_dispatch(out, (const gw_dispatch_message *)message);
        break;
    case GW_MESSAGE_MOVE:
    case GW_MESSAGE_MOVE_SHARDS:
    case GW_MESSAGE_MOVED:
        append_move(out, message);
        break;
    case GW_MESSAGE_RELAY:
        append_relay(out, (const gw_relay_message *)message);
        break;
    case GW_MESSAGE_ORDERED:
        append_ordered(out, (const gw_ordered_message *)message);
        break;
    case GW_MESSAGE_PROGRESS:
        append_progress(out, (const gw_progress *)message);
        break;
    case GW_MESSAGE_READY:
    case GW_MESSAGE_PROMISE:
    case GW_MESSAGE_PLACE:
    case GW_MESSAGE_HANDED:
        append_transfer(out, message);
        break;
    case GW_MESSAGE_RESULT:
        append_result(out, (const gw_result_message *)message);
        break;
    default:
        g_string_append_printf(out, ", instance %u",
                               ((const gw_instance_message *)message)->instance);
    }
}

/* --- The rest --- */

static void append_note(GString *out, const gw_note *note)
{
    static const char *const names[] = {
        [GW_NOTE_GANG_ORDERED] = "GANG_ORDERED",
        [GW_NOTE_CALL_RETURNED] = "CALL_RETURNED",
        [GW_NOTE_RUN_DONE] = "RUN_DONE",
        [GW_NOTE_RESULT] = "RESULT",
        [GW_NOTE_JOB_STARTED] = "JOB_STARTED",
        [GW_NOTE_JOB_DONE] = "JOB_DONE",
        [GW_NOTE_JOB_REFUSED] = "JOB_REFUSED",
        [GW_NOTE_MEMORY_WAIT] = "MEMORY_WAIT",
        [GW_NOTE_ORDER_WAIT] = "ORDER_WAIT",
        [GW_NOTE_STARVED] = "STARVED",
        [GW_NOTE_DEADLINE_MISSED] = "DEADLINE_MISSED",
        [GW_NOTE_JOB_MOVED] = "JOB_MOVED",
        [GW_NOTE_JOB_STAYED] = "JOB_STAYED",
        [GW_NOTE_POLICY_WRONG] = "POLICY_WRONG",
        [GW_NOTE_PLACEMENT_WRONG] = "PLACEMENT_WRONG",
        [GW_NOTE_DISPATCH_WRONG] = "DISPATCH_WRONG",
        [GW_NOTE_CLIENT_FAILED] = "CLIENT_FAILED",
        [GW_NOTE_LEASE_EXPIRED] = "LEASE_EXPIRED",
        [GW_NOTE_JOB_COLLECTED] = "JOB_COLLECTED",
        [GW_NOTE_SPILLED] = "SPILLED",
        [GW_NOTE_RETURNED] = "RETURNED",
        [GW_NOTE_STATE_LEAVES] = "STATE_LEAVES",
        [GW_NOTE_STATE_MOVED] = "STATE_MOVED",
        [GW_NOTE_OVERFLOW] = "OVERFLOW",
        [GW_NOTE_ROWS] = "ROWS",
    };
    g_string_append_printf(out, "note %s, ", names[note->kind]);
    switch (note->kind) {
    case GW_NOTE_GANG_ORDERED:
        g_string_append(out, "gang ");
        append_gang(out, note->a);
        g_string_append_printf(out, " is instance %u node %u", (unsigned)(note->b >> 32),
                               (unsigned)note->b);
        break;
    case GW_NOTE_MEMORY_WAIT:
        g_string_append(out, "gang ");
        append_gang(out, note->a);
        g_string_append_printf(out, " needs %u B", (unsigned)note->b);
        break;
    case GW_NOTE_RESULT:
        g_string_append_printf(out, "job %u run %u result %u is %g", (unsigned)note->a,
                               (unsigned)(note->b >> 32), (unsigned)note->b, note->value);
        break;
    case GW_NOTE_OVERFLOW:
        g_string_append_printf(out, "job %u edge %u run %u shard %u is dealt %g rows",
                               (unsigned)(note->a >> 32), (unsigned)note->a,
                               (unsigned)(note->b >> 32), (unsigned)note->b, note->value);
        break;
    case GW_NOTE_ROWS:
        g_string_append_printf(out, "job %u, %u, %g dropped", (unsigned)note->a, (unsigned)note->b,
                               note->value);
        break;
    case GW_NOTE_JOB_DONE:
        g_string_append_printf(out, "job %u", (unsigned)note->a);
        if (note->b > 0) {
            g_string_append_printf(out, ", %u runs not asked for", (unsigned)note->b);
        }
        break;
    case GW_NOTE_PLACEMENT_WRONG:
    case GW_NOTE_DISPATCH_WRONG:
        g_string_append_printf(out, "node %u", (unsigned)note->a);
        break;
    default:
        g_string_append_printf(out, "job %u, %u", (unsigned)note->a, (unsigned)note->b);
    }
}

static void append_kernel(GString *out, const record_port *port, const gw_kernel *kernel)
{
    const gw_program *program = record_port_program(port, kernel->instance);
    const gw_function *function = gw_program_function(program, kernel->node);
    g_string_append(out, "enqueue gang ");
    append_gang(out, kernel->gang);
    g_string_append_printf(out, ": instance %u node %u run %u", kernel->instance, kernel->node,
                           kernel->run);
    append_list(out, ", reads", kernel->buffers, function->input_count);
    append_list(out, ", writes", kernel->buffers + function->input_count, function->output_count);
    if (kernel->arrivals != NULL) {
        const uint32_t mesh = gw_program_node(program, kernel->node)->mesh;
        append_list(out, ", awaits", kernel->arrivals,
                    record_port_local_devices(port, kernel->instance, mesh)->len);
    }
}

static void append_copy(GString *out, const gw_copy *copy)
{
    g_string_append_printf(out, "copy %u B of buffer %u", (unsigned)copy->size_bytes,
                           copy->source_buffer);
    if (copy->source_offset_bytes > 0) {
        g_string_append_printf(out, " + %u", (unsigned)copy->source_offset_bytes);
    }
    if (gw_copy_is_from_host(copy)) {
        g_string_append(out, copy->kind == GW_COPY_RETURN ? ", spilled," : "");
        g_string_append_printf(out, " from the host to device %u for gang ",
                               copy->target_device.index);
        append_gang(out, copy->target_gang);
        return;
    }
    if (copy->kind == GW_COPY_SPILL) {
        g_string_append_printf(out, " from device %u is spilled", copy->source_device.index);
        return;
    }
    g_string_append_printf(out, " from device %u by gang ", copy->source_device.index);
    append_gang(out, copy->source_gang);
    if (copy->kind == GW_COPY_TO_HOST) {
        g_string_append(out, " to the host");
        return;
    }
    g_string_append_printf(out, " to buffer %u", copy->target_buffer);
    if (copy->target_offset_bytes > 0) {
        g_string_append_printf(out, " + %u", (unsigned)copy->target_offset_bytes);
    }
    g_string_append_printf(out, " on device %u for gang ", copy->target_device.index);
    append_gang(out, copy->target_gang);
    if (copy->duration_ns > 0) {
        g_string_append_printf(out, " in %u ns", (unsigned)copy->duration_ns);
    }
}

void record_append_call(GString *out, const record_port *port, const record_call *call)
{
    const gw_memory *memory = &call->memory;
    switch (call->kind) {
    case RECORD_TIMER_SET:
        g_string_append_printf(out, "set timer %u to %u ns", (unsigned)call->tag.value,
                               (unsigned)call->due_ns);
        break;
    case RECORD_WATCH_SET:
        g_string_append_printf(out, "watch until %u ns", (unsigned)call->due_ns);
        break;
    case RECORD_TIMER_CANCEL:
        g_string_append_printf(out, "cancel timer %u", (unsigned)call->tag.value);
        break;
    case RECORD_SEND:
        g_string_append(out, "send to ");
        append_node(out, port->directory, call->target);
        g_string_append(out, ": ");
        append_message(out, call->message);
        break;
    case RECORD_NOTE:
        append_note(out, &call->note);
        break;
    case RECORD_LOAD:
        g_string_append_printf(out, "load instance %u", call->instance);
        break;
    case RECORD_UNLOAD:
        g_string_append_printf(out, "unload instance %u", call->instance);
        break;
    case RECORD_ENQUEUE:
        append_kernel(out, port, &call->kernel);
        break;
    case RECORD_COPY:
        append_copy(out, &call->copy);
        break;
    case RECORD_EXPECT:
        g_string_append_printf(out,
                               "expect %u copies, %u rows, into buffer %u on device %u for "
                               "gang ",
                               call->expectation.copy_count, call->expectation.row_count,
                               call->expectation.buffer, call->expectation.device.index);
        append_gang(out, call->expectation.gang);
        break;
    case RECORD_RESERVE:
    case RECORD_RELEASE:
        g_string_append_printf(out, "%s %u B for buffer %u of instance %u on mesh %u%s",
                               call->kind == RECORD_RESERVE ? "reserve" : "release",
                               (unsigned)memory->size_bytes, memory->buffer, memory->instance,
                               memory->mesh,
                               call->kind == RECORD_RESERVE && !call->is_granted ? ": full" : "");
        break;
    default:
        gw_check(!"a recorded call");
    }
}
