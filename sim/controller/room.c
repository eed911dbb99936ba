/* SPDX-License-Identifier: Apache-2.0 */
/* A full slice watches one full device.  When that one gets room, the search goes on from its
 * place; only when it comes to the end is the whole slice looked at again.
 *
 * A slice that was full is free again only when a quarter of the lookahead is: reports of its
 * hosts come one by one with unequal counts, and whoever took each single place at once would
 * order, send and report gang by gang from then on (the silly window of flow control). */
#include "controller/room.h"

#include <string.h>

#include "base/check.h"

#define SCAN_BLOCK 64 /* Devices looked at together; any size is right. */

struct gw_room {
    const gw_directory *directory;
    uint32_t first_device, device_count;
    uint32_t lookahead; /* A device with so many is full; */
    uint32_t refilled;  /* once full, it has room when it has fewer than this. */
    uint32_t *ordered;  /* By device: gangs ordered and not known to be done. */
    gw_slice **full;    /* By device: the first slice on its list. */
    GHashTable *slices; /* By devices; each to itself.  Never walked. */
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

static void free_slice(void *data)
{
    gw_slice *slice = (gw_slice *)data;
    g_free(slice->devices);
    g_free(slice->hosts);
    g_array_unref(slice->waiting);
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
    slice->waiting = g_array_new(FALSE, FALSE, sizeof(uint32_t));
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

/* Off the list that it is on, so that nobody meets it there later. */
static void unlist_slice(gw_room *room, const gw_slice *slice)
{
    gw_slice **link = &room->full[slice->devices[slice->full_place] - room->first_device];
    while (*link != slice)
        link = &(*link)->next;
    *link = slice->next;
}

void gw_room_close(gw_room *room, gw_slice *slice)
{
    gw_check(slice->users > 0);
    if (--slice->users > 0)
        return;
    gw_check(slice->waiting->len == 0);
    if (slice->is_full)
        unlist_slice(room, slice);
    g_hash_table_remove(room->slices, slice);
}

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

static bool look_from(gw_room *room, gw_slice *slice, uint32_t from, uint32_t limit)
{
    uint32_t place = find_full_device(room, slice, from, limit);
    if (place == slice->device_count && from > 0)
        place = find_full_device(room, slice, 0, limit);
    slice->is_full = place < slice->device_count;
    if (!slice->is_full)
        return true;
    uint32_t device = slice->devices[place] - room->first_device;
    slice->full_place = place;
    slice->next = room->full[device];
    room->full[device] = slice;
    return false;
}

bool gw_room_is_free(gw_room *room, gw_slice *slice)
{
    return !slice->is_full && look_from(room, slice, 0, room->lookahead);
}

void gw_room_take(gw_room *room, const gw_slice *slice)
{
    for (uint32_t d = 0; d < slice->device_count; d++)
        room->ordered[slice->devices[d] - room->first_device]++;
}

void gw_room_give(gw_room *room, uint32_t device, uint32_t count, GPtrArray *freed)
{
    uint32_t index = device - room->first_device;
    gw_check(index < room->device_count);
    gw_check(room->ordered[index] >= count);
    room->ordered[index] -= count;
    if (room->ordered[index] >= room->refilled)
        return;
    gw_slice *slice = room->full[index];
    room->full[index] = NULL;
    while (slice != NULL) {
        gw_slice *next = slice->next;
        if (look_from(room, slice, slice->full_place, room->refilled))
            g_ptr_array_add(freed, slice);
        slice = next;
    }
}
