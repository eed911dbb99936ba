/* SPDX-License-Identifier: Apache-2.0 */
/* How long a matrix unit takes for products, by their shape (docs/MODEL.md, "Products by shape").
 *
 * The unit cuts a product's result into tiles, and works on as many of them at a time as it has
 * parts.  What does not fill a tile, or the last round of tiles, costs as if it did; and each tile
 * costs as much as `ramp_depth` more of the inner dimension would, to begin and to end. */
#pragma once

#include "program/machine.h"

/* `count` products of rows x depth by depth x columns.  Any may be 0: nothing takes no time. */
typedef struct {
    uint64_t count, rows, columns, depth;
} gw_product;

/* Arithmetic alone, in seconds: not the product's memory traffic, nor the start of a kernel.  Of
 * all tiles that the unit knows, the one that is done first; without any (tile_count 0) all shapes
 * run at the same rate. */
double gw_product_seconds(const gw_accelerator *accelerator, const gw_product *product);
