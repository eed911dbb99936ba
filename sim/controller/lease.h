/* SPDX-License-Identifier: Apache-2.0 */
/* Which clients are there: the resource manager's book of leases.
 *
 * Who asks for slices gets a lease, and keeps it until it gives them back.  The manager asks all
 * holders at once whether they are there, every third of `lease_ns`; those that have not answered
 * `lease_ns` after they were asked have lost it, whether they are dead or slow.  No round begins
 * before the last one is over, so a client that dies is found out within two leases, and a slow
 * one is never asked twice at a time.
 *
 * The book's timer is a watch (port.h): asking keeps no run from ending. */
#pragma once

#include "controller/controller.h"

typedef struct gw_lease_book gw_lease_book;

/* The tag of the book's timer; no other timer of its node has it. */
#define GW_LEASE_TAG (UINT64_C(1) << 32)

/* `lease_ns` 0: nobody is ever asked.  All is borrowed. */
gw_lease_book *gw_lease_book_new(const gw_directory *directory, gw_span lease_ns, gw_port *port);
void gw_lease_book_free(gw_lease_book *book);

/* The job's client has a lease from here on; it has none yet. */
void gw_lease_book_open(gw_lease_book *book, uint32_t job);
/* The client has answered.  Nothing, where it has no lease any more. */
void gw_lease_book_keep(gw_lease_book *book, uint32_t job);
/* It needs none any more.  Nothing, where it has none. */
void gw_lease_book_close(gw_lease_book *book, uint32_t job);
/* The book's timer went off: appends to `lost` (uint32_t) the jobs whose lease is lost, in order of
 * number; they are closed. */
void gw_lease_book_timer(gw_lease_book *book, GArray *lost);
