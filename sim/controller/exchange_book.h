/* SPDX-License-Identifier: Apache-2.0 */
/* How far the exchanges of one instance are, as one host sees them (program/exchange.h).
 *
 * Of a run, a host that has source shards keeps what they deal, host by host, and what came of it;
 * one that has target shards keeps what comes.  A target knows that it has heard everything when
 * as many source shards have spoken as there are: those that deal it nothing speak, too, and then
 * send nothing.  Pieces on both sides are in the same order, by target and then by source shard,
 * so that an answer needs no names. */
#pragma once

#include "controller/lower.h"
#include "controller/message.h"

typedef struct { /* The shards of a mesh, by the hosts that hold them. */
    uint32_t shard_count, host_count;
    uint32_t *hosts;         /* In ascending order. */
    uint32_t *first;         /* By host, and one more: offsets into `shards`. */
    uint32_t *shards;        /* In ascending order for each host. */
    const uint32_t *devices; /* By shard; the book's. */
    /* Of this host: the place in `hosts`; GW_INDEX_NONE: it holds none. */
    uint32_t here;
} gw_exchange_mesh;

typedef struct {
    gw_dealt_rows rows;
    uint32_t source_host;
} gw_coming_rows;

typedef struct {
    uint32_t run_plus_1; /* Whose state this is; 0: nobody's. */
    /* Source shards are here. */
    uint32_t counts_left;    /* Shards whose counts are not on the host. */
    bool is_promised;        /* All have told what they deal. */
    GArray *dealt;           /* gw_dealt_rows, by host of the target, target, source. */
    uint32_t *first_dealt;   /* By host of the target mesh, and one more. */
    uint32_t unplaced_count; /* Of them: not known where they go. */
    uint32_t open_count;     /* Not arrived, and 1 until all is promised. */
    bool is_return_launched;
    uint64_t return_gang;
    /* Target shards are here. */
    uint32_t silent_count; /* Source shards that have not spoken. */
    GArray *coming;        /* gw_coming_rows; once placed by host, target, source. */
    bool is_target_launched;
    uint64_t target_gang;
    uint32_t returning_count; /* Pieces that have not gone back. */
} gw_exchange_run;

typedef struct {
    uint32_t edge, return_edge; /* GW_INDEX_NONE: rows stay. */
    uint32_t source_slot, counts_slot, return_slot;
    gw_exchange_mesh source, target;
    uint32_t capacity;
    gw_overflow overflow;
    uint64_t row_bytes, return_row_bytes;
    gw_exchange_run *runs; /* By run % depth. */
} gw_exchange_here;

typedef struct gw_exchange_book {
    uint32_t depth, count;
    gw_exchange_here *exchanges; /* DEALs, in order of edges. */
    uint32_t *by_edge;           /* The place of an edge's exchange; GW_INDEX_NONE: it is none. */
    uint32_t *devices;           /* Of the whole assignment. */
    GArray *counts;              /* uint32_t: scratch. */
} gw_exchange_book;

/* NULL: the program has no exchanges.  `plan` is borrowed for the book's life, the rest for the
 * call; `depth` runs may be under way. */
gw_exchange_book *gw_exchange_book_new(const gw_plan *plan, const gw_assignment *assignment,
                                       const gw_directory *directory, gw_node_id host,
                                       uint32_t depth);
void gw_exchange_book_free(gw_exchange_book *book);

/* The exchange of this edge, or that it returns. */
gw_exchange_here *gw_exchange_book_find(gw_exchange_book *book, uint32_t edge);
/* Its state in `run`: a new one when nobody has asked yet. */
gw_exchange_run *gw_exchange_book_run(const gw_exchange_book *book, gw_exchange_here *here,
                                      uint32_t run);

/* How many shards of the mesh are here, and which; in ascending order. */
static inline uint32_t gw_exchange_mesh_local_count(const gw_exchange_mesh *mesh)
{
    return mesh->here == GW_INDEX_NONE ? 0 : mesh->first[mesh->here + 1] - mesh->first[mesh->here];
}
static inline const uint32_t *gw_exchange_mesh_locals(const gw_exchange_mesh *mesh)
{
    return mesh->shards + mesh->first[mesh->here];
}
/* The host's place in mesh->hosts; it is there. */
uint32_t gw_exchange_mesh_place(const gw_exchange_mesh *mesh, uint32_t host);

/* What the local source shards deal: `counts` has a number per local source shard and target
 * shard.  Fills dealt, first_dealt, unplaced_count and open_count. */
void gw_exchange_deal_rows(const gw_exchange_here *here, gw_exchange_run *state,
                           const uint32_t *counts);

/* What all sources have told, in order: gives every piece its place on its target, and takes off
 * what is beyond the capacity.  False, with nothing changed but the order: too much, and the edge
 * says GW_OVERFLOW_FAIL; *out_shard and *out_rows are the first one and what it is dealt. */
bool gw_exchange_place_rows(const gw_exchange_here *here, gw_exchange_run *state,
                            uint64_t *out_dropped, uint32_t *out_shard, uint64_t *out_rows);
/* The pieces that come from a host: [*out_first, returned). */
uint32_t gw_exchange_coming_from(const gw_exchange_run *state, uint32_t host, uint32_t *out_first);
