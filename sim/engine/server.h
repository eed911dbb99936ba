/* SPDX-License-Identifier: Apache-2.0 */
/* A server of one customer at a time with a true FIFO inbox: the shape of a host's CPU.
 *
 * An item offered to an idle server with an empty inbox is served at once, inside the call.
 * Otherwise it waits its turn: a waiting item is never overtaken by a later one, not even by one
 * that arrives in the very nanosecond in which the server becomes free.  Serving returns how long
 * the server stays busy; the next waiting item is served when that time is over, by one event. */
#pragma once

#include "engine/engine.h"

typedef struct {
    uint32_t kind;  /* The owner's own meaning, */
    uint32_t slot;  /* as here, */
    uint64_t value; /* and here, */
    uint64_t more;  /* and here. */
} gw_server_item;

/* Serves one item at the engine's present time; returns the span that it keeps the server busy.
 * It may offer items to any server, its own included (they wait), and post events. */
typedef gw_span (*gw_server_serve)(void *owner, const gw_server_item *item);

typedef struct {
    gw_engine *engine;
    gw_server_serve serve;
    void *owner;
    gw_time free_at_ns;    /* Busy until then. */
    gw_server_item *inbox; /* A ring. */
    uint32_t inbox_first, inbox_count, inbox_capacity;
    bool is_serving, is_waking;
} gw_server;

/* `engine` and `owner` are borrowed for the server's life. */
void gw_server_init(gw_server *server, gw_engine *engine, gw_server_serve serve, void *owner);
/* The engine must not fire a pending wake-up of a cleared server: clear it when the run is over. */
void gw_server_clear(gw_server *server);

void gw_server_offer(gw_server *server, const gw_server_item *item);

/* Takes every waiting item of this kind and value out of the inbox, the order of the others kept;
 * returns how many there were.  An item in service is not waiting. */
uint32_t gw_server_drop(gw_server *server, uint32_t kind, uint64_t value);
