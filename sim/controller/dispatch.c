/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is an array of segments and a set of hosts.  The set is a stamp per host, so that a
 * thousand gangs on the same hosts cost one look at the last host set and no more. */
#include "controller/dispatch.h"

#include "controller/relay.h"

struct gw_dispatch {
    gw_port *port;
    GByteArray *message; /* A gw_dispatch_message in the making. */
    GArray *hosts;       /* uint32_t: those of the batch, in order of first appearance. */
    uint32_t *stamps;    /* By host: the batch that it was last put in. */
    uint32_t batch;
    const uint32_t *last_hosts; /* Already in the set. */
    gw_node_id self;
    uint32_t fanout;
    uint32_t *sequences; /* With a tree, by host: batches sent so far. */
    GArray *stops;       /* gw_relay_stop: scratch, */
    GByteArray *scratch; /* and for relay.h. */
};

gw_dispatch *gw_dispatch_new(gw_port *port, gw_node_id self, uint32_t host_count, uint32_t fanout)
{
    gw_dispatch *dispatch = g_new0(gw_dispatch, 1);
    dispatch->port = port;
    dispatch->message = g_byte_array_new();
    g_byte_array_set_size(dispatch->message, sizeof(gw_dispatch_message));
    dispatch->hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    dispatch->stamps = g_new0(uint32_t, host_count);
    dispatch->batch = 1;
    dispatch->self = self;
    dispatch->fanout = fanout;
    if (fanout > 0) {
        dispatch->sequences = g_new0(uint32_t, host_count);
        dispatch->stops = g_array_new(FALSE, FALSE, sizeof(gw_relay_stop));
        dispatch->scratch = g_byte_array_new();
    }
    return dispatch;
}

void gw_dispatch_free(gw_dispatch *dispatch)
{
    if (dispatch == NULL)
        return;
    g_byte_array_unref(dispatch->message);
    g_array_unref(dispatch->hosts);
    g_free(dispatch->stamps);
    g_free(dispatch->sequences);
    g_clear_pointer(&dispatch->stops, g_array_unref);
    g_clear_pointer(&dispatch->scratch, g_byte_array_unref);
    g_free(dispatch);
}

static gw_segment *last_segment(gw_dispatch *dispatch)
{
    if (dispatch->message->len == sizeof(gw_dispatch_message))
        return NULL;
    return (gw_segment *)(void *)(dispatch->message->data + dispatch->message->len) - 1;
}

static void add_hosts(gw_dispatch *dispatch, const uint32_t *hosts, uint32_t host_count)
{
    if (hosts == dispatch->last_hosts)
        return;
    dispatch->last_hosts = hosts;
    for (uint32_t h = 0; h < host_count; h++) {
        if (dispatch->stamps[hosts[h]] == dispatch->batch)
            continue;
        dispatch->stamps[hosts[h]] = dispatch->batch;
        g_array_append_val(dispatch->hosts, hosts[h]);
    }
}

void gw_dispatch_add(gw_dispatch *dispatch, uint32_t instance, uint32_t run, uint32_t node,
                     uint64_t gang, uint64_t call, const uint32_t *hosts, uint32_t host_count)
{
    gw_segment *last = last_segment(dispatch);
    if (last != NULL && last->instance == instance && last->run == run && last->call == call &&
        node == last->first_node + last->node_count && gang == last->gang + last->node_count &&
        !last->is_otherwise) {
        last->node_count++;
    } else {
        gw_segment segment = {instance, run, node, 1, gang, call, 0, 0};
        g_byte_array_append(dispatch->message, (const guint8 *)&segment, sizeof segment);
    }
    add_hosts(dispatch, hosts, host_count);
}

void gw_dispatch_add_otherwise(gw_dispatch *dispatch, uint32_t instance, uint32_t run,
                               uint32_t node, uint64_t gang, uint64_t call, const uint32_t *hosts,
                               uint32_t host_count)
{
    gw_segment segment = {instance, run, node, 1, gang, call, 1, 0};
    g_byte_array_append(dispatch->message, (const guint8 *)&segment, sizeof segment);
    add_hosts(dispatch, hosts, host_count);
}

static void send_to_each(gw_dispatch *dispatch, const gw_dispatch_message *message)
{
    for (uint32_t h = 0; h < dispatch->hosts->len; h++)
        dispatch->port->ops->send(dispatch->port,
                                  (gw_node_id){g_array_index(dispatch->hosts, uint32_t, h)},
                                  &message->header);
}

static void send_down_tree(gw_dispatch *dispatch, const gw_dispatch_message *message)
{
    g_array_set_size(dispatch->stops, 0);
    for (uint32_t h = 0; h < dispatch->hosts->len; h++) {
        const uint32_t host = g_array_index(dispatch->hosts, uint32_t, h);
        const gw_relay_stop stop = {host, dispatch->sequences[host]++};
        g_array_append_val(dispatch->stops, stop);
    }
    gw_relay_send(dispatch->port, dispatch->scratch, dispatch->fanout, dispatch->self.index,
                  (const gw_relay_stop *)(const void *)dispatch->stops->data, dispatch->stops->len,
                  message);
}

uint32_t gw_dispatch_flush(gw_dispatch *dispatch, bool wants_enqueued)
{
    uint32_t host_count = dispatch->hosts->len;
    if (host_count == 0)
        return 0;
    uint32_t size_bytes = dispatch->message->len;
    gw_dispatch_message *message = (gw_dispatch_message *)(void *)dispatch->message->data;
    message->header = (gw_message){GW_MESSAGE_DISPATCH, size_bytes};
    message->segment_count =
        (uint32_t)((size_bytes - sizeof(gw_dispatch_message)) / sizeof(gw_segment));
    message->wants_enqueued = wants_enqueued ? 1 : 0;
    if (dispatch->fanout == 0)
        send_to_each(dispatch, message);
    else
        send_down_tree(dispatch, message);
    g_byte_array_set_size(dispatch->message, sizeof(gw_dispatch_message));
    g_array_set_size(dispatch->hosts, 0);
    dispatch->last_hosts = NULL;
    dispatch->batch++;
    return host_count;
}
