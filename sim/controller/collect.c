/* SPDX-License-Identifier: Apache-2.0 */
/* A collection is a list of hosts, of those who order for them, and a count of answers. */
#include "controller/collect.h"

#include "base/check.h"

typedef enum { IS_ABANDONING = 1, IS_DRAINING, IS_RETIRING } collection_state;

typedef struct {
    uint32_t instance;
    collection_state state;
    uint32_t answers_left;
    GArray *hosts;     /* uint32_t, each once, in order of devices. */
    GArray *orderers;  /* uint32_t: nodes; those of `hosts` where there is no scheduler. */
    GArray *extents;   /* gw_extent: by scheduler; a single one where there is none. */
    GArray *extent_of; /* uint32_t by host: which of `extents` is its. */
} collection;

struct gw_collector {
    const gw_directory *directory;
    const gw_control *control;
    gw_port *port;
    GPtrArray *collections; /* Few at a time, in the order in which they were begun. */
};

static void free_collection(gpointer data)
{
    collection *freed = (collection *)data;
    g_array_unref(freed->hosts);
    g_array_unref(freed->orderers);
    g_array_unref(freed->extents);
    g_array_unref(freed->extent_of);
    g_free(freed);
}

gw_collector *gw_collector_new(const gw_directory *directory, const gw_control *control,
                               gw_port *port)
{
    gw_collector *collector = g_new0(gw_collector, 1);
    collector->directory = directory;
    collector->control = control;
    collector->port = port;
    collector->collections = g_ptr_array_new_with_free_func(free_collection);
    return collector;
}

void gw_collector_free(gw_collector *collector)
{
    if (collector == NULL)
        return;
    g_ptr_array_unref(collector->collections);
    g_free(collector);
}

static uint32_t find_index(const GArray *numbers, uint32_t number)
{
    uint32_t i = 0;
    while (i < numbers->len && g_array_index(numbers, uint32_t, i) != number)
        i++;
    return i;
}

static uint32_t add_once(GArray *numbers, uint32_t number)
{
    const uint32_t index = find_index(numbers, number);
    if (index == numbers->len)
        g_array_append_val(numbers, number);
    return index;
}

/* --- Who is asked --- */

static void add_host(const gw_collector *collector, collection *made, gw_device_id device)
{
    const gw_directory *directory = collector->directory;
    const bool has_schedulers = collector->control->policy != NULL;
    const uint32_t host = gw_directory_host(directory, device).index;
    uint32_t extent = 0;
    g_array_append_val(made->hosts, host);
    if (has_schedulers)
        extent = add_once(
            made->orderers,
            gw_directory_scheduler(directory, gw_directory_island(directory, device)).index);
    else
        g_array_append_val(made->orderers, host);
    g_array_append_val(made->extent_of, extent);
    if (extent >= made->extents->len)
        g_array_set_size(made->extents, extent + 1);
}

static void list_nodes(const gw_collector *collector, collection *made, const uint32_t *devices,
                       uint32_t device_count)
{
    g_autofree uint8_t *is_listed = g_new0(uint8_t, collector->directory->host_count);
    for (uint32_t d = 0; d < device_count; d++) {
        const gw_device_id device = {devices[d]};
        uint8_t *is_known = &is_listed[gw_directory_host(collector->directory, device).index];
        if (!*is_known)
            add_host(collector, made, device);
        *is_known = 1;
    }
}

static void tell(const gw_collector *collector, const collection *told, const GArray *nodes,
                 gw_message_kind kind)
{
    const gw_instance_message message = {{kind, sizeof message}, told->instance};
    for (uint32_t i = 0; i < nodes->len; i++)
        collector->port->ops->send(collector->port, (gw_node_id){g_array_index(nodes, uint32_t, i)},
                                   &message.header);
}

/* --- The steps --- */

void gw_collector_begin(gw_collector *collector, uint32_t instance, const uint32_t *devices,
                        uint32_t device_count)
{
    gw_check(device_count > 0);
    collection *made = g_new0(collection, 1);
    made->instance = instance;
    made->state = IS_ABANDONING;
    made->hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    made->orderers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    made->extents = g_array_new(FALSE, TRUE, sizeof(gw_extent));
    made->extent_of = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    list_nodes(collector, made, devices, device_count);
    made->answers_left = made->orderers->len;
    g_ptr_array_add(collector->collections, made);
    tell(collector, made, made->orderers, GW_MESSAGE_ABANDON);
}

static collection *find_collection(const gw_collector *collector, uint32_t instance,
                                   collection_state state)
{
    collection *found = NULL;
    for (uint32_t i = 0; i < collector->collections->len && found == NULL; i++) {
        collection *looked = (collection *)g_ptr_array_index(collector->collections, i);
        found = looked->instance == instance ? looked : NULL;
    }
    gw_check(found != NULL);
    gw_check(found->state == state);
    gw_check(found->answers_left > 0);
    return found;
}

static void drain(const gw_collector *collector, collection *drained)
{
    drained->state = IS_DRAINING;
    drained->answers_left = drained->hosts->len;
    for (uint32_t h = 0; h < drained->hosts->len; h++) {
        const uint32_t extent = g_array_index(drained->extent_of, uint32_t, h);
        const gw_extent_message message = {{GW_MESSAGE_DRAIN, sizeof message},
                                           drained->instance,
                                           g_array_index(drained->extents, gw_extent, extent)};
        collector->port->ops->send(collector->port,
                                   (gw_node_id){g_array_index(drained->hosts, uint32_t, h)},
                                   &message.header);
    }
}

void gw_collector_abandoned(gw_collector *collector, gw_node_id source,
                            const gw_extent_message *message)
{
    collection *abandoned = find_collection(collector, message->instance, IS_ABANDONING);
    const uint32_t index = find_index(abandoned->orderers, source.index);
    gw_check(index < abandoned->orderers->len);
    const bool has_schedulers = collector->control->policy != NULL;
    gw_extent *extent = &g_array_index(abandoned->extents, gw_extent, has_schedulers ? index : 0);
    *extent = gw_extent_join(extent, &message->extent);
    if (--abandoned->answers_left == 0)
        drain(collector, abandoned);
}

void gw_collector_drained(gw_collector *collector, const gw_instance_message *message)
{
    collection *drained = find_collection(collector, message->instance, IS_DRAINING);
    if (--drained->answers_left > 0)
        return;
    drained->state = IS_RETIRING;
    drained->answers_left = drained->hosts->len;
    tell(collector, drained, drained->hosts, GW_MESSAGE_RETIRE);
    if (collector->control->policy == NULL)
        return;
    drained->answers_left += drained->orderers->len;
    tell(collector, drained, drained->orderers, GW_MESSAGE_RETIRE);
}

bool gw_collector_retired(gw_collector *collector, const gw_instance_message *message)
{
    collection *retired = find_collection(collector, message->instance, IS_RETIRING);
    if (--retired->answers_left > 0)
        return false;
    g_ptr_array_remove(collector->collections, retired);
    return true;
}

void gw_collector_explain(const gw_collector *collector, GString *out)
{
    static const char *const awaited[] = {
        [IS_ABANDONING] = "to abandon it",
        [IS_DRAINING] = "to finish what was ordered of it",
        [IS_RETIRING] = "to give it back",
    };
    for (uint32_t i = 0; i < collector->collections->len; i++) {
        const collection *open = (const collection *)g_ptr_array_index(collector->collections, i);
        g_string_append_printf(
            out, "resource manager: instance %u, whose client failed, waits for %u node%s %s\n",
            open->instance, open->answers_left, gw_count_ending(open->answers_left),
            awaited[open->state]);
    }
}
