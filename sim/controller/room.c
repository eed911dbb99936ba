/* SPDX-License-Identifier: Apache-2.0 */
/* A full slice watches one full device.  When that one gets room, the search goes on from its
 * place; only when it comes to the end is the whole slice looked at again.
 *
 * A slice that was full is free again only when a quarter of the lookahead is: reports of its
 * hosts come one by one with unequal counts, and whoever took each single place at once would
 * order, send and report gang by gang from then on (the silly window of flow control).
 *
 * Each device belongs to the first claim, in order of raising, that covers it.  So the first of
 * all claims has all its devices, and every claim comes to be the first. */
#include "controller/room.h"

#include <string.h>

#include "base/check.h"

#define SCAN_BLOCK 64 /* Devices looked at together; any size is right. */

struct gw_room {
    const gw_directory *directory;
    uint32_t first_device, device_count;
    uint32_t lookahead;  /* A device with so many is full; */
    uint32_t refilled;   /* once full, it has room when it has fewer than this. */
    uint32_t *ordered;   /* By device: gangs ordered and not known to be done. */
    gw_slice **full;     /* By device: the first slice on its list. */
    uint32_t *taken;     /* By device: gangs ever ordered, */
    uint32_t *looked;    /* and how many there were when its list was last gone through. */
    uint32_t taken_all;  /* Gangs ever ordered, over all devices; wraps. */
    GPtrArray *claims;   /* gw_slice, in the order in which they were raised. */
    gw_slice **owners;   /* By device: whose claim it is part of; NULL: nobody's. */
    GHashTable *slices;  /* By devices; each to itself.  Never walked. */
    uint32_t need_count; /* Ever made. */
};

static guint hash_devices(const void *data)
{
    const gw_slice *slice = (const gw_slice *)data;
    uint32_t hash = 2166136261u ^ slice->device_count; /* FNV-1a, by device. */
    for (uint32_t d = 0; d < slice->device_count; d++)
        hash = (hash ^ slice->devices[d]) * 16777619u;
    return hash;
}

static gboolean have_same_devices(const void *a, const void *b)
{
    const gw_slice *one = (const gw_slice *)a, *other = (const gw_slice *)b;
    return one->device_count == other->device_count &&
           (one->device_count == 0 ||
            memcmp(one->devices, other->devices, one->device_count * sizeof(uint32_t)) == 0);
}

static void free_need(void *data)
{
    gw_need *need = (gw_need *)data;
    g_free(need->ordered);
    g_free(need);
}

static void free_slice(void *data)
{
    gw_slice *slice = (gw_slice *)data;
    g_free(slice->devices);
    g_free(slice->hosts);
    g_ptr_array_unref(slice->needs);
    g_free(slice);
}

gw_room *gw_room_new(const gw_directory *directory, uint32_t first_device, uint32_t device_count,
                     uint32_t lookahead)
{
    gw_check(lookahead > 0);
    gw_room *room = g_new0(gw_room, 1);
    room->directory = directory;
    room->first_device = first_device;
    room->device_count = device_count;
    room->lookahead = lookahead;
    room->refilled = lookahead - lookahead / 4;
    room->ordered = g_new0(uint32_t, device_count);
    room->full = g_new0(gw_slice *, device_count);
    room->taken = g_new0(uint32_t, device_count);
    room->looked = g_new0(uint32_t, device_count);
    room->claims = g_ptr_array_new();
    room->owners = g_new0(gw_slice *, device_count);
    room->slices = g_hash_table_new_full(hash_devices, have_same_devices, NULL, free_slice);
    return room;
}

void gw_room_free(gw_room *room)
{
    if (room == NULL)
        return;
    g_hash_table_unref(room->slices);
    g_free(room->ordered);
    g_free(room->full);
    g_free(room->taken);
    g_free(room->looked);
    g_ptr_array_unref(room->claims);
    g_free(room->owners);
    g_free(room);
}

static void list_hosts(const gw_room *room, gw_slice *slice)
{
    g_autofree uint8_t *is_listed = g_new0(uint8_t, room->directory->host_count);
    slice->hosts = g_new(uint32_t, slice->device_count + 1);
    for (uint32_t d = 0; d < slice->device_count; d++) {
        gw_device_id device = {slice->devices[d]};
        uint32_t host = gw_directory_host(room->directory, device).index;
        if (!is_listed[host])
            slice->hosts[slice->host_count++] = host;
        is_listed[host] = 1;
    }
}

gw_slice *gw_room_open(gw_room *room, const uint32_t *devices, uint32_t count)
{
    gw_slice *slice = g_new0(gw_slice, 1);
    slice->devices = g_new(uint32_t, count + 1);
    slice->needs = g_ptr_array_new_with_free_func(free_need);
    for (uint32_t d = 0; d < count; d++)
        if (devices[d] - room->first_device < room->device_count)
            slice->devices[slice->device_count++] = devices[d];
    gw_slice *known = (gw_slice *)g_hash_table_lookup(room->slices, slice);
    if (known != NULL) {
        free_slice(slice);
        slice = known;
    } else {
        list_hosts(room, slice);
        g_hash_table_add(room->slices, slice);
    }
    slice->users++;
    return slice;
}

gw_need *gw_room_need(gw_room *room, gw_slice *slice, uint64_t size_bytes)
{
    for (uint32_t n = 0; n < slice->needs->len; n++) {
        gw_need *need = (gw_need *)g_ptr_array_index(slice->needs, n);
        if (need->size_bytes == size_bytes)
            return need;
    }
    gw_need *made = g_new0(gw_need, 1);
    made->slice = slice;
    made->size_bytes = size_bytes;
    made->number = room->need_count++;
    g_ptr_array_add(slice->needs, made);
    return made;
}

/* --- Claims --- */

/* A device's place among the room's own. */
static uint32_t index_of(const gw_room *room, const gw_slice *slice, uint32_t place)
{
    return slice->devices[place] - room->first_device;
}

uint32_t gw_room_count_taken(const gw_room *room, const gw_slice *slice)
{
    uint32_t count = 0;
    for (uint32_t d = 0; d < slice->device_count; d++)
        count += room->taken[index_of(room, slice, d)];
    return count;
}

uint32_t gw_room_count_ordered(const gw_room *room, uint32_t device)
{
    return room->ordered[device - room->first_device];
}

/* Devices that are nobody's become the slice's. */
static void own_devices(gw_room *room, gw_slice *slice)
{
    for (uint32_t d = 0; d < slice->device_count; d++) {
        gw_slice **owner = &room->owners[index_of(room, slice, d)];
        if (*owner == NULL)
            *owner = slice;
    }
}

static void raise_claim(gw_room *room, gw_slice *slice)
{
    slice->is_claiming = true;
    g_ptr_array_add(room->claims, slice);
    own_devices(room, slice);
}

/* What it owned goes to the claims that were raised next. */
static void drop_claim(gw_room *room, gw_slice *slice)
{
    slice->is_claiming = false;
    g_ptr_array_remove(room->claims, slice);
    for (uint32_t d = 0; d < slice->device_count; d++) {
        gw_slice **owner = &room->owners[index_of(room, slice, d)];
        if (*owner == slice)
            *owner = NULL;
    }
    for (uint32_t c = 0; c < room->claims->len; c++)
        own_devices(room, (gw_slice *)g_ptr_array_index(room->claims, c));
}

/* Off the list that it is on, so that nobody meets it there later. */
static void unlist_slice(gw_room *room, const gw_slice *slice)
{
    gw_slice **link = &room->full[index_of(room, slice, slice->full_place)];
    while (*link != slice)
        link = &(*link)->next;
    *link = slice->next;
}

void gw_room_close(gw_room *room, gw_slice *slice)
{
    gw_check(slice->users > 0);
    if (--slice->users > 0)
        return;
    gw_check(slice->waiting.length == 0);
    for (uint32_t n = 0; n < slice->needs->len; n++)
        gw_check(!((const gw_need *)g_ptr_array_index(slice->needs, n))->is_short);
    if (slice->is_full)
        unlist_slice(room, slice);
    if (slice->is_claiming)
        drop_claim(room, slice);
    g_hash_table_remove(room->slices, slice);
}

/* --- Looking for room --- */

/* The first device of the slice, from place `from` on, that has `limit` gangs or more; the device
 * count when none has.  Blocks of devices are looked at as a whole first: most have room. */
static uint32_t find_full_device(const gw_room *room, const gw_slice *slice, uint32_t from,
                                 uint32_t limit)
{
    for (uint32_t begin = from; begin < slice->device_count; begin += SCAN_BLOCK) {
        uint32_t end = MIN(begin + SCAN_BLOCK, slice->device_count), most = 0;
        for (uint32_t d = begin; d < end; d++)
            most = MAX(most, room->ordered[slice->devices[d] - room->first_device]);
        if (G_LIKELY(most < limit))
            continue;
        while (room->ordered[slice->devices[begin] - room->first_device] < limit)
            begin++;
        return begin;
    }
    return slice->device_count;
}

/* The same, of devices that are part of another's claim. */
static uint32_t find_claimed_device(const gw_room *room, const gw_slice *slice)
{
    uint32_t place = 0;
    if (G_LIKELY(room->claims->len == 0))
        return slice->device_count;
    while (place < slice->device_count) {
        const gw_slice *owner = room->owners[index_of(room, slice, place)];
        if (owner != NULL && owner != slice)
            break;
        place++;
    }
    return place;
}

static bool look_from(gw_room *room, gw_slice *slice, uint32_t from, uint32_t limit)
{
    uint32_t place = find_full_device(room, slice, from, limit);
    if (place == slice->device_count && from > 0)
        place = find_full_device(room, slice, 0, limit);
    if (place == slice->device_count)
        place = find_claimed_device(room, slice);
    slice->is_full = place < slice->device_count;
    if (!slice->is_full)
        return true;
    const uint32_t device = index_of(room, slice, place);
    slice->full_place = place;
    slice->next = room->full[device];
    room->full[device] = slice;
    return false;
}

bool gw_room_is_free(gw_room *room, gw_slice *slice)
{
    if (slice->is_full)
        return false;
    if (G_LIKELY(look_from(room, slice, 0, room->lookahead)))
        return true;
    slice->taken = gw_room_count_taken(room, slice);
    slice->taken_all = room->taken_all;
    return false;
}

void gw_room_take(gw_room *room, const gw_slice *slice)
{
    for (uint32_t d = 0; d < slice->device_count; d++) {
        const uint32_t device = index_of(room, slice, d);
        room->ordered[device]++;
        room->taken[device]++;
    }
    room->taken_all += slice->device_count;
}

/* Whether so many gangs were ordered on its devices since it was found full.  Each of its devices
 * asks that when it is given room, so the devices are gone through only where others may have
 * taken as many: else a report would cost what the slice is wide. */
static bool is_passed_over(const gw_room *room, const gw_slice *slice)
{
    return room->taken_all - slice->taken_all >= room->lookahead &&
           gw_room_count_taken(room, slice) - slice->taken >= room->lookahead;
}

/* Whether a slice that was full has room by now.  One that has been passed over claims. */
static bool look_again(gw_room *room, gw_slice *slice)
{
    if (slice->is_claiming)
        return look_from(room, slice, slice->full_place, room->lookahead);
    if (look_from(room, slice, slice->full_place, room->refilled))
        return true;
    if (!is_passed_over(room, slice))
        return false;
    raise_claim(room, slice);
    unlist_slice(room, slice);
    return look_from(room, slice, slice->full_place, room->lookahead);
}

/* Everybody on the device's list is looked at. */
static void go_through(gw_room *room, uint32_t device, GPtrArray *freed)
{
    gw_slice *slice = room->full[device];
    room->full[device] = NULL;
    room->looked[device] = room->taken[device];
    while (slice != NULL) {
        gw_slice *next = slice->next;
        if (look_again(room, slice))
            g_ptr_array_add(freed, slice);
        slice = next;
    }
}

static void end_claim(gw_room *room, gw_slice *slice, GPtrArray *freed)
{
    drop_claim(room, slice);
    for (uint32_t d = 0; d < slice->device_count; d++)
        go_through(room, index_of(room, slice, d), freed);
}

/* Of those that are freed, from `known` on, claims that are met give way. */
static void give_way(gw_room *room, uint32_t known, GPtrArray *freed)
{
    for (uint32_t f = known; f < freed->len; f++) {
        gw_slice *slice = (gw_slice *)g_ptr_array_index(freed, f);
        if (slice->is_claiming)
            end_claim(room, slice, freed);
    }
}

void gw_room_give(gw_room *room, uint32_t device, uint32_t count, GPtrArray *freed)
{
    const uint32_t index = device - room->first_device;
    gw_check(index < room->device_count);
    gw_check(room->ordered[index] >= count);
    room->ordered[index] -= count;
    const uint32_t known = freed->len;
    gw_slice *owner = room->owners[index];
    if (owner != NULL) { /* Nobody else has room here, however much there is. */
        if (owner->devices[owner->full_place] != device)
            return;
        unlist_slice(room, owner);
        if (look_again(room, owner))
            g_ptr_array_add(freed, owner);
    } else if (room->ordered[index] < room->refilled ||
               room->taken[index] - room->looked[index] >= room->lookahead)
        go_through(room, index, freed);
    give_way(room, known, freed);
}

void gw_room_leave(gw_room *room, gw_slice *slice, GPtrArray *freed)
{
    if (!slice->is_full || slice->wanted > 0)
        return;
    const uint32_t known = freed->len;
    unlist_slice(room, slice);
    slice->is_full = false;
    if (!slice->is_claiming)
        return;
    end_claim(room, slice, freed);
    give_way(room, known, freed);
}
