/* SPDX-License-Identifier: Apache-2.0 */
/* One book per gang, buffer, launch and device, found in hash tables that are never walked.  A
 * gang's book is kept when the gang is over, so that a shard that runs again is seen; counts of
 * what is open say at the end whether something was left behind. */
#include "world/invariants.h"

#include <inttypes.h>

typedef struct {
    uint64_t first, second;
} book_key;

typedef struct {
    bool is_launched, is_ended;
    gw_time available_ns, arrived_ns;
    uint32_t awaited_count, arrived_count;
} shard_book;

typedef struct {
    uint32_t device, count;
    gw_time last_ns;
} early_book;

typedef struct {
    book_key key;                 /* Its number. */
    bool is_ordered;              /* It was told. */
    const gw_gang_layout *layout; /* NULL: not launched anywhere, or over. */
    shard_book *shards;
    uint32_t ended_count;
    bool is_over;
    GArray *early; /* early_book */
} gang_book;

typedef struct {
    book_key key; /* Host and buffer. */
    uint32_t instance;
    uint64_t size_bytes;
    uint32_t device_count, reader_count;
} buffer_book;

typedef struct {
    book_key key; /* Host and tag. */
    uint32_t buffer_count;
    uint32_t buffers[];
} launch_book;

typedef struct { /* Of a device, in order of time; they are told when their launch is done. */
    gw_time start_ns, end_ns;
    uint64_t gang;
} ran_book;

struct gw_invariants {
    const gw_cluster *cluster;
    char *violation;
    GHashTable *gangs, *buffers, *launches; /* Books, by their keys. */
    GArray **ran;                           /* ran_book, by device. */
    uint64_t *used_bytes;                   /* By device. */
    GArray *held_counts;                    /* uint32_t: buffers by instance. */
    uint64_t open_gang_count;
    uint64_t dealt_rows, expected_rows, dropped_rows;
};

/* --- Books --- */

static guint hash_key(gconstpointer data)
{
    const book_key *key = data;
    const uint64_t mixed = (key->first * UINT64_C(0x9e3779b97f4a7c15)) ^ key->second;
    return (guint)((mixed * UINT64_C(0xbf58476d1ce4e5b9)) >> 32);
}

static gboolean equal_keys(gconstpointer a, gconstpointer b)
{
    const book_key *left = a, *right = b;
    return left->first == right->first && left->second == right->second;
}

static void free_gang(gpointer data)
{
    gang_book *gang = data;
    g_free(gang->shards);
    g_array_unref(gang->early);
    g_free(gang);
}

gw_invariants *gw_invariants_new(const gw_cluster *cluster)
{
    gw_invariants *invariants = g_new0(gw_invariants, 1);
    invariants->cluster = cluster;
    invariants->gangs = g_hash_table_new_full(hash_key, equal_keys, NULL, free_gang);
    invariants->buffers = g_hash_table_new_full(hash_key, equal_keys, NULL, g_free);
    invariants->launches = g_hash_table_new_full(hash_key, equal_keys, NULL, g_free);
    invariants->ran = g_new(GArray *, cluster->device_count);
    for (uint32_t i = 0; i < cluster->device_count; i++)
        invariants->ran[i] = g_array_new(FALSE, FALSE, sizeof(ran_book));
    invariants->used_bytes = g_new0(uint64_t, cluster->device_count);
    invariants->held_counts = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    return invariants;
}

void gw_invariants_free(gw_invariants *invariants)
{
    if (invariants == NULL) {
        return;
    }
    for (uint32_t i = 0; i < invariants->cluster->device_count; i++)
        g_array_unref(invariants->ran[i]);
    g_hash_table_unref(invariants->gangs);
    g_hash_table_unref(invariants->buffers);
    g_hash_table_unref(invariants->launches);
    g_free(invariants->ran);
    g_free(invariants->used_bytes);
    g_array_unref(invariants->held_counts);
    g_free(invariants->violation);
    g_free(invariants);
}

const char *gw_invariants_violation(const gw_invariants *invariants)
{
    return invariants->violation;
}

static void violate(gw_invariants *invariants, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void violate(gw_invariants *invariants, const char *format, ...)
{
    if (invariants->violation == NULL) {
        va_list arguments;
        va_start(arguments, format);
        invariants->violation = g_strdup_vprintf(format, arguments);
        va_end(arguments);
    }
}

static gang_book *ask_gang(gw_invariants *invariants, uint64_t number)
{
    const book_key key = {.first = number};
    gang_book *gang = g_hash_table_lookup(invariants->gangs, &key);
    if (gang == NULL) {
        gang = g_new0(gang_book, 1);
        gang->key = key;
        gang->early = g_array_new(FALSE, FALSE, sizeof(early_book));
        g_hash_table_insert(invariants->gangs, &gang->key, gang);
    }
    return gang;
}

static buffer_book *find_buffer(const gw_invariants *invariants, uint32_t host, uint32_t buffer)
{
    const book_key key = {.first = host, .second = buffer};
    return g_hash_table_lookup(invariants->buffers, &key);
}

/* --- Gangs --- */

void gw_invariants_ordered(gw_invariants *invariants, uint64_t gang)
{
    gang_book *book = ask_gang(invariants, gang);
    if (book->is_ordered) {
        violate(invariants, "gang %#" PRIx64 " was given two places in the order", gang);
    }
    book->is_ordered = true;
}

static void count_readers(gw_invariants *invariants, uint32_t host, const uint32_t *buffers,
                          uint32_t buffer_count, int change)
{
    for (uint32_t i = 0; i < buffer_count; i++) {
        buffer_book *buffer = find_buffer(invariants, host, buffers[i]);
        if (buffer == NULL) {
            violate(invariants, "host %u: buffer %u is in use and not reserved", host, buffers[i]);
        } else {
            buffer->reader_count += (uint32_t)change;
        }
    }
}

static void open_book(gw_invariants *invariants, gang_book *gang, const gw_gang_layout *layout)
{
    gang->layout = layout;
    gang->shards = g_new0(shard_book, layout->member_count);
    invariants->open_gang_count++;
    for (uint32_t i = 0; i < gang->early->len; i++) {
        const early_book *early = &g_array_index(gang->early, early_book, i);
        const uint32_t shard = gw_gang_layout_shard(layout, early->device);
        if (shard == GW_INDEX_NONE) {
            violate(invariants, "gang %#" PRIx64 ": a copy came to device %u, which has no shard",
                    gang->key.first, early->device);
        } else {
            gang->shards[shard].arrived_count = early->count;
            gang->shards[shard].arrived_ns = early->last_ns;
        }
    }
}

void gw_invariants_launched(gw_invariants *invariants, const gw_launch *launch,
                            const uint32_t *buffers, uint32_t buffer_count)
{
    const uint64_t number = launch->origin.gang;
    const gw_gang_layout *layout = launch->plan->layout;
    gang_book *gang = ask_gang(invariants, number);
    if (gang->is_over) {
        violate(invariants, "gang %#" PRIx64 " is launched again on host %u", number, launch->host);
        return;
    }
    if (gang->layout == NULL) {
        open_book(invariants, gang, layout);
    }
    const uint32_t place = gw_gang_layout_place(layout, launch->host);
    if (place == GW_INDEX_NONE || gang->layout != layout) {
        violate(invariants, "gang %#" PRIx64 " has no shards on host %u", number, launch->host);
        return;
    }
    const uint32_t first = layout->first_local[place];
    for (uint32_t i = first; i < layout->first_local[place + 1]; i++) {
        shard_book *shard = &gang->shards[layout->local_shards[i]];
        if (shard->is_launched) {
            violate(invariants, "gang %#" PRIx64 " is launched twice on device %u", number,
                    layout->local_devices[i]);
        }
        shard->is_launched = true;
        shard->available_ns = launch->issued_ns;
        shard->awaited_count = launch->arrivals == NULL ? 0 : launch->arrivals[i - first];
    }
    launch_book *book = g_malloc0(sizeof *book + buffer_count * sizeof(uint32_t));
    book->key = (book_key){.first = launch->host, .second = launch->tag};
    book->buffer_count = buffer_count;
    for (uint32_t i = 0; i < buffer_count; i++) {
        book->buffers[i] = buffers[i];
    }
    g_hash_table_replace(invariants->launches, &book->key, book);
    count_readers(invariants, launch->host, buffers, buffer_count, 1);
}

void gw_invariants_launch_done(gw_invariants *invariants, uint32_t host, uint64_t tag)
{
    const book_key key = {.first = host, .second = tag};
    const launch_book *book = g_hash_table_lookup(invariants->launches, &key);
    if (book == NULL) {
        violate(invariants, "host %u is told of the end of a launch that it never made", host);
        return;
    }
    count_readers(invariants, host, book->buffers, book->buffer_count, -1);
    g_hash_table_remove(invariants->launches, &key);
}

static bool have_one_dispatcher(const ran_book *one, const ran_book *other)
{
    return one->gang >> GW_GANG_SEQUENCE_BITS == other->gang >> GW_GANG_SEQUENCE_BITS;
}

/* Whether it ran before the other and was ordered behind it.  A dispatcher numbers its gangs in its
 * order; where every host counts them (multi_controller) that alone tells it, since hosts are not
 * equally far when they say that a gang has its place. */
static bool is_out_of_order(const ran_book *before, const ran_book *after)
{
    return have_one_dispatcher(before, after) && before->gang > after->gang;
}

/* Shards run one at a time on a device, in their order; it may be told of a long gang on many
 * devices after a short one behind it on some. */
static void add_ran(gw_invariants *invariants, uint32_t device, const ran_book *ran)
{
    GArray *all = invariants->ran[device];
    const ran_book *books = (const ran_book *)(void *)all->data;
    guint place = all->len;
    bool is_late = false;
    while (place > 0 &&
           (books[place - 1].start_ns > ran->start_ns ||
            (books[place - 1].start_ns == ran->start_ns && books[place - 1].end_ns > ran->end_ns)))
        is_late = is_out_of_order(ran, &books[--place]) || is_late;
    guint last = place;
    while (last > 0 && !have_one_dispatcher(&books[last - 1], ran))
        last--;
    is_late = is_late || (last > 0 && is_out_of_order(&books[last - 1], ran));
    if (is_late)
        violate(invariants, "gang %#" PRIx64 " runs on device %u after one ordered behind it",
                ran->gang, device);
    if (ran->end_ns < ran->start_ns || (place > 0 && books[place - 1].end_ns > ran->start_ns) ||
        (place < all->len && books[place].start_ns < ran->end_ns))
        violate(invariants, "gang %#" PRIx64 " starts on device %u while another runs there",
                ran->gang, device);
    g_array_insert_val(all, place, *ran);
}

/* One shard has run: everything that had to be before it. */
static void end_shard(gw_invariants *invariants, gang_book *gang, uint32_t device,
                      const gw_shard_span *span)
{
    const uint64_t number = gang->key.first;
    const uint32_t index =
        gang->layout == NULL ? GW_INDEX_NONE : gw_gang_layout_shard(gang->layout, device);
    if (index == GW_INDEX_NONE || !gang->shards[index].is_launched) {
        violate(invariants, "gang %#" PRIx64 " runs on device %u without a launch", number, device);
        return;
    }
    shard_book *shard = &gang->shards[index];
    if (shard->is_ended) {
        violate(invariants, "gang %#" PRIx64 " runs twice on device %u", number, device);
    }
    if (span->start_ns < shard->available_ns) {
        violate(invariants, "gang %#" PRIx64 " starts on device %u before its launch", number,
                device);
    }
    if (shard->arrived_count != shard->awaited_count || span->start_ns < shard->arrived_ns) {
        violate(invariants, "gang %#" PRIx64 " starts on device %u before its copies have come",
                number, device);
    }
    shard->is_ended = true;
    gang->ended_count++;
    add_ran(invariants, device,
            &(ran_book){.start_ns = span->start_ns, .end_ns = span->end_ns, .gang = number});
}

void gw_invariants_shards_ended(gw_invariants *invariants, uint64_t gang, const gw_shard_span *span)
{
    gang_book *book = ask_gang(invariants, gang);
    for (uint32_t i = 0; i < span->device_count; i++) {
        end_shard(invariants, book, span->first_device + i, span);
    }
}

void gw_invariants_gang_ended(gw_invariants *invariants, uint64_t gang)
{
    gang_book *book = ask_gang(invariants, gang);
    if (book->layout == NULL || book->ended_count != book->layout->member_count) {
        violate(invariants, "gang %#" PRIx64 " is called done before all its shards have run",
                gang);
        return;
    }
    book->is_over = true;
    book->layout = NULL;
    g_clear_pointer(&book->shards, g_free);
    invariants->open_gang_count--;
}

/* --- Copies --- */

void gw_invariants_copy_asked(gw_invariants *invariants, uint32_t host, uint32_t source_buffer)
{
    count_readers(invariants, host, &source_buffer, 1, 1);
}

static void add_early(gang_book *gang, uint32_t device, gw_time now_ns)
{
    for (uint32_t i = 0; i < gang->early->len; i++) {
        early_book *early = &g_array_index(gang->early, early_book, i);
        if (early->device == device) {
            early->count++;
            early->last_ns = now_ns;
            return;
        }
    }
    const early_book early = {.device = device, .count = 1, .last_ns = now_ns};
    g_array_append_val(gang->early, early);
}

void gw_invariants_copy_arrived(gw_invariants *invariants, uint32_t host, uint32_t source_buffer,
                                bool is_to_host, uint64_t target_gang, uint32_t target_device,
                                gw_time now_ns)
{
    count_readers(invariants, host, &source_buffer, 1, -1);
    if (is_to_host || target_gang == GW_GANG_NONE) {
        return;
    }
    gang_book *gang = ask_gang(invariants, target_gang);
    if (gang->layout == NULL && !gang->is_over) {
        add_early(gang, target_device, now_ns);
        return;
    }
    const uint32_t index =
        gang->is_over ? GW_INDEX_NONE : gw_gang_layout_shard(gang->layout, target_device);
    if (index == GW_INDEX_NONE || gang->shards[index].is_ended) {
        violate(invariants, "a copy comes to device %u for gang %#" PRIx64 ", which is over there",
                target_device, target_gang);
        return;
    }
    gang->shards[index].arrived_count++;
    gang->shards[index].arrived_ns = now_ns;
}

/* --- Exchanges --- */

void gw_invariants_expected(gw_invariants *invariants, uint64_t gang, uint32_t device,
                            uint32_t copy_count, uint64_t row_count)
{
    gang_book *book = ask_gang(invariants, gang);
    const uint32_t index =
        book->layout == NULL ? GW_INDEX_NONE : gw_gang_layout_shard(book->layout, device);
    if (index == GW_INDEX_NONE || !book->shards[index].is_launched ||
        book->shards[index].awaited_count == 0) {
        violate(invariants,
                "gang %#" PRIx64 " is told to expect copies on device %u, and awaits "
                "none there",
                gang, device);
        return;
    }
    book->shards[index].awaited_count += copy_count;
    book->shards[index].awaited_count--;
    invariants->expected_rows += row_count;
}

void gw_invariants_dealt(gw_invariants *invariants, uint64_t row_count)
{
    invariants->dealt_rows += row_count;
}

void gw_invariants_dropped(gw_invariants *invariants, uint64_t row_count)
{
    invariants->dropped_rows += row_count;
}

/* --- Memory --- */

static uint32_t *held_count_of(gw_invariants *invariants, uint32_t instance)
{
    if (instance >= invariants->held_counts->len) {
        g_array_set_size(invariants->held_counts, instance + 1);
    }
    return &g_array_index(invariants->held_counts, uint32_t, instance);
}

void gw_invariants_reserved(gw_invariants *invariants, uint32_t instance, uint32_t host,
                            uint32_t buffer, const uint32_t *devices, uint32_t device_count,
                            uint64_t size_bytes)
{
    if (find_buffer(invariants, host, buffer) != NULL) {
        violate(invariants, "host %u: buffer %u is reserved twice", host, buffer);
        return;
    }
    buffer_book *book = g_new0(buffer_book, 1);
    book->key = (book_key){.first = host, .second = buffer};
    book->instance = instance;
    book->size_bytes = size_bytes;
    book->device_count = device_count;
    g_hash_table_insert(invariants->buffers, &book->key, book);
    (*held_count_of(invariants, instance))++;
    for (uint32_t i = 0; i < device_count; i++) {
        invariants->used_bytes[devices[i]] += size_bytes;
    }
}

void gw_invariants_released(gw_invariants *invariants, uint32_t host, uint32_t buffer,
                            const uint32_t *devices, uint32_t device_count, uint64_t size_bytes)
{
    const buffer_book *book = find_buffer(invariants, host, buffer);
    if (book == NULL || book->size_bytes != size_bytes || book->device_count != device_count) {
        violate(invariants, "host %u: buffer %u is released and was not so reserved", host, buffer);
        return;
    }
    if (book->reader_count > 0) {
        violate(invariants, "host %u: buffer %u is released while it is in use", host, buffer);
    }
    for (uint32_t i = 0; i < device_count; i++) {
        invariants->used_bytes[devices[i]] -= size_bytes;
    }
    (*held_count_of(invariants, book->instance))--;
    const book_key key = book->key;
    g_hash_table_remove(invariants->buffers, &key);
}

void gw_invariants_collected(gw_invariants *invariants, uint32_t instance)
{
    const uint32_t held_count = *held_count_of(invariants, instance);
    if (held_count > 0) {
        violate(invariants, "instance %u is called collected and holds %u buffers", instance,
                held_count);
    }
}

/* --- Looking --- */

void gw_invariants_look(gw_invariants *invariants, const gw_devices *devices)
{
    for (uint32_t i = 0; i < invariants->cluster->device_count; i++) {
        const gw_device_id device = {.index = i};
        const uint64_t used_bytes = gw_devices_used_bytes(devices, device);
        if (used_bytes > gw_devices_capacity_bytes(devices, device)) {
            violate(invariants, "device %u holds more than it has", i);
        }
        if (used_bytes != invariants->used_bytes[i]) {
            violate(invariants, "device %u counts %" PRIu64 " bytes in use instead of %" PRIu64, i,
                    used_bytes, invariants->used_bytes[i]);
        }
    }
}

void gw_invariants_finish(gw_invariants *invariants, const gw_devices *devices)
{
    gw_invariants_look(invariants, devices);
    if (invariants->open_gang_count > 0 || gw_devices_gang_count(devices) > 0) {
        violate(invariants, "%" PRIu64 " gangs were begun and not ended",
                invariants->open_gang_count);
    }
    if (g_hash_table_size(invariants->launches) > 0) {
        violate(invariants, "%u launches were never answered",
                g_hash_table_size(invariants->launches));
    }
    if (gw_devices_copy_count(devices) > 0) {
        violate(invariants, "%u copies never arrived", gw_devices_copy_count(devices));
    }
    if (gw_devices_early_count(devices) > 0) {
        violate(invariants, "%u copies came for shards that never ran",
                gw_devices_early_count(devices));
    }
    if (invariants->dealt_rows != invariants->expected_rows + invariants->dropped_rows) {
        violate(invariants,
                "%" PRIu64 " rows were dealt, and %" PRIu64 " came and %" PRIu64 " were dropped",
                invariants->dealt_rows, invariants->expected_rows, invariants->dropped_rows);
    }
    if (g_hash_table_size(invariants->buffers) > 0) {
        violate(invariants, "%u buffers were not released", g_hash_table_size(invariants->buffers));
    }
}
