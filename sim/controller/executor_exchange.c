/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that go where values say (program/exchange.h), in four steps.  A host whose source shards
 * are done reads their counts, and promises each host of the target mesh so many rows, or none.  A
 * host that has heard all sources of a gang in its queues tells its devices how much to expect,
 * and the sources where to put it.  Those copy, and know by the same answer what will come back;
 * so the hosts of the gang that waits for the way back tell their devices in turn, and ask for it
 * as for any input (READY).  Nobody waits for a message that does not come, and hosts between
 * which no row passes exchange one promise. */
#include <string.h>

#include "base/check.h"
#include "controller/collected.h"
#include "controller/executor_private.h"

typedef struct { /* Everything that a step is about. */
    gw_executor *executor;
    gw_host_instance *instance;
    gw_exchange_here *here;
    gw_exchange_run *state;
    uint32_t run;
} exchange_step;

static exchange_step step_of(gw_executor *executor, uint32_t instance, uint32_t edge, uint32_t run)
{
    exchange_step step = {.executor = executor, .run = run};
    step.instance = gw_executor_instance_of(executor, instance);
    gw_check(step.instance->exchanges != NULL);
    step.here = gw_exchange_book_find(step.instance->exchanges, edge);
    step.state = gw_exchange_book_run(step.instance->exchanges, step.here, run);
    return step;
}

static uint32_t buffer_of(const exchange_step *step, uint32_t slot)
{
    return gw_block_buffer(&step->instance->block,
                           gw_block_entry(&step->instance->block, slot, step->run));
}

static uint32_t inbound_buffer_of(const exchange_step *step, uint32_t edge)
{
    return buffer_of(step, step->instance->plan->inputs[edge].inbound_slot);
}

/* The last reader of what a host deals or returns is done. */
static void close_rows(const exchange_step *step, uint32_t slot)
{
    gw_store_release(&step->executor->store, &step->instance->block, slot, step->run);
    gw_executor_count_operation(step->executor, step->instance, step->run,
                                step->instance->dispatcher);
}

static void copy_rows(const exchange_step *step, uint32_t edge, uint32_t slot, gw_copy copy)
{
    gw_executor *executor = step->executor;
    uint32_t entry = gw_block_entry(&step->instance->block, slot, step->run);
    gw_flight begun = {GW_FLIGHT_ROWS, step->instance->instance, step->run, slot, step->run, edge};
    copy.kind = GW_COPY_TO_DEVICE;
    copy.instance = step->instance->instance;
    copy.source_gang = step->instance->block.writers[entry].gang;
    copy.source_buffer = gw_block_buffer(&step->instance->block, entry);
    executor->port->devices->copy(executor->port, &copy,
                                  gw_executor_begin_flight(executor, &begun));
}

/* --- The way back --- */

/* What comes back to local source shard `shard`. */
static gw_expectation expect_return(const exchange_step *step, uint32_t shard)
{
    const gw_exchange_run *state = step->state;
    gw_expectation expectation = {
        .gang = state->return_gang,
        .instance = step->instance->instance,
        .run = step->run,
        .edge = step->here->return_edge,
        .device = {step->here->source.devices[shard]},
        .buffer = inbound_buffer_of(step, step->here->return_edge),
    };
    for (uint32_t i = 0; i < state->dealt->len; i++) {
        const gw_dealt_rows *rows = &g_array_index(state->dealt, gw_dealt_rows, i);
        if (rows->source_shard != shard || rows->row_count == 0)
            continue;
        expectation.copy_count++;
        expectation.row_count += rows->row_count;
    }
    return expectation;
}

static bool is_any_row_at(const gw_exchange_run *state, uint32_t host_place)
{
    for (uint32_t i = state->first_dealt[host_place]; i < state->first_dealt[host_place + 1]; i++)
        if (g_array_index(state->dealt, gw_dealt_rows, i).row_count > 0)
            return true;
    return false;
}

/* The gang that gets rows back stands in the queues, and it is known how many those are. */
static void await_return(const exchange_step *step)
{
    gw_executor *executor = step->executor;
    const gw_exchange_run *state = step->state;
    const gw_exchange_mesh *source = &step->here->source;
    if (!state->is_return_launched || !state->is_promised || state->unplaced_count > 0)
        return;
    for (uint32_t i = 0; i < gw_exchange_mesh_local_count(source); i++) {
        gw_expectation expectation = expect_return(step, gw_exchange_mesh_locals(source)[i]);
        executor->port->devices->expect(executor->port, &expectation);
    }
    gw_ready_item item = {
        .gang = state->return_gang,
        .instance = step->instance->instance,
        .run = step->run,
        .transfer = 2 * step->here->return_edge,
        .buffer = inbound_buffer_of(step, step->here->return_edge),
    };
    for (uint32_t h = 0; h < step->here->target.host_count; h++) {
        uint32_t host = step->here->target.hosts[h];
        if (!is_any_row_at(state, h))
            continue;
        if (host == executor->self.index)
            gw_executor_return_rows(executor, host, &item);
        else
            gw_executor_gather_ready(executor, host, &item);
    }
}

void gw_executor_return_rows(gw_executor *executor, uint32_t host, const gw_ready_item *item)
{
    exchange_step step = step_of(executor, item->instance, item->transfer / 2, item->run);
    const gw_exchange_here *here = step.here;
    uint32_t first;
    uint32_t end = gw_exchange_coming_from(step.state, host, &first);
    for (uint32_t i = first; i < end; i++) {
        const gw_dealt_rows *rows = &g_array_index(step.state->coming, gw_coming_rows, i).rows;
        if (rows->row_count == 0)
            continue;
        gw_copy copy = {
            .source_device = {here->target.devices[rows->target_shard]},
            .source_offset_bytes = rows->target_row * here->return_row_bytes,
            .size_bytes = rows->row_count * here->return_row_bytes,
            .target_gang = item->gang,
            .target_device = {here->source.devices[rows->source_shard]},
            .target_buffer = item->buffer,
            .target_offset_bytes = rows->source_row * here->return_row_bytes,
        };
        copy_rows(&step, here->return_edge, here->return_slot, copy);
    }
}

/* --- Places --- */

static void send_piece(const exchange_step *step, const gw_place *message,
                       const gw_dealt_rows *rows)
{
    const gw_exchange_here *here = step->here;
    gw_copy copy = {
        .source_device = {here->source.devices[rows->source_shard]},
        .source_offset_bytes = rows->source_row * here->row_bytes,
        .size_bytes = rows->row_count * here->row_bytes,
        .target_gang = message->gang,
        .target_device = {here->target.devices[rows->target_shard]},
        .target_buffer = message->buffer,
        .target_offset_bytes = rows->target_row * here->row_bytes,
    };
    copy_rows(step, here->edge, here->source_slot, copy);
}

static void finish_piece(const exchange_step *step)
{
    gw_check(step->state->open_count > 0);
    if (--step->state->open_count == 0)
        close_rows(step, step->here->source_slot);
}

void gw_executor_place(gw_executor *executor, gw_node_id source, const gw_place *message)
{
    exchange_step step = step_of(executor, message->instance, message->edge, message->run);
    gw_exchange_run *state = step.state;
    uint32_t place = gw_exchange_mesh_place(&step.here->target, source.index);
    uint32_t first = state->first_dealt[place];
    gw_check(message->item_count == state->first_dealt[place + 1] - first);
    gw_check(state->unplaced_count >= message->item_count);
    state->unplaced_count -= message->item_count;
    for (uint32_t i = 0; i < message->item_count; i++) {
        gw_dealt_rows *rows = &g_array_index(state->dealt, gw_dealt_rows, first + i);
        gw_check(rows->source_shard == message->items[i].source_shard);
        gw_check(rows->target_shard == message->items[i].target_shard);
        *rows = message->items[i];
        if (rows->row_count > 0)
            send_piece(&step, message, rows);
        else
            finish_piece(&step);
    }
    await_return(&step);
}

/* Every source has spoken: pieces [first, end) are those of `host`. */
static void tell_places(const exchange_step *step, uint32_t host, uint32_t first, uint32_t end)
{
    gw_executor *executor = step->executor;
    uint32_t size_bytes = (uint32_t)(sizeof(gw_place) + (end - first) * sizeof(gw_dealt_rows));
    g_byte_array_set_size(executor->scratch, size_bytes);
    gw_place *message = (gw_place *)(void *)executor->scratch->data;
    *message = (gw_place){
        .header = {GW_MESSAGE_PLACE, size_bytes},
        .gang = step->state->target_gang,
        .instance = step->instance->instance,
        .run = step->run,
        .edge = step->here->edge,
        .buffer = inbound_buffer_of(step, step->here->edge),
        .item_count = end - first,
    };
    for (uint32_t i = first; i < end; i++)
        message->items[i - first] = g_array_index(step->state->coming, gw_coming_rows, i).rows;
    if (host == executor->self.index)
        gw_executor_place(executor, executor->self, message);
    else
        executor->port->ops->send(executor->port, (gw_node_id){host}, &message->header);
}

static gw_expectation expect_rows(const exchange_step *step, uint32_t shard)
{
    const gw_exchange_run *state = step->state;
    gw_expectation expectation = {
        .gang = state->target_gang,
        .instance = step->instance->instance,
        .run = step->run,
        .edge = step->here->edge,
        .device = {step->here->target.devices[shard]},
        .buffer = inbound_buffer_of(step, step->here->edge),
    };
    for (uint32_t i = 0; i < state->coming->len; i++) {
        const gw_dealt_rows *rows = &g_array_index(state->coming, gw_coming_rows, i).rows;
        if (rows->target_shard != shard || rows->row_count == 0)
            continue;
        expectation.copy_count++;
        expectation.row_count += rows->row_count;
    }
    return expectation;
}

static void note_overflow(const exchange_step *step, uint32_t shard, uint64_t rows)
{
    gw_note note = {GW_NOTE_OVERFLOW, (uint64_t)step->instance->job << 32 | step->here->edge,
                    (uint64_t)step->run << 32 | shard, (double)rows};
    step->executor->port->ops->note(step->executor->port, &note);
}

/* What comes to this host's shards, and what of it will go back. */
static void expect_all(const exchange_step *step, uint64_t dropped)
{
    gw_port *port = step->executor->port;
    const gw_exchange_mesh *target = &step->here->target;
    gw_note note = {GW_NOTE_ROWS, step->instance->job, 0, (double)dropped};
    gw_exchange_run *state = step->state;
    for (uint32_t i = 0; i < gw_exchange_mesh_local_count(target); i++) {
        gw_expectation expectation = expect_rows(step, gw_exchange_mesh_locals(target)[i]);
        port->devices->expect(port, &expectation);
        note.b += expectation.row_count;
        state->returning_count += expectation.copy_count;
    }
    port->ops->note(port, &note);
    if (step->here->return_edge == GW_INDEX_NONE)
        state->returning_count = 0;
    else if (state->returning_count == 0)
        close_rows(step, step->here->return_slot);
}

/* The gang stands in the queues, and all its sources have spoken. */
static void place_all(const exchange_step *step)
{
    gw_exchange_run *state = step->state;
    uint64_t dropped = 0, rows = 0;
    uint32_t shard = 0;
    if (!state->is_target_launched || state->silent_count > 0)
        return;
    if (!gw_exchange_place_rows(step->here, state, &dropped, &shard, &rows)) {
        note_overflow(step, shard, rows);
        return;
    }
    expect_all(step, dropped);
    for (uint32_t first = 0, end; first < state->coming->len; first = end) {
        uint32_t host = g_array_index(state->coming, gw_coming_rows, first).source_host;
        end = gw_exchange_coming_from(state, host, &first);
        tell_places(step, host, first, end);
    }
}

/* --- Promises --- */

void gw_executor_promise(gw_executor *executor, gw_node_id source, const gw_promise *message)
{
    if (gw_executor_find(executor, message->instance) == NULL) {
        /* Its client has failed when rows were dealt that nobody was to take. */
        gw_check(gw_collected_has(executor->collected, message->instance));
        return;
    }
    exchange_step step = step_of(executor, message->instance, message->edge, message->run);
    gw_check(step.state->silent_count >= message->shard_count);
    step.state->silent_count -= message->shard_count;
    for (uint32_t i = 0; i < message->item_count; i++) {
        gw_coming_rows coming = {message->items[i], source.index};
        g_array_append_val(step.state->coming, coming);
    }
    place_all(&step);
}

static void tell_promise(const exchange_step *step, uint32_t host_place)
{
    gw_executor *executor = step->executor;
    const gw_exchange_run *state = step->state;
    uint32_t host = step->here->target.hosts[host_place];
    uint32_t first = state->first_dealt[host_place];
    uint32_t items_bytes =
        (state->first_dealt[host_place + 1] - first) * (uint32_t)sizeof(gw_dealt_rows);
    uint32_t size_bytes = (uint32_t)sizeof(gw_promise) + items_bytes;
    g_byte_array_set_size(executor->scratch, size_bytes);
    gw_promise *message = (gw_promise *)(void *)executor->scratch->data;
    *message = (gw_promise){
        .header = {GW_MESSAGE_PROMISE, size_bytes},
        .instance = step->instance->instance,
        .run = step->run,
        .edge = step->here->edge,
        .shard_count = gw_exchange_mesh_local_count(&step->here->source),
        .item_count = state->first_dealt[host_place + 1] - first,
    };
    if (items_bytes > 0)
        memcpy(message->items, &g_array_index(state->dealt, gw_dealt_rows, first), items_bytes);
    if (host == executor->self.index)
        gw_executor_promise(executor, executor->self, message);
    else
        executor->port->ops->send(executor->port, (gw_node_id){host}, &message->header);
}

/* The counts of all local source shards are on the host. */
static void promise_all(const exchange_step *step)
{
    gw_port *port = step->executor->port;
    const gw_exchange_here *here = step->here;
    gw_exchange_run *state = step->state;
    uint32_t source_count = gw_exchange_mesh_local_count(&here->source);
    GArray *counts = step->instance->exchanges->counts;
    g_array_set_size(counts, source_count * here->target.shard_count);
    for (uint32_t i = 0; i < source_count; i++) {
        gw_counts asked = {
            .instance = step->instance->instance,
            .run = step->run,
            .edge = here->edge,
            .device = {here->source.devices[gw_exchange_mesh_locals(&here->source)[i]]},
            .buffer = buffer_of(step, here->counts_slot),
        };
        port->devices->read_counts(port, &asked,
                                   &g_array_index(counts, uint32_t, i * here->target.shard_count));
    }
    gw_exchange_deal_rows(here, state, (const uint32_t *)(const void *)counts->data);
    state->is_promised = true;
    for (uint32_t h = 0; h < here->target.host_count; h++)
        tell_promise(step, h);
    if (state->dealt->len == 0)
        await_return(step);
    finish_piece(step);
}

static void begin_counts(const exchange_step *step, uint64_t gang)
{
    gw_executor *executor = step->executor;
    const gw_exchange_mesh *source = &step->here->source;
    for (uint32_t i = 0; i < gw_exchange_mesh_local_count(source); i++) {
        gw_flight begun = {GW_FLIGHT_COUNTS, step->instance->instance,
                           step->run,        step->here->counts_slot,
                           step->run,        step->here->edge};
        gw_copy copy = {
            .kind = GW_COPY_TO_HOST,
            .result = GW_INDEX_NONE,
            .instance = step->instance->instance,
            .source_gang = gang,
            .source_device = {source->devices[gw_exchange_mesh_locals(source)[i]]},
            .source_buffer = buffer_of(step, step->here->counts_slot),
            .size_bytes = step->instance->plan->slots[step->here->counts_slot].size_bytes,
        };
        executor->port->devices->copy(executor->port, &copy,
                                      gw_executor_begin_flight(executor, &begun));
    }
}

/* --- In --- */

/* The exchange of a transfer, if it is one, at the end that the gang has. */
static void launch_end(gw_executor *executor, gw_host_instance *instance, uint32_t edge,
                       bool is_source, uint32_t run, uint64_t gang)
{
    gw_exchange_kind kind = gw_program_edge(instance->plan->program, edge)->exchange.kind;
    if (kind == GW_EXCHANGE_NONE || (is_source && kind == GW_EXCHANGE_RETURN))
        return;
    exchange_step step = step_of(executor, instance->instance, edge, run);
    if (is_source) {
        begin_counts(&step, gang);
    } else if (kind == GW_EXCHANGE_DEAL) {
        step.state->is_target_launched = true;
        step.state->target_gang = gang;
        place_all(&step);
    } else {
        step.state->is_return_launched = true;
        step.state->return_gang = gang;
        await_return(&step);
    }
}

void gw_executor_launch_exchanges(gw_executor *executor, gw_host_instance *instance,
                                  const gw_plan_node *node, uint32_t run, uint64_t gang)
{
    const gw_plan *plan = instance->plan;
    for (uint32_t t = 0; t < node->outgoing_count; t++)
        launch_end(executor, instance, plan->outgoing[node->first_outgoing + t] / 2, true, run,
                   gang);
    for (uint32_t i = 0; i < node->input_count; i++)
        launch_end(executor, instance, plan->inputs[node->first_input + i].edge, false, run, gang);
}

void gw_executor_exchange_copied(gw_executor *executor, gw_host_instance *instance,
                                 const gw_flight *done)
{
    exchange_step step = step_of(executor, instance->instance, done->result, done->run);
    if (done->kind == GW_FLIGHT_COUNTS) {
        gw_check(step.state->counts_left > 0);
        if (--step.state->counts_left == 0)
            promise_all(&step);
        gw_store_release(&executor->store, &instance->block, done->slot, done->source_run);
    } else if (done->result == step.here->return_edge) {
        gw_check(step.state->returning_count > 0);
        if (--step.state->returning_count == 0)
            close_rows(&step, step.here->return_slot);
    } else {
        finish_piece(&step);
    }
}
