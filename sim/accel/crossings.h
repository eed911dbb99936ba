/* SPDX-License-Identifier: Apache-2.0 */
/* Who may meet whom on links, told before anything runs: by what is loaded, and not by when it
 * goes.  docs/MODEL.md, "Collectives under load"; docs/decisions/0061-collectives-under-load.md.
 *
 * A track is what the groups of a mesh take of the links when the same collectives span them.  It
 * is crossed when something else can be on one of those links while such a collective goes: a
 * copy, or a group of another track.  Two groups that have a member in common are never at it at
 * once, as long as that member waits for both, or overlaps both.  Groups of one track go at the
 * same time and share what they share; their closed forms know that. */
#pragma once

#include "accel/model.h"

typedef struct gw_track {
    uint32_t number; /* In order of asking. */
    uint32_t group_count, group_size;
    uint32_t *members; /* Devices: group * group_size, ascending. */
    GArray **links;    /* By group: uint32_t (wires.h), ascending. */
    uint32_t kinds;    /* Bit by gw_step_kind: members MEET, or ISSUE. */
    GArray *routings;  /* Of its collectives: those that its links are known for. */
    bool is_crossed;
    bool is_open;   /* Others may come to its links of whom nothing is known yet. */
    bool is_unlike; /* Other groups of this mesh are on its links than the closed form takes to be
                       there: only a play says how long it takes.  It is crossed, too. */
} gw_track;

/* Its collectives watch their links.  NULL: they do not. */
static inline bool gw_track_is_watched(const gw_track *track)
{
    return track != NULL && (track->is_crossed || track->is_open);
}

typedef struct gw_crossings gw_crossings;

/* `cluster` is borrowed. */
gw_crossings *gw_crossings_new(const gw_cluster *cluster);
void gw_crossings_free(gw_crossings *crossings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_crossings, gw_crossings_free)

/* The track of these groups, the same one for the same groups: `devices` of group after group, each
 * in group order.  Borrowed: it lives as long as `crossings`. */
gw_track *gw_crossings_ask(gw_crossings *crossings, uint32_t group_count, uint32_t group_size,
                           const uint32_t *devices);

/* A collective that every group of the track may do; members MEET for it or ISSUE it.  `like`: of
 * kind, size and shift; its devices are those of the groups, `devices` as they were asked with. */
void gw_crossings_add_collective(gw_crossings *crossings, gw_track *track, gw_step_kind kind,
                                 const gw_collective *like, const uint32_t *devices);

/* Copies that may go at any time: between two devices, and over a device's PCIe. */
void gw_crossings_add_copy(gw_crossings *crossings, gw_device_id source, gw_device_id target);
void gw_crossings_add_host_copy(gw_crossings *crossings, gw_device_id device, bool is_from_host);

/* Whether programs may still be loaded, or copies be asked for, on the island of which nothing is
 * known: then tracks there are open.  At first it is closed. */
void gw_crossings_open(gw_crossings *crossings, uint32_t island, bool is_open);

/* Tracks that are crossed: never fewer than before. */
uint32_t gw_crossings_count(const gw_crossings *crossings);
