/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tables: a line is read into one buffer and cut into fields there, so that a long table
 * costs no allocation. */
#include "record/csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/units.h"

struct gw_csv {
    char *path;
    FILE *file;
    char *line;
    size_t line_bytes;
    uint64_t line_number;
    GPtrArray *fields; /* Point into `line`. */
    char **header;
    uint32_t column_count;
};

void gw_csv_error(const gw_csv *csv, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s:%" G_GUINT64_FORMAT ": %s", csv->path,
                MAX(csv->line_number, 1), text);
}

/* Cuts the field at `at` off, unquoted; the start of the next one, or NULL after the last. */
static char *cut_field(char *at, char **out_field)
{
    *out_field = at;
    if (*at != '"') {
        char *comma = strchr(at, ',');
        if (comma == NULL) {
            return NULL;
        }
        *comma = '\0';
        return comma + 1;
    }
    char *to = at;
    for (at++; *at != '\0'; at++) {
        if (*at == '"' && *++at != '"') {
            break; /* The closing quote; a doubled one stands for itself. */
        }
        *to++ = *at;
    }
    bool is_last = *at != ',';
    *to = '\0';
    return is_last ? NULL : at + 1;
}

/* False: the end, or an error. */
static bool read_line(gw_csv *csv, GError **error)
{
    errno = 0;
    ssize_t length = getline(&csv->line, &csv->line_bytes, csv->file);
    if (length < 0) {
        if (ferror(csv->file)) {
            const int reason = errno; /* A folder can be opened, and not read. */
            g_set_error(error, GW_ERROR, reason == EISDIR ? GW_ERROR_SCENARIO : GW_ERROR_SYSTEM,
                        "cannot read %s: %s", csv->path, g_strerror(reason));
        }
        return false;
    }
    if (length > 0 && csv->line[length - 1] == '\n') {
        csv->line[--length] = '\0';
    }
    if (length > 0 && csv->line[length - 1] == '\r') { /* Of tables that were elsewhere. */
        csv->line[length - 1] = '\0';
    }
    csv->line_number++;
    g_ptr_array_set_size(csv->fields, 0);
    for (char *at = csv->line; at != NULL;) {
        char *field;
        at = cut_field(at, &field);
        g_ptr_array_add(csv->fields, field);
    }
    return true;
}

gw_csv *gw_csv_open(const char *folder, const char *name, GError **error)
{
    g_autoptr(gw_csv) csv = g_new0(gw_csv, 1);
    csv->path = g_build_filename(folder, name, NULL);
    csv->fields = g_ptr_array_new();
    csv->file = fopen(csv->path, "re");
    if (csv->file == NULL) {
        bool is_absent = errno == ENOENT || errno == ENOTDIR;
        g_set_error(error, GW_ERROR, is_absent ? GW_ERROR_SCENARIO : GW_ERROR_SYSTEM,
                    "cannot read %s: %s", csv->path, g_strerror(errno));
        return NULL;
    }
    g_autoptr(GError) failure = NULL;
    if (!read_line(csv, &failure)) {
        if (failure == NULL) {
            gw_csv_error(csv, &failure, "found an empty file, expected a header");
        }
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    csv->column_count = csv->fields->len;
    csv->header = g_new0(char *, (size_t)csv->column_count + 1);
    for (uint32_t i = 0; i < csv->column_count; i++) {
        csv->header[i] = g_strdup(g_ptr_array_index(csv->fields, i));
    }
    return g_steal_pointer(&csv);
}

void gw_csv_free(gw_csv *csv)
{
    if (csv == NULL) {
        return;
    }
    if (csv->file != NULL) {
        fclose(csv->file);
    }
    free(csv->line); /* From getline(). */
    g_ptr_array_unref(csv->fields);
    g_strfreev(csv->header);
    g_free(csv->path);
    g_free(csv);
}

uint32_t gw_csv_column_count(const gw_csv *csv)
{
    return csv->column_count;
}

const char *gw_csv_column_name(const gw_csv *csv, uint32_t column)
{
    gw_check(column < csv->column_count);
    return csv->header[column];
}

bool gw_csv_find_column(const gw_csv *csv, const char *name, uint32_t *out_column, GError **error)
{
    for (uint32_t i = 0; i < csv->column_count; i++) {
        if (g_str_equal(csv->header[i], name)) {
            *out_column = i;
            return true;
        }
    }
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s:1: found no column \"%s\"", csv->path,
                name);
    return false;
}

bool gw_csv_next(gw_csv *csv, GError **error)
{
    if (!read_line(csv, error)) {
        return false;
    }
    if (csv->fields->len != csv->column_count) {
        gw_csv_error(csv, error, "found %u field%s, expected %u", csv->fields->len,
                     gw_count_ending(csv->fields->len), csv->column_count);
        return false;
    }
    return true;
}

const char *gw_csv_text(const gw_csv *csv, uint32_t column)
{
    gw_check(column < csv->fields->len);
    return g_ptr_array_index(csv->fields, column);
}

bool gw_csv_count(const gw_csv *csv, uint32_t column, uint64_t *out_count, GError **error)
{
    const char *text = gw_csv_text(csv, column);
    guint64 count;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &count, NULL)) {
        g_autofree char *quoted = gw_error_quote(text);
        g_autofree char *name = gw_error_quote(csv->header[column]);
        gw_csv_error(csv, error, "column %s: found %s, expected a whole number", name, quoted);
        return false;
    }
    *out_count = count;
    return true;
}

bool gw_csv_real(const gw_csv *csv, uint32_t column, double *out_value, GError **error)
{
    const char *text = gw_csv_text(csv, column);
    char *end;
    double value = g_ascii_strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) {
        g_autofree char *quoted = gw_error_quote(text);
        g_autofree char *name = gw_error_quote(csv->header[column]);
        gw_csv_error(csv, error, "column %s: found %s, expected a number", name, quoted);
        return false;
    }
    *out_value = value;
    return true;
}
