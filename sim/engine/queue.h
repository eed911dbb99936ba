/* SPDX-License-Identifier: Apache-2.0 */
/* The adaptive radix ladder: a monotone queue of 16-byte entries, first in first out among equals.
 *
 * Nothing may be pushed before the instant last popped.  The highest bit in which an entry's time
 * differs from that instant selects a rung; the bits that the rung owns select one of its buckets;
 * a push is an append.  Buckets keep their order and equal times always share one, so that the
 * order of pushing needs no sequence numbers.  The nearest bucket is sorted into a small buffer
 * when its time has come, or becomes a finer rung if it is full.  How finely a rung divides time
 * follows from how much it holds: there is nothing to tune.  Once warm, nothing allocates.
 *
 * The structure is in the header so that the engine's own loop contains the two hot paths; use
 * the functions only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

typedef struct {
    gw_time due_ns;
    uint64_t payload; /* The owner's own meaning. */
} gw_queue_entry;

/* Tells that these entries will be popped soon, so that the owner can prefetch what they stand
 * for: a hint.  Most entries are announced twice, and `is_close` the second time; those pushed
 * with little delay not at all. */
typedef void (*gw_queue_announce)(const void *owner, const gw_queue_entry *entries, uint32_t count,
                                  bool is_close);

#define GW_QUEUE_CHUNK_ENTRIES 32 /* The last of a chunk is its link to the next. */
#define GW_QUEUE_CHUNK_LINK    (GW_QUEUE_CHUNK_ENTRIES - 1)
#define GW_QUEUE_RUNGS_MAX     64 /* A rung owns one bit of time at least. */
#define GW_QUEUE_RUNG_BITS_MAX 10
#define GW_QUEUE_RUNG_WORDS    ((1 << GW_QUEUE_RUNG_BITS_MAX) / 64)
#define GW_QUEUE_NEAR_ENTRIES  64

/* A list of chunks.  `tail` is the index of the entry to write next; it stands on a link when the
 * last chunk is full, or when there is none: an empty bucket ends in chunk 0, which is nobody's. */
typedef struct {
    uint32_t first_chunk, tail;
} gw_queue_bucket;

/* Owns some bits of time, from `shift` upwards, as many as `mask` has. */
typedef struct {
    uint32_t shift, mask;
    gw_queue_bucket *buckets;
    uint32_t bucket_capacity;
    uint32_t filled_words; /* Bit i: filled[i] is not 0. */
    uint64_t filled[GW_QUEUE_RUNG_WORDS];
} gw_queue_rung;

typedef struct {
    uint64_t count;
    gw_time present_ns;    /* Last popped. */
    gw_time reference_ns;  /* In the near block: what times are compared with. */
    gw_time near_until_ns; /* The last instant of the near block. */
    uint32_t near_first, near_end;
    uint32_t instant_head;   /* Entry to pop next, */
    gw_queue_bucket instant; /* of entries due at present_ns. */
    gw_queue_entry *entries; /* All chunks. */
    uint32_t free_chunk;     /* 0: none. */
    uint32_t chunk_count, chunk_capacity;
    uint32_t rung_count;
    uint64_t filled_rungs; /* Bit i: rungs[i] is not empty.  The last rung is the finest. */
    uint8_t rung_of_bit[64];
    gw_queue_announce announce;
    const void *owner;
    gw_queue_entry near[GW_QUEUE_NEAR_ENTRIES]; /* Sorted: [near_first, near_end). */
    gw_queue_rung rungs[GW_QUEUE_RUNGS_MAX];
} gw_queue;

/* `announce` may be NULL; `owner` is handed to it and borrowed for the queue's life. */
void gw_queue_init(gw_queue *queue, gw_queue_announce announce, const void *owner);
void gw_queue_clear(gw_queue *queue);

/* An empty queue forgets what it popped last: from now on `present_ns` counts as that. */
void gw_queue_restart(gw_queue *queue, gw_time present_ns);

/* Takes out all entries for which `keep` says false; the others stay in order. */
void gw_queue_sweep(gw_queue *queue, bool (*keep)(void *context, uint64_t payload), void *context);

/* For gw_queue_push() and gw_queue_pop() only: what is not on their hot paths. */
void gw_queue_push_near(gw_queue *queue, gw_queue_entry entry);
void gw_queue_extend_bucket(gw_queue *queue, gw_queue_rung *rung, uint32_t index);
bool gw_queue_pop_slowly(gw_queue *queue, gw_queue_entry *out_entry);

/* `entry.due_ns` is not before the instant last popped. */
static inline void gw_queue_push(gw_queue *queue, gw_queue_entry entry)
{
    queue->count++;
    if (entry.due_ns <= queue->near_until_ns) {
        gw_queue_push_near(queue, entry);
        return;
    }
    const uint32_t bit = 63 - (uint32_t)__builtin_clzll(entry.due_ns ^ queue->reference_ns);
    gw_queue_rung *rung = &queue->rungs[queue->rung_of_bit[bit]];
    const uint32_t index = (uint32_t)(entry.due_ns >> rung->shift) & rung->mask;
    gw_queue_bucket *bucket = &rung->buckets[index];
    if (G_UNLIKELY(bucket->tail % GW_QUEUE_CHUNK_ENTRIES == GW_QUEUE_CHUNK_LINK)) {
        gw_queue_extend_bucket(queue, rung, index);
    }
    queue->entries[bucket->tail++] = entry;
}

/* The earliest entry, and of equal ones the first pushed.  False, and nothing set: empty. */
static inline bool gw_queue_pop(gw_queue *queue, gw_queue_entry *out_entry)
{
    if (queue->instant_head != queue->instant.tail || queue->near_first == queue->near_end) {
        return gw_queue_pop_slowly(queue, out_entry);
    }
    *out_entry = queue->near[queue->near_first++];
    queue->present_ns = out_entry->due_ns;
    queue->count--;
    return true;
}
