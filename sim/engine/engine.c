/* SPDX-License-Identifier: Apache-2.0 */
/* The queue holds (due_ns, slot); what the event means waits in its slot, in half a cache line.
 *
 * A withdrawn event leaves its slot at once in all that can be seen, but the slot is reused only
 * when the queue has given up the entry that names it.  Entries of the withdrawn are swept out
 * when they outnumber the living, so that a timer that is always moved costs no memory. */
#include "engine/engine.h"

#include <string.h>

#include "base/check.h"
#include "engine/heap.h"
#include "engine/queue.h"

#define SLOT_NONE         UINT32_MAX
#define SLOT_CAPACITY_MIN 64
#define SLOT_CAPACITY_MAX (UINT32_C(1) << 31)
#define SWEEP_MIN         4096 /* Fewer withdrawn entries than this are not worth a sweep. */
#define KINDS_MAX         512
#define KIND_SLOTS        1024 /* A power of two. */
#define KIND_SLOT_SHIFT   54   /* 64 - log2(KIND_SLOTS). */

/* Odd, and otherwise arbitrary: the fractions of the golden ratio, of pi and of e. */
#define GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)
#define PI_FRACTION  UINT64_C(0x243f6a8885a308d3)
#define E_FRACTION   UINT64_C(0xb7e151628aed2a6b)

typedef struct {
    const gw_event_kind *kind; /* NULL: withdrawn, or free. */
    void *subject;
    uint64_t argument;
    uint32_t generation; /* Of the event that is in it, or of the next one. */
    uint32_t next_free;
} event_slot;

typedef struct {
    const gw_event_kind *kind; /* NULL: unused. */
    uint64_t name_hash;
} kind_slot;

struct gw_engine {
    gw_queue_kind queue_kind;
    uint32_t free_slot;
    uint32_t slot_count, slot_capacity;
    event_slot *slots;
    gw_time now_ns;
    uint64_t digest;
    uint64_t fired_count, pending_count;
    const gw_event_kind *current_kind;
    uint32_t kind_count;
    gw_heap heap;
    gw_queue ladder;
    kind_slot kinds[KIND_SLOTS]; /* Open addressing by address; nothing depends on its order. */
};

/* --- Slots --- */

static void grow_slots(gw_engine *engine)
{
    gw_check(engine->slot_capacity < SLOT_CAPACITY_MAX);
    engine->slot_capacity = MAX(engine->slot_capacity * 2, SLOT_CAPACITY_MIN);
    event_slot *slots = g_aligned_alloc(engine->slot_capacity, sizeof(event_slot), 64);
    if (engine->slot_count > 0) {
        memcpy(slots, engine->slots, engine->slot_count * sizeof(event_slot));
    }
    g_aligned_free(engine->slots);
    engine->slots = slots;
}

static uint32_t take_slot(gw_engine *engine)
{
    const uint32_t slot = engine->free_slot;
    if (G_LIKELY(slot != SLOT_NONE)) {
        engine->free_slot = engine->slots[slot].next_free;
        return slot;
    }
    if (engine->slot_count == engine->slot_capacity) {
        grow_slots(engine);
    }
    engine->slots[engine->slot_count].generation = 1;
    return engine->slot_count++;
}

static void give_slot(gw_engine *engine, uint32_t slot)
{
    engine->slots[slot].kind = NULL;
    engine->slots[slot].next_free = engine->free_slot;
    engine->free_slot = slot;
}

/* Makes all ids of the slot stale.  Generation 0 is never used. */
static void end_generation(event_slot *slot)
{
    slot->generation++;
    slot->generation += slot->generation == 0;
}

/* First the slots, and when these have come, the subjects in them. */
static void prefetch_events(const void *owner, const gw_queue_entry *entries, uint32_t count,
                            bool is_close)
{
    const gw_engine *engine = owner;
    const event_slot *slots = engine->slots;
    if (is_close) {
        for (uint32_t i = 0; i < count; i++) {
            __builtin_prefetch(slots[entries[i].payload].subject, 1);
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            __builtin_prefetch(&slots[entries[i].payload], 1);
        }
    }
}

/* --- The digest --- */

/* FNV-1a, and then a multiplication that brings its low bits to the high half. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    return (hash ^ (hash >> 32)) * GOLDEN_RATIO;
}

/* The hash of the kind's name, computed when the kind is first seen. */
static uint64_t find_name_hash(gw_engine *engine, const gw_event_kind *kind)
{
    uint32_t index = (uint32_t)((uint64_t)(uintptr_t)kind * GOLDEN_RATIO >> KIND_SLOT_SHIFT);
    while (engine->kinds[index].kind != kind) {
        if (engine->kinds[index].kind == NULL) {
            gw_check(engine->kind_count < KINDS_MAX);
            engine->kind_count++;
            engine->kinds[index] = (kind_slot){kind, hash_name(kind->name)};
            break;
        }
        index = (index + 1) % KIND_SLOTS;
    }
    return engine->kinds[index].name_hash;
}

/* Both halves of the product of two words, folded: each bit of the answer depends on all. */
static uint64_t fold_words(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Only the last line waits for the event before; it loses nothing of the state. */
static void digest_event(gw_engine *engine, uint64_t name_hash, uint64_t argument)
{
    const uint64_t word = fold_words(engine->now_ns ^ PI_FRACTION, name_hash) +
                          fold_words(argument ^ E_FRACTION, name_hash ^ GOLDEN_RATIO);
    const uint64_t state = engine->digest ^ word;
    engine->digest = (state << 29 | state >> 35) * GOLDEN_RATIO;
}

uint64_t gw_engine_digest(const gw_engine *engine)
{
    return fold_words(engine->digest ^ PI_FRACTION, engine->fired_count ^ E_FRACTION);
}

/* --- Life --- */

gw_engine *gw_engine_new(gw_queue_kind queue)
{
    gw_check(queue == GW_QUEUE_LADDER || queue == GW_QUEUE_HEAP);
    gw_engine *engine = g_new0(gw_engine, 1);
    engine->queue_kind = queue;
    engine->free_slot = SLOT_NONE;
    gw_queue_init(&engine->ladder, prefetch_events, engine);
    gw_heap_init(&engine->heap);
    return engine;
}

void gw_engine_free(gw_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    gw_queue_clear(&engine->ladder);
    gw_heap_clear(&engine->heap);
    g_aligned_free(engine->slots);
    g_free(engine);
}

/* --- Posting and withdrawing --- */

gw_event_id gw_engine_post(gw_engine *engine, gw_time due_ns, const gw_event_kind *kind,
                           void *subject, uint64_t argument)
{
    gw_check(due_ns >= engine->now_ns);
    gw_check(due_ns != GW_TIME_NEVER);
    gw_check(kind != NULL);
    const uint32_t index = take_slot(engine);
    event_slot *slot = &engine->slots[index];
    slot->kind = kind;
    slot->subject = subject;
    slot->argument = argument;
    engine->pending_count++;
    const gw_queue_entry entry = {.due_ns = due_ns, .payload = index};
    const gw_event_id id = {.slot = index, .generation = slot->generation};
    if (G_LIKELY(engine->queue_kind == GW_QUEUE_LADDER)) {
        gw_queue_push(&engine->ladder, entry);
    } else {
        gw_heap_push(&engine->heap, entry);
    }
    return id;
}

/* Says whether the event in this slot is alive; if not, the slot is free from now on. */
static bool keep_living(void *context, uint64_t payload)
{
    gw_engine *engine = context;
    if (engine->slots[payload].kind != NULL) {
        return true;
    }
    give_slot(engine, (uint32_t)payload);
    return false;
}

static void sweep_withdrawn(gw_engine *engine)
{
    if (engine->queue_kind == GW_QUEUE_LADDER) {
        gw_queue_sweep(&engine->ladder, keep_living, engine);
    } else {
        gw_heap_sweep(&engine->heap, keep_living, engine);
    }
}

bool gw_engine_withdraw(gw_engine *engine, gw_event_id event)
{
    if (event.generation == 0 || event.slot >= engine->slot_count ||
        engine->slots[event.slot].generation != event.generation) {
        return false;
    }
    gw_check(engine->slots[event.slot].kind != NULL);
    engine->slots[event.slot].kind = NULL;
    end_generation(&engine->slots[event.slot]);
    engine->pending_count--;
    const uint64_t entry_count =
        engine->queue_kind == GW_QUEUE_LADDER ? engine->ladder.count : engine->heap.count;
    const uint64_t withdrawn_count = entry_count - engine->pending_count;
    if (withdrawn_count > engine->pending_count + SWEEP_MIN) {
        sweep_withdrawn(engine);
    }
    return true;
}

/* --- Firing --- */

static bool pop_entry(gw_engine *engine, gw_queue_entry *out_entry)
{
    if (G_LIKELY(engine->queue_kind == GW_QUEUE_LADDER)) {
        return gw_queue_pop(&engine->ladder, out_entry);
    }
    return gw_heap_pop(&engine->heap, out_entry);
}

/* The next event that was not withdrawn. */
static bool pop_living(gw_engine *engine, gw_queue_entry *out_entry)
{
    while (pop_entry(engine, out_entry)) {
        if (G_LIKELY(engine->slots[out_entry->payload].kind != NULL)) {
            return true;
        }
        give_slot(engine, (uint32_t)out_entry->payload);
    }
    /* The last entries may have been withdrawn ones, due later than what may be posted now. */
    if (engine->queue_kind == GW_QUEUE_LADDER && engine->ladder.present_ns != engine->now_ns) {
        gw_queue_restart(&engine->ladder, engine->now_ns);
    }
    return false;
}

bool gw_engine_step(gw_engine *engine)
{
    gw_queue_entry entry;
    if (!pop_living(engine, &entry)) {
        return false;
    }
    event_slot *slot = &engine->slots[entry.payload];
    const gw_event_kind *kind = slot->kind;
    void *subject = slot->subject;
    const uint64_t argument = slot->argument;
    end_generation(slot);
    give_slot(engine, (uint32_t)entry.payload);
    engine->now_ns = entry.due_ns;
    engine->pending_count--;
    engine->fired_count++;
    engine->current_kind = kind;
    digest_event(engine, find_name_hash(engine, kind), argument);
    kind->fire(engine, subject, argument);
    return true;
}

/* --- Looking --- */

gw_time gw_engine_now(const gw_engine *engine)
{
    return engine->now_ns;
}

uint64_t gw_engine_fired_count(const gw_engine *engine)
{
    return engine->fired_count;
}

uint64_t gw_engine_pending_count(const gw_engine *engine)
{
    return engine->pending_count;
}

const gw_event_kind *gw_engine_current_kind(const gw_engine *engine)
{
    return engine->current_kind;
}
