/* SPDX-License-Identifier: Apache-2.0 */
/* Segments wait in one FIFO; the head's next node is launched when its memory is there.  Every
 * question to the port carries its own answer's context in its tag, or a slot of the flight pool,
 * so nothing is searched for. */
#include "controller/executor.h"

#include <string.h>

#include "base/check.h"
#include "controller/collected.h"
#include "controller/decide.h"
#include "controller/donation.h"
#include "controller/executor_private.h"

#define TAG_RUN_BITS      23
#define TAG_RUN_MASK      ((1u << TAG_RUN_BITS) - 1)
#define TAG_NODE_BITS     20
#define TAG_INSTANCE_BITS 20

#define FREED_PARTS 8 /* Of what may be ordered: so much given back is worth a report. */

typedef struct {
    gw_segment segment;
    uint32_t next_node;
    uint32_t dispatcher;
    bool wants_enqueued;
} waiting_segment;

typedef struct {
    gw_node_id source;
    gw_host_instance *instance;
} installing;

/* Memory given back is the credit of the island's scheduler, which has counted it. */
static void report_freed(void *context, const gw_block *block, uint32_t mesh, uint64_t size_bytes)
{
    gw_executor *executor = (gw_executor *)context;
    const gw_directory *directory = executor->directory;
    const gw_lowered *lowered = gw_executor_instance_of(executor, block->instance)->lowered;
    const uint32_t island = gw_directory_island_of_host(directory, executor->self);
    const uint64_t limit_bytes = executor->control->lookahead_memory_bytes;
    const uint64_t memory_bytes = directory->islands[island].hbm_bytes;
    const uint64_t most_bytes = limit_bytes > 0 ? MIN(limit_bytes, memory_bytes) : memory_bytes;
    gw_progress_book_freed(&executor->progress, gw_directory_scheduler(directory, island).index,
                           lowered->local_devices + lowered->first_local[mesh],
                           gw_lowered_local_count(lowered, mesh), size_bytes,
                           most_bytes / FREED_PARTS);
}

gw_executor *gw_executor_new(const gw_directory *directory, const gw_control *control,
                             const gw_job *jobs, gw_node_id self, gw_port *port)
{
    const gw_island *island = &directory->islands[gw_directory_island_of_host(directory, self)];
    uint32_t first_device;
    const uint32_t device_count = gw_directory_devices_of_host(directory, self, &first_device);
    gw_executor *executor = (gw_executor *)gw_lines_new0(1, sizeof(gw_executor));
    executor->directory = directory;
    executor->control = control;
    executor->system = gw_system_of(control);
    executor->jobs = jobs;
    executor->port = port;
    executor->self = self;
    gw_store_init(&executor->store, port);
    gw_progress_book_init(&executor->progress, port, first_device, device_count, control->lookahead,
                          gw_directory_node_count(directory));
    executor->instances = g_ptr_array_new();
    if (control->counts_bytes)
        gw_store_listen(&executor->store, report_freed, executor);
    if (control->spill != NULL) {
        executor->spill = gw_spill_new(control->spill, island->host_memory_bytes);
        executor->returning = g_array_new(FALSE, FALSE, sizeof(gw_returning));
    }
    gw_pool_init(&executor->flights, sizeof(gw_flight));
    gw_pool_init(&executor->targets, sizeof(gw_waiting_target));
    executor->waiting = g_array_new(FALSE, FALSE, sizeof(waiting_segment));
    executor->ready = g_array_new(FALSE, TRUE, sizeof(gw_ready_batch));
    executor->numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    executor->arrivals = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    executor->scratch = g_byte_array_new();
    executor->collected = g_array_new(FALSE, TRUE, sizeof(bool));
    executor->draining = g_array_new(FALSE, FALSE, sizeof(gw_draining));
    gw_executor_init_moves(executor);
    executor->has_handoffs = control->has_blocking_handoffs;
    if (executor->has_handoffs)
        executor->handoffs = gw_handoffs_new();
    return executor;
}

void gw_executor_free(gw_executor *executor)
{
    if (executor == NULL)
        return;
    for (uint32_t i = 0; i < executor->instances->len; i++) {
        gw_host_instance *instance = (gw_host_instance *)g_ptr_array_index(executor->instances, i);
        if (instance == NULL)
            continue;
        gw_block_clear(&instance->block); /* The world is gone: nothing to give back to. */
        gw_host_instance_free(instance, &executor->store);
    }
    for (uint32_t i = 0; i < executor->ready->len; i++)
        g_array_unref(g_array_index(executor->ready, gw_ready_batch, i).items);
    g_ptr_array_unref(executor->instances);
    g_clear_pointer(&executor->installing, g_array_unref);
    gw_pool_clear(&executor->flights);
    gw_pool_clear(&executor->targets);
    g_array_unref(executor->waiting);
    g_array_unref(executor->ready);
    g_array_unref(executor->numbers);
    g_array_unref(executor->arrivals);
    g_byte_array_unref(executor->scratch);
    gw_executor_clear_moves(executor);
    g_array_unref(executor->collected);
    g_array_unref(executor->draining);
    gw_progress_book_clear(&executor->progress);
    gw_spill_free(executor->spill);
    g_clear_pointer(&executor->returning, g_array_unref);
    gw_handoffs_free(executor->handoffs);
    gw_lines_free(executor);
}

gw_host_instance *gw_executor_instance_of(gw_executor *executor, uint32_t instance)
{
    if (G_LIKELY(executor->last != NULL && executor->last->instance == instance))
        return executor->last;
    gw_check(instance < executor->instances->len);
    executor->last = (gw_host_instance *)g_ptr_array_index(executor->instances, instance);
    gw_check(executor->last != NULL);
    return executor->last;
}

const gw_host_instance *gw_executor_instance(const gw_executor *executor, uint32_t instance)
{
    const gw_host_instance *found = gw_executor_find(executor, instance);
    gw_check(found != NULL);
    return found;
}

/* A kernel's tag says all that its answer needs, so that a completion touches little memory:
 * from above a 1, the instance, the node, and the run's low bits. */
static gw_tag kernel_tag(const gw_host_instance *instance, uint32_t node, uint32_t run)
{
    gw_check(instance->instance < 1u << TAG_INSTANCE_BITS);
    gw_check(node < 1u << TAG_NODE_BITS);
    uint64_t number = (uint64_t)instance->instance << TAG_NODE_BITS | node;
    return (gw_tag){1ull << 63 | number << TAG_RUN_BITS | (run & TAG_RUN_MASK)};
}

/* Runs in flight lie close together, so the low bits and the newest run tell which one it is. */
static uint32_t run_of_tag(const gw_host_instance *instance, gw_tag tag)
{
    uint32_t low = (uint32_t)tag.value & TAG_RUN_MASK;
    return instance->newest_run - ((instance->newest_run - low) & TAG_RUN_MASK);
}

gw_tag gw_executor_begin_flight(gw_executor *executor, const gw_flight *begun)
{
    uint32_t index = gw_pool_take(&executor->flights);
    *(gw_flight *)gw_pool_at(&executor->flights, index) = *begun;
    gw_executor_instance_of(executor, begun->instance)->flight_count++;
    return (gw_tag){index};
}

static gw_flight end_flight(gw_executor *executor, gw_tag tag)
{
    gw_flight ended = *(gw_flight *)gw_pool_at(&executor->flights, (uint32_t)tag.value);
    gw_pool_give(&executor->flights, (uint32_t)tag.value);
    gw_executor_instance_of(executor, ended.instance)->flight_count--;
    return ended;
}

/* --- Programs come and go --- */

/* Reserves workspaces in order; answers when all are there. */
static bool finish_install(gw_executor *executor, const installing *entry)
{
    gw_host_instance *instance = entry->instance;
    for (; instance->workspace_end < instance->lowered->mesh_count; instance->workspace_end++) {
        uint32_t mesh = instance->workspace_end;
        if (gw_lowered_local_count(instance->lowered, mesh) == 0 ||
            instance->plan->workspace_bytes[mesh] == 0)
            continue;
        if (!gw_store_reserve_workspace(&executor->store, &instance->block, mesh))
            return false;
    }
    gw_instance_message answer = {{GW_MESSAGE_INSTALLED, sizeof answer}, instance->instance};
    executor->port->ops->send(executor->port, entry->source, &answer.header);
    return true;
}

void gw_executor_install(gw_executor *executor, gw_node_id source,
                         const gw_assignment_message *message)
{
    const gw_job *job = &executor->jobs[message->job];
    if (gw_collected_has(executor->collected, message->instance))
        return;
    gw_executable executable = {
        .instance = message->instance,
        .job = message->job,
        .program = job->program,
        .assignment = {message->mesh_count, message->data, message->data + message->mesh_count + 1},
    };
    if (message->instance >= executor->instances->len)
        g_ptr_array_set_size(executor->instances, (gint)message->instance + 1);
    gw_check(g_ptr_array_index(executor->instances, message->instance) == NULL);
    gw_check(!job->plan->has_donations || gw_control_may_donate(executor->control));
    executor->port->devices->load(executor->port, &executable);
    gw_host_instance *instance = gw_host_instance_new(
        executor->directory, executor->self, job, &executable, executor->system, &executor->store);
    instance->deciders = gw_deciders_new(executor->directory, executor->control, job->plan,
                                         &executable.assignment, message->job);
    g_ptr_array_index(executor->instances, message->instance) = instance;
    if (executor->spill != NULL) {
        instance->block.is_away = g_new0(uint8_t, gw_block_entry_count(&instance->block) + 1);
        gw_spill_open(executor->spill, instance);
    }
    installing entry = {source, instance};
    if (executor->installing == NULL && finish_install(executor, &entry))
        return;
    if (executor->installing == NULL)
        executor->installing = g_array_new(FALSE, FALSE, sizeof(installing));
    g_array_append_val(executor->installing, entry);
}

/* Memory was given back: as many of those who wait for workspace as now have all of theirs. */
static void go_on_installing(gw_executor *executor)
{
    while (executor->installing->len > 0 &&
           finish_install(executor, &g_array_index(executor->installing, installing, 0)))
        g_array_remove_index(executor->installing, 0);
    if (executor->installing->len == 0)
        g_clear_pointer(&executor->installing, g_array_unref);
}

static void answer_retired(gw_executor *executor, gw_node_id asker, uint32_t instance)
{
    gw_instance_message answer = {{GW_MESSAGE_RETIRED, sizeof answer}, instance};
    executor->port->ops->send(executor->port, asker, &answer.header);
}

/* A host that only copies may hear of the end before its last copies are answered. */
static void retire_when_idle(gw_executor *executor, gw_host_instance *instance)
{
    if (!instance->is_retiring || instance->flight_count > 0)
        return;
    uint32_t number = instance->instance;
    gw_node_id client = instance->retiring_client;
    for (uint32_t mesh = 0; mesh < instance->workspace_end; mesh++)
        if (gw_lowered_local_count(instance->lowered, mesh) > 0 &&
            instance->plan->workspace_bytes[mesh] > 0)
            gw_store_release_workspace(&executor->store, &instance->block, mesh);
    if (executor->spill != NULL)
        gw_spill_close(executor->spill, instance);
    gw_host_instance_free(instance, &executor->store);
    g_ptr_array_index(executor->instances, number) = NULL;
    executor->last = NULL;
    executor->port->devices->unload(executor->port, number);
    answer_retired(executor, client, number);
}

/* One whose client has failed may wait for workspace, and others behind it. */
static void stop_installing(gw_executor *executor, const gw_host_instance *instance)
{
    for (uint32_t i = 0; executor->installing != NULL && i < executor->installing->len; i++)
        if (g_array_index(executor->installing, installing, i).instance == instance) {
            g_array_remove_index(executor->installing, i);
            executor->store.was_released = true;
            return;
        }
}

void gw_executor_retire(gw_executor *executor, gw_node_id source,
                        const gw_instance_message *message)
{
    gw_host_instance *instance = gw_executor_find(executor, message->instance);
    if (instance == NULL) {
        gw_check(gw_collected_has(executor->collected, message->instance));
        answer_retired(executor, source, message->instance);
        return;
    }
    instance->is_retiring = true;
    instance->retiring_client = source;
    stop_installing(executor, instance);
    retire_when_idle(executor, instance);
}

/* --- Gangs --- */

static void read_results(gw_executor *executor, gw_host_instance *instance, uint32_t n,
                         uint32_t run, uint64_t gang)
{
    const gw_plan_node *node = &instance->plan->nodes[n];
    const GArray *results = instance->plan->program->results;
    if (!instance->lowered->has_first_shard[node->mesh])
        return;
    for (uint32_t r = node->result; r < results->len; r++) {
        const gw_result *result = &g_array_index(results, gw_result, r);
        if (result->node != n)
            continue;
        uint32_t slot = node->first_slot + result->output;
        gw_flight begun = {GW_FLIGHT_RESULT, instance->instance, run, slot, run, r};
        gw_copy copy = {
            .kind = GW_COPY_TO_HOST,
            .instance = instance->instance,
            .source_gang = gang,
            .source_device =
                {instance->lowered->local_devices[instance->lowered->first_local[node->mesh]]},
            .source_buffer =
                gw_block_buffer(&instance->block, gw_block_entry(&instance->block, slot, run)),
            .result = r,
            .run = run,
            .size_bytes = instance->plan->slots[slot].size_bytes,
        };
        executor->port->devices->copy(executor->port, &copy,
                                      gw_executor_begin_flight(executor, &begun));
    }
}

static void block_head(gw_executor *executor, uint64_t gang, uint64_t size_bytes)
{
    if (!executor->is_blocked) {
        const gw_note note = {GW_NOTE_MEMORY_WAIT, gang, size_bytes, 0};
        executor->port->ops->note(executor->port, &note);
    }
    executor->is_blocked = true;
}

static inline bool reserve_slot(gw_executor *executor, gw_host_instance *instance, uint32_t slot,
                                uint32_t run, uint64_t gang, uint32_t refs)
{
    /* A spill that nobody needs any more may still read the entry of a run long done. */
    const bool is_read = executor->spill != NULL &&
                         instance->block.refs[gw_block_entry(&instance->block, slot, run)] > 0;
    if (!is_read && gw_store_reserve(&executor->store, &instance->block, slot, run, gang, refs))
        return true;
    block_head(executor, gang, instance->plan->slots[slot].size_bytes);
    return false;
}

/* An input that is read in place is here, or has memory to come back to. */
static bool reserve_input(gw_executor *executor, gw_host_instance *instance, uint32_t slot,
                          uint32_t entry, uint64_t gang)
{
    if (gw_executor_bring_back(executor, instance, slot, entry))
        return true;
    block_head(executor, gang, instance->plan->slots[slot].size_bytes);
    return false;
}

static uint32_t count_references(const gw_host_instance *instance, uint32_t slot, uint32_t run)
{
    const bool has_next = run + 1 < instance->run_count;
    return *gw_host_instance_refs(instance, slot) +
           (has_next ? *gw_host_instance_refs_next(instance, slot) : 0);
}

/* Outputs that need no memory: all else of the gang has its own. */
static void take_over_inputs(gw_executor *executor, gw_host_instance *instance,
                             const gw_plan_node *node, uint32_t run, uint64_t gang)
{
    gw_block *block = &instance->block;
    uint32_t *numbers = (uint32_t *)(void *)executor->numbers->data + node->input_count;
    for (uint32_t o = 0; o < node->output_count; o++) {
        const uint32_t slot = node->first_slot + o;
        const uint32_t taken_input = instance->plan->slots[slot].taken_input;
        if (taken_input == 0)
            continue;
        const gw_plan_input *input = &instance->plan->inputs[taken_input - 1];
        const uint32_t donor = gw_block_entry(block, gw_host_instance_source_slot(input, run),
                                              gw_host_instance_source_run(input, run));
        gw_block_take_over(block, slot, run, gang, count_references(instance, slot, run), donor);
        numbers[o] = gw_block_buffer(block, gw_block_entry(block, slot, run));
    }
}

/* Inbound buffers, then outputs; all or none.  Fills `numbers` with the kernel's buffers. */
static bool reserve_buffers(gw_executor *executor, gw_host_instance *instance,
                            const gw_plan_node *node, uint32_t run, uint64_t gang)
{
    gw_block *block = &instance->block;
    g_array_set_size(executor->numbers, node->input_count + node->output_count);
    uint32_t *numbers = (uint32_t *)(void *)executor->numbers->data;
    uint32_t i = 0, o = 0;
    bool is_full = false;
    if (executor->spill != NULL)
        g_array_set_size(executor->returning, 0);
    for (; i < node->input_count; i++) {
        const gw_plan_input *input = &instance->plan->inputs[node->first_input + i];
        uint32_t slot = gw_host_instance_source_slot(input, run);
        uint32_t source_run = gw_host_instance_source_run(input, run);
        if (gw_plan_input_arrives(input, run)) {
            slot = input->inbound_slot;
            source_run = run;
            is_full = !reserve_slot(executor, instance, slot, run, gang, 1);
        } else if (executor->spill != NULL) {
            is_full = !reserve_input(executor, instance, slot,
                                     gw_block_entry(block, slot, source_run), gang);
        }
        if (is_full)
            break;
        numbers[i] = gw_block_buffer(block, gw_block_entry(block, slot, source_run));
    }
    for (; !is_full && o < node->output_count; o++) {
        uint32_t slot = node->first_slot + o;
        if (instance->plan->slots[slot].taken_input > 0)
            continue;
        is_full = !reserve_slot(executor, instance, slot, run, gang,
                                count_references(instance, slot, run));
        if (is_full)
            break;
        numbers[node->input_count + o] = gw_block_buffer(block, gw_block_entry(block, slot, run));
    }
    if (!is_full) {
        if (instance->plan->has_donations)
            take_over_inputs(executor, instance, node, run, gang);
        return true;
    }
    while (o-- > 0)
        if (instance->plan->slots[node->first_slot + o].taken_input == 0)
            gw_store_undo(&executor->store, block, node->first_slot + o, run);
    while (i-- > 0) {
        const gw_plan_input *input = &instance->plan->inputs[node->first_input + i];
        if (gw_plan_input_arrives(input, run))
            gw_store_undo(&executor->store, block, input->inbound_slot, run);
    }
    if (executor->spill != NULL)
        gw_executor_undo_returning(executor, instance);
    return false;
}

void gw_executor_enqueue_gang(gw_executor *executor, gw_host_instance *instance,
                              const gw_kernel *kernel)
{
    const uint32_t n = kernel->node, run = kernel->run;
    const gw_plan_node *node = &instance->plan->nodes[n];
    gw_port *port = executor->port;
    port->ops->spend(port, GW_COST_LAUNCH, gw_lowered_local_count(instance->lowered, node->mesh));
    port->devices->enqueue(port, kernel, kernel_tag(instance, n, run));
    if (executor->spill != NULL)
        gw_executor_launch_spilled(executor, instance, node, run, kernel->gang);
    if (executor->system->hosts == GW_HOST_KEEPS_OUTPUTS)
        gw_executor_copy_from_host(executor, instance, node, run, kernel->gang);
    if (executor->system->hosts != GW_HOST_TAKES_NOTHING)
        gw_executor_copy_to_host(executor, instance, node, run, kernel->gang);
    if (node->has_transfers) {
        if (!executor->has_handoffs) /* Else they have been announced, and are here. */
            gw_executor_announce_inputs(executor, instance, node, run, kernel->gang);
        gw_executor_serve_targets(executor, instance, node, run);
        if (instance->exchanges != NULL)
            gw_executor_launch_exchanges(executor, instance, node, run, kernel->gang);
    }
    if (node->result != GW_INDEX_NONE)
        read_results(executor, instance, n, run, kernel->gang);
}

/* False: no memory for it at this moment. */
static bool launch_gang(gw_executor *executor, gw_host_instance *instance, uint32_t n,
                        const waiting_segment *waiting)
{
    const gw_plan_node *node = &instance->plan->nodes[n];
    uint32_t run = waiting->segment.run;
    uint64_t gang = waiting->segment.gang + (n - waiting->segment.first_node);
    if (!reserve_buffers(executor, instance, node, run, gang))
        return false;
    executor->port->ops->spend(executor->port, GW_COST_PREPARE, 1);
    gw_kernel kernel = {
        .gang = gang,
        .instance = instance->instance,
        .node = n,
        .run = run,
        .is_otherwise = waiting->segment.is_otherwise != 0,
        .call = waiting->segment.call,
        .buffers = (const uint32_t *)(const void *)executor->numbers->data,
        .arrivals = gw_executor_count_arrivals(executor, instance, n, run),
    };
    instance->flight_count++;
    instance->dispatcher = waiting->dispatcher;
    if (executor->has_handoffs)
        gw_executor_hold_gang(executor, instance, &kernel);
    else
        gw_executor_enqueue_gang(executor, instance, &kernel);
    return true;
}

static bool is_due(const gw_host_instance *instance, uint32_t n, uint32_t run)
{
    const gw_plan_node *node = &instance->plan->nodes[n];
    return gw_lowered_local_count(instance->lowered, node->mesh) > 0 &&
           (run == 0 || !node->is_once);
}

/* The queue is an array whose front is used up: moves the rest down when that is most of it. */
static void compact_waiting(gw_executor *executor)
{
    if (executor->first_waiting > 64 && executor->first_waiting > executor->waiting->len / 2) {
        g_array_remove_range(executor->waiting, 0, executor->first_waiting);
        executor->first_waiting = 0;
    }
}

/* Launches what the head of the queue holds, until memory or the queue runs out. */
static void launch_waiting(gw_executor *executor)
{
    compact_waiting(executor);
    while (executor->first_waiting < executor->waiting->len) {
        waiting_segment *waiting =
            &g_array_index(executor->waiting, waiting_segment, executor->first_waiting);
        gw_host_instance *instance = gw_executor_instance_of(executor, waiting->segment.instance);
        uint32_t end = waiting->segment.first_node + waiting->segment.node_count;
        for (; waiting->next_node < end; waiting->next_node++) {
            if (!is_due(instance, waiting->next_node, waiting->segment.run))
                continue;
            if (!launch_gang(executor, instance, waiting->next_node, waiting)) {
                if (executor->spill != NULL)
                    gw_executor_make_room(executor, instance,
                                          &instance->plan->nodes[waiting->next_node],
                                          waiting->segment.run);
                return;
            }
            executor->is_blocked = false;
        }
        if (waiting->wants_enqueued) {
            gw_instance_message answer = {{GW_MESSAGE_ENQUEUED, sizeof answer},
                                          waiting->segment.instance};
            executor->port->ops->send(executor->port, (gw_node_id){waiting->dispatcher},
                                      &answer.header);
        }
        executor->first_waiting++;
    }
    g_array_set_size(executor->waiting, 0);
    executor->first_waiting = 0;
}

void gw_executor_dispatch(gw_executor *executor, gw_node_id source,
                          const gw_dispatch_message *message)
{
    for (uint32_t s = 0; s < message->segment_count; s++) {
        const gw_segment *segment = &message->segments[s];
        gw_host_instance *instance = gw_executor_find(executor, segment->instance);
        bool is_mine = false;
        if (instance == NULL) /* Of another job, on other hosts of the batch. */
            continue;
        bool wants_enqueued = message->wants_enqueued && s + 1 == message->segment_count;
        if (!gw_executor_admit(instance, source.index, segment, wants_enqueued))
            continue;
        for (uint32_t n = segment->first_node; n < segment->first_node + segment->node_count; n++) {
            if (!is_due(instance, n, segment->run))
                continue;
            uint32_t mesh = instance->plan->nodes[n].mesh;
            is_mine = true;
            instance->gang_count++;
            gw_progress_book_queued(&executor->progress, source.index,
                                    instance->lowered->local_devices +
                                        instance->lowered->first_local[mesh],
                                    gw_lowered_local_count(instance->lowered, mesh));
        }
        if (!is_mine && !wants_enqueued)
            continue;
        if (is_mine)
            gw_host_instance_begin_run(instance, segment->run);
        waiting_segment waiting = {*segment, segment->first_node, source.index, wants_enqueued};
        g_array_append_val(executor->waiting, waiting);
    }
    if (!executor->is_blocked)
        launch_waiting(executor);
}

/* --- Answers --- */

void gw_executor_count_operation(gw_executor *executor, gw_host_instance *instance, uint32_t run,
                                 uint32_t dispatcher)
{
    if (gw_host_instance_count_down(instance, run))
        gw_progress_book_run_done(&executor->progress, dispatcher, instance->instance, run);
}

void gw_executor_kernel_done(gw_executor *executor, gw_tag tag, gw_span device_time_ns)
{
    uint32_t number = (uint32_t)(tag.value >> (TAG_RUN_BITS + TAG_NODE_BITS));
    gw_host_instance *instance =
        gw_executor_instance_of(executor, number & ((1u << TAG_INSTANCE_BITS) - 1));
    __builtin_prefetch(&instance->lowered->local_devices);
    uint32_t n = (uint32_t)(tag.value >> TAG_RUN_BITS) & ((1u << TAG_NODE_BITS) - 1);
    uint32_t run = run_of_tag(instance, tag);
    const gw_plan_node *node = &instance->plan->nodes[n];
    instance->flight_count--;
    if (executor->has_handoffs)
        gw_handoffs_end(executor->handoffs);
    executor->port->ops->spend(executor->port, GW_COST_COMPLETE, 1);
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_plan_input *input = &instance->plan->inputs[node->first_input + i];
        if (gw_plan_input_arrives(input, run))
            gw_store_release(&executor->store, &instance->block, input->inbound_slot, run);
        else
            gw_store_release(&executor->store, &instance->block,
                             gw_host_instance_source_slot(input, run),
                             gw_host_instance_source_run(input, run));
    }
    for (uint32_t o = 0; o < node->output_count; o++)
        gw_store_release(&executor->store, &instance->block, node->first_slot + o, run);
    if (executor->spill != NULL)
        gw_executor_end_use(executor, instance, node, run);
    const gw_used_time used = {
        instance->instance, gw_lowered_local_count(instance->lowered, node->mesh), device_time_ns};
    gw_progress_book_finished(
        &executor->progress, instance->dispatcher, &used, &instance->used_place,
        instance->lowered->local_devices + instance->lowered->first_local[node->mesh]);
    gw_executor_count_operation(executor, instance, run, instance->dispatcher);
}

static void send_result(gw_executor *executor, const gw_host_instance *instance,
                        const gw_flight *done, double value)
{
    gw_result_message message = {.header = {GW_MESSAGE_RESULT, sizeof message},
                                 .instance = done->instance,
                                 .run = done->run,
                                 .result = done->result,
                                 .value = value};
    const GArray *deciders = instance->deciders == NULL ? NULL : instance->deciders[done->result];
    for (uint32_t i = 0; deciders != NULL && i < deciders->len; i++) {
        const gw_node_id scheduler = {g_array_index(deciders, uint32_t, i)};
        executor->port->ops->send(executor->port, scheduler, &message.header);
    }
    message.is_for_client = 1;
    executor->port->ops->send(
        executor->port, gw_directory_client(executor->directory, instance->job), &message.header);
}

void gw_executor_copy_done(gw_executor *executor, gw_tag tag, double value)
{
    gw_flight done = end_flight(executor, tag);
    gw_host_instance *instance = gw_executor_instance_of(executor, done.instance);
    if (done.kind == GW_FLIGHT_COUNTS || done.kind == GW_FLIGHT_ROWS) {
        gw_executor_exchange_copied(executor, instance, &done);
        retire_when_idle(executor, instance);
        return;
    }
    if (done.kind == GW_FLIGHT_SPILL)
        gw_executor_spilled(executor, instance, &done);
    if (done.kind == GW_FLIGHT_RETURN)
        gw_executor_returned(executor, instance, &done);
    if (done.kind == GW_FLIGHT_STATE)
        gw_executor_end_departure(executor, &done);
    if (done.kind == GW_FLIGHT_INPUT || done.kind == GW_FLIGHT_STATE ||
        done.kind == GW_FLIGHT_SPILL || done.kind == GW_FLIGHT_RETURN) {
        retire_when_idle(executor, instance);
        return;
    }
    if (done.kind == GW_FLIGHT_OUTPUT && executor->system->hosts == GW_HOST_SENDS_OUTPUTS)
        gw_executor_send_fetched(executor, instance, &done);
    if (done.kind == GW_FLIGHT_RESULT)
        send_result(executor, instance, &done, value);
    if (done.kind == GW_FLIGHT_PIECE && executor->has_handoffs)
        gw_executor_tell_handed(executor, &done);
    gw_store_release(&executor->store, &instance->block, done.slot, done.source_run);
    if (done.run != GW_INDEX_NONE)
        gw_executor_count_operation(executor, instance, done.run, instance->dispatcher);
    retire_when_idle(executor, instance);
}

void gw_executor_fetch(const gw_executor *soon, const gw_executor *next)
{
    __builtin_prefetch(soon, 1);
    __builtin_prefetch(&soon->progress, 1);
    if (next->last != NULL) {
        __builtin_prefetch(&next->last->block.plan, 1);
        __builtin_prefetch(&next->last->lowered, 1);
    }
    gw_progress_book_fetch(&next->progress);
}

void gw_executor_flush(gw_executor *executor)
{
    if (executor->store.was_released) {
        executor->store.was_released = false;
        if (executor->installing != NULL)
            go_on_installing(executor);
        if (executor->awaiting_count > 0)
            gw_executor_retry_moves(executor);
        if (executor->is_blocked) {
            executor->is_blocked = false;
            launch_waiting(executor);
        }
    }
    if (executor->ready_count > 0)
        gw_executor_send_ready(executor);
    if (executor->awaiting_count > 0)
        gw_executor_answer_drained(executor);
    gw_progress_book_flush(&executor->progress);
    if (executor->has_handoffs)
        gw_executor_launch_held(executor);
}

bool gw_executor_is_quiet(const gw_executor *executor, uint32_t instance)
{
    for (uint32_t i = executor->first_waiting; i < executor->waiting->len; i++)
        if (g_array_index(executor->waiting, waiting_segment, i).segment.instance == instance)
            return false;
    return gw_executor_instance(executor, instance)->flight_count == 0;
}

void gw_executor_explain(const gw_executor *executor, GString *out)
{
    if (executor->first_waiting < executor->waiting->len) {
        const waiting_segment *waiting =
            &g_array_index(executor->waiting, waiting_segment, executor->first_waiting);
        gw_host_instance *instance = gw_executor_find(executor, waiting->segment.instance);
        const gw_node *node = gw_program_node(instance->plan->program, waiting->next_node);
        g_string_append_printf(
            out, "host %u: node %s of job %s, run %u, waits for device memory for its outputs\n",
            executor->self.index, node->name, executor->jobs[instance->job].name,
            waiting->segment.run);
    }
    for (uint32_t i = 0; executor->installing != NULL && i < executor->installing->len; i++)
        g_string_append_printf(
            out, "host %u: job %s waits for workspace in device memory\n", executor->self.index,
            executor->jobs[g_array_index(executor->installing, installing, i).instance->job].name);
    gw_executor_explain_moves(executor, out);
    if (executor->has_handoffs)
        gw_executor_explain_held(executor, out);
}
