/* SPDX-License-Identifier: Apache-2.0 */
/* The toy world's devices.  What a buffer holds is a number that says which output of which run it
 * is, so a kernel that reads the wrong one is noticed at once. */
#include <stdio.h>

#include "base/check.h"
#include "program/exchange.h"
#include "toy_private.h"

/* --- What buffers hold --- */

uint32_t toy_job_of(const toy_world *world, uint32_t instance)
{
    gw_check(instance < world->job_of_instance->len);
    return g_array_index(world->job_of_instance, uint32_t, instance);
}

uint64_t toy_content(uint32_t job, uint32_t node, uint32_t output, uint32_t run)
{
    return (uint64_t)(job + 1) << 56 | (uint64_t)node << 40 | (uint64_t)output << 32 | run;
}

/* What `edge` hands over in `run`, by the program alone. */
static uint64_t expect_content(const gw_program *program, const gw_edge *edge, uint32_t job,
                               uint32_t run)
{
    if (edge->is_carried && run == 0) {
        return toy_content(job, edge->initial_node, edge->initial_output, 0);
    }
    uint32_t source_run = run;
    if (edge->is_carried) {
        source_run = run - 1;
    } else if (gw_program_node(program, edge->source_node)->is_once) {
        source_run = 0;
    }
    return toy_content(job, edge->source_node, edge->source_output, source_run);
}

static bool crosses_meshes(const gw_program *program, const gw_edge *edge, uint32_t run)
{
    const uint32_t source = edge->is_carried && run == 0 ? edge->initial_node : edge->source_node;
    return gw_program_node(program, source)->mesh !=
           gw_program_node(program, edge->target_node)->mesh;
}

double toy_value(uint64_t content)
{
    const double value = (double)(content >> 56) * 1e9 + (double)(content >> 32 & 0xffffff) * 1e3 +
                         (double)(uint32_t)content;
    return content * UINT64_C(0x9e3779b97f4a7c15) >> 63 ? -value : value;
}

double toy_result(uint32_t job, const gw_program *program, uint32_t result, uint32_t run)
{
    const gw_result *read = &g_array_index(program->results, gw_result, result);
    return toy_value(toy_content(job, read->node, read->output, run));
}

/* The function that a kernel runs, which is the one that it should. */
static const gw_function *function_of(const toy_world *world, const gw_program *program,
                                      const gw_kernel *kernel)
{
    const gw_node *node = gw_program_node(program, kernel->node);
    const bool is_otherwise =
        gw_node_is_decided(node) &&
        !(toy_result(toy_job_of(world, kernel->instance), program, node->decider, kernel->run) > 0);
    gw_check(kernel->is_otherwise == is_otherwise);
    return is_otherwise ? g_ptr_array_index(program->functions, node->otherwise)
                        : gw_program_function(program, kernel->node);
}

static uint64_t key_of(uint32_t host, uint32_t buffer)
{
    return (uint64_t)host << 32 | buffer;
}

static toy_buffer *find_buffer(const toy_world *world, uint32_t host, uint32_t number)
{
    const uint64_t key = key_of(host, number);
    toy_buffer *buffer = g_hash_table_lookup(world->buffers, &key);
    gw_check(buffer != NULL);
    return buffer;
}

static void free_buffer(gpointer data)
{
    toy_buffer *buffer = data;
    g_free(buffer->contents);
    g_free(buffer->arrived_bytes);
    g_free(buffer->expected_bytes);
    g_free(buffer);
}

/* The place of `device` on its host. */
static uint32_t place_of(const toy_world *world, uint32_t device)
{
    const gw_directory *directory = world->directory;
    const gw_island *island =
        &directory->islands[gw_directory_island(directory, (gw_device_id){device})];
    return (device - island->first_device) % island->devices_per_host;
}

uint32_t toy_host_of(const toy_world *world, uint32_t device)
{
    return gw_directory_host(world->directory, (gw_device_id){device}).index;
}

void toy_take_memory(toy_world *world, uint32_t host, const gw_memory *memory)
{
    const gw_island *island =
        &world->directory
             ->islands[gw_directory_island_of_host(world->directory, (gw_node_id){host})];
    toy_buffer *buffer = g_new0(toy_buffer, 1);
    buffer->size_bytes = memory->size_bytes;
    buffer->contents = g_new0(uint64_t, island->devices_per_host);
    buffer->arrived_bytes = g_new0(uint64_t, island->devices_per_host);
    buffer->expected_bytes = g_new(uint64_t, island->devices_per_host);
    for (uint32_t d = 0; d < island->devices_per_host; d++) {
        buffer->expected_bytes[d] = UINT64_MAX;
    }
    uint64_t *key = g_new(uint64_t, 1);
    *key = key_of(host, memory->buffer);
    g_hash_table_insert(world->buffers, key, buffer);
}

void toy_drop_memory(toy_world *world, uint32_t host, const gw_memory *memory)
{
    const uint64_t key = key_of(host, memory->buffer);
    gw_check(g_hash_table_remove(world->buffers, &key));
}

/* --- Devices --- */

static bool may_run(const toy_world *world, const toy_shard *shard)
{
    return shard->is_enqueued && !shard->is_done && shard->arrivals_left == 0 &&
           g_queue_peek_head(&world->queues[shard->device]) == shard;
}

static void post_if_it_may_run(toy_world *world, toy_shard *shard)
{
    toy_gang *gang = shard->gang;
    if (!may_run(world, shard) || shard->is_posted) {
        return;
    }
    if (!gang->meets) {
        shard->is_posted = true;
        toy_post(world, &(toy_step){.kind = SHARD_ENDS, .subject = shard});
        return;
    }
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        if (!may_run(world, &gang->shards[s])) {
            return;
        }
    }
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        gang->shards[s].is_posted = true;
    }
    toy_post(world, &(toy_step){.kind = GANG_ENDS, .subject = gang});
}

static uint32_t dispatcher_of(const toy_world *world, uint64_t gang)
{
    const uint32_t dispatcher = (uint32_t)(gang >> GW_GANG_SEQUENCE_BITS);
    gw_check(dispatcher < world->node_count);
    return dispatcher;
}

static toy_gang *find_gang(const toy_world *world, uint64_t number)
{
    toy_gang *gang = g_hash_table_lookup(world->gangs, &number);
    gw_check(gang != NULL);
    return gang;
}

static toy_shard *find_shard(toy_gang *gang, uint32_t device)
{
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        if (gang->shards[s].device == device) {
            return &gang->shards[s];
        }
    }
    gw_check(!"a shard of the gang on that device");
    return NULL;
}

static bool has_collective(const gw_function *function)
{
    for (uint32_t i = 0; i < function->operations->len; i++) {
        if (gw_operation_is_collective(gw_function_operation(function, i))) {
            return true;
        }
    }
    return false;
}

static toy_gang *meet_gang(toy_world *world, uint32_t host, const gw_kernel *kernel)
{
    toy_gang *gang = g_hash_table_lookup(world->gangs, &kernel->gang);
    if (gang != NULL) {
        gw_check(gang->instance == kernel->instance && gang->node == kernel->node);
        gw_check(gang->run == kernel->run);
        return gang;
    }
    const record_port *port = world->nodes[host].port;
    const gw_program *program = record_port_program(port, kernel->instance);
    gang = g_new0(toy_gang, 1);
    gang->number = kernel->gang;
    gang->instance = kernel->instance;
    gang->node = kernel->node;
    gang->run = kernel->run;
    gang->meets = has_collective(function_of(world, program, kernel));
    const uint32_t *devices = record_port_devices(
        port, kernel->instance, gw_program_node(program, kernel->node)->mesh, &gang->shard_count);
    gang->shards = g_new0(toy_shard, gang->shard_count);
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        gang->shards[s].gang = gang;
        gang->shards[s].device = devices[s];
    }
    gang->kernels = g_array_new(FALSE, FALSE, sizeof(toy_kernel));
    g_hash_table_insert(world->gangs, &gang->number, gang);
    g_ptr_array_add(world->gang_list, gang);
    return gang;
}

static void enqueue_shard(toy_world *world, toy_shard *shard)
{
    const uint32_t dispatcher = dispatcher_of(world, shard->gang->number);
    const uint32_t account = shard->device * world->node_count + dispatcher;
    gw_check(!shard->is_enqueued);
    gw_check(shard->gang->number >= world->last_gangs[account]); /* In its dispatcher's order. */
    world->last_gangs[account] = shard->gang->number + 1;
    gw_check(++world->queued[account] <= world->control->lookahead);
    shard->is_enqueued = true;
    g_queue_push_tail(&world->queues[shard->device], shard);
}

void toy_take_kernel(toy_world *world, uint32_t host, const record_call *call)
{
    const gw_kernel *kernel = &call->kernel;
    toy_gang *gang = meet_gang(world, host, kernel);
    const record_port *port = world->nodes[host].port;
    const gw_program *program = record_port_program(port, kernel->instance);
    const gw_function *function = function_of(world, program, kernel);
    toy_kernel part = {.host = host, .tag = call->tag, .kernel = *kernel};
    part.kernel.buffers =
        g_memdup2(kernel->buffers,
                  MAX(1, function->input_count + function->output_count) * sizeof *kernel->buffers);
    part.kernel.arrivals = NULL;
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        if (toy_host_of(world, gang->shards[s].device) != host) {
            continue;
        }
        gang->shards[s].kernel = gang->kernels->len;
        gang->shards[s].arrivals_left =
            kernel->arrivals == NULL ? 0 : kernel->arrivals[part.shards_left];
        part.shards_left++;
        enqueue_shard(world, &gang->shards[s]);
    }
    g_array_append_val(gang->kernels, part);
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        post_if_it_may_run(world, &gang->shards[s]);
    }
}

/* Of a row each: what it holds over an exchange is not more than it can hold, and all there. */
static void check_exchanged(const toy_buffer *buffer, uint32_t place, uint64_t content)
{
    gw_check(buffer->expected_bytes[place] != UINT64_MAX);
    gw_check(buffer->expected_bytes[place] <= buffer->size_bytes);
    gw_check(buffer->arrived_bytes[place] == buffer->expected_bytes[place]);
    gw_check(buffer->contents[place] == (buffer->expected_bytes[place] > 0 ? content : 0));
}

/* Every input holds what the program says, and all of it. */
static void check_inputs(const toy_world *world, const toy_gang *gang, const toy_shard *shard)
{
    const toy_kernel *part = &g_array_index(gang->kernels, toy_kernel, shard->kernel);
    const gw_program *program = record_port_program(world->nodes[part->host].port, gang->instance);
    const uint32_t place = place_of(world, shard->device);
    for (uint32_t e = program->first_edge[gang->node]; e < program->first_edge[gang->node + 1];
         e++) {
        const gw_edge *edge = gw_program_edge(program, e);
        const toy_buffer *buffer =
            find_buffer(world, part->host, part->kernel.buffers[edge->target_input]);
        if (edge->exchange.kind != GW_EXCHANGE_NONE) {
            check_exchanged(
                buffer, place,
                expect_content(program, edge, toy_job_of(world, gang->instance), gang->run));
            continue;
        }
        gw_check(buffer->contents[place] ==
                 expect_content(program, edge, toy_job_of(world, gang->instance), gang->run));
        gw_check(buffer->arrived_bytes[place] ==
                 (crosses_meshes(program, edge, gang->run) ? buffer->size_bytes : 0));
    }
}

/* The output lies in the buffer of the input that the function offers for it. */
static bool is_over_input(const gw_function *function, const uint32_t *buffers, uint32_t output)
{
    const gw_value *value = gw_function_value(function, gw_function_output(function, output));
    return value->donor > 0 && buffers[value->donor - 1] == buffers[function->input_count + output];
}

static void write_outputs(toy_world *world, const toy_gang *gang, const toy_shard *shard)
{
    const toy_kernel *part = &g_array_index(gang->kernels, toy_kernel, shard->kernel);
    const gw_program *program = record_port_program(world->nodes[part->host].port, gang->instance);
    const gw_function *function = gw_program_function(program, gang->node);
    for (uint32_t o = 0; o < function->output_count; o++) {
        toy_buffer *buffer =
            find_buffer(world, part->host, part->kernel.buffers[function->input_count + o]);
        uint64_t *content = &buffer->contents[place_of(world, shard->device)];
        gw_check(*content == 0 || is_over_input(function, part->kernel.buffers, o));
        *content = toy_content(toy_job_of(world, gang->instance), gang->node, o, gang->run);
    }
}

static void count_shard(toy_world *world, const toy_gang *gang, uint32_t shard)
{
    const uint32_t number = toy_job_of(world, gang->instance);
    toy_job *job = &world->states[number];
    const gw_program *program = world->jobs[number].program;
    gw_check(gang->run < world->jobs[number].runs);
    gw_check(gang->run == 0 || !gw_program_node(program, gang->node)->is_once);
    const uint64_t index =
        ((uint64_t)gang->run * program->nodes->len + gang->node) * job->shards_max + shard;
    gw_check(job->ran[index] == 0);
    job->ran[index] = 1;
}

void toy_end_shard(toy_world *world, toy_shard *shard)
{
    toy_gang *gang = shard->gang;
    check_inputs(world, gang, shard);
    write_outputs(world, gang, shard);
    count_shard(world, gang, (uint32_t)(shard - gang->shards));
    gw_check(g_queue_pop_head(&world->queues[shard->device]) == shard);
    world->queued[shard->device * world->node_count + dispatcher_of(world, gang->number)]--;
    shard->is_done = true;
    for (uint32_t i = 0; shard->copies != NULL && i < shard->copies->len; i++) {
        toy_post(world,
                 &(toy_step){.kind = COPY_LANDS, .subject = g_ptr_array_index(shard->copies, i)});
    }
    toy_kernel *part = &g_array_index(gang->kernels, toy_kernel, shard->kernel);
    if (--part->shards_left == 0) {
        toy_post_answer(world, part->host, RECORD_ENQUEUE, part->tag, 0);
    }
    toy_shard *next = g_queue_peek_head(&world->queues[shard->device]);
    if (next != NULL) {
        post_if_it_may_run(world, next);
    }
}

void toy_end_gang(toy_world *world, toy_gang *gang)
{
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        toy_end_shard(world, &gang->shards[s]);
    }
}

/* --- Exchanges --- */

void toy_take_expectation(toy_world *world, uint32_t host, const gw_expectation *expectation)
{
    const gw_program *program = record_port_program(world->nodes[host].port, expectation->instance);
    const uint32_t device = expectation->device.index;
    toy_buffer *buffer = find_buffer(world, host, expectation->buffer);
    toy_shard *shard = find_shard(find_gang(world, expectation->gang), device);
    uint64_t *expected_bytes = &buffer->expected_bytes[place_of(world, device)];
    gw_check(*expected_bytes == UINT64_MAX); /* Once. */
    *expected_bytes = expectation->row_count * gw_exchange_row_bytes(program, expectation->edge);
    gw_check(shard->is_enqueued && !shard->is_done);
    gw_check(shard->arrivals_left > 0);
    shard->arrivals_left += expectation->copy_count;
    if (--shard->arrivals_left == 0) {
        post_if_it_may_run(world, shard);
    }
}

/* By job, edge, run and device: often nothing for some, sometimes everything for one. */
void toy_deal(void *context, const gw_counts *asked, uint32_t *out_counts)
{
    const toy_world *world = context;
    const uint32_t host = toy_host_of(world, asked->device.index);
    const gw_program *program = record_port_program(world->nodes[host].port, asked->instance);
    const uint32_t target_count = gw_exchange_target_count(program, asked->edge);
    char stream[64];
    snprintf(stream, sizeof stream, "%u %u %u %u", toy_job_of(world, asked->instance), asked->edge,
             asked->run, asked->device.index);
    gw_random random;
    gw_random_init(&random, 1, stream);
    uint32_t rows_left = gw_exchange_rows(program, asked->edge);
    while (rows_left > 0) {
        const uint32_t dealt = 1 + (uint32_t)gw_random_below(&random, rows_left);
        out_counts[gw_random_below(&random, target_count)] += dealt;
        rows_left -= dealt;
    }
}

/* --- Copies --- */

void toy_take_copy(toy_world *world, uint32_t host, const record_call *call)
{
    toy_copy *copy = g_new0(toy_copy, 1);
    *copy = (toy_copy){call->copy, call->tag, host};
    g_ptr_array_add(world->copies, copy);
    if ((copy->copy.kind != GW_COPY_TO_DEVICE && copy->copy.kind != GW_COPY_TO_HOST) ||
        copy->copy.source_gang == GW_GANG_NONE) {
        toy_post(world, &(toy_step){.kind = COPY_LANDS, .subject = copy});
        return;
    }
    toy_shard *source =
        find_shard(find_gang(world, copy->copy.source_gang), copy->copy.source_device.index);
    gw_check(source->is_enqueued);
    if (source->is_done) {
        toy_post(world, &(toy_step){.kind = COPY_LANDS, .subject = copy});
        return;
    }
    if (source->copies == NULL) {
        source->copies = g_ptr_array_new();
    }
    g_ptr_array_add(source->copies, copy);
}

/* What is kept of the copy's buffer, whole; 0: nothing is. */
static uint64_t *spilled_of(toy_world *world, const gw_copy *what)
{
    const uint64_t key = key_of(what->source_device.index, what->source_buffer);
    uint64_t *kept = g_hash_table_lookup(world->spilled, &key);
    if (kept == NULL) {
        uint64_t *own_key = g_new(uint64_t, 1);
        *own_key = key;
        kept = g_new0(uint64_t, 1);
        g_hash_table_insert(world->spilled, own_key, kept);
    }
    return kept;
}

void toy_land_copy(toy_world *world, toy_copy *copy)
{
    const gw_copy *what = &copy->copy;
    const toy_buffer *source = find_buffer(world, copy->host, what->source_buffer);
    uint64_t content = source->contents[place_of(world, what->source_device.index)];
    if (what->kind == GW_COPY_SPILL) {
        gw_check(what->size_bytes == source->size_bytes);
        *spilled_of(world, what) = content;
    } else if (what->kind == GW_COPY_RETURN) {
        gw_check(content == 0);
        content = *spilled_of(world, what);
        *spilled_of(world, what) = 0;
    }
    gw_check(content != 0);
    gw_check(what->source_offset_bytes + what->size_bytes <= source->size_bytes);
    toy_post_answer(world, copy->host, RECORD_COPY, copy->tag,
                    what->kind == GW_COPY_TO_HOST ? toy_value(content) : 0);
    if (gw_copy_is_to_host(what)) {
        return;
    }
    const uint32_t device = what->target_device.index;
    const uint32_t place = place_of(world, device);
    toy_buffer *target = find_buffer(world, toy_host_of(world, device), what->target_buffer);
    if (what->target_gang == GW_GANG_NONE && what->source_gang != GW_GANG_NONE) { /* For later. */
        gw_check(what->target_offset_bytes + what->size_bytes <= target->size_bytes);
        gw_check(target->contents[place] == 0 || target->contents[place] == content);
        target->contents[place] = content;
        target->arrived_bytes[place] += what->size_bytes;
        return;
    }
    if (what->target_gang == GW_GANG_NONE) { /* From one instance to the next: whole, and once. */
        gw_check(what->kind == GW_COPY_TO_DEVICE && what->size_bytes == target->size_bytes);
        gw_check(target->contents[place] == 0);
        target->contents[place] = content;
        return;
    }
    toy_shard *shard = find_shard(find_gang(world, what->target_gang), device);
    gw_check(what->target_offset_bytes + what->size_bytes <= target->size_bytes);
    gw_check(target->contents[place] == 0 || target->contents[place] == content);
    target->contents[place] = content;
    target->arrived_bytes[place] += what->kind == GW_COPY_TO_DEVICE ? what->size_bytes : 0;
    gw_check(shard->is_enqueued && !shard->is_done);
    gw_check(shard->arrivals_left > 0);
    if (--shard->arrivals_left == 0) {
        post_if_it_may_run(world, shard);
    }
}

/* --- The whole --- */

void toy_init_machine(toy_world *world)
{
    const uint32_t device_count = world->directory->device_count;
    world->gangs = g_hash_table_new(g_int64_hash, g_int64_equal);
    world->gang_list = g_ptr_array_new();
    world->buffers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_buffer);
    world->spilled = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    world->copies = g_ptr_array_new_with_free_func(g_free);
    world->queues = g_new0(GQueue, device_count);
    world->last_gangs = g_new0(uint64_t, device_count * world->node_count);
    world->queued = g_new0(uint32_t, device_count * world->node_count);
}

static void free_gang(toy_gang *gang)
{
    for (uint32_t s = 0; s < gang->shard_count; s++) {
        if (gang->shards[s].copies != NULL) {
            g_ptr_array_unref(gang->shards[s].copies);
        }
    }
    for (uint32_t k = 0; k < gang->kernels->len; k++) {
        g_free((void *)g_array_index(gang->kernels, toy_kernel, k).kernel.buffers);
    }
    g_array_unref(gang->kernels);
    g_free(gang->shards);
    g_free(gang);
}

void toy_clear_machine(toy_world *world)
{
    for (uint32_t i = 0; i < world->gang_list->len; i++) {
        free_gang(g_ptr_array_index(world->gang_list, i));
    }
    for (uint32_t d = 0; d < world->directory->device_count; d++) {
        g_queue_clear(&world->queues[d]);
    }
    g_hash_table_unref(world->gangs);
    g_ptr_array_unref(world->gang_list);
    g_hash_table_unref(world->spilled);
    g_hash_table_unref(world->buffers);
    g_ptr_array_unref(world->copies);
    g_free(world->queues);
    g_free(world->last_gangs);
    g_free(world->queued);
}
