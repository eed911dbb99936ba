/* SPDX-License-Identifier: Apache-2.0 */
/* What is held back stands in a line per dispatcher, each batch as far from the front as it is
 * early; a place without one is a batch that is still on its way. */
#include "controller/relay.h"

#include <string.h>

#include "base/check.h"

#define SEQUENCE_COUNT (UINT32_C(1) << GW_RELAY_SEQUENCE_BITS)

typedef struct {
    uint32_t next;   /* The sequence that is due. */
    GPtrArray *held; /* gw_dispatch_message: that of `next` + i at i; NULL: not here. */
} relay_line;

struct gw_relay {
    gw_node_id self;
    gw_port *port;
    gw_relay_deliver deliver;
    void *context;
    uint32_t bound;
    uint32_t first_dispatcher, dispatcher_count; /* Nodes that are no hosts. */
    relay_line *lines;                           /* By dispatcher. */
    GByteArray *scratch;
};

gw_relay *gw_relay_new(const gw_directory *directory, const gw_control *control, gw_node_id self,
                       gw_port *port, gw_relay_deliver deliver, void *context)
{
    const gw_island *island = &directory->islands[gw_directory_island_of_host(directory, self)];
    gw_relay *relay = g_new0(gw_relay, 1);
    relay->self = self;
    relay->port = port;
    relay->deliver = deliver;
    relay->context = context;
    relay->bound = control->lookahead * island->devices_per_host;
    gw_check(relay->bound < SEQUENCE_COUNT);
    relay->first_dispatcher = directory->host_count;
    relay->dispatcher_count = gw_directory_node_count(directory) - directory->host_count;
    relay->lines = g_new0(relay_line, relay->dispatcher_count);
    relay->scratch = g_byte_array_new();
    return relay;
}

static void free_held(relay_line *line)
{
    if (line->held == NULL)
        return;
    for (uint32_t i = 0; i < line->held->len; i++)
        g_free(g_ptr_array_index(line->held, i));
    g_ptr_array_unref(line->held);
}

void gw_relay_free(gw_relay *relay)
{
    if (relay == NULL)
        return;
    for (uint32_t i = 0; i < relay->dispatcher_count; i++)
        free_held(&relay->lines[i]);
    g_byte_array_unref(relay->scratch);
    g_free(relay->lines);
    g_free(relay);
}

/* --- Down the tree --- */

bool gw_relay_is_needed(const gw_control *control)
{
    return control->fanout > 0 || (control->dispatch != NULL && control->dispatch->fan_out != NULL);
}

void gw_relay_arrange(const uint32_t *hosts, const uint32_t *senders, uint32_t count,
                      uint32_t *sequences, uint32_t *scratch, gw_relay_stop *out_stops)
{
    uint32_t *below = scratch, *next = scratch + count; /* next[i]: where i's next child goes. */
    uint32_t next_root = 0;
    memset(below, 0, count * sizeof *below);
    for (uint32_t i = count; i-- > 0;)
        if (senders[i] != GW_INDEX_NONE) {
            gw_check(senders[i] < i);
            below[senders[i]] += 1 + below[i];
        }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *place = senders[i] == GW_INDEX_NONE ? &next_root : &next[senders[i]];
        const uint32_t host = hosts[i];
        gw_check(host >> GW_RELAY_HOST_BITS == 0);
        out_stops[*place] =
            (gw_relay_stop){host, sequences[host]++ & (SEQUENCE_COUNT - 1), below[i]};
        next[i] = *place + 1;
        *place += 1 + below[i];
    }
}

static void send_row(gw_port *port, GByteArray *scratch, uint32_t dispatcher,
                     const gw_relay_stop *stops, uint32_t stop_count,
                     const gw_dispatch_message *dispatch)
{
    const uint32_t size_bytes = gw_relay_size_bytes(stop_count, dispatch->header.size_bytes);
    g_byte_array_set_size(scratch, size_bytes);
    gw_relay_message *message = (gw_relay_message *)(void *)scratch->data;
    message->header = (gw_message){GW_MESSAGE_RELAY, size_bytes};
    message->dispatcher = dispatcher;
    message->stop_count = stop_count;
    memcpy(message->stops, stops, stop_count * sizeof *stops);
    memcpy(message->stops + stop_count, dispatch, dispatch->header.size_bytes);
    port->ops->send(port, (gw_node_id){stops[0].host}, &message->header);
}

void gw_relay_send(gw_port *port, GByteArray *scratch, uint32_t dispatcher,
                   const gw_relay_stop *stops, uint32_t stop_count,
                   const gw_dispatch_message *dispatch)
{
    for (uint32_t begin = 0; begin < stop_count;) {
        const uint32_t length = 1 + (uint32_t)stops[begin].below;
        gw_check(length <= stop_count - begin);
        send_row(port, scratch, dispatcher, stops + begin, length, dispatch);
        begin += length;
    }
}

/* --- Holding back --- */

static void hold(relay_line *line, uint32_t early, const gw_dispatch_message *dispatch)
{
    if (line->held == NULL)
        line->held = g_ptr_array_new();
    if (early >= line->held->len)
        g_ptr_array_set_size(line->held, (gint)early + 1);
    gw_check(g_ptr_array_index(line->held, early) == NULL);
    g_ptr_array_index(line->held, early) = g_memdup2(dispatch, dispatch->header.size_bytes);
}

/* Those that waited for the one before them alone. */
static void deliver_held(gw_relay *relay, relay_line *line, gw_node_id dispatcher)
{
    uint32_t count = 1; /* The place of the one that came now is free. */
    if (line->held == NULL || line->held->len == 0)
        return;
    for (; count < line->held->len && g_ptr_array_index(line->held, count) != NULL; count++) {
        gw_dispatch_message *dispatch = (gw_dispatch_message *)g_ptr_array_index(line->held, count);
        relay->deliver(relay->context, dispatcher, dispatch);
        g_free(dispatch);
        line->next++;
    }
    g_ptr_array_remove_range(line->held, 0, count);
}

void gw_relay_take(gw_relay *relay, const gw_relay_message *message)
{
    const gw_dispatch_message *dispatch = gw_relay_dispatch(message);
    gw_check(message->stop_count > 0 && message->stops[0].host == relay->self.index);
    gw_check(message->dispatcher - relay->first_dispatcher < relay->dispatcher_count);
    if (message->stop_count > 1)
        gw_relay_send(relay->port, relay->scratch, message->dispatcher, message->stops + 1,
                      message->stop_count - 1, dispatch);
    relay_line *line = &relay->lines[message->dispatcher - relay->first_dispatcher];
    const uint32_t early =
        ((uint32_t)message->stops[0].sequence - line->next) & (SEQUENCE_COUNT - 1);
    gw_check(early < relay->bound);
    if (early > 0) {
        hold(line, early, dispatch);
        return;
    }
    line->next++;
    relay->deliver(relay->context, (gw_node_id){message->dispatcher}, dispatch);
    deliver_held(relay, line, (gw_node_id){message->dispatcher});
}
