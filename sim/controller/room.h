/* SPDX-License-Identifier: Apache-2.0 */
/* Room on devices: how many gangs are ordered and not known to be done, per device, against the
 * lookahead.
 *
 * Gangs need whole slices: the devices of one mesh.  Meshes on the very same devices share one
 * slice, however many clients they belong to.  A slice that is found full hangs on the list of
 * one device of its own that has no room for it, so that giving room back looks only at slices
 * that it may free.
 *
 * Narrow slices could pass a wide one for ever: it needs room on all its devices at once, and they
 * take each as it comes.  So a full slice on whose devices `lookahead` gangs were ordered since it
 * was found full claims them: nobody else has room there until it is free and so has been offered
 * again.  Claims are met in the order in which they were raised.  A claim is raised at the latest
 * when its list's device has been given `lookahead` gangs more, and then needs no more of its
 * devices than that none has `lookahead` gangs: each is one gang short of full, at most, and none
 * runs dry for it where gangs are equally long. */
#pragma once

#include "controller/directory.h"

typedef struct gw_slice gw_slice;
typedef struct gw_need gw_need;

/* What gangs need that are alike to whoever looks for room: the devices of a slice and, where bytes
 * are counted (budget.h), so many bytes on each.  What is known of one of them is known of all, so
 * they are looked at together. */
struct gw_need {
    gw_slice *slice;
    uint64_t size_bytes;  /* Of each device; 0 where bytes are not counted. */
    uint32_t number;      /* Of this room's needs: counts up, and none comes back. */
    GQueue waiting;       /* The owner's: who waits for these bytes. */
    uint32_t offered;     /* The owner's: how many are offered with it, */
    bool is_held;         /* whether the policy has set them aside, */
    uint32_t wanted;      /* and how many wait for room or memory with it, offered or not. */
    bool is_short;        /* The budget's, all of these: as found last, the bytes are not there. */
    bool is_claiming;     /* Short: others that need bytes have no room on its devices. */
    uint32_t short_place; /* Short: place in the slice of the device whose list it is on. */
    uint32_t *ordered;    /* Short: by place, gangs that its device had been given before; wraps. */
    gw_need *next;        /* Short: the next on that list. */
};

struct gw_slice {
    uint32_t *devices, *hosts; /* Only those that the room is in charge of; hosts each once. */
    uint32_t device_count, host_count;
    GPtrArray *needs;    /* gw_need, each of other bytes: few. */
    GQueue waiting;      /* The owner's: who waits for room on this slice. */
    uint32_t offered;    /* The owner's: how many are offered for it, unless short, */
    uint32_t wanted;     /* and how many wait for room or memory there, offered or not. */
    uint32_t users;      /* Opened and not closed. */
    bool is_full;        /* As found last, and nothing has changed that since. */
    uint32_t full_place; /* Full: place in `devices` of the device whose list it is on. */
    gw_slice *next;      /* Full: the next on that list. */
    uint32_t taken;      /* Full: gangs ordered on its devices before, */
    uint32_t taken_all;  /* and on all of the room's; both wrap. */
    bool is_claiming;    /* Full: nobody else has room on its devices. */
};

typedef struct gw_room gw_room;

/* In charge of devices [first_device, first_device + device_count). */
gw_room *gw_room_new(const gw_directory *directory, uint32_t first_device, uint32_t device_count,
                     uint32_t lookahead);
void gw_room_free(gw_room *room);

/* Each open is closed once; a slice that is closed by all has nobody waiting. */
gw_slice *gw_room_open(gw_room *room, const uint32_t *devices, uint32_t count);
void gw_room_close(gw_room *room, gw_slice *slice);
/* The slice's need of so many bytes; the slice owns it. */
gw_need *gw_room_need(gw_room *room, gw_slice *slice, uint64_t size_bytes);

/* Whether each device of the slice has room for one more gang and no other slice claims it; once
 * it was found full, false until gw_room_give() says that it is free: with room for a quarter of
 * the lookahead, or for one gang where it claims. */
bool gw_room_is_free(gw_room *room, gw_slice *slice);
/* Gangs ordered so far on its devices, all added up; wraps, so that differences come out right. */
uint32_t gw_room_count_taken(const gw_room *room, const gw_slice *slice);
/* Gangs of `device` that are ordered and not known to be done. */
uint32_t gw_room_count_ordered(const gw_room *room, uint32_t device);
/* One more gang on each. */
void gw_room_take(gw_room *room, const gw_slice *slice);
/* `count` gangs of `device` are done.  Appends to `freed` (gw_slice *) the slices that were full
 * and no longer are. */
void gw_room_give(gw_room *room, uint32_t device, uint32_t count, GPtrArray *freed);
/* Somebody waits for the slice no longer.  Where nobody wants it, it is not full any more, nor
 * claims anything; appends to `freed` as above. */
void gw_room_leave(gw_room *room, gw_slice *slice, GPtrArray *freed);
