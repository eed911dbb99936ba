/* SPDX-License-Identifier: Apache-2.0 */
/* Links by level, the lowest first and of equal ones the lowest number: what max_min.c looks at
 * next.  A link is in it once at most, so no more than there are links. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    double level;
    uint32_t link;
} gw_level_item;

typedef struct {
    gw_level_item *items; /* items[0] is the lowest; the children of i are 2 i + 1 and 2 i + 2. */
    uint32_t *places;     /* By link, counted from 1; 0: not in the heap. */
    uint32_t count, capacity;
} gw_level_heap;

/* Links are 0 to `link_count` - 1. */
void gw_level_heap_init(gw_level_heap *heap, uint32_t link_count);
void gw_level_heap_clear(gw_level_heap *heap);

/* Puts the link in, or moves it down to `level` if it is there with a higher one. */
void gw_level_heap_lower(gw_level_heap *heap, uint32_t link, double level);

/* Of a heap that is not empty: its lowest link gets a level that is not lower; or leaves it. */
void gw_level_heap_raise_first(gw_level_heap *heap, double level);
void gw_level_heap_pop(gw_level_heap *heap);

/* The lowest level but for the first link's; INFINITY when that is alone. */
double gw_level_heap_second(const gw_level_heap *heap);
