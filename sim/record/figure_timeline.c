/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices which gang had when, ready to draw: timeline.csv out of shards.csv.
 *
 * A box is a row of shards.csv, so it is its gang's from edge to edge, and no two overlap.
 * However long shards.csv is, it is read once and at most 2 x BOX_COUNT_MAX rows are held: those
 * that start first.  Drawn is the first stretch of time in which a figure stays legible, and its
 * caption says how much that is.  Several jobs are told apart by colour; of one job the kinds of
 * its nodes (the letters that their names begin with), and micro-batches by numbers in the boxes.
 */
#include <string.h>

#include "base/error.h"
#include "record/csv.h"
#include "record/figure_private.h"
#include "record/output.h"
#include "record/text.h"

#define BOX_COUNT_MAX          20000
#define BOX_COUNT_PER_ROW      150 /* Boxes side by side: a point and a third each. */
#define OUTLINED_COUNT_PER_ROW 60  /* More would be all outline, */
#define OUTLINED_ROW_COUNT_MAX 32  /* and so would more rows: of three points each. */
#define PLOT_WIDTH_POINTS      200.0
#define PLOT_HEIGHT_POINTS     100.0
#define DIGIT_WIDTH_POINTS     3.0 /* Of a label of 5 pt, with air. */
#define LABEL_HEIGHT_POINTS    6.0
#define TIC_COUNT_MAX          8
#define BORDER_COUNT_MAX       32 /* Islands with lines between them; more would be all line. */

typedef struct {
    gw_time start_ns, end_ns;
    uint64_t gang;
    uint32_t first_device, last_device;
    uint32_t job, kind; /* Kind: of the node; both below GW_FIGURE_GROUP_COUNT. */
    uint32_t microbatch;
} box;

typedef struct {
    const gw_figure_run *run;
    GArray *boxes;         /* box; those with the earliest starts so far. */
    GPtrArray *kinds;      /* Names, in order of appearance. */
    uint64_t shards_count; /* Rows of shards.csv. */
    gw_time cut_ns;        /* No box from here on is held; GW_TIME_NEVER: all are. */
    uint32_t row_count;
    /* Of what is drawn. */
    gw_time start_ns, end_ns;
    uint32_t first_device, last_device;
} timeline;

typedef struct {
    uint32_t gang, job, node, microbatch, first_device, device_count, start_ns, end_ns;
} columns;

static bool find_columns(const gw_csv *csv, columns *out, GError **error)
{
    return gw_csv_find_column(csv, "gang", &out->gang, error) &&
           gw_csv_find_column(csv, "job", &out->job, error) &&
           gw_csv_find_column(csv, "node", &out->node, error) &&
           gw_csv_find_column(csv, "microbatch", &out->microbatch, error) &&
           gw_csv_find_column(csv, "first_device", &out->first_device, error) &&
           gw_csv_find_column(csv, "device_count", &out->device_count, error) &&
           gw_csv_find_column(csv, "start_ns", &out->start_ns, error) &&
           gw_csv_find_column(csv, "end_ns", &out->end_ns, error);
}

/* The colour of `name`: its index in `names`, the last colour for all that come too late. */
static uint32_t find_group(const GPtrArray *names, const char *name, size_t length)
{
    uint32_t i = 0;
    for (; i < MIN(names->len, GW_FIGURE_GROUP_COUNT - 1); i++) {
        const char *known = g_ptr_array_index(names, i);
        if (strncmp(known, name, length) == 0 && known[length] == '\0') {
            break;
        }
    }
    return i;
}

/* Kinds are named as they come; of those that share the last colour, two are enough to know. */
static uint32_t find_kind(GPtrArray *kinds, const char *node, size_t length)
{
    uint32_t group = find_group(kinds, node, length);
    bool is_new = group == kinds->len;
    if (group == GW_FIGURE_GROUP_COUNT - 1 && kinds->len == GW_FIGURE_GROUP_COUNT) {
        const char *last = g_ptr_array_index(kinds, group);
        is_new = strncmp(last, node, length) != 0 || last[length] != '\0';
    }
    if (is_new) {
        g_ptr_array_add(kinds, g_strndup(node, length));
    }
    return group;
}

size_t gw_figure_measure_kind(const char *node)
{
    size_t length = 0;
    while (node[length] != '\0' && !g_ascii_isdigit(node[length]) &&
           strchr(".:/[( ", node[length]) == NULL) {
        length++;
    }
    return length;
}

static bool read_box(const gw_csv *csv, const columns *at, timeline *line, box *out, GError **error)
{
    uint64_t first, device_count, microbatch = GW_INDEX_NONE;
    if (!gw_csv_count(csv, at->gang, &out->gang, error) ||
        !gw_csv_count(csv, at->first_device, &first, error) ||
        !gw_csv_count(csv, at->device_count, &device_count, error) ||
        !gw_csv_count(csv, at->start_ns, &out->start_ns, error) ||
        !gw_csv_count(csv, at->end_ns, &out->end_ns, error)) {
        return false;
    }
    if (gw_csv_text(csv, at->microbatch)[0] != '\0' &&
        !gw_csv_count(csv, at->microbatch, &microbatch, error)) {
        return false;
    }
    if (first >= GW_INDEX_NONE || device_count < 1 || device_count > GW_INDEX_NONE - first) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "shards.csv: gang %" G_GUINT64_FORMAT " has no devices, or more than there can "
                    "be",
                    out->gang);
        return false;
    }
    if (out->start_ns > out->end_ns) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "shards.csv: gang %" G_GUINT64_FORMAT " ends before it begins", out->gang);
        return false;
    }
    out->first_device = (uint32_t)first;
    out->last_device = (uint32_t)(first + device_count - 1);
    out->microbatch = (uint32_t)MIN(microbatch, GW_INDEX_NONE);
    const char *job = gw_csv_text(csv, at->job), *node = gw_csv_text(csv, at->node);
    out->job = find_group(line->run->job_names, job, strlen(job));
    out->kind = find_kind(line->kinds, node, gw_figure_measure_kind(node));
    return true;
}

static int compare_boxes(const void *a, const void *b)
{
    const box *x = a, *y = b;
    if (x->start_ns != y->start_ns) {
        return x->start_ns < y->start_ns ? -1 : 1;
    }
    if (x->gang != y->gang) {
        return x->gang < y->gang ? -1 : 1;
    }
    return x->first_device < y->first_device ? -1 : x->first_device > y->first_device;
}

/* Holds the `count` that start first, and forgets the others. */
static void trim_boxes(timeline *line, uint32_t count)
{
    g_array_sort(line->boxes, compare_boxes);
    if (line->boxes->len > count) {
        line->cut_ns = MIN(line->cut_ns, g_array_index(line->boxes, box, count).start_ns);
        g_array_set_size(line->boxes, count);
    }
}

static bool read_boxes(const char *folder, timeline *line, GError **error)
{
    columns at;
    g_autoptr(GError) failure = NULL;
    g_autoptr(gw_csv) csv = gw_csv_open(folder, "shards.csv", error);
    if (csv == NULL) {
        g_prefix_error(error, "the timeline needs a run that wrote its gangs: ");
        return false;
    }
    if (!find_columns(csv, &at, error)) {
        return false;
    }
    while (gw_csv_next(csv, &failure)) {
        box next;
        if (!read_box(csv, &at, line, &next, error)) {
            return false;
        }
        line->shards_count++;
        g_array_append_val(line->boxes, next);
        if (line->boxes->len == 2 * BOX_COUNT_MAX) {
            trim_boxes(line, BOX_COUNT_MAX);
        }
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (line->shards_count == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s/shards.csv: the run finished no gang, there is nothing to draw", folder);
        return false;
    }
    return true;
}

/* Rows of boxes: ranges of devices that begin with the same one. */
static uint32_t count_rows(const GArray *boxes)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (uint32_t i = 0; i < boxes->len; i++) {
        g_hash_table_add(seen, GUINT_TO_POINTER(g_array_index(boxes, box, i).first_device));
    }
    return g_hash_table_size(seen);
}

static void choose_window(timeline *line)
{
    trim_boxes(line, BOX_COUNT_MAX);
    line->row_count = count_rows(line->boxes);
    trim_boxes(line, MIN(BOX_COUNT_MAX, line->row_count * BOX_COUNT_PER_ROW));
    GArray *boxes = line->boxes;
    line->start_ns = g_array_index(boxes, box, 0).start_ns;
    /* Others that start with the first one forgotten go too, unless there is nothing else. */
    while (line->cut_ns > line->start_ns &&
           g_array_index(boxes, box, boxes->len - 1).start_ns >= line->cut_ns) {
        g_array_set_size(boxes, boxes->len - 1);
    }
    line->first_device = UINT32_MAX;
    for (uint32_t i = 0; i < boxes->len; i++) {
        const box *each = &g_array_index(boxes, box, i);
        line->end_ns = MAX(line->end_ns, each->end_ns);
        line->first_device = MIN(line->first_device, each->first_device);
        line->last_device = MAX(line->last_device, each->last_device);
    }
    if (line->cut_ns > line->start_ns) {
        line->end_ns = MIN(line->end_ns, line->cut_ns);
    }
    line->end_ns = MAX(line->end_ns, line->start_ns + 1);
    if (line->start_ns < (line->end_ns - line->start_ns) / 20) {
        line->start_ns = 0; /* A round beginning costs little width. */
    }
}

/* Whether the number of the micro-batch fits into the box as printed. */
static bool has_label(const timeline *line, const box *each)
{
    if (line->run->job_names->len > 1 || each->microbatch == GW_INDEX_NONE) {
        return false;
    }
    double digit_count = each->microbatch < 10 ? 1 : each->microbatch < 100 ? 2 : 3;
    double width = (double)(each->end_ns - each->start_ns) /
                   (double)(line->end_ns - line->start_ns) * PLOT_WIDTH_POINTS;
    double height = (double)(each->last_device - each->first_device + 1) /
                    (double)(line->last_device - line->first_device + 1) * PLOT_HEIGHT_POINTS;
    return width >= (digit_count + 0.5) * DIGIT_WIDTH_POINTS && height >= LABEL_HEIGHT_POINTS &&
           each->end_ns <= line->end_ns;
}

static bool write_boxes(const char *folder, const timeline *line, GError **error)
{
    g_autoptr(gw_output) output = gw_output_open(folder, "timeline.csv", error);
    if (output == NULL) {
        return false;
    }
    gw_output_print(output, "start_ns,end_ns,first_device,last_device,group,label\n");
    for (uint32_t i = 0; i < line->boxes->len; i++) {
        const box *each = &g_array_index(line->boxes, box, i);
        uint32_t group = line->run->job_names->len > 1 ? each->job : each->kind;
        const uint64_t numbers[] = {each->start_ns, MIN(each->end_ns, line->end_ns),
                                    each->first_device, each->last_device, group + 1};
        char *at =
            gw_output_reserve(output, (G_N_ELEMENTS(numbers) + 2) * (GW_TEXT_COUNT_BYTES + 1));
        for (uint32_t k = 0; k < G_N_ELEMENTS(numbers); k++) {
            at = gw_text_put_count(at, numbers[k]);
            *at++ = ',';
        }
        if (has_label(line, each)) {
            at = gw_text_put_count(at, each->microbatch);
        }
        *at++ = '\n';
        gw_output_advance(output, at);
    }
    return gw_output_commit(output, error);
}

static void append_groups(GString *variables, const timeline *line)
{
    bool is_by_job = line->run->job_names->len > 1;
    const GPtrArray *names = is_by_job ? line->run->job_names : line->kinds;
    uint32_t count = MIN(names->len, GW_FIGURE_GROUP_COUNT);
    bool has_rest = names->len > GW_FIGURE_GROUP_COUNT;
    const char *titles[GW_FIGURE_GROUP_COUNT];
    for (uint32_t i = 0; i < count; i++) {
        titles[i] = g_ptr_array_index(names, i);
    }
    if (has_rest) {
        titles[count - 1] = is_by_job ? "other jobs" : "other";
    }
    gw_figure_append_titles(variables, titles, count > 1 ? count : 0, GW_FIGURE_KEY_ROWS_MAX);
    gw_figure_append_count(variables, "group_count", count);
    gw_figure_append_count(variables, "has_rest", has_rest);
}

/* The devices that get a number at the axis: a power of two apart. */
static uint32_t choose_tic_step(const timeline *line)
{
    uint32_t step = 1;
    while ((line->last_device - line->first_device) / step >= TIC_COUNT_MAX) {
        step *= 2;
    }
    return step;
}

static void append_borders(GString *variables, const timeline *line)
{
    const GArray *counts = line->run->island_device_counts;
    uint32_t border_count = 0;
    uint64_t device = 0;
    g_string_append_printf(variables, "array borders[%u]; ", BORDER_COUNT_MAX);
    for (uint32_t i = 0; i + 1 < counts->len && counts->len <= BORDER_COUNT_MAX; i++) {
        device += g_array_index(counts, uint32_t, i);
        if (device > line->first_device && device <= line->last_device) {
            g_string_append_printf(variables, "borders[%u]=%" G_GUINT64_FORMAT "; ", ++border_count,
                                   device);
        }
    }
    gw_figure_append_count(variables, "border_count", border_count);
}

static void append_caption(GString *variables, const timeline *line)
{
    g_autofree char *caption = NULL;
    if (line->boxes->len < line->shards_count) {
        caption = g_strdup_printf("; the first %u of %" G_GUINT64_FORMAT " boxes", line->boxes->len,
                                  line->shards_count);
    }
    gw_figure_append_text(variables, "caption", caption == NULL ? "" : caption);
}

bool gw_figure_prepare_timeline(const char *folder, const gw_figure_run *run, GString *variables,
                                GError **error)
{
    g_autoptr(GArray) boxes = g_array_new(FALSE, FALSE, sizeof(box));
    g_autoptr(GPtrArray) kinds = g_ptr_array_new_with_free_func(g_free);
    timeline line = {.run = run, .boxes = boxes, .kinds = kinds, .cut_ns = GW_TIME_NEVER};
    if (!read_boxes(folder, &line, error)) {
        return false;
    }
    choose_window(&line);
    if (!write_boxes(folder, &line, error)) {
        return false;
    }
    append_groups(variables, &line);
    append_borders(variables, &line);
    append_caption(variables, &line);
    gw_figure_append_time(variables, "start_ns", line.start_ns);
    gw_figure_append_time(variables, "end_ns", line.end_ns);
    gw_figure_append_unit(variables, line.end_ns - line.start_ns);
    gw_figure_append_count(variables, "first_device", line.first_device);
    gw_figure_append_count(variables, "last_device", line.last_device);
    gw_figure_append_count(variables, "tic_step", choose_tic_step(&line));
    gw_figure_append_count(variables, "is_outlined",
                           line.row_count <= OUTLINED_ROW_COUNT_MAX &&
                               line.boxes->len <= line.row_count * OUTLINED_COUNT_PER_ROW);
    return true;
}
