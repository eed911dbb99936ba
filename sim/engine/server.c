/* SPDX-License-Identifier: Apache-2.0 */
/* One wake-up event at a time: while items wait, there is one due when the server was last known
 * to become free.  If the server is busy for longer by then, the event is posted again; if the
 * inbox was emptied meanwhile, it does nothing. */
#include "engine/server.h"

#include "base/check.h"

#define INBOX_CAPACITY_MIN 8
#define INBOX_CAPACITY_MAX (UINT32_C(1) << 31)

static void wake_server(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind wake_kind = {.name = "server.free", .fire = wake_server};

void gw_server_init(gw_server *server, gw_engine *engine, gw_server_serve serve, void *owner)
{
    gw_check(engine != NULL);
    gw_check(serve != NULL);
    *server = (gw_server){.engine = engine, .serve = serve, .owner = owner};
}

void gw_server_clear(gw_server *server)
{
    g_free(server->inbox);
    *server = (gw_server){0};
}

/* --- The inbox --- */

static gw_server_item *item_at(const gw_server *server, uint32_t index)
{
    return &server->inbox[(server->inbox_first + index) & (server->inbox_capacity - 1)];
}

static void grow_inbox(gw_server *server)
{
    gw_check(server->inbox_capacity < INBOX_CAPACITY_MAX);
    const uint32_t capacity = MAX(server->inbox_capacity * 2, INBOX_CAPACITY_MIN);
    gw_server_item *inbox = g_new(gw_server_item, capacity);
    for (uint32_t i = 0; i < server->inbox_count; i++) {
        inbox[i] = *item_at(server, i);
    }
    g_free(server->inbox);
    server->inbox = inbox;
    server->inbox_first = 0;
    server->inbox_capacity = capacity;
}

static void put_item(gw_server *server, const gw_server_item *item)
{
    if (server->inbox_count == server->inbox_capacity) {
        grow_inbox(server);
    }
    server->inbox_count++;
    *item_at(server, server->inbox_count - 1) = *item;
}

static gw_server_item take_item(gw_server *server)
{
    gw_check(server->inbox_count > 0);
    const gw_server_item item = *item_at(server, 0);
    server->inbox_first = (server->inbox_first + 1) & (server->inbox_capacity - 1);
    server->inbox_count--;
    return item;
}

/* --- Serving --- */

/* While items wait and nobody serves, a wake-up is pending. */
static void arrange_wake(gw_server *server)
{
    if (server->inbox_count > 0 && !server->is_waking && !server->is_serving) {
        server->is_waking = true;
        gw_engine_post(server->engine, server->free_at_ns, &wake_kind, server, server->inbox_count);
    }
}

static void serve_item(gw_server *server, gw_server_item item)
{
    gw_check(!server->is_serving);
    gw_check(server->free_at_ns <= gw_engine_now(server->engine));
    server->is_serving = true;
    const gw_span span_ns = server->serve(server->owner, &item);
    server->is_serving = false;
    const gw_time now_ns = gw_engine_now(server->engine);
    gw_check(span_ns < GW_TIME_NEVER - now_ns);
    server->free_at_ns = now_ns + span_ns;
    arrange_wake(server);
}

static void wake_server(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)argument;
    gw_server *server = subject;
    gw_check(server->is_waking);
    server->is_waking = false;
    if (server->inbox_count > 0 && server->free_at_ns <= gw_engine_now(engine)) {
        serve_item(server, take_item(server));
    } else {
        arrange_wake(server);
    }
}

void gw_server_offer(gw_server *server, const gw_server_item *item)
{
    const bool is_idle = !server->is_serving && server->free_at_ns <= gw_engine_now(server->engine);
    if (is_idle && server->inbox_count == 0) {
        serve_item(server, *item);
    } else {
        put_item(server, item);
        arrange_wake(server);
    }
}

uint32_t gw_server_drop(gw_server *server, uint32_t kind, uint64_t value)
{
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < server->inbox_count; i++) {
        const gw_server_item item = *item_at(server, i);
        if (item.kind != kind || item.value != value) {
            *item_at(server, kept_count) = item;
            kept_count++;
        }
    }
    const uint32_t dropped_count = server->inbox_count - kept_count;
    server->inbox_count = kept_count;
    return dropped_count;
}
