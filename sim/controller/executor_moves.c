/* SPDX-License-Identifier: Apache-2.0 */
/* What a program's runs have handed on goes to its next instance.  The new host reserves it and
 * says to the old ones where; they copy shard by shard, and answer when all has arrived. */
#include <string.h>

#include "base/check.h"
#include "controller/collected.h"
#include "controller/executor_private.h"

typedef struct { /* Copies from here for one host. */
    uint32_t target_host, instance;
    uint32_t copies_left;
    uint64_t size_bytes;
} departure;

typedef struct {
    gw_node_id client;
    gw_move_message *message;
} arrival;

typedef struct { /* Shards that one host holds. */
    uint32_t host;
    GArray *shards; /* gw_moving_shard */
} wanted_shards;

static void free_arrival(gpointer data)
{
    arrival *freed = (arrival *)data;
    g_free(freed->message);
    g_free(freed);
}

static void free_wanted(gpointer data)
{
    wanted_shards *freed = (wanted_shards *)data;
    g_array_unref(freed->shards);
    g_free(freed);
}

void gw_executor_init_moves(gw_executor *executor)
{
    executor->arriving = g_ptr_array_new_with_free_func(free_arrival);
    gw_pool_init(&executor->departures, sizeof(departure));
}

void gw_executor_clear_moves(gw_executor *executor)
{
    g_ptr_array_unref(executor->arriving);
    gw_pool_clear(&executor->departures);
}

static void answer_moved(gw_executor *executor, uint32_t node, uint32_t instance,
                         uint64_t size_bytes)
{
    const gw_moved_message answer = {{GW_MESSAGE_MOVED, sizeof answer}, instance, 0, size_bytes};
    executor->port->ops->send(executor->port, (gw_node_id){node}, &answer.header);
}

/* --- Where it goes to --- */

/* Entries of what the next run reads here; those that nobody reads here have none.  False: full at
 * this moment; it goes on where it left off. */
static bool reserve_state(gw_executor *executor, gw_host_instance *instance, uint32_t next_run)
{
    const gw_plan *plan = instance->plan;
    for (uint32_t slot = 0; slot < plan->slot_count; slot++) {
        uint32_t run;
        if (!gw_plan_is_state(plan, slot, next_run, &run) ||
            gw_lowered_local_count(instance->lowered, plan->slots[slot].mesh) == 0)
            continue;
        const uint32_t refs = plan->slots[slot].is_permanent
                                  ? *gw_host_instance_refs(instance, slot)
                                  : *gw_host_instance_refs_next(instance, slot);
        if (refs == 0 || instance->block.refs[gw_block_entry(&instance->block, slot, run)] > 0)
            continue;
        if (!gw_store_reserve_moved(&executor->store, &instance->block, slot, run, refs))
            return false;
        executor->port->ops->spend(executor->port, GW_COST_PREPARE, 1);
    }
    return true;
}

static void want_shard(GPtrArray *wanted, uint32_t host, const gw_moving_shard *shard)
{
    wanted_shards *of_host = NULL;
    for (uint32_t i = 0; i < wanted->len && of_host == NULL; i++) {
        wanted_shards *other = (wanted_shards *)g_ptr_array_index(wanted, i);
        of_host = other->host == host ? other : NULL;
    }
    if (of_host == NULL) {
        of_host = g_new0(wanted_shards, 1);
        of_host->host = host;
        of_host->shards = g_array_new(FALSE, FALSE, sizeof(gw_moving_shard));
        g_ptr_array_add(wanted, of_host);
    }
    g_array_append_val(of_host->shards, *shard);
}

/* The shards of each mesh that are here, by their place in the message's lists; those of mesh m as
 * in lowered->local_devices. */
static uint32_t *list_local(const gw_executor *executor, const gw_host_instance *instance,
                            const gw_move_message *message)
{
    const uint32_t *targets = message->data + message->mesh_count + 1 + message->device_count;
    uint32_t *local = g_new(uint32_t, instance->lowered->first_local[message->mesh_count] + 1);
    uint32_t count = 0;
    for (uint32_t d = 0; d < message->device_count; d++)
        if (gw_directory_host(executor->directory, (gw_device_id){targets[d]}).index ==
            executor->self.index)
            local[count++] = d;
    gw_check(count == instance->lowered->first_local[message->mesh_count]);
    return local;
}

/* All shards of state that belong here, by the hosts that hold them. */
static GPtrArray *list_wanted(const gw_executor *executor, const gw_host_instance *instance,
                              const gw_move_message *message)
{
    const gw_plan *plan = instance->plan;
    const uint32_t *sources = message->data + message->mesh_count + 1;
    const uint32_t *targets = sources + message->device_count;
    g_autofree uint32_t *local = list_local(executor, instance, message);
    GPtrArray *wanted = g_ptr_array_new_with_free_func(free_wanted);
    for (uint32_t slot = 0; slot < plan->slot_count; slot++) {
        uint32_t run;
        if (!gw_plan_is_state(plan, slot, message->run, &run))
            continue;
        const uint32_t entry = gw_block_entry(&instance->block, slot, run);
        const uint32_t *first = instance->lowered->first_local + plan->slots[slot].mesh;
        for (uint32_t i = first[0]; i < first[1] && instance->block.refs[entry] > 0; i++) {
            const gw_moving_shard shard = {slot, gw_block_buffer(&instance->block, entry),
                                           sources[local[i]], targets[local[i]]};
            const gw_device_id source = {shard.source_device};
            want_shard(wanted, gw_directory_host(executor->directory, source).index, &shard);
        }
    }
    return wanted;
}

static void ask_for_shards(gw_executor *executor, const gw_move_message *message,
                           const wanted_shards *wanted)
{
    const uint32_t shards_bytes = wanted->shards->len * (uint32_t)sizeof(gw_moving_shard);
    const uint32_t size_bytes = (uint32_t)sizeof(gw_move_shards) + shards_bytes;
    g_byte_array_set_size(executor->scratch, size_bytes);
    gw_move_shards *ask = (gw_move_shards *)(void *)executor->scratch->data;
    ask->header = (gw_message){GW_MESSAGE_MOVE_SHARDS, size_bytes};
    ask->instance = message->instance;
    ask->source_instance = message->source_instance;
    ask->run = message->run;
    ask->shard_count = wanted->shards->len;
    memcpy(ask->shards, wanted->shards->data, shards_bytes);
    executor->port->ops->send(executor->port, (gw_node_id){wanted->host}, &ask->header);
}

/* False: its state has no memory yet. */
static bool begin_arrival(gw_executor *executor, gw_node_id client, const gw_move_message *message)
{
    gw_host_instance *instance = gw_executor_instance_of(executor, message->instance);
    if (!reserve_state(executor, instance, message->run))
        return false;
    g_autoptr(GPtrArray) wanted = list_wanted(executor, instance, message);
    instance->moving_client = client;
    instance->moving_hosts = wanted->len;
    instance->moved_bytes = 0;
    for (uint32_t i = 0; i < wanted->len; i++)
        ask_for_shards(executor, message, (const wanted_shards *)g_ptr_array_index(wanted, i));
    if (wanted->len == 0)
        answer_moved(executor, client.index, instance->instance, 0);
    return true;
}

/* An instance whose client has failed goes on nowhere. */
static bool is_given_up(const gw_executor *executor, uint32_t number)
{
    const gw_host_instance *instance = gw_executor_find(executor, number);
    gw_check(instance != NULL || gw_collected_has(executor->collected, number));
    return instance == NULL || instance->fence != NULL;
}

void gw_executor_drop_arrivals(gw_executor *executor, uint32_t instance)
{
    for (uint32_t i = 0; i < executor->arriving->len; i++) {
        const arrival *waiting = (const arrival *)g_ptr_array_index(executor->arriving, i);
        if (waiting->message->instance != instance)
            continue;
        g_ptr_array_remove_index(executor->arriving, i);
        executor->awaiting_count--;
        executor->store.was_released = true; /* Others waited behind it. */
        return;
    }
}

void gw_executor_move(gw_executor *executor, gw_node_id source, const gw_move_message *message)
{
    gw_check(message->run > 0);
    if (is_given_up(executor, message->instance))
        return;
    if (executor->arriving->len == 0 && begin_arrival(executor, source, message))
        return;
    arrival *waiting = g_new0(arrival, 1);
    waiting->client = source;
    waiting->message = (gw_move_message *)g_memdup2(message, message->header.size_bytes);
    g_ptr_array_add(executor->arriving, waiting);
    executor->awaiting_count++;
}

void gw_executor_retry_moves(gw_executor *executor)
{
    while (executor->arriving->len > 0) {
        const arrival *first = (const arrival *)g_ptr_array_index(executor->arriving, 0);
        if (!begin_arrival(executor, first->client, first->message))
            return;
        g_ptr_array_remove_index(executor->arriving, 0);
        executor->awaiting_count--;
    }
}

void gw_executor_moved(gw_executor *executor, const gw_moved_message *message)
{
    gw_host_instance *instance = gw_executor_instance_of(executor, message->instance);
    gw_check(instance->moving_hosts > 0);
    instance->moved_bytes += message->size_bytes;
    if (--instance->moving_hosts == 0)
        answer_moved(executor, instance->moving_client.index, instance->instance,
                     instance->moved_bytes);
}

/* --- Where it leaves --- */

void gw_executor_move_shards(gw_executor *executor, gw_node_id source,
                             const gw_move_shards *message)
{
    gw_host_instance *instance = gw_executor_instance_of(executor, message->source_instance);
    const uint32_t index = gw_pool_take(&executor->departures);
    departure begun = {source.index, message->instance, 0, 0};
    for (uint32_t s = 0; s < message->shard_count; s++) {
        const gw_moving_shard *shard = &message->shards[s];
        uint32_t run;
        gw_check(gw_plan_is_state(instance->plan, shard->slot, message->run, &run));
        const uint32_t entry = gw_block_entry(&instance->block, shard->slot, run);
        if (instance->block.refs[entry] == 0) /* None of its shards here is read again. */
            continue;
        const gw_flight flight = {
            GW_FLIGHT_STATE, instance->instance, GW_INDEX_NONE, shard->slot, run, index};
        const gw_copy copy = {
            .kind = GW_COPY_TO_DEVICE,
            .instance = instance->instance,
            .source_gang = GW_GANG_NONE,
            .source_device = {shard->source_device},
            .source_buffer = gw_block_buffer(&instance->block, entry),
            .size_bytes = instance->plan->slots[shard->slot].size_bytes,
            .target_gang = GW_GANG_NONE,
            .target_device = {shard->target_device},
            .target_buffer = shard->buffer,
        };
        begun.copies_left++;
        begun.size_bytes += copy.size_bytes;
        executor->port->devices->copy(executor->port, &copy,
                                      gw_executor_begin_flight(executor, &flight));
    }
    *(departure *)gw_pool_at(&executor->departures, index) = begun;
    if (begun.copies_left > 0)
        return;
    gw_pool_give(&executor->departures, index);
    answer_moved(executor, begun.target_host, begun.instance, 0);
}

void gw_executor_end_departure(gw_executor *executor, const gw_flight *done)
{
    departure *ending = (departure *)gw_pool_at(&executor->departures, done->result);
    gw_check(ending->copies_left > 0);
    if (--ending->copies_left > 0)
        return;
    const departure ended = *ending;
    gw_pool_give(&executor->departures, done->result);
    answer_moved(executor, ended.target_host, ended.instance, ended.size_bytes);
}

void gw_executor_explain_moves(const gw_executor *executor, GString *out)
{
    for (uint32_t i = 0; i < executor->arriving->len; i++) {
        const arrival *waiting = (const arrival *)g_ptr_array_index(executor->arriving, i);
        const gw_host_instance *instance =
            gw_executor_instance(executor, waiting->message->instance);
        g_string_append_printf(out,
                               "host %u: what job %s has left elsewhere waits for device memory\n",
                               executor->self.index, executor->jobs[instance->job].name);
    }
}
