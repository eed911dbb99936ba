/* SPDX-License-Identifier: Apache-2.0 */
/* Busy device time over the run.
 *
 * Widths are powers of two, so that a time finds its bin by a shift and widening merges whole
 * bins.  A record that crosses bins is divided by the rule busy(t) = busy x (t - start) / (end -
 * start), rounded down at each border, so that the parts always add up to the whole. */
#include "record/series.h"

#include <string.h>

#include "base/check.h"
#include "record/text.h"

#define TIME_LIMIT_NS (UINT64_C(1) << 63)

typedef unsigned __int128 wide;

struct gw_series {
    uint32_t shift; /* A bin is 2^shift ns wide. */
    gw_time end_ns; /* The latest there was. */
    uint32_t island_count, job_count, column_count;
    uint32_t device_count;
    uint32_t *island_device_counts;
    const char *job_names[GW_SERIES_JOB_COUNT];
    uint64_t *cells; /* By bin, then by column: islands, then jobs. */
};

gw_series *gw_series_new(const gw_series_settings *settings)
{
    gw_check(settings->island_count > 0);
    gw_series *series = g_new0(gw_series, 1);
    series->island_count = settings->island_count;
    series->job_count = settings->job_count;
    for (uint32_t i = 0; i < MIN(settings->job_count, GW_SERIES_JOB_COUNT); i++) {
        series->job_names[i] = settings->job_names[i];
    }
    series->island_device_counts = g_new(uint32_t, settings->island_count);
    for (uint32_t i = 0; i < settings->island_count; i++) {
        series->island_device_counts[i] = settings->island_device_counts[i];
        series->device_count += settings->island_device_counts[i];
    }
    series->column_count = settings->island_count + GW_SERIES_JOB_COUNT + 1;
    series->cells = g_new0(uint64_t, (size_t)GW_SERIES_BIN_COUNT * series->column_count);
    return series;
}

void gw_series_free(gw_series *series)
{
    if (series != NULL) {
        g_free(series->island_device_counts);
        g_free(series->cells);
        g_free(series);
    }
}

/* 2^`steps` neighbours become one bin. */
static void merge_bins(gw_series *series, uint32_t steps)
{
    uint32_t columns = series->column_count;
    for (uint32_t bin = 1; bin < GW_SERIES_BIN_COUNT; bin++) {
        uint32_t target = steps < 32 ? bin >> steps : 0;
        if (target == bin) {
            continue;
        }
        uint64_t *from = series->cells + (size_t)bin * columns;
        uint64_t *to = series->cells + (size_t)target * columns;
        for (uint32_t i = 0; i < columns; i++) {
            to[i] += from[i];
            from[i] = 0;
        }
    }
}

static void widen_bins(gw_series *series, gw_time end_ns)
{
    gw_check(end_ns < TIME_LIMIT_NS);
    uint32_t steps = 0;
    while ((end_ns - 1) >> (series->shift + steps) >= GW_SERIES_BIN_COUNT) {
        steps++;
    }
    if (steps > 0) {
        merge_bins(series, steps);
        series->shift += steps;
    }
}

static uint32_t find_job_column(const gw_series *series, uint32_t job)
{
    return series->island_count + MIN(job, GW_SERIES_JOB_COUNT);
}

static void add_across(gw_series *series, uint64_t *island_cell, uint64_t *job_cell,
                       uint32_t device_count, gw_time start_ns, gw_time end_ns, gw_span busy_ns)
{
    uint32_t first = (uint32_t)(start_ns >> series->shift);
    uint32_t last = (uint32_t)((end_ns - 1) >> series->shift);
    gw_span length_ns = end_ns - start_ns;
    uint64_t before_ns = 0;
    for (uint32_t bin = first; bin <= last; bin++) {
        gw_time border_ns = MIN(((gw_time)bin + 1) << series->shift, end_ns);
        uint64_t until_ns = border_ns - start_ns;
        if (busy_ns != length_ns) {
            until_ns = (uint64_t)((wide)busy_ns * until_ns / length_ns);
        }
        uint64_t part_ns = (until_ns - before_ns) * device_count;
        island_cell[(size_t)bin * series->column_count] += part_ns;
        job_cell[(size_t)bin * series->column_count] += part_ns;
        before_ns = until_ns;
    }
}

void gw_series_add(gw_series *series, uint32_t island, uint32_t job, uint32_t device_count,
                   gw_time start_ns, gw_time end_ns, gw_span busy_ns)
{
    gw_check(island < series->island_count);
    gw_check(start_ns <= end_ns);
    gw_check(busy_ns <= end_ns - start_ns);
    if (start_ns == end_ns) {
        return;
    }
    if (end_ns > series->end_ns) {
        series->end_ns = end_ns;
        widen_bins(series, end_ns);
    }
    uint64_t *island_cell = series->cells + island;
    uint64_t *job_cell = series->cells + find_job_column(series, job);
    size_t first = start_ns >> series->shift;
    if (first == (end_ns - 1) >> series->shift) {
        island_cell[first * series->column_count] += busy_ns * device_count;
        job_cell[first * series->column_count] += busy_ns * device_count;
    } else {
        add_across(series, island_cell, job_cell, device_count, start_ns, end_ns, busy_ns);
    }
}

uint32_t gw_series_bin_count(const gw_series *series)
{
    return series->end_ns == 0 ? 0 : (uint32_t)((series->end_ns - 1) >> series->shift) + 1;
}

gw_span gw_series_bin_ns(const gw_series *series)
{
    return UINT64_C(1) << series->shift;
}

gw_span gw_series_length_ns(const gw_series *series, uint32_t bin)
{
    gw_check(bin < gw_series_bin_count(series));
    gw_time start_ns = (gw_time)bin << series->shift;
    return MIN(gw_series_bin_ns(series), series->end_ns - start_ns);
}

uint64_t gw_series_island_busy_ns(const gw_series *series, uint32_t bin, uint32_t island)
{
    gw_check(bin < GW_SERIES_BIN_COUNT);
    gw_check(island < series->island_count);
    return series->cells[(size_t)bin * series->column_count + island];
}

uint64_t gw_series_job_busy_ns(const gw_series *series, uint32_t bin, uint32_t job)
{
    gw_check(bin < GW_SERIES_BIN_COUNT);
    gw_check(job <= GW_SERIES_JOB_COUNT);
    return series->cells[(size_t)bin * series->column_count + find_job_column(series, job)];
}

static void write_header(const gw_series *series, gw_output *output)
{
    g_autoptr(GString) header = g_string_new("time_ns,all");
    for (uint32_t i = 0; i < series->island_count; i++) {
        g_string_append_printf(header, ",island_%u", i);
    }
    for (uint32_t i = 0; i < MIN(series->job_count, GW_SERIES_JOB_COUNT); i++) {
        g_autofree char *name = g_strconcat("job_", series->job_names[i], NULL);
        g_string_append_c(header, ',');
        gw_text_append_csv(header, name);
    }
    if (series->job_count > GW_SERIES_JOB_COUNT) {
        g_string_append(header, ",job_other");
    }
    g_string_append_c(header, '\n');
    gw_output_print(output, header->str);
}

static void write_fraction(gw_output *output, uint64_t part, uint64_t whole)
{
    char *at = gw_output_reserve(output, 1 + GW_TEXT_FRACTION_BYTES);
    *at++ = ',';
    gw_output_advance(output, gw_text_put_fraction(at, part, whole));
}

static void write_time(gw_output *output, gw_time time_ns)
{
    char *at = gw_output_reserve(output, GW_TEXT_COUNT_BYTES);
    gw_output_advance(output, gw_text_put_count(at, time_ns));
}

static uint32_t count_job_columns(const gw_series *series)
{
    return MIN(series->job_count, GW_SERIES_JOB_COUNT + 1);
}

static void write_row(const gw_series *series, gw_output *output, uint32_t bin)
{
    gw_span length_ns = gw_series_length_ns(series, bin);
    uint64_t all_ns = 0;
    for (uint32_t i = 0; i < series->island_count; i++) {
        all_ns += gw_series_island_busy_ns(series, bin, i);
    }
    write_time(output, (gw_time)bin << series->shift);
    write_fraction(output, all_ns, length_ns * series->device_count);
    for (uint32_t i = 0; i < series->island_count; i++) {
        write_fraction(output, gw_series_island_busy_ns(series, bin, i),
                       length_ns * series->island_device_counts[i]);
    }
    for (uint32_t i = 0; i < count_job_columns(series); i++) {
        write_fraction(output, gw_series_job_busy_ns(series, bin, i),
                       length_ns * series->device_count);
    }
    gw_output_write(output, "\n", 1);
}

/* From the end on, nothing is busy. */
static void write_end(const gw_series *series, gw_output *output)
{
    uint32_t fraction_count = 1 + series->island_count + count_job_columns(series);
    write_time(output, series->end_ns);
    for (uint32_t i = 0; i < fraction_count; i++) {
        write_fraction(output, 0, 1);
    }
    gw_output_write(output, "\n", 1);
}

void gw_series_write(const gw_series *series, gw_output *output)
{
    write_header(series, output);
    for (uint32_t bin = 0; bin < gw_series_bin_count(series); bin++) {
        write_row(series, output, bin);
    }
    write_end(series, output);
}
