/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the tables that this folder writes: a header, then a row a line. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct gw_csv gw_csv;

/* NULL: GW_ERROR_SCENARIO when there is no such file, it is a folder or it has no header,
 * GW_ERROR_SYSTEM when it cannot be read for another reason.  Lines may end as on Windows. */
gw_csv *gw_csv_open(const char *folder, const char *name, GError **error);
void gw_csv_free(gw_csv *csv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_csv, gw_csv_free)

uint32_t gw_csv_column_count(const gw_csv *csv);
const char *gw_csv_column_name(const gw_csv *csv, uint32_t column);
/* GW_ERROR_SCENARIO when there is no column of that name. */
bool gw_csv_find_column(const gw_csv *csv, const char *name, uint32_t *out_column, GError **error);

/* The next row.  False at the end, and on an error, which is then set: a row with another number
 * of fields than the header, or a file that cannot be read on. */
bool gw_csv_next(gw_csv *csv, GError **error);
/* GW_ERROR_SCENARIO about the line that was read last: "FILE:LINE: WORDS". */
void gw_csv_error(const gw_csv *csv, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* A field of the row; borrowed until the next one. */
const char *gw_csv_text(const gw_csv *csv, uint32_t column);
/* A field as a number; GW_ERROR_SCENARIO names the line when it is none. */
bool gw_csv_count(const gw_csv *csv, uint32_t column, uint64_t *out_count, GError **error);
bool gw_csv_real(const gw_csv *csv, uint32_t column, double *out_value, GError **error);
