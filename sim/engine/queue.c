/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder off its hot paths.
 *
 * The 64 bits of time are shared out among the rungs, coarse ones first: a hierarchy of timing
 * wheels whose digits are as wide as their contents ask for.  The finest rung's present bucket is
 * the near block: its entries are in `near`, sorted, but for those pushed with no delay at all,
 * which follow in `instant`.  A bucket is taken only when all finer rungs are empty; that is when
 * the bits below it are shared out anew. */
#include "engine/queue.h"

#include <string.h>

#include "base/check.h"

#define EMPTY_TAIL         GW_QUEUE_CHUNK_LINK /* In chunk 0. */
#define CHUNK_BYTES        (GW_QUEUE_CHUNK_ENTRIES * sizeof(gw_queue_entry))
#define CACHE_LINE_BYTES   64
#define CHUNK_CAPACITY_MIN 64
#define CHUNK_CAPACITY_MAX (UINT32_MAX / GW_QUEUE_CHUNK_ENTRIES)
#define NEAR_LOAD_MAX      48 /* A bucket that holds more becomes a rung. */
#define BUCKET_LOAD        16 /* What a new rung wants in a bucket. */
#define PLAIN_RUNG_BITS    6  /* Of a rung of which it is not known what it will hold. */
#define ANNOUNCE_BATCH     16 /* Of one instant: more at once would wait for memory. */

/* Bits [0, count), also for 64. */
static uint64_t low_bits(uint32_t count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* --- Chunks --- */

static gw_queue_entry *chunk_entries(const gw_queue *queue, uint32_t chunk)
{
    return &queue->entries[(size_t)chunk * GW_QUEUE_CHUNK_ENTRIES];
}

static uint32_t chunk_after(const gw_queue *queue, uint32_t chunk)
{
    return (uint32_t)chunk_entries(queue, chunk)[GW_QUEUE_CHUNK_LINK].payload;
}

static void link_chunk(gw_queue *queue, uint32_t chunk, uint32_t next)
{
    chunk_entries(queue, chunk)[GW_QUEUE_CHUNK_LINK].payload = next;
}

static void grow_chunks(gw_queue *queue)
{
    gw_check(queue->chunk_capacity <= CHUNK_CAPACITY_MAX / 2);
    const uint32_t capacity = queue->chunk_capacity * 2;
    gw_queue_entry *entries = g_aligned_alloc(capacity, CHUNK_BYTES, CACHE_LINE_BYTES);
    memcpy(entries, queue->entries, queue->chunk_count * CHUNK_BYTES);
    g_aligned_free(queue->entries);
    queue->entries = entries;
    queue->chunk_capacity = capacity;
}

static uint32_t take_chunk(gw_queue *queue)
{
    const uint32_t chunk = queue->free_chunk;
    if (G_LIKELY(chunk != 0)) {
        queue->free_chunk = chunk_after(queue, chunk);
        return chunk;
    }
    if (queue->chunk_count == queue->chunk_capacity) {
        grow_chunks(queue);
    }
    return queue->chunk_count++;
}

static void give_list(gw_queue *queue, uint32_t first_chunk, uint32_t last_chunk)
{
    link_chunk(queue, last_chunk, queue->free_chunk);
    queue->free_chunk = first_chunk;
}

static void give_chunk(gw_queue *queue, uint32_t chunk)
{
    give_list(queue, chunk, chunk);
}

/* How many entries `chunk` holds, being in the list that ends at `tail`. */
static uint32_t chunk_load(uint32_t chunk, uint32_t tail)
{
    const bool is_last = chunk == tail / GW_QUEUE_CHUNK_ENTRIES;
    return is_last ? tail % GW_QUEUE_CHUNK_ENTRIES : GW_QUEUE_CHUNK_LINK;
}

/* Gives `bucket`, whose tail stands on a link, one more chunk. */
static void extend_list(gw_queue *queue, gw_queue_bucket *bucket)
{
    const uint32_t chunk = take_chunk(queue);
    if (bucket->tail == EMPTY_TAIL) {
        bucket->first_chunk = chunk;
    } else {
        link_chunk(queue, bucket->tail / GW_QUEUE_CHUNK_ENTRIES, chunk);
    }
    bucket->tail = chunk * GW_QUEUE_CHUNK_ENTRIES;
}

/* --- Rungs --- */

/* Adds a rung, finer than all others, for `bit_count` bits from `shift` upwards. */
static gw_queue_rung *add_rung(gw_queue *queue, uint32_t shift, uint32_t bit_count)
{
    gw_check(queue->rung_count < GW_QUEUE_RUNGS_MAX);
    gw_check(bit_count > 0 && bit_count <= GW_QUEUE_RUNG_BITS_MAX);
    const uint32_t index = queue->rung_count++;
    gw_queue_rung *rung = &queue->rungs[index];
    const uint32_t bucket_count = UINT32_C(1) << bit_count;
    rung->shift = shift;
    rung->mask = bucket_count - 1;
    if (rung->bucket_capacity < bucket_count) {
        rung->buckets = g_renew(gw_queue_bucket, rung->buckets, bucket_count);
        for (uint32_t i = rung->bucket_capacity; i < bucket_count; i++) {
            rung->buckets[i] = (gw_queue_bucket){.tail = EMPTY_TAIL};
        }
        rung->bucket_capacity = bucket_count;
    }
    memset(&queue->rung_of_bit[shift], (int)index, bit_count);
    return rung;
}

/* Shares out bits [low, high) among rungs of a plain width. */
static void add_plain_rungs(gw_queue *queue, uint32_t low, uint32_t high)
{
    while (high > low) {
        const uint32_t bit_count = MIN(high - low, PLAIN_RUNG_BITS);
        high -= bit_count;
        add_rung(queue, high, bit_count);
    }
}

static void mark_filled(gw_queue *queue, gw_queue_rung *rung, uint32_t index)
{
    rung->filled[index / 64] |= UINT64_C(1) << (index % 64);
    rung->filled_words |= UINT32_C(1) << (index / 64);
    queue->filled_rungs |= UINT64_C(1) << (rung - queue->rungs);
}

static void mark_empty(gw_queue *queue, gw_queue_rung *rung, uint32_t index)
{
    rung->buckets[index].tail = EMPTY_TAIL;
    rung->filled[index / 64] &= ~(UINT64_C(1) << (index % 64));
    if (rung->filled[index / 64] == 0) {
        rung->filled_words &= ~(UINT32_C(1) << (index / 64));
        if (rung->filled_words == 0) {
            queue->filled_rungs &= ~(UINT64_C(1) << (rung - queue->rungs));
        }
    }
}

void gw_queue_extend_bucket(gw_queue *queue, gw_queue_rung *rung, uint32_t index)
{
    gw_queue_bucket *bucket = &rung->buckets[index];
    if (bucket->tail == EMPTY_TAIL) {
        mark_filled(queue, rung, index);
    }
    extend_list(queue, bucket);
}

static void append_to_rung(gw_queue *queue, gw_queue_rung *rung, gw_queue_entry entry)
{
    const uint32_t index = (uint32_t)(entry.due_ns >> rung->shift) & rung->mask;
    gw_queue_bucket *bucket = &rung->buckets[index];
    if (G_UNLIKELY(bucket->tail % GW_QUEUE_CHUNK_ENTRIES == GW_QUEUE_CHUNK_LINK)) {
        gw_queue_extend_bucket(queue, rung, index);
    }
    queue->entries[bucket->tail++] = entry;
}

/* The index of the first bucket that is not empty, in a rung that is not. */
static uint32_t first_filled(const gw_queue_rung *rung)
{
    const uint32_t word = (uint32_t)__builtin_ctz(rung->filled_words);
    return word * 64 + (uint32_t)__builtin_ctzll(rung->filled[word]);
}

/* Takes the nearest bucket of all off its rung, which becomes the finest, and sets the near block
 * to what the bucket spans. */
static gw_queue_bucket take_nearest_bucket(gw_queue *queue)
{
    gw_check(queue->filled_rungs != 0);
    const uint32_t rung_index = 63 - (uint32_t)__builtin_clzll(queue->filled_rungs);
    gw_queue_rung *rung = &queue->rungs[rung_index];
    const uint32_t index = first_filled(rung);
    const gw_queue_bucket bucket = rung->buckets[index];
    mark_empty(queue, rung, index);
    queue->rung_count = rung_index + 1;
    const uint64_t own_bits = (uint64_t)rung->mask << rung->shift | low_bits(rung->shift);
    queue->reference_ns = (queue->reference_ns & ~own_bits) | (uint64_t)index << rung->shift;
    queue->near_until_ns = queue->reference_ns | low_bits(rung->shift);
    return bucket;
}

/* --- The near buffer --- */

static void announce_entries(const gw_queue *queue, const gw_queue_entry *entries, uint32_t count,
                             bool is_close)
{
    if (queue->announce != NULL) {
        queue->announce(queue->owner, entries, count, is_close);
    }
}

/* Stable, by counting for each entry how many go before it: no branch depends on the times. */
static void sort_by_rank(const gw_queue_entry *source, gw_queue_entry *target, uint32_t count)
{
    uint32_t ranks[NEAR_LOAD_MAX];
    for (uint32_t i = 0; i < count; i++) {
        const gw_time due_ns = source[i].due_ns;
        uint32_t rank = 0;
        for (uint32_t j = 0; j < i; j++) {
            const uint32_t is_later = source[j].due_ns > due_ns;
            ranks[j] += is_later;
            rank += is_later;
        }
        ranks[i] = i - rank;
    }
    for (uint32_t i = 0; i < count; i++) {
        target[ranks[i]] = source[i];
    }
}

/* Tells what the near buffer will be loaded with next, or the beginning of that. */
static void announce_next_bucket(const gw_queue *queue)
{
    const gw_queue_rung *rung = &queue->rungs[queue->rung_count - 1];
    if (queue->announce != NULL && rung->filled_words != 0) {
        const gw_queue_bucket bucket = rung->buckets[first_filled(rung)];
        const gw_queue_entry *entries = chunk_entries(queue, bucket.first_chunk);
        queue->announce(queue->owner, entries, chunk_load(bucket.first_chunk, bucket.tail), false);
    }
}

/* The whole of `bucket` goes to the near buffer if it is small enough.  False: it is not, and
 * nothing has changed. */
static bool load_near(gw_queue *queue, gw_queue_bucket bucket)
{
    gw_queue_entry gathered[NEAR_LOAD_MAX];
    const uint32_t last_chunk = bucket.tail / GW_QUEUE_CHUNK_ENTRIES;
    uint32_t count = 0;
    uint32_t chunk = bucket.first_chunk;
    while (true) {
        const uint32_t load = chunk_load(chunk, bucket.tail);
        if (count + load > NEAR_LOAD_MAX) {
            return false;
        }
        memcpy(&gathered[count], chunk_entries(queue, chunk), load * sizeof(gw_queue_entry));
        count += load;
        if (chunk == last_chunk) {
            break;
        }
        chunk = chunk_after(queue, chunk);
    }
    announce_entries(queue, gathered, count, true);
    give_list(queue, bucket.first_chunk, last_chunk);
    sort_by_rank(gathered, queue->near, count);
    queue->near_first = 0;
    queue->near_end = count;
    announce_next_bucket(queue);
    return true;
}

/* What a long bucket holds. */
typedef struct {
    uint64_t count;
    uint64_t difference; /* Every bit in which two of its times differ, and no other. */
} bucket_survey;

static void prefetch_chunk(const gw_queue *queue, uint32_t chunk)
{
    const char *bytes = (const char *)chunk_entries(queue, chunk);
    for (size_t i = 0; i < CHUNK_BYTES; i += CACHE_LINE_BYTES) {
        __builtin_prefetch(bytes + i);
    }
}

static bucket_survey survey_bucket(const gw_queue *queue, gw_queue_bucket bucket)
{
    const uint32_t last_chunk = bucket.tail / GW_QUEUE_CHUNK_ENTRIES;
    uint32_t chunk = bucket.first_chunk;
    const gw_time first_ns = chunk_entries(queue, chunk)->due_ns;
    bucket_survey survey = {0};
    while (true) {
        const gw_queue_entry *entries = chunk_entries(queue, chunk);
        const uint32_t load = chunk_load(chunk, bucket.tail);
        const uint32_t next = chunk_after(queue, chunk);
        if (chunk != last_chunk) {
            prefetch_chunk(queue, next);
        }
        for (uint32_t i = 0; i < load; i++) {
            survey.difference |= entries[i].due_ns ^ first_ns;
        }
        survey.count += load;
        if (chunk == last_chunk) {
            return survey;
        }
        chunk = next;
    }
}

/* How many bits a rung needs for `count` entries. */
static uint32_t rung_bits_for(uint64_t count)
{
    uint32_t bit_count = 1;
    while (bit_count < GW_QUEUE_RUNG_BITS_MAX && (count >> bit_count) > BUCKET_LOAD) {
        bit_count++;
    }
    return bit_count;
}

/* Makes a rung of `bucket`, which spans the near block.  Only the bits in which its entries
 * differ are worth a close look. */
static void refine_bucket(gw_queue *queue, gw_queue_bucket bucket, bucket_survey survey)
{
    const uint32_t block_shift = queue->rungs[queue->rung_count - 1].shift;
    const uint32_t high = 64 - (uint32_t)__builtin_clzll(survey.difference);
    gw_check(high <= block_shift);
    add_plain_rungs(queue, high, block_shift);
    const uint32_t bit_count = MIN(rung_bits_for(survey.count), high);
    gw_queue_rung *rung = add_rung(queue, high - bit_count, bit_count);
    const uint32_t last_chunk = bucket.tail / GW_QUEUE_CHUNK_ENTRIES;
    uint32_t chunk = bucket.first_chunk;
    queue->reference_ns = chunk_entries(queue, chunk)->due_ns;
    while (true) {
        const uint32_t load = chunk_load(chunk, bucket.tail);
        for (uint32_t i = 0; i < load; i++) {
            append_to_rung(queue, rung, chunk_entries(queue, chunk)[i]); /* They may move. */
        }
        const uint32_t next = chunk_after(queue, chunk);
        give_chunk(queue, chunk);
        if (chunk == last_chunk) {
            return;
        }
        chunk = next;
    }
}

/* Fills the near buffer, or, from many equal times, the instant. */
static void take_nearest(gw_queue *queue)
{
    while (true) {
        const gw_queue_bucket bucket = take_nearest_bucket(queue);
        if (load_near(queue, bucket)) {
            return;
        }
        const bucket_survey survey = survey_bucket(queue, bucket);
        if (survey.difference == 0) {
            queue->instant = bucket;
            queue->instant_head = bucket.first_chunk * GW_QUEUE_CHUNK_ENTRIES;
            return;
        }
        refine_bucket(queue, bucket, survey);
    }
}

/* The near buffer is full and `due_ns` belongs into it: narrows the near block, and what is now
 * beyond it goes to a new rung. */
static void narrow_near(gw_queue *queue, gw_time due_ns)
{
    const gw_time latest_ns = MAX(due_ns, queue->near[queue->near_end - 1].due_ns);
    gw_check(latest_ns > queue->present_ns);
    const uint32_t block_shift = queue->rungs[queue->rung_count - 1].shift;
    const uint32_t high = 64 - (uint32_t)__builtin_clzll(latest_ns ^ queue->present_ns);
    gw_check(high <= block_shift);
    add_plain_rungs(queue, high, block_shift);
    const uint32_t bit_count = MIN(PLAIN_RUNG_BITS, high);
    gw_queue_rung *rung = add_rung(queue, high - bit_count, bit_count);
    queue->reference_ns = queue->present_ns;
    queue->near_until_ns = queue->present_ns | low_bits(rung->shift);
    uint32_t kept_end = queue->near_end;
    while (kept_end > queue->near_first &&
           queue->near[kept_end - 1].due_ns > queue->near_until_ns) {
        kept_end--;
    }
    for (uint32_t i = kept_end; i < queue->near_end; i++) {
        append_to_rung(queue, rung, queue->near[i]);
    }
    queue->near_end = kept_end;
}

/* After all entries that are not later. */
static void insert_near(gw_queue *queue, gw_queue_entry entry)
{
    gw_queue_entry *near = queue->near;
    if (queue->near_end == GW_QUEUE_NEAR_ENTRIES) {
        queue->near_end -= queue->near_first;
        memmove(near, near + queue->near_first, queue->near_end * sizeof(*near));
        queue->near_first = 0;
    }
    uint32_t position = queue->near_end;
    while (position > queue->near_first && near[position - 1].due_ns > entry.due_ns) {
        near[position] = near[position - 1];
        position--;
    }
    near[position] = entry;
    queue->near_end++;
}

void gw_queue_push_near(gw_queue *queue, gw_queue_entry entry)
{
    gw_check(entry.due_ns >= queue->present_ns);
    if (entry.due_ns == queue->present_ns) {
        const bool was_empty = queue->instant.tail == EMPTY_TAIL;
        if (queue->instant.tail % GW_QUEUE_CHUNK_ENTRIES == GW_QUEUE_CHUNK_LINK) {
            extend_list(queue, &queue->instant);
        }
        if (was_empty) {
            queue->instant_head = queue->instant.tail;
        }
        queue->entries[queue->instant.tail++] = entry;
        return;
    }
    if (queue->near_end - queue->near_first == GW_QUEUE_NEAR_ENTRIES) {
        narrow_near(queue, entry.due_ns);
        queue->count--; /* It is counted when it is pushed again. */
        gw_queue_push(queue, entry);
        return;
    }
    insert_near(queue, entry);
}

/* --- Popping --- */

static void pop_near(gw_queue *queue, gw_queue_entry *out_entry)
{
    *out_entry = queue->near[queue->near_first++];
}

/* How many of the instant's entries, from `position` on, are announced together. */
static uint32_t instant_batch(const gw_queue *queue, uint32_t position)
{
    const uint32_t chunk = position / GW_QUEUE_CHUNK_ENTRIES;
    const uint32_t end = chunk * GW_QUEUE_CHUNK_ENTRIES + chunk_load(chunk, queue->instant.tail);
    return MIN(end - position, ANNOUNCE_BATCH - position % ANNOUNCE_BATCH);
}

/* Tells of the entries that pop_instant() comes to now, and of those after them. */
static void announce_instant(const gw_queue *queue)
{
    const uint32_t count = instant_batch(queue, queue->instant_head);
    announce_entries(queue, &queue->entries[queue->instant_head], count, true);
    uint32_t position = queue->instant_head + count;
    if (position == queue->instant.tail) {
        return;
    }
    if (position % GW_QUEUE_CHUNK_ENTRIES == GW_QUEUE_CHUNK_LINK) {
        position = chunk_after(queue, position / GW_QUEUE_CHUNK_ENTRIES) * GW_QUEUE_CHUNK_ENTRIES;
    }
    announce_entries(queue, &queue->entries[position], instant_batch(queue, position), false);
}

static void pop_instant(gw_queue *queue, gw_queue_entry *out_entry)
{
    const uint32_t chunk = queue->instant_head / GW_QUEUE_CHUNK_ENTRIES;
    *out_entry = queue->entries[queue->instant_head++];
    if (queue->instant_head == queue->instant.tail) {
        give_chunk(queue, chunk);
        queue->instant.tail = EMPTY_TAIL;
        queue->instant_head = EMPTY_TAIL;
        return;
    }
    if (queue->instant_head % GW_QUEUE_CHUNK_ENTRIES == GW_QUEUE_CHUNK_LINK) {
        queue->instant_head = chunk_after(queue, chunk) * GW_QUEUE_CHUNK_ENTRIES;
        give_chunk(queue, chunk);
    }
    if (queue->instant_head % ANNOUNCE_BATCH == 0) {
        announce_instant(queue);
    }
}

bool gw_queue_pop_slowly(gw_queue *queue, gw_queue_entry *out_entry)
{
    if (queue->count == 0) {
        return false;
    }
    const bool has_instant = queue->instant_head != queue->instant.tail;
    const bool has_near = queue->near_first != queue->near_end;
    if (!has_instant && !has_near) {
        take_nearest(queue);
    }
    /* Near entries due at the present instant were pushed before it was the present. */
    if (queue->near_first != queue->near_end &&
        (!has_instant || queue->near[queue->near_first].due_ns == queue->present_ns)) {
        pop_near(queue, out_entry);
    } else {
        pop_instant(queue, out_entry);
    }
    queue->present_ns = out_entry->due_ns;
    queue->count--;
    return true;
}

/* --- Life --- */

void gw_queue_restart(gw_queue *queue, gw_time present_ns)
{
    gw_check(queue->count == 0);
    queue->near_first = 0;
    queue->near_end = 0;
    queue->rung_count = 0;
    queue->present_ns = present_ns;
    queue->reference_ns = present_ns;
    queue->near_until_ns = present_ns;
    add_plain_rungs(queue, 0, 64);
}

void gw_queue_init(gw_queue *queue, gw_queue_announce announce, const void *owner)
{
    memset(queue, 0, sizeof(*queue));
    queue->announce = announce;
    queue->owner = owner;
    queue->chunk_capacity = CHUNK_CAPACITY_MIN;
    queue->chunk_count = 1;
    queue->entries = g_aligned_alloc(queue->chunk_capacity, CHUNK_BYTES, CACHE_LINE_BYTES);
    queue->instant.tail = EMPTY_TAIL;
    queue->instant_head = EMPTY_TAIL;
    gw_queue_restart(queue, 0);
}

void gw_queue_clear(gw_queue *queue)
{
    for (uint32_t i = 0; i < GW_QUEUE_RUNGS_MAX; i++) {
        g_free(queue->rungs[i].buckets);
    }
    g_aligned_free(queue->entries);
    memset(queue, 0, sizeof(*queue));
}

/* --- Sweeping --- */

typedef struct {
    bool (*keep)(void *context, uint64_t payload);
    void *context;
    uint64_t kept_count;
} sweep_state;

static bool keep_entry(sweep_state *sweep, const gw_queue_entry *entry)
{
    const bool is_kept = sweep->keep(sweep->context, entry->payload);
    sweep->kept_count += is_kept;
    return is_kept;
}

/* Sweeps the list from entry `head` on.  A list left empty has EMPTY_TAIL. */
static void sweep_list(gw_queue *queue, gw_queue_bucket *bucket, uint32_t head, sweep_state *sweep)
{
    uint32_t read = head;
    uint32_t write = head;
    while (read != bucket->tail) {
        if (read % GW_QUEUE_CHUNK_ENTRIES == GW_QUEUE_CHUNK_LINK) {
            read = chunk_after(queue, read / GW_QUEUE_CHUNK_ENTRIES) * GW_QUEUE_CHUNK_ENTRIES;
        }
        if (keep_entry(sweep, &queue->entries[read])) {
            if (write % GW_QUEUE_CHUNK_ENTRIES == GW_QUEUE_CHUNK_LINK) {
                write = chunk_after(queue, write / GW_QUEUE_CHUNK_ENTRIES) * GW_QUEUE_CHUNK_ENTRIES;
            }
            queue->entries[write++] = queue->entries[read];
        }
        read++;
    }
    const uint32_t write_chunk = write / GW_QUEUE_CHUNK_ENTRIES;
    const uint32_t last_chunk = bucket->tail / GW_QUEUE_CHUNK_ENTRIES;
    if (write_chunk != last_chunk) {
        give_list(queue, chunk_after(queue, write_chunk), last_chunk);
    }
    bucket->tail = write;
    if (write == head) {
        give_chunk(queue, head / GW_QUEUE_CHUNK_ENTRIES);
        bucket->tail = EMPTY_TAIL;
    }
}

static void sweep_rung(gw_queue *queue, gw_queue_rung *rung, sweep_state *sweep)
{
    for (uint32_t index = 0; index <= rung->mask; index++) {
        gw_queue_bucket *bucket = &rung->buckets[index];
        if (bucket->tail != EMPTY_TAIL) {
            sweep_list(queue, bucket, bucket->first_chunk * GW_QUEUE_CHUNK_ENTRIES, sweep);
            if (bucket->tail == EMPTY_TAIL) {
                mark_empty(queue, rung, index);
            }
        }
    }
}

void gw_queue_sweep(gw_queue *queue, bool (*keep)(void *context, uint64_t payload), void *context)
{
    sweep_state sweep = {.keep = keep, .context = context};
    uint32_t kept_end = queue->near_first;
    for (uint32_t i = queue->near_first; i < queue->near_end; i++) {
        if (keep_entry(&sweep, &queue->near[i])) {
            queue->near[kept_end++] = queue->near[i];
        }
    }
    queue->near_end = kept_end;
    if (queue->instant.tail != EMPTY_TAIL) {
        sweep_list(queue, &queue->instant, queue->instant_head, &sweep);
        if (queue->instant.tail == EMPTY_TAIL) {
            queue->instant_head = EMPTY_TAIL;
        }
    }
    for (uint32_t i = 0; i < queue->rung_count; i++) {
        sweep_rung(queue, &queue->rungs[i], &sweep);
    }
    queue->count = sweep.kept_count;
}
