/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder takes one caller at a time, so one lock stands before it and before the table of
 * gangs that are done on some devices and not on all.  A device's chain needs none: the thread of
 * its host alone puts work on it. */
#include "real/ledger.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/pool.h"
#include "real/activity.h"
#include "record/launch_digest.h"
#include "scenario/ending.h"

typedef struct { /* A gang that is done on some of its devices. */
    gw_gang_record record;
    uint32_t left_count;
} open_gang;

struct gw_ledger {
    const gw_directory *directory;
    gw_recorder *recorder;
    bool has_data;    /* Devices compute: results are values. */
    uint64_t *chains; /* By device. */
    atomic_ullong launches;
    void (*forward)(void *context, const gw_ledger_event *event); /* NULL: it counts itself. */
    void *forward_context;
    pthread_mutex_t mutex; /* Before all that follows. */
    gw_lookup gangs;       /* To slots of `open`. */
    gw_pool open;
    gw_ledger_counts counts;
    gw_ending ending;
};

gw_ledger *gw_ledger_new(const gw_directory *directory, gw_recorder *recorder, bool has_data)
{
    gw_ledger *ledger = g_new0(gw_ledger, 1);
    ledger->directory = directory;
    ledger->recorder = recorder;
    ledger->has_data = has_data;
    ledger->chains = g_new0(uint64_t, directory->device_count);
    gw_ending_init(&ledger->ending, directory->job_count);
    atomic_init(&ledger->launches, 0);
    gw_short_mutex_init(&ledger->mutex);
    gw_pool_init(&ledger->open, sizeof(open_gang));
    return ledger;
}

void gw_ledger_free(gw_ledger *ledger)
{
    if (ledger != NULL) {
        gw_pool_clear(&ledger->open);
        gw_lookup_clear(&ledger->gangs);
        pthread_mutex_destroy(&ledger->mutex);
        g_free(ledger->chains);
        gw_ending_clear(&ledger->ending);
        g_free(ledger);
    }
}

void gw_ledger_launch(gw_ledger *ledger, const gw_kernel *kernel, uint32_t first_device,
                      const gw_local_shard *locals, uint32_t local_count)
{
    for (uint32_t i = 0; i < local_count; i++) {
        uint64_t *chain = &ledger->chains[first_device + locals[i].device];
        *chain = gw_launch_digest_chain(*chain, kernel->instance,
                                        gw_launch_digest_node(kernel->node, kernel->is_otherwise),
                                        kernel->run);
    }
    atomic_fetch_add_explicit(&ledger->launches, 1, memory_order_relaxed);
}

/* Under the lock. */
static open_gang *find_gang(gw_ledger *ledger, const gw_ledger_gang *gang,
                            const gw_shard_record *shards, uint32_t *out_slot)
{
    const uint64_t known = gw_lookup_find(&ledger->gangs, gang->gang);
    if (known != GW_LOOKUP_NONE) {
        *out_slot = (uint32_t)known;
        return (open_gang *)gw_pool_at(&ledger->open, *out_slot);
    }
    *out_slot = gw_pool_take(&ledger->open);
    if (gang->shard_count > shards->device_count) { /* Else it is gone at once. */
        gw_lookup_add(&ledger->gangs, gang->gang, *out_slot);
    }
    open_gang *opened = (open_gang *)gw_pool_at(&ledger->open, *out_slot);
    opened->left_count = gang->shard_count;
    opened->record = (gw_gang_record){
        .gang = gang->gang,
        .job = gang->job,
        .run = gang->run,
        .node = gang->node,
        .call = gang->call,
        .island = gw_directory_island(ledger->directory, (gw_device_id){shards->first_device}),
        .first_device = shards->first_device,
        .last_device = shards->first_device,
        .device_count = gang->shard_count,
        .start_ns = shards->start_ns,
        .end_ns = shards->end_ns,
    };
    return opened;
}

/* Under the lock. */
static void add_shards(gw_ledger *ledger, const gw_ledger_gang *gang, const gw_shard_record *shards)
{
    uint32_t slot;
    open_gang *open = find_gang(ledger, gang, shards, &slot);
    gw_gang_record *record = &open->record;
    const uint32_t last_device = shards->first_device + shards->device_count - 1;
    record->first_device = MIN(record->first_device, shards->first_device);
    record->last_device = MAX(record->last_device, last_device);
    record->start_ns = MIN(record->start_ns, shards->start_ns);
    record->end_ns = MAX(record->end_ns, shards->end_ns);
    gw_check(open->left_count >= shards->device_count);
    open->left_count -= shards->device_count;
    ledger->counts.shards += shards->device_count;
    if (ledger->recorder != NULL) {
        gw_shard_record told = *shards;
        told.gang = gang->gang;
        told.job = gang->job;
        told.run = gang->run;
        told.node = gang->node;
        gw_recorder_add_shards(ledger->recorder, &told);
    }
    if (open->left_count == 0) {
        ledger->counts.gangs++;
        if (ledger->recorder != NULL) {
            gw_recorder_add_gang(ledger->recorder, record);
        }
        gw_lookup_take(&ledger->gangs, gang->gang);
        gw_pool_give(&ledger->open, slot);
    }
}

void gw_ledger_add_shards(gw_ledger *ledger, const gw_ledger_shards *done, uint32_t count)
{
    if (ledger->forward != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            const gw_ledger_event event = {.kind = GW_LEDGER_SHARDS, .shards = done[i]};
            ledger->forward(ledger->forward_context, &event);
        }
        return;
    }
    pthread_mutex_lock(&ledger->mutex);
    for (uint32_t i = 0; i < count; i++) {
        add_shards(ledger, &done[i].gang, &done[i].record);
    }
    pthread_mutex_unlock(&ledger->mutex);
}

void gw_ledger_add_transfer(gw_ledger *ledger, const gw_transfer_record *transfer)
{
    if (ledger->forward != NULL) {
        const gw_ledger_event event = {.kind = GW_LEDGER_TRANSFER, .transfer = *transfer};
        ledger->forward(ledger->forward_context, &event);
        return;
    }
    gw_transfer_record record = *transfer;
    record.is_dcn =
        record.source_device != GW_INDEX_NONE && record.target_device != GW_INDEX_NONE &&
        gw_directory_island(ledger->directory, (gw_device_id){record.source_device}) !=
            gw_directory_island(ledger->directory, (gw_device_id){record.target_device});
    pthread_mutex_lock(&ledger->mutex);
    ledger->counts.transfers++;
    if (ledger->recorder != NULL) {
        gw_recorder_add_transfer(ledger->recorder, &record);
    }
    pthread_mutex_unlock(&ledger->mutex);
}

void gw_ledger_add_message(gw_ledger *ledger, gw_node_id source, gw_node_id target,
                           uint32_t size_bytes)
{
    if (source.index == target.index) {
        return;
    }
    if (ledger->forward != NULL) {
        const gw_ledger_event event = {.kind = GW_LEDGER_MESSAGE,
                                       .message = {source, target, size_bytes}};
        ledger->forward(ledger->forward_context, &event);
        return;
    }
    pthread_mutex_lock(&ledger->mutex);
    ledger->counts.messages++;
    ledger->counts.message_bytes += size_bytes;
    if (ledger->recorder != NULL) {
        gw_recorder_add_message(ledger->recorder, size_bytes);
    }
    pthread_mutex_unlock(&ledger->mutex);
}

void gw_ledger_add_note(gw_ledger *ledger, const gw_note *note, gw_time now_ns)
{
    if (ledger->forward != NULL) {
        const gw_ledger_event event = {.kind = GW_LEDGER_NOTE, .note = {*note, now_ns}};
        ledger->forward(ledger->forward_context, &event);
        return;
    }
    pthread_mutex_lock(&ledger->mutex);
    if (gw_ending_take(&ledger->ending, note) && ledger->recorder != NULL) {
        gw_recorder_add_note(ledger->recorder, note, ledger->has_data, now_ns);
    }
    pthread_mutex_unlock(&ledger->mutex);
}

void gw_ledger_set_forward(gw_ledger *ledger,
                           void (*forward)(void *context, const gw_ledger_event *event),
                           void *context)
{
    ledger->forward = forward;
    ledger->forward_context = context;
}

void gw_ledger_replay(gw_ledger *ledger, const gw_ledger_event *event)
{
    switch (event->kind) {
    case GW_LEDGER_SHARDS:
        gw_ledger_add_shards(ledger, &event->shards, 1);
        return;
    case GW_LEDGER_TRANSFER:
        gw_ledger_add_transfer(ledger, &event->transfer);
        return;
    case GW_LEDGER_MESSAGE:
        gw_ledger_add_message(ledger, event->message.source, event->message.target,
                              event->message.size_bytes);
        return;
    case GW_LEDGER_NOTE:
        gw_ledger_add_note(ledger, &event->note.note, event->note.now_ns);
        return;
    default:
        gw_check(!"an event of a ledger");
    }
}

const uint64_t *gw_ledger_chains(const gw_ledger *ledger)
{
    return ledger->chains;
}

void gw_ledger_merge(gw_ledger *ledger, uint64_t launches, const uint64_t *chains)
{
    atomic_fetch_add(&ledger->launches, launches);
    for (uint32_t i = 0; i < ledger->directory->device_count; i++) {
        gw_check(chains[i] == 0 || ledger->chains[i] == 0);
        ledger->chains[i] |= chains[i];
    }
}

uint32_t gw_ledger_jobs_left(gw_ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
    const uint32_t jobs_left = ledger->ending.jobs_left;
    pthread_mutex_unlock(&ledger->mutex);
    return jobs_left;
}

bool gw_ledger_refusal(gw_ledger *ledger, uint32_t *out_job, uint32_t *out_reason)
{
    pthread_mutex_lock(&ledger->mutex);
    const bool was_refused = ledger->ending.refused_job != GW_INDEX_NONE;
    if (was_refused) {
        *out_job = ledger->ending.refused_job;
        *out_reason = ledger->ending.refused_reason;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return was_refused;
}

bool gw_ledger_policy_wrong(gw_ledger *ledger, gw_note *out_note)
{
    pthread_mutex_lock(&ledger->mutex);
    const bool is_wrong = ledger->ending.wrong.kind != 0;
    if (is_wrong) {
        *out_note = ledger->ending.wrong;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return is_wrong;
}

bool gw_ledger_overflow(gw_ledger *ledger, gw_note *out_note)
{
    pthread_mutex_lock(&ledger->mutex);
    const bool is_overflow = ledger->ending.overflow.kind != 0;
    if (is_overflow) {
        *out_note = ledger->ending.overflow;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return is_overflow;
}

bool gw_ledger_check(gw_ledger *ledger, GError **error)
{
    pthread_mutex_lock(&ledger->mutex);
    const bool is_good = ledger->recorder == NULL || gw_recorder_check(ledger->recorder, error);
    pthread_mutex_unlock(&ledger->mutex);
    return is_good;
}

gw_ledger_counts gw_ledger_count(gw_ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
    gw_ledger_counts counts = ledger->counts;
    pthread_mutex_unlock(&ledger->mutex);
    counts.launches = atomic_load(&ledger->launches);
    return counts;
}

uint64_t gw_ledger_digest(const gw_ledger *ledger)
{
    return gw_launch_digest_of(ledger->chains, ledger->directory->device_count);
}
