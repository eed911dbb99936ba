/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles and rounds are counted in integers, so that a product one column too wide pays in full. */
#include "accel/product.h"

#include "base/check.h"

static uint64_t count_of(uint64_t size, uint64_t part)
{
    return size / part + (size % part > 0 ? 1 : 0);
}

/* FLOPs as if everything that is begun were done, at the rate of whole rounds. */
static double padded_flops(const gw_matrix_unit *unit, const gw_product *product, uint64_t rows,
                           uint64_t columns)
{
    const uint64_t tiles =
        product->count * count_of(product->rows, rows) * count_of(product->columns, columns);
    const uint64_t rounds = count_of(tiles, unit->part_count);
    const uint64_t depth = count_of(product->depth, unit->depth_multiple) * unit->depth_multiple;
    return (double)rounds * unit->part_count * 2 * (double)rows * (double)columns *
           (double)(depth + unit->ramp_depth);
}

double gw_product_seconds(const gw_accelerator *accelerator, const gw_product *product)
{
    const gw_matrix_unit *unit = &accelerator->matrix_unit;
    const double flops_per_s = accelerator->peak_flops * accelerator->matmul_efficiency;
    gw_check(flops_per_s > 0);
    if (product->depth == 0) {
        return 0;
    }
    if (unit->tile_count == 0) {
        return 2 * (double)product->count * (double)product->rows * (double)product->columns *
               (double)product->depth / flops_per_s;
    }
    gw_check(unit->part_count > 0 && unit->depth_multiple > 0);
    double least = 0;
    for (uint32_t i = 0; i < unit->tile_count; i++) {
        const gw_matrix_tile *tile = &unit->tiles[i];
        const double upright = padded_flops(unit, product, tile->rows, tile->columns);
        const double across = padded_flops(unit, product, tile->columns, tile->rows);
        const double seconds =
            (upright < across ? upright : across) / (flops_per_s * tile->efficiency);
        least = i == 0 || seconds < least ? seconds : least;
    }
    return least;
}
