/* SPDX-License-Identifier: Apache-2.0 */
/* All combinations of some paths' values: the settings of a comparison, numbered from 0 with the
 * last axis the fastest.  Values are texts as --set takes them. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "base/params.h"

#define GW_GRID_SETTINGS_MAX 4096 /* A table of more is for no reader. */

typedef struct {
    char *path;        /* "control.policy" */
    GPtrArray *values; /* Of char *, one at least, each different. */
} gw_grid_axis;

typedef struct {
    GPtrArray *axes; /* Of gw_grid_axis *, in the order of adding. */
} gw_grid;

/* Without axes it has one setting, which changes nothing. */
gw_grid *gw_grid_new(void);
void gw_grid_free(gw_grid *grid); /* NULL is fine. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_grid, gw_grid_free)

/* Adds an axis, "path=value,value".  Commas in brackets, braces or double quotes separate nothing.
 * GW_ERROR_USAGE: no "path=", an empty or repeated value, a path that is there already, or more
 * than GW_GRID_SETTINGS_MAX settings.  `grid` is as before then. */
bool gw_grid_add(gw_grid *grid, const char *text, GError **error);
/* Adds a scenario's "vary", of which the scenario has checked the values; GW_ERROR_SCENARIO. */
bool gw_grid_add_params(gw_grid *grid, gw_params *vary, GError **error);

guint gw_grid_count(const gw_grid *grid);
guint gw_grid_axis_count(const gw_grid *grid);
const gw_grid_axis *gw_grid_axis_at(const gw_grid *grid, guint axis);
/* The value that setting `index` has on `axis`, by number and as text. */
guint gw_grid_place(const gw_grid *grid, guint index, guint axis);
const char *gw_grid_value(const gw_grid *grid, guint index, guint axis);
/* Setting `index` with another value on `axis`. */
guint gw_grid_move(const gw_grid *grid, guint index, guint axis, guint place);

/* Each axis as --set takes it; NULL ends them.  The caller frees (g_strfreev()). */
char **gw_grid_settings(const gw_grid *grid, guint index);
/* "control.policy=fifo jobs.count=4", one line whatever the values hold; "as it is" without axes.
 * The caller frees. */
char *gw_grid_name(const gw_grid *grid, guint index);

/* `text` is "path=value" of an axis and a value that it has.  GW_ERROR_USAGE, with the nearest. */
bool gw_grid_find(const gw_grid *grid, const char *text, guint *out_axis, guint *out_place,
                  GError **error);
