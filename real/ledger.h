/* SPDX-License-Identifier: Apache-2.0 */
/* What a real run did, counted while it goes: it feeds the recorder, knows which jobs are done,
 * and keeps the launch digest (record/launch_digest.h).  Any thread may call it. */
#pragma once

#include "controller/directory.h"
#include "controller/port.h"
#include "real/loaded.h"
#include "record/recorder.h"

typedef struct gw_ledger gw_ledger;

/* Both are borrowed; `recorder` may be NULL.  Without data on the devices (null) no results are
 * recorded: there are none. */
gw_ledger *gw_ledger_new(const gw_directory *directory, gw_recorder *recorder, bool has_data);
void gw_ledger_free(gw_ledger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_ledger, gw_ledger_free)

/* `kernel` is put on the queues of its local shards' devices; the host's first device is
 * `first_device`.  Only the host's own thread calls it. */
void gw_ledger_launch(gw_ledger *ledger, const gw_kernel *kernel, uint32_t first_device,
                      const gw_local_shard *locals, uint32_t local_count);

typedef struct { /* The execution that shards belong to. */
    uint64_t gang;
    uint32_t job, run, node;
    uint64_t call;
    uint32_t shard_count; /* On all hosts. */
} gw_ledger_gang;
typedef struct { /* Shards of `gang`, on devices side by side. */
    gw_ledger_gang gang;
    gw_shard_record record; /* Whose they are (gang, job, run, node) the ledger fills in. */
} gw_ledger_shards;
/* They are done.  With the last shard of a gang the gang is. */
void gw_ledger_add_shards(gw_ledger *ledger, const gw_ledger_shards *done, uint32_t count);
/* is_dcn is worked out here. */
void gw_ledger_add_transfer(gw_ledger *ledger, const gw_transfer_record *transfer);
/* Between two nodes; those to oneself are not counted. */
void gw_ledger_add_message(gw_ledger *ledger, gw_node_id source, gw_node_id target,
                           uint32_t size_bytes);
void gw_ledger_add_note(gw_ledger *ledger, const gw_note *note, gw_time now_ns);

/* --- Of a run in several processes: one ledger takes what the others hear. --- */

typedef enum {
    GW_LEDGER_SHARDS = 1,
    GW_LEDGER_TRANSFER,
    GW_LEDGER_MESSAGE,
    GW_LEDGER_NOTE,
} gw_ledger_event_kind;
typedef struct { /* One of the calls above, without pointers. */
    gw_ledger_event_kind kind;
    union {
        gw_ledger_shards shards;
        gw_transfer_record transfer;
        struct {
            gw_node_id source, target;
            uint32_t size_bytes;
        } message;
        struct {
            gw_note note;
            gw_time now_ns;
        } note;
    };
} gw_ledger_event;

/* Before the run: hands on what it is told, all but launches, and counts nothing of that. */
void gw_ledger_set_forward(gw_ledger *ledger,
                           void (*forward)(void *context, const gw_ledger_event *event),
                           void *context);
/* What another ledger has handed on. */
void gw_ledger_replay(gw_ledger *ledger, const gw_ledger_event *event);
/* The chain of launches of each device (record/launch_digest.h); directory->device_count of them.
 */
const uint64_t *gw_ledger_chains(const gw_ledger *ledger);
/* Another ledger's launches, on other devices than those here. */
void gw_ledger_merge(gw_ledger *ledger, uint64_t launches, const uint64_t *chains);

/* Jobs that are not done. */
uint32_t gw_ledger_jobs_left(gw_ledger *ledger);
/* True when a job was refused: the first one, and why (gw_refusal). */
bool gw_ledger_refusal(gw_ledger *ledger, uint32_t *out_job, uint32_t *out_reason);

/* True when a policy answered what it must not: the first note that says so (gw_note_is_wrong). */
bool gw_ledger_policy_wrong(gw_ledger *ledger, gw_note *out_note);

/* True when a shard was dealt more rows than it has room for: what was noted first. */
bool gw_ledger_overflow(gw_ledger *ledger, gw_note *out_note);

/* gw_recorder_check. */
bool gw_ledger_check(gw_ledger *ledger, GError **error);

typedef struct {
    uint64_t launches;  /* Kernels enqueued: one per gang and host. */
    uint64_t shards;    /* Shards done: one per gang and device. */
    uint64_t gangs;     /* Gangs done on all their devices. */
    uint64_t transfers; /* Copies that have arrived, to devices and to hosts. */
    uint64_t messages;  /* Between different nodes. */
    uint64_t message_bytes;
} gw_ledger_counts;
gw_ledger_counts gw_ledger_count(gw_ledger *ledger);
/* When the run is over. */
uint64_t gw_ledger_digest(const gw_ledger *ledger);
