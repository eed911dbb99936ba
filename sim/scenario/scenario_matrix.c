/* SPDX-License-Identifier: Apache-2.0 */
/* "matrix_unit" of an accelerator: how it cuts matrix products. */
#include "scenario/scenario_private.h"

#define PARTS_MAX 65536U
#define SIDE_MAX  65536U

static bool read_size(gw_params *object, const char *key, bool required, uint64_t minimum,
                      uint64_t maximum, uint32_t *inout, GError **error)
{
    uint64_t value = *inout;
    if (!gw_params_count(object, key, required, minimum, maximum, &value, error)) {
        return false;
    }
    *inout = (uint32_t)value;
    return true;
}

static bool read_tile(gw_params *value, gw_matrix_tile *out, GError **error)
{
    gw_params *tile = NULL;
    out->efficiency = 1;
    if (!gw_params_as_object(value, &tile, error) ||
        !read_size(tile, "rows", true, 1, SIDE_MAX, &out->rows, error) ||
        !read_size(tile, "columns", true, 1, SIDE_MAX, &out->columns, error) ||
        !gw_params_number(tile, "efficiency", false, 0, 1, &out->efficiency, error)) {
        return false;
    }
    if (!(out->efficiency > 0)) {
        gw_params_error(tile, "efficiency", error,
                        "found 0, expected more than that, and 1 at most");
        return false;
    }
    return gw_params_finish(tile, error);
}

static bool read_tiles(gw_params *unit, gw_matrix_unit *out, GError **error)
{
    gw_params *tiles = NULL;
    if (!gw_params_array(unit, "tiles", true, &tiles, error)) {
        return false;
    }
    const uint32_t count = gw_params_length(tiles);
    if (count == 0 || count > GW_MATRIX_TILES_MAX) {
        gw_params_error(unit, "tiles", error, "found %u, expected 1 to %d", count,
                        GW_MATRIX_TILES_MAX);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_tile(gw_params_at(tiles, i), &out->tiles[i], error)) {
            return false;
        }
    }
    out->tile_count = count;
    return true;
}

bool gw_matrix_unit_read(gw_params *root, gw_matrix_unit *out, GError **error)
{
    gw_params *unit = NULL;
    if (!gw_params_object(root, "matrix_unit", false, &unit, error)) {
        return false;
    }
    if (unit == NULL) {
        return true;
    }
    gw_matrix_unit made = {.part_count = 1, .depth_multiple = 1};
    if (!read_size(unit, "parts", false, 1, PARTS_MAX, &made.part_count, error) ||
        !read_tiles(unit, &made, error) ||
        !read_size(unit, "depth_multiple", false, 1, SIDE_MAX, &made.depth_multiple, error) ||
        !read_size(unit, "ramp_depth", false, 0, SIDE_MAX, &made.ramp_depth, error) ||
        !gw_params_finish(unit, error)) {
        return false;
    }
    *out = made;
    return true;
}
