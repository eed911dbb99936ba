/* SPDX-License-Identifier: Apache-2.0 */
/* What was predicted above what was measured, ready to draw: validate_boxes.csv out of
 * timelines.csv.  Both panels have one axis of time, so that equal lengths are equal spans.
 * Colours are those of a timeline: jobs, or of one job the kinds of its nodes. */
#include <string.h>

#include "base/error.h"
#include "record/csv.h"
#include "record/figure_private.h"
#include "record/output.h"

#define BOX_COUNT_MAX      40000 /* A figure of more is all edges. */
#define ROW_COUNT_MAX      32
#define PANEL_INCHES       0.55 /* The least, of one panel; */
#define ROW_INCHES         0.14 /* of a row in it, */
#define MARGIN_INCHES      0.75 /* of all around: axis, key, gap. */
#define PLOT_WIDTH_POINTS  200.0
#define DIGIT_WIDTH_POINTS 3.0 /* Of a label of 5 pt, with air. */

static const char *const worlds[] = {"predicted", "measured", NULL};

typedef struct {
    uint32_t world, device;
    gw_time start_ns, end_ns;
    uint32_t job, kind; /* Below GW_FIGURE_GROUP_COUNT. */
    uint64_t microbatch;
} box;

typedef struct {
    GArray *boxes;           /* box */
    GPtrArray *jobs, *kinds; /* Names, in order of appearance; beyond the colours, one more. */
    GArray *devices;         /* uint32_t: those that have a row, in order of appearance. */
    gw_time end_ns;
} drawing;

typedef struct {
    uint32_t world, device, start_ns, end_ns, job, node, microbatch;
} columns;

static bool find_columns(const gw_csv *csv, columns *out, GError **error)
{
    return gw_csv_find_column(csv, "world", &out->world, error) &&
           gw_csv_find_column(csv, "device", &out->device, error) &&
           gw_csv_find_column(csv, "start_ns", &out->start_ns, error) &&
           gw_csv_find_column(csv, "end_ns", &out->end_ns, error) &&
           gw_csv_find_column(csv, "job", &out->job, error) &&
           gw_csv_find_column(csv, "node", &out->node, error) &&
           gw_csv_find_column(csv, "microbatch", &out->microbatch, error);
}

/* The colour of a name: its place among the names, or the last for all that come too late. */
static uint32_t find_name(GPtrArray *names, const char *name, size_t length)
{
    for (uint32_t i = 0; i < names->len; i++) {
        const char *known = (const char *)g_ptr_array_index(names, i);
        if (strncmp(known, name, length) == 0 && known[length] == '\0') {
            return MIN(i, GW_FIGURE_GROUP_COUNT - 1);
        }
    }
    if (names->len <= GW_FIGURE_GROUP_COUNT) {
        g_ptr_array_add(names, g_strndup(name, length));
    }
    return MIN(names->len, GW_FIGURE_GROUP_COUNT) - 1;
}

/* Its row, of those there are; false: there are too many. */
static bool find_row(GArray *devices, uint32_t device, uint32_t *out_row)
{
    for (uint32_t i = 0; i < devices->len; i++) {
        *out_row = i;
        if (g_array_index(devices, uint32_t, i) == device) {
            return true;
        }
    }
    *out_row = devices->len;
    if (devices->len == ROW_COUNT_MAX) {
        return false;
    }
    g_array_append_val(devices, device);
    return true;
}

static bool read_box(const gw_csv *csv, const columns *at, drawing *made, GError **error)
{
    box next = {.microbatch = GW_INDEX_NONE};
    uint64_t device;
    const char *world = gw_csv_text(csv, at->world);
    if (!gw_csv_count(csv, at->device, &device, error) ||
        !gw_csv_count(csv, at->start_ns, &next.start_ns, error) ||
        !gw_csv_count(csv, at->end_ns, &next.end_ns, error) ||
        (gw_csv_text(csv, at->microbatch)[0] != '\0' &&
         !gw_csv_count(csv, at->microbatch, &next.microbatch, error))) {
        return false;
    }
    if (!g_strv_contains(worlds, world) || next.start_ns > next.end_ns || device > UINT32_MAX) {
        g_autofree char *quoted = gw_error_quote(world);
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "timelines.csv: found world %s, device %" G_GUINT64_FORMAT ", start_ns "
                    "%" G_GUINT64_FORMAT ", end_ns %" G_GUINT64_FORMAT ", expected predicted or "
                    "measured, and an end that is not before the start",
                    quoted, device, next.start_ns, next.end_ns);
        return false;
    }
    const char *job = gw_csv_text(csv, at->job), *node = gw_csv_text(csv, at->node);
    next.world = strcmp(world, worlds[0]) == 0 ? 0 : 1;
    next.job = find_name(made->jobs, job, strlen(job));
    next.kind = find_name(made->kinds, node, gw_figure_measure_kind(node));
    if (made->boxes->len < BOX_COUNT_MAX &&
        find_row(made->devices, (uint32_t)device, &next.device)) {
        made->end_ns = MAX(made->end_ns, next.end_ns);
        g_array_append_val(made->boxes, next);
    }
    return true;
}

static bool read_boxes(const char *folder, drawing *made, GError **error)
{
    columns at;
    g_autoptr(GError) failure = NULL;
    g_autoptr(gw_csv) csv = gw_csv_open(folder, "timelines.csv", error);
    if (csv == NULL || !find_columns(csv, &at, error)) {
        return false;
    }
    while (gw_csv_next(csv, &failure)) {
        if (!read_box(csv, &at, made, error)) {
            return false;
        }
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (made->boxes->len == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s/timelines.csv: found no row, there is nothing to draw", folder);
        return false;
    }
    return true;
}

static bool has_label(const drawing *made, const box *each)
{
    const double digits = each->microbatch < 10 ? 1 : each->microbatch < 100 ? 2 : 3;
    const double points =
        (double)(each->end_ns - each->start_ns) / (double)made->end_ns * PLOT_WIDTH_POINTS;
    return made->jobs->len == 1 && each->microbatch != GW_INDEX_NONE &&
           points >= (digits + 0.5) * DIGIT_WIDTH_POINTS;
}

/* A block for each world, two empty lines between them. */
static bool write_boxes(const char *folder, const drawing *made, GError **error)
{
    g_autoptr(gw_output) output = gw_output_open(folder, "validate_boxes.csv", error);
    if (output == NULL) {
        return false;
    }
    for (uint32_t w = 0; w < 2; w++) {
        gw_output_print(output, w == 0
                                    ? "# start_ns,end_ns,row,group,label: a block for each world\n"
                                    : "\n\n");
        for (uint32_t i = 0; i < made->boxes->len; i++) {
            const box *each = &g_array_index(made->boxes, box, i);
            if (each->world != w) {
                continue;
            }
            g_autofree char *label =
                has_label(made, each)
                    ? g_strdup_printf("%" G_GUINT64_FORMAT, each->microbatch)
                    : g_strdup(
                          "\"\""); /* Gnuplot takes a last field of nothing for its neighbour. */
            g_autofree char *row =
                g_strdup_printf("%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%u,%u,%s\n",
                                each->start_ns, each->end_ns, each->device,
                                (made->jobs->len > 1 ? each->job : each->kind) + 1, label);
            gw_output_print(output, row);
        }
    }
    return gw_output_commit(output, error);
}

static void append_variables(GString *variables, const drawing *made)
{
    const bool is_by_job = made->jobs->len > 1;
    const GPtrArray *names = is_by_job ? made->jobs : made->kinds;
    const uint32_t count = MIN(names->len, GW_FIGURE_GROUP_COUNT);
    const bool has_rest = names->len > GW_FIGURE_GROUP_COUNT;
    const char *titles[GW_FIGURE_GROUP_COUNT];
    char height[G_ASCII_DTOSTR_BUF_SIZE];
    for (uint32_t i = 0; i < count; i++) {
        titles[i] = (const char *)g_ptr_array_index(names, i);
    }
    if (has_rest) {
        titles[count - 1] = is_by_job ? "other jobs" : "other";
    }
    gw_figure_append_titles(variables, titles, count > 1 ? count : 0, GW_FIGURE_KEY_ROWS_MAX);
    gw_figure_append_count(variables, "group_count", count);
    gw_figure_append_count(variables, "has_rest", has_rest);
    gw_figure_append_count(variables, "row_count", made->devices->len);
    g_string_append_printf(variables, "array rows[%u]; ", made->devices->len);
    for (uint32_t i = 0; i < made->devices->len; i++) {
        g_string_append_printf(variables, "rows[%u]=%u; ", i + 1,
                               g_array_index(made->devices, uint32_t, i));
    }
    const double panel = MAX(PANEL_INCHES, ROW_INCHES * made->devices->len);
    g_ascii_formatd(height, sizeof height, "%.3f", MARGIN_INCHES + 2 * panel);
    g_string_append_printf(variables, "height=%s; ", height);
    gw_figure_append_time(variables, "end_ns", MAX(made->end_ns, 1));
    gw_figure_append_unit(variables, made->end_ns);
}

bool gw_figure_prepare_validate(const char *folder, GString *variables, GError **error)
{
    g_autoptr(GArray) boxes = g_array_new(FALSE, FALSE, sizeof(box));
    g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) kinds = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) devices = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    drawing made = {.boxes = boxes, .jobs = jobs, .kinds = kinds, .devices = devices};
    if (!read_boxes(folder, &made, error) || !write_boxes(folder, &made, error)) {
        return false;
    }
    append_variables(variables, &made);
    return true;
}
