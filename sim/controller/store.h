/* SPDX-License-Identifier: Apache-2.0 */
/* A host's share of the object store: buffers by reference.
 *
 * Each loaded instance has a block: one entry per slot of the host's meshes and run in flight.  An
 * entry stands for all local shards of one logical buffer; its reference count is of logical
 * readers, whatever the number of shards.  The writer counts as one until its gang is done. */
#pragma once

#include "controller/lower.h"
#include "controller/port.h"

typedef struct {    /* Of an entry whose slot is copied from: asked for rarely, so kept apart. */
    uint64_t gang;  /* That writes it. */
    uint32_t ready; /* The executor's list of targets that await it: 1 + the first; 0: empty. */
} gw_writer;

/* What is asked for with every buffer comes last, from `plan` on. */
typedef struct {
    gw_writer *writers; /* By entry; NULL: nothing is copied from any. */
    uint8_t *is_away;   /* By entry: it lies in the host's memory; NULL: none ever does. */
    uint8_t *is_moved;  /* By entry: nobody has ordered it; NULL: that holds for none. */
    const gw_plan *plan;
    uint32_t instance, depth; /* Runs that may hold buffers at once. */
    uint32_t first_buffer;    /* Buffer numbers on this host: first_buffer + entry. */
    gw_slots slots;           /* That it has entries of. */
    uint32_t *refs;           /* By entry, gw_block_entry(); 0: not held. */
    uint32_t *buffers; /* By entry: 1 + its buffer, which others held before it; 0: its own, as
                          all have where this is NULL. */
    uint8_t *is_taken; /* By entry: another holds its buffer by now; NULL: likewise. */
} gw_block;

/* So much was given back on every local device of the mesh. */
typedef void (*gw_store_listener)(void *context, const gw_block *block, uint32_t mesh,
                                  uint64_t size_bytes);

typedef struct {
    gw_port *port;
    uint32_t next_buffer;
    bool was_released;          /* Since somebody last cleared it: waiting gangs may try again. */
    gw_store_listener listener; /* NULL: nobody counts bytes. */
    void *listener_context;
} gw_store;

void gw_store_init(gw_store *store, gw_port *port);
/* From now on `listener` hears of all buffers that are given back, but for those that were never
 * used (gw_store_undo).  Of workspaces it does not: they are held while the block is open. */
void gw_store_listen(gw_store *store, gw_store_listener listener, void *context);

/* `slots` has at least those of the meshes that lie here: others have no entries. */
void gw_store_open(gw_store *store, gw_block *block, uint32_t instance, const gw_plan *plan,
                   gw_slots slots, uint32_t depth);
/* Gives back whatever the block still holds, whoever reads it. */
void gw_store_close(gw_store *store, gw_block *block);

static inline uint32_t gw_block_entry(const gw_block *block, uint32_t slot, uint32_t run)
{
    return (run % block->depth) * block->slots.count + (slot - block->slots.first);
}
static inline uint32_t gw_block_entry_count(const gw_block *block)
{
    return block->slots.count * block->depth;
}
static inline uint32_t gw_block_slot(const gw_block *block, uint32_t entry)
{
    return block->slots.first + entry % block->slots.count;
}

static inline uint32_t gw_block_buffer(const gw_block *block, uint32_t entry)
{
    const bool is_own = block->buffers == NULL || block->buffers[entry] == 0;
    return is_own ? block->first_buffer + entry : block->buffers[entry] - 1;
}

/* Frees what the block is made of, without a word to the port: the world is gone. */
void gw_block_clear(gw_block *block);

/* Memory on every local device of the slot's mesh, `refs` references, written by `gang`.
 * False: full at this moment, nothing was taken. */
bool gw_store_reserve(gw_store *store, gw_block *block, uint32_t slot, uint32_t run, uint64_t gang,
                      uint32_t refs);
/* As gw_store_reserve, of what another instance's run has written: no scheduler has counted it, so
 * the listener does not hear when it is given back. */
bool gw_store_reserve_moved(gw_store *store, gw_block *block, uint32_t slot, uint32_t run,
                            uint32_t refs);
/* An entry with `refs` references that takes over the buffer of `donor`, an entry that is held by
 * readers alone; they go on reading, and the last of them gives nothing back. */
void gw_block_take_over(gw_block *block, uint32_t slot, uint32_t run, uint64_t gang, uint32_t refs,
                        uint32_t donor);
/* One reference less; the last one gives the memory back.  Permanent slots are kept. */
void gw_store_release(gw_store *store, gw_block *block, uint32_t slot, uint32_t run);
/* Takes a reservation back that nobody has used. */
void gw_store_undo(gw_store *store, gw_block *block, uint32_t slot, uint32_t run);

/* One reference less of an entry that may be permanent: of a reader that took one itself. */
void gw_store_release_reader(gw_store *store, gw_block *block, uint32_t slot, uint32_t entry);
/* The entry keeps its references and gives its device memory back, or has it again.  False: full at
 * this moment. */
void gw_store_send_away(gw_store *store, gw_block *block, uint32_t slot, uint32_t entry);
bool gw_store_bring_back(gw_store *store, gw_block *block, uint32_t slot, uint32_t entry);

/* The workspace of one mesh, held while the block is open. */
bool gw_store_reserve_workspace(gw_store *store, gw_block *block, uint32_t mesh);
void gw_store_release_workspace(gw_store *store, gw_block *block, uint32_t mesh);
