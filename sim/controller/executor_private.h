/* SPDX-License-Identifier: Apache-2.0 */
/* What the files executor*.c share.  Nobody else includes this. */
#pragma once

#include "base/lines.h"
#include "base/pool.h"
#include "controller/executor.h"
#include "controller/progress.h"
#include "controller/spill.h"
#include "controller/system.h"

typedef enum {
    GW_FLIGHT_PIECE = 1, /* To another mesh. */
    GW_FLIGHT_RESULT,    /* To the host: a value that the program reads. */
    GW_FLIGHT_OUTPUT,    /* To the host: a shard (gw_host_style). */
    GW_FLIGHT_INPUT,     /* From the host, where an output went before. */
    GW_FLIGHT_SPILL,     /* To the host, for room; source_run is the entry. */
    GW_FLIGHT_RETURN,    /* And back. */
    GW_FLIGHT_STATE,     /* To the job's next instance. */
    GW_FLIGHT_COUNTS,    /* To the host: what a source shard of an exchange deals. */
    GW_FLIGHT_ROWS,      /* Over an exchange, one way or the other. */
} gw_flight_kind;

typedef struct { /* A copy that the world has not answered. */
    gw_flight_kind kind;
    uint32_t instance;
    uint32_t run;              /* Whose operation it is; GW_INDEX_NONE: no run's. */
    uint32_t slot, source_run; /* The source. */
    uint32_t result;           /* RESULT: which value; STATE: of which departure; COUNTS, ROWS:
                                  over which edge; PIECE: of which hand-off, where they block. */
} gw_flight;

typedef struct { /* A buffer that comes back for the gang that is being launched. */
    uint32_t slot, entry;
} gw_returning;

typedef struct { /* A target that was ready before its source was. */
    gw_ready_item item;
    uint32_t host, next; /* 1 + the next one; 0: it is the last. */
} gw_waiting_target;

typedef struct { /* Of an instance that is drained. */
    uint32_t instance;
    gw_node_id collector; /* Waits to hear of the end. */
    uint64_t gang_count;  /* So many have to come here, and to be done. */
} gw_draining;

typedef struct gw_handoffs gw_handoffs; /* executor_handoff.c */

typedef struct { /* READY items of this handling, by target host. */
    uint32_t host;
    GArray *items;
} gw_ready_batch;

/* What every completion looks at comes first, on one line: a host's turn comes when
 * those of all others have pushed it out of the near caches. */
struct gw_executor {
    alignas(GW_LINE_BYTES) gw_port *port;
    gw_host_instance *last; /* The one that was asked for last; NULL: none. */
    gw_store store;
    GArray *installing; /* Wait for workspace, first come first served; NULL: none does. */
    uint32_t ready_count;
    bool is_blocked;         /* The head found no memory. */
    bool has_handoffs;       /* `handoffs` is not NULL. */
    uint32_t awaiting_count; /* In `arriving` and `draining`. */
    gw_progress_book progress;
    GPtrArray *instances; /* By instance number; NULL: not installed. */
    GArray *waiting;      /* waiting_segment: a queue from `first_waiting` on. */
    uint32_t first_waiting;
    gw_node_id self;
    const gw_directory *directory;
    const gw_control *control;
    const gw_system_ops *system;
    const gw_job *jobs;
    gw_spill *spill;   /* NULL: nothing is ever spilled, */
    GArray *returning; /* gw_returning: scratch, or NULL likewise. */
    gw_pool flights, targets;
    GArray *ready;    /* gw_ready_batch; the first ready_count are in use. */
    GArray *numbers;  /* uint32_t: scratch for a kernel's buffers, */
    GArray *arrivals; /* and for its arrivals. */
    GByteArray *scratch;
    GArray *collected;   /* Of instances whose client has failed (collected.h). */
    GArray *draining;    /* gw_draining */
    GPtrArray *arriving; /* MOVE messages whose state waits for memory, first come first served. */
    gw_pool departures;  /* executor_moves.c */
    gw_handoffs *handoffs; /* executor_handoff.c; NULL: gangs are enqueued ahead of their inputs. */
};

/* NULL: not installed. */
static inline gw_host_instance *gw_executor_find(const gw_executor *executor, uint32_t instance)
{
    return instance < executor->instances->len
               ? (gw_host_instance *)g_ptr_array_index(executor->instances, instance)
               : NULL;
}
/* Installed here, or it is our mistake. */
gw_host_instance *gw_executor_instance_of(gw_executor *executor, uint32_t instance);
/* The copy that is begun; its tag is the index of its flight. */
gw_tag gw_executor_begin_flight(gw_executor *executor, const gw_flight *begun);

/* --- Clients that have failed (executor_collect.c) --- */

/* False: the client of this instance has failed, and the segment waits, or is never done. */
bool gw_executor_admit(gw_host_instance *instance, uint32_t dispatcher, const gw_segment *segment,
                       bool wants_enqueued);
/* Answers for instances that are drained by now. */
void gw_executor_answer_drained(gw_executor *executor);
/* One more of the run's operations is done here. */
void gw_executor_count_operation(gw_executor *executor, gw_host_instance *instance, uint32_t run,
                                 uint32_t dispatcher);

/* --- Transfers (executor_transfers.c) --- */

/* Tells every host that holds a piece of this gang's inputs where to put it. */
void gw_executor_announce_inputs(gw_executor *executor, gw_host_instance *instance,
                                 const gw_plan_node *node, uint32_t run, uint64_t gang);
/* The targets that waited for this gang's outputs, in the order in which they came. */
void gw_executor_serve_targets(gw_executor *executor, gw_host_instance *instance,
                               const gw_plan_node *node, uint32_t run);
/* One more item for `host`, which is another one. */
void gw_executor_gather_ready(gw_executor *executor, uint32_t host, const gw_ready_item *item);
/* What the announcements of this handling have gathered, one message per host. */
void gw_executor_send_ready(gw_executor *executor);

/* --- Host memory (executor_host.c) --- */

/* Shards of the gang's outputs, once it is done: as many as the instance says (host_copies). */
void gw_executor_copy_to_host(gw_executor *executor, gw_host_instance *instance,
                              const gw_plan_node *node, uint32_t run, uint64_t gang);
/* The gang's inputs that lie here, where the system keeps them in host memory; each is one arrival
 * on each device.  The gang is enqueued. */
void gw_executor_copy_from_host(gw_executor *executor, gw_host_instance *instance,
                                const gw_plan_node *node, uint32_t run, uint64_t gang);
/* Per local shard: pieces from other meshes, and inputs that come back from the host.  NULL: none.
 * Good until it is asked again. */
const uint32_t *gw_executor_count_arrivals(gw_executor *executor, gw_host_instance *instance,
                                           uint32_t n, uint32_t run);
/* A shard that has come to host memory goes to the client. */
void gw_executor_send_fetched(gw_executor *executor, const gw_host_instance *instance,
                              const gw_flight *done);

/* --- Spilling (executor_spill.c): only where executor->spill is not NULL --- */

/* The gang found no memory: what rests on its devices begins to leave, as much as it needs. */
void gw_executor_make_room(gw_executor *executor, const gw_host_instance *instance,
                           const gw_plan_node *node, uint32_t run);
/* Device memory for an input that is away, and a place among those that return.  False: full. */
bool gw_executor_bring_back(gw_executor *executor, gw_host_instance *instance, uint32_t slot,
                            uint32_t entry);
/* The gang has to wait: they stay away. */
void gw_executor_undo_returning(gw_executor *executor, gw_host_instance *instance);
/* The gang is enqueued: it uses its buffers, and awaits those that return, one arrival each on each
 * device. */
void gw_executor_launch_spilled(gw_executor *executor, gw_host_instance *instance,
                                const gw_plan_node *node, uint32_t run, uint64_t gang);
/* It is done, and gave its references up before. */
void gw_executor_end_use(gw_executor *executor, gw_host_instance *instance,
                         const gw_plan_node *node, uint32_t run);
/* One copy has come to the host, or back. */
void gw_executor_spilled(gw_executor *executor, gw_host_instance *instance, const gw_flight *done);
void gw_executor_returned(gw_executor *executor, const gw_host_instance *instance,
                          const gw_flight *done);

/* --- Moves (executor_moves.c) --- */

void gw_executor_init_moves(gw_executor *executor);
void gw_executor_clear_moves(gw_executor *executor);
/* What has no memory yet of the instance's state does not come any more. */
void gw_executor_drop_arrivals(gw_executor *executor, uint32_t instance);
/* A copy of state has arrived. */
void gw_executor_end_departure(gw_executor *executor, const gw_flight *done);
/* Memory was released: what waits for it tries again. */
void gw_executor_retry_moves(gw_executor *executor);
void gw_executor_explain_moves(const gw_executor *executor, GString *out);

/* --- Exchanges (executor_exchange.c) --- */

/* The gang stands in the queues: it deals rows, is dealt some, or gets them back. */
void gw_executor_launch_exchanges(gw_executor *executor, gw_host_instance *instance,
                                  const gw_plan_node *node, uint32_t run, uint64_t gang);
/* A COUNTS or ROWS copy is done. */
void gw_executor_exchange_copied(gw_executor *executor, gw_host_instance *instance,
                                 const gw_flight *done);
/* READY for a RETURN, from `host`. */
void gw_executor_return_rows(gw_executor *executor, uint32_t host, const gw_ready_item *item);

/* --- Blocking hand-offs (executor_handoff.c): only where executor->has_handoffs --- */

gw_handoffs *gw_handoffs_new(void);
void gw_handoffs_free(gw_handoffs *handoffs); /* May be NULL. */
/* executor.c: onto its devices' queues, with all that follows from that.  Its memory is there. */
void gw_executor_enqueue_gang(gw_executor *executor, gw_host_instance *instance,
                              const gw_kernel *kernel);
/* A gang that has its memory: its inputs may come, and it is enqueued when they are here and the
 * one before it is done.  `kernel` is copied; its arrivals are how many pieces come. */
void gw_executor_hold_gang(gw_executor *executor, gw_host_instance *instance,
                           const gw_kernel *kernel);
/* True: it is held, so nothing can be copied from it yet. */
bool gw_handoffs_holds(const gw_handoffs *handoffs, uint64_t gang);
/* A piece for that gang of `host` is about to be copied: the number for its flight. */
uint32_t gw_handoffs_begin(gw_handoffs *handoffs, uint32_t host, uint64_t gang);
/* It is there: its host is told. */
void gw_executor_tell_handed(gw_executor *executor, const gw_flight *done);
/* One kernel of this host is done. */
void gw_handoffs_end(gw_handoffs *handoffs);
/* The next gang, if its time has come. */
void gw_executor_launch_held(gw_executor *executor);
void gw_executor_explain_held(const gw_executor *executor, GString *out);
