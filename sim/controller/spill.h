/* SPDX-License-Identifier: Apache-2.0 */
/* Which buffers of a host rest, and which of them go to the host's memory when a gang finds none on
 * its devices.
 *
 * A buffer rests when it is written, no gang that is launched touches it, and a reader is still to
 * come.  It may be copied to the host then, and when that is done its device memory is given back;
 * it comes back when a reader is launched.  Buffers that are copied to other meshes or read as
 * results are left alone: whoever copies them does not know where they are.  So are inbound
 * buffers, whose reader is launched when they are reserved.
 *
 * A policy says which goes first, and nothing else. */
#pragma once

#include "controller/host_instance.h"

typedef struct gw_spillable gw_spillable;
struct gw_spillable { /* One entry of a block (store.h). */
    uint32_t instance, slot, entry;
    uint64_t size_bytes;   /* Of one shard. */
    uint32_t shard_count;  /* Here. */
    uint64_t written;      /* How many had been written on this host before. */
    uint32_t users;        /* Gangs that are launched and not done. */
    uint32_t copies_left;  /* Of a spill under way; 0: none is. */
    uint32_t returns_left; /* Likewise of its way back. */
    bool is_wanted;        /* By the gang for which room is made. */
    bool is_resting;       /* On the list: */
    gw_spillable *previous, *next;
};

typedef struct gw_spill_ops {
    const char *name, *summary; /* "oldest", in configs/; a line for `gangway list` */
    bool (*is_before)(const gw_spillable *one, const gw_spillable *other); /* Goes to the host. */
} gw_spill_ops;

extern const gw_spill_ops *const gw_spills[]; /* In order of name; NULL ends it. */

typedef struct gw_spill gw_spill;

/* `memory_bytes` is what the host has for all its devices together. */
gw_spill *gw_spill_new(const gw_spill_ops *ops, uint64_t memory_bytes);
void gw_spill_free(gw_spill *spill);

/* The instance is installed; borrowed until it is closed.  Nothing of it is under way then. */
void gw_spill_open(gw_spill *spill, const gw_host_instance *instance);
void gw_spill_close(gw_spill *spill, const gw_host_instance *instance);

/* The buffer as it is known here; NULL: it is none that is ever spilled. */
gw_spillable *gw_spill_find(gw_spill *spill, uint32_t instance, uint32_t slot, uint32_t entry);

/* A gang that touches it is launched, or is done; `is_writer`: it made it.  `is_held`: somebody is
 * still to read it. */
void gw_spill_use(gw_spill *spill, gw_spillable *buffer);
void gw_spill_end_use(gw_spill *spill, gw_spillable *buffer, bool is_writer, bool is_held);

/* The next one to go, of those that rest, are wanted by nobody and not under way, for which the
 * host has memory and `is_useful` is true; NULL: there is none. */
typedef bool (*gw_spill_test)(const void *context, const gw_spillable *buffer);
gw_spillable *gw_spill_choose(const gw_spill *spill, gw_spill_test is_useful, const void *context);

/* Of those under way for which `is_useful` is true, bytes per device added up. */
uint64_t gw_spill_leaving_bytes(const gw_spill *spill, gw_spill_test is_useful,
                                const void *context);

/* The host's memory for it is taken: its copies are under way. */
void gw_spill_begin(gw_spill *spill, gw_spillable *buffer);
/* Nobody is to read it any more: it does not rest. */
void gw_spill_drop(gw_spill *spill, gw_spillable *buffer);
/* The host's memory for it is free again. */
void gw_spill_give_back(gw_spill *spill, const gw_spillable *buffer);
