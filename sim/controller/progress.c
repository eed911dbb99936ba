/* SPDX-License-Identifier: Apache-2.0 */
/* One account per dispatcher that has ever sent something here: usually the island's scheduler
 * alone; without one, every client with gangs on this host. */
#include "controller/progress.h"

#include <string.h>

#include "base/check.h"

typedef struct {
    uint32_t queued, unreported; /* Gangs of one device. */
} device_tally;

typedef struct {
    uint32_t dispatcher;
    bool is_due, has_freed;
    GArray *runs;           /* gw_finished_run, not yet reported, */
    GArray *used;           /* and gw_used_time. */
    uint64_t *freed_bytes;  /* By device, not yet reported; NULL: never any. */
    device_tally devices[]; /* Of this host; beside the rest, for one look at memory. */
} progress_account;

struct gw_progress_book {
    gw_port *port;
    uint32_t first_device, device_count, threshold;
    progress_account *last;      /* The one that was asked for last. */
    progress_account **accounts; /* By node; NULL: never heard of. */
    uint32_t node_count;
    GPtrArray *opened; /* The same accounts, in order of their first gang. */
    bool is_due;       /* Some account is. */
    GByteArray *scratch;
};

gw_progress_book *gw_progress_book_new(gw_port *port, uint32_t first_device, uint32_t device_count,
                                       uint32_t lookahead, uint32_t node_count)
{
    gw_progress_book *book = g_new0(gw_progress_book, 1);
    book->port = port;
    book->first_device = first_device;
    book->device_count = device_count;
    book->threshold = MAX(1, lookahead / 2);
    book->accounts = g_new0(progress_account *, node_count);
    book->node_count = node_count;
    book->opened = g_ptr_array_new();
    book->scratch = g_byte_array_new();
    return book;
}

void gw_progress_book_free(gw_progress_book *book)
{
    if (book == NULL)
        return;
    for (uint32_t i = 0; i < book->opened->len; i++) {
        progress_account *account = (progress_account *)g_ptr_array_index(book->opened, i);
        g_array_unref(account->runs);
        g_array_unref(account->used);
        g_free(account->freed_bytes);
        g_free(account);
    }
    g_ptr_array_unref(book->opened);
    g_byte_array_unref(book->scratch);
    g_free(book->accounts);
    g_free(book);
}

static progress_account *open_account(gw_progress_book *book, uint32_t dispatcher)
{
    gsize size_bytes = sizeof(progress_account) + book->device_count * sizeof(device_tally);
    progress_account *account = (progress_account *)g_malloc0(size_bytes);
    account->dispatcher = dispatcher;
    account->runs = g_array_new(FALSE, FALSE, sizeof(gw_finished_run));
    account->used = g_array_new(FALSE, FALSE, sizeof(gw_used_time));
    book->accounts[dispatcher] = account;
    g_ptr_array_add(book->opened, account);
    return account;
}

static progress_account *account_of(gw_progress_book *book, uint32_t dispatcher)
{
    if (G_LIKELY(book->last != NULL && book->last->dispatcher == dispatcher))
        return book->last;
    gw_check(dispatcher < book->node_count);
    book->last = book->accounts[dispatcher];
    if (book->last == NULL)
        book->last = open_account(book, dispatcher);
    return book->last;
}

void gw_progress_book_queued(gw_progress_book *book, uint32_t dispatcher, const uint32_t *devices,
                             uint32_t count)
{
    progress_account *account = account_of(book, dispatcher);
    for (uint32_t i = 0; i < count; i++)
        account->devices[devices[i] - book->first_device].queued++;
}

static void add_used(GArray *all, const gw_used_time *used, uint32_t *place)
{
    if (*place < all->len && g_array_index(all, gw_used_time, *place).instance == used->instance) {
        gw_used_time *entry = &g_array_index(all, gw_used_time, *place);
        entry->shard_count += used->shard_count;
        entry->device_time_ns += used->device_time_ns;
    } else {
        *place = all->len;
        g_array_append_vals(all, used, 1);
    }
}

void gw_progress_book_finished(gw_progress_book *book, uint32_t dispatcher,
                               const gw_used_time *used, uint32_t *place, const uint32_t *devices)
{
    progress_account *account = account_of(book, dispatcher);
    /* With bytes to tell, the report goes while the last gang still runs. */
    const uint32_t least = account->has_freed ? 1 : 0;
    add_used(account->used, used, place);
    for (uint32_t i = 0; i < used->shard_count; i++) {
        device_tally *device = &account->devices[devices[i] - book->first_device];
        gw_check(device->queued > 0);
        device->queued--;
        device->unreported++;
        if (device->queued <= least || device->unreported >= book->threshold)
            account->is_due = book->is_due = true;
    }
}

void gw_progress_book_freed(gw_progress_book *book, uint32_t dispatcher, const uint32_t *devices,
                            uint32_t count, uint64_t size_bytes, uint64_t due_bytes)
{
    progress_account *account = account_of(book, dispatcher);
    if (account->freed_bytes == NULL)
        account->freed_bytes = g_new0(uint64_t, book->device_count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t d = devices[i] - book->first_device;
        account->has_freed = true;
        account->freed_bytes[d] += size_bytes;
        if (account->devices[d].queued <= 1 || account->freed_bytes[d] >= due_bytes)
            account->is_due = book->is_due = true;
    }
}

void gw_progress_book_run_done(gw_progress_book *book, uint32_t dispatcher, uint32_t instance,
                               uint32_t run)
{
    progress_account *account = account_of(book, dispatcher);
    gw_finished_run done = {instance, run};
    g_array_append_val(account->runs, done);
    account->is_due = book->is_due = true;
}

static void send_report(gw_progress_book *book, progress_account *account)
{
    const uint32_t used_bytes = account->used->len * (uint32_t)sizeof(gw_used_time);
    const uint32_t runs_bytes = account->runs->len * (uint32_t)sizeof(gw_finished_run);
    const uint32_t freed_count = account->has_freed ? book->device_count : 0;
    const uint32_t freed_bytes = freed_count * (uint32_t)sizeof(uint64_t);
    const uint32_t size_bytes =
        gw_progress_size_bytes(account->used->len, book->device_count, account->runs->len) +
        freed_bytes;
    g_byte_array_set_size(book->scratch, size_bytes);
    gw_progress *report = (gw_progress *)(void *)book->scratch->data;
    *report = (gw_progress){.header = {GW_MESSAGE_PROGRESS, size_bytes},
                            .used_count = account->used->len,
                            .device_count = book->device_count,
                            .run_count = account->runs->len,
                            .freed_count = freed_count};
    if (used_bytes > 0)
        memcpy(report->used, account->used->data, used_bytes);
    uint64_t *freed = (uint64_t *)(void *)(report->used + report->used_count);
    if (freed_count > 0) {
        memcpy(freed, account->freed_bytes, freed_bytes);
        memset(account->freed_bytes, 0, freed_bytes);
    }
    uint32_t *counts = (uint32_t *)(void *)(freed + freed_count);
    for (uint32_t d = 0; d < book->device_count; d++) {
        counts[d] = account->devices[d].unreported;
        account->devices[d].unreported = 0;
    }
    if (runs_bytes > 0)
        memcpy(counts + book->device_count, account->runs->data, runs_bytes);
    g_array_set_size(account->used, 0);
    g_array_set_size(account->runs, 0);
    account->is_due = account->has_freed = false;
    book->port->ops->send(book->port, (gw_node_id){account->dispatcher}, &report->header);
}

void gw_progress_book_flush(gw_progress_book *book)
{
    if (G_LIKELY(!book->is_due))
        return;
    book->is_due = false;
    for (uint32_t i = 0; i < book->opened->len; i++) {
        progress_account *account = (progress_account *)g_ptr_array_index(book->opened, i);
        if (account->is_due)
            send_report(book, account);
    }
}
