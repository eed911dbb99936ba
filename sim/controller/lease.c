/* SPDX-License-Identifier: Apache-2.0 */
/* One timer: for the next round while all have answered, for the end of this one otherwise. */
#include "controller/lease.h"

#include "base/check.h"
#include "controller/message.h"

#define ROUNDS_PER_LEASE 3

typedef enum { IS_CLOSED = 0, IS_KEPT, IS_ASKED } lease_state;

struct gw_lease_book {
    const gw_directory *directory;
    gw_span lease_ns;
    gw_port *port;
    lease_state *states; /* By job. */
    uint32_t held_count, asked_count;
    gw_time round_ns; /* When the last round began. */
};

gw_lease_book *gw_lease_book_new(const gw_directory *directory, gw_span lease_ns, gw_port *port)
{
    gw_lease_book *book = g_new0(gw_lease_book, 1);
    book->directory = directory;
    book->lease_ns = lease_ns;
    book->port = port;
    book->states = g_new0(lease_state, directory->job_count);
    return book;
}

void gw_lease_book_free(gw_lease_book *book)
{
    if (book == NULL)
        return;
    g_free(book->states);
    g_free(book);
}

static void set_timer(gw_lease_book *book)
{
    const gw_span wait_ns = book->asked_count > 0
                                ? book->lease_ns
                                : (book->lease_ns + ROUNDS_PER_LEASE - 1) / ROUNDS_PER_LEASE;
    book->port->ops->watch_set(book->port, book->round_ns + wait_ns, (gw_tag){GW_LEASE_TAG});
}

static void move_timer(gw_lease_book *book)
{
    book->port->ops->timer_cancel(book->port, (gw_tag){GW_LEASE_TAG});
    if (book->held_count > 0)
        set_timer(book);
}

void gw_lease_book_open(gw_lease_book *book, uint32_t job)
{
    if (book->lease_ns == 0)
        return;
    gw_check(book->states[job] == IS_CLOSED);
    book->states[job] = IS_KEPT;
    if (book->held_count++ > 0)
        return;
    book->round_ns = book->port->ops->now(book->port);
    set_timer(book);
}

void gw_lease_book_keep(gw_lease_book *book, uint32_t job)
{
    if (book->states[job] != IS_ASKED)
        return;
    book->states[job] = IS_KEPT;
    if (--book->asked_count == 0)
        move_timer(book);
}

static void close_lease(gw_lease_book *book, uint32_t job)
{
    book->held_count--;
    book->asked_count -= book->states[job] == IS_ASKED;
    book->states[job] = IS_CLOSED;
}

void gw_lease_book_close(gw_lease_book *book, uint32_t job)
{
    if (book->states[job] == IS_CLOSED)
        return;
    const bool was_asked = book->states[job] == IS_ASKED;
    close_lease(book, job);
    if (book->held_count == 0 || (was_asked && book->asked_count == 0))
        move_timer(book);
}

/* The others have waited for those that are lost, and are asked at once. */
static void begin_round(gw_lease_book *book)
{
    book->round_ns = book->port->ops->now(book->port);
    for (uint32_t j = 0; j < book->directory->job_count; j++) {
        if (book->states[j] == IS_CLOSED)
            continue;
        const gw_lease_message message = {{GW_MESSAGE_LEASE, sizeof message}, j};
        book->states[j] = IS_ASKED;
        book->asked_count++;
        book->port->ops->send(book->port, gw_directory_client(book->directory, j), &message.header);
    }
}

void gw_lease_book_timer(gw_lease_book *book, GArray *lost)
{
    for (uint32_t j = 0; book->asked_count > 0 && j < book->directory->job_count; j++)
        if (book->states[j] == IS_ASKED) {
            close_lease(book, j);
            g_array_append_val(lost, j);
        }
    if (book->held_count == 0)
        return;
    begin_round(book);
    set_timer(book);
}
