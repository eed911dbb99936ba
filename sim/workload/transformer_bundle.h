/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives of a function that travel together: gathered here first, then written one after the
 * other, those of one kind over the same dimensions joined (gw_operation.is_joined). */
#pragma once

#include "program/function.h"

typedef struct {
    gw_function *function; /* Borrowed. */
    uint64_t limit_bytes;  /* Of inputs: when there are so many, all are written. */
    bool is_overlapped;    /* As of operations. */
    GArray *waiting;
    uint64_t waiting_bytes;
} gw_bundle;

gw_bundle gw_bundle_of(gw_function *function, uint64_t limit_bytes, bool is_overlapped);
void gw_bundle_add(gw_bundle *bundle, gw_operation_kind kind, uint8_t axes, uint32_t x, uint32_t y);
/* Writes what waits. */
void gw_bundle_flush(gw_bundle *bundle);
/* Nothing waits any more. */
void gw_bundle_clear(gw_bundle *bundle);
