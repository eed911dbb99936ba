/* SPDX-License-Identifier: Apache-2.0 */
/* A user's own schedule: a CSV with a row per operation, each stage's rows in the order in which it
 * does them, whatever stands between.  The first row names the columns:
 *     stage,operation,microbatch,chunk
 *     0,F,0,0
 * with operation F, B (backward for inputs), W (for weights) or BW (both); without a column
 * `chunk` all is of chunk 0. */
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "workload/workload_params.h"
#include "workload/workload_schedule.h"

#define COLUMNS       "stage,operation,microbatch"
#define COLUMNS_CHUNK COLUMNS ",chunk"
#define FIELDS_MAX    4U

typedef struct {
    uint32_t stage;
    gw_slot slot;
} schedule_row;

typedef struct {
    const gw_schedule_request *request;
    uint32_t line, field_count;
    GArray *rows; /* schedule_row */
} schedule_reader;

static bool refuse_line(const schedule_reader *reader, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static bool refuse_line(const schedule_reader *reader, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s:%u: %s", reader->request->file,
                reader->line, text);
    return false;
}

static bool read_number(const schedule_reader *reader, const char *name, const char *text,
                        uint32_t count, uint32_t *out, GError **error)
{
    guint64 value = 0;
    if (g_ascii_string_to_unsigned(text, 10, 0, count - 1, &value, NULL)) {
        *out = (uint32_t)value;
        return true;
    }
    g_autofree char *found = gw_error_quote(text);
    return refuse_line(reader, error, "%s: found %s, expected a whole number from 0 to %u", name,
                       found, count - 1);
}

static bool read_operation(const schedule_reader *reader, const char *text, gw_slot_kind *out,
                           GError **error)
{
    static const struct {
        const char *name;
        gw_slot_kind kind;
    } operations[] = {{"F", GW_SLOT_FORWARD},
                      {"B", GW_SLOT_INPUTS},
                      {"W", GW_SLOT_WEIGHTS},
                      {"BW", GW_SLOT_BACKWARD}};
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (strcmp(text, operations[i].name) == 0) {
            *out = operations[i].kind;
            return true;
        }
    }
    g_autofree char *found = gw_error_quote(text);
    return refuse_line(reader, error, "operation: found %s, expected one of: F, B, W, BW", found);
}

static bool read_header(schedule_reader *reader, const char *text, GError **error)
{
    if (strcmp(text, COLUMNS) == 0 || strcmp(text, COLUMNS_CHUNK) == 0) {
        reader->field_count = strcmp(text, COLUMNS) == 0 ? 3 : 4;
        return true;
    }
    g_autofree char *found = gw_error_quote(text);
    return refuse_line(reader, error, "found %s, expected the columns " COLUMNS_CHUNK, found);
}

static bool read_row(const schedule_reader *reader, char *text, GError **error)
{
    const gw_schedule_request *request = reader->request;
    g_auto(GStrv) fields = g_strsplit(text, ",", (int)FIELDS_MAX + 1);
    const uint32_t field_count = g_strv_length(fields);
    if (field_count != reader->field_count) {
        return refuse_line(reader, error, "found %s%u field%s, expected %u",
                           field_count > FIELDS_MAX ? "at least " : "", field_count,
                           gw_count_ending(field_count), reader->field_count);
    }
    for (uint32_t i = 0; i < field_count; i++) {
        g_strstrip(fields[i]);
    }
    schedule_row row = {.slot.line = reader->line};
    if (!read_number(reader, "stage", fields[0], request->stage_count, &row.stage, error) ||
        !read_operation(reader, fields[1], &row.slot.kind, error) ||
        !read_number(reader, "microbatch", fields[2], request->microbatch_count,
                     &row.slot.microbatch, error) ||
        (field_count > 3 &&
         !read_number(reader, "chunk", fields[3], request->chunk_count, &row.slot.chunk, error))) {
        return false;
    }
    if (reader->rows->len == GW_WORKLOAD_NODES_MAX) {
        return refuse_line(reader, error, "found more than %u operations", reader->rows->len);
    }
    g_array_append_val(reader->rows, row);
    return true;
}

/* `text` is cut up. */
static bool read_lines(schedule_reader *reader, char *text, GError **error)
{
    for (char *line = text; line != NULL;) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        reader->line++;
        g_strstrip(line);
        if (reader->field_count == 0) {
            if (!read_header(reader, line, error)) {
                return false;
            }
        } else if (line[0] != '\0' && !read_row(reader, line, error)) {
            return false;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return true;
}

static gw_workload_schedule *collect_rows(const schedule_reader *reader)
{
    gw_workload_schedule *schedule = gw_workload_schedule_new(reader->request, 0);
    schedule->source = g_strdup(reader->request->file);
    g_free(schedule->slots);
    schedule->slots = g_new0(gw_slot, MAX(reader->rows->len, 1));
    uint32_t *first = schedule->first_slot;
    for (uint32_t i = 0; i < reader->rows->len; i++) {
        first[g_array_index(reader->rows, schedule_row, i).stage + 1]++;
    }
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        first[stage + 1] += first[stage];
    }
    g_autofree uint32_t *next = g_memdup2(first, schedule->stage_count * sizeof *next);
    for (uint32_t i = 0; i < reader->rows->len; i++) {
        const schedule_row *row = &g_array_index(reader->rows, schedule_row, i);
        schedule->slots[next[row->stage]++] = row->slot;
    }
    return schedule;
}

static char *load_text(const char *path, GError **error)
{
    GBytes *bytes = gw_workload_load(path, "a CSV", error);
    if (bytes == NULL)
        return NULL;
    gsize size_bytes;
    char *text = g_bytes_unref_to_data(bytes, &size_bytes); /* A zero follows what was read. */
    if (strlen(text) != size_bytes) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s: found a zero byte, expected a CSV",
                    path);
        g_clear_pointer(&text, g_free);
    } else if (g_str_has_prefix(text, "\xef\xbb\xbf")) { /* Some editors' first bytes. */
        memmove(text, text + 3, size_bytes - 2);
    }
    return text;
}

static gw_workload_schedule *make_file(const gw_schedule_request *request, GError **error)
{
    g_autofree char *text = load_text(request->file, error);
    if (text == NULL) {
        return NULL;
    }
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(schedule_row));
    schedule_reader reader = {.request = request, .rows = rows};
    return read_lines(&reader, text, error) ? collect_rows(&reader) : NULL;
}

const gw_schedule_ops gw_schedule_file = {
    .name = "file",
    .summary = "your own: a CSV \"schedule_file\" of stage,operation,microbatch,chunk",
    .has_chunks = true,
    .needs_file = true,
    .make = make_file,
};
