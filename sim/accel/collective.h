/* SPDX-License-Identifier: Apache-2.0 */
/* How long a collective takes on a torus, on a switch or over nodes (collective_nodes.h).
 * docs/MODEL.md, "Collectives", has each formula, where it comes from, and what it leaves out.
 *
 * Groups do not cross islands: these formulas are of one island, and islands meet over the DCN.  A
 * collective over several islands is a hierarchy of collectives and transfers, which lowering
 * would have to make explicit. */
#pragma once

#include "accel/model.h"

/* A group's members along one dimension of the torus: `length` of them, `stride` places apart. */
typedef struct {
    uint32_t length; /* 1: the group does not extend along this dimension. */
    uint32_t stride; /* Links between neighbours, all shared with the groups in between. */
    bool is_ring;    /* The members go all the way round; else they are a line. */
} gw_collective_axis;

typedef struct {
    uint32_t member_count;
    /* The members are every combination of evenly spaced places along each dimension.  Else they
     * are taken as one line, in group order, whose every step is as long as the longest. */
    bool is_box;
    gw_collective_axis axes[GW_ISLAND_DIMS_MAX]; /* By dimension; axes[0] alone when no box. */
    /* On one switch: all are neighbours, and axes[0] a ring of them, which fills their ports. */
    bool is_switched;
} gw_collective_shape;

/* Pure.  `devices` are different devices of one island. */
gw_collective_shape gw_collective_shape_of(const gw_cluster *cluster, const uint32_t *devices,
                                           uint32_t member_count);

/* From the last member's coming to the leaving of all, by the algorithm that the island names,
 * else (or where that one cannot) in closed form by the fastest.  Pure.  One member alone takes no
 * time.  No less for more bytes, and the same whichever way round the members are listed. */
gw_span gw_collective_ns(const gw_cluster *cluster, const gw_collective *collective);

/* What an accelerator's collectives take beside the `wires_ns` of their transfers: the start-up t;
 * and, where messages go in chunks, 2 sqrt(wires t) for waiting on chunks (docs/MODEL.md,
 * "Collectives", which has the derivation).  Pure. */
gw_span gw_collective_start_ns(const gw_accelerator *accelerator, gw_span wires_ns);

/* The same by `algorithm`; GW_TIME_NEVER: it has no way to do this kind, or not with this group. */
gw_span gw_collective_ns_by(const gw_cluster *cluster, const gw_collective *collective,
                            gw_algorithm_kind algorithm);

/* Of that the part in which members' bytes are on the wires, without the start-up; a group of one:
 * 0. Pure. */
gw_span gw_collective_wires_ns(const gw_cluster *cluster, const gw_collective *collective,
                               gw_algorithm_kind algorithm);

/* The algorithm that gw_collective_ns() has gone by, for who wants its rounds (which `direct` has
 * for 256 members at most): the island's, or over nodes the fastest; GW_ALGORITHM_AUTO: a closed
 * form without rounds.  Pure. */
gw_algorithm_kind gw_collective_algorithm(const gw_cluster *cluster,
                                          const gw_collective *collective);
