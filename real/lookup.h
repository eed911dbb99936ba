/* SPDX-License-Identifier: Apache-2.0 */
/* A number found again by a number: what a gang or a buffer is called, to where its state lies.
 * For looking up only: it cannot be walked, so no order of addresses can leak out of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t key, value;
} gw_lookup_entry;

typedef struct {
    gw_lookup_entry *entries;
    uint64_t mask; /* Places less one; 0: none yet. */
    uint64_t count;
} gw_lookup;

#define GW_LOOKUP_NONE UINT64_MAX /* No value is that. */

/* A zeroed gw_lookup is an empty one. */
void gw_lookup_clear(gw_lookup *lookup);
/* `key` is not in it. */
void gw_lookup_add(gw_lookup *lookup, uint64_t key, uint64_t value);
/* GW_LOOKUP_NONE when it is not in it. */
uint64_t gw_lookup_find(const gw_lookup *lookup, uint64_t key);
/* Takes it out; GW_LOOKUP_NONE when it was not in it. */
uint64_t gw_lookup_take(gw_lookup *lookup, uint64_t key);
/* Takes any one out, for clearing only: which one is not said.  GW_LOOKUP_NONE: it is empty. */
uint64_t gw_lookup_take_any(gw_lookup *lookup);
