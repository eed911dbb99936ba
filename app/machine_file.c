/* SPDX-License-Identifier: Apache-2.0 */
#include "app/machine_file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sample.h"
#include "program/machine.h"
#include "record/json.h"
#include "tests/bench/bench_control.h"

#define ROUNDS      3 /* Over all runs: a machine whose speed changes has other speeds in each. */
#define SHARD_NS    500000.0
#define MIDDLE_HALF 1.349 /* Of a normal distribution: its width, in standard deviations. */

/* --- Measuring --- */

bool gw_machine_measure(const gw_machine_request *request, gw_machine *out)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, TRUE, sizeof(gw_bench_row));
    *out = (gw_machine){.seen = NULL};
    /* Its measurements are processes of their own, which are made before there are threads. */
    gw_bench_control_shapes(rows);
    if (rows->len == 0)
        return false;
    out->profile = gw_bench_fit_profile(rows);
    out->seen = gw_calibrate(&request->settings, request->progress, request->context);
    if (request->runs != NULL) {
        g_autoptr(gw_calibration_seen) seen = gw_calibration_see(
            &request->settings, request->runs, ROUNDS, request->progress, request->context);
        gw_calibration_add_seen(out->seen, seen);
    }
    if (request->between != NULL)
        gw_calibration_add_between(out->seen, request->between);
    return true;
}

void gw_machine_clear(gw_machine *machine)
{
    g_clear_pointer(&machine->seen, gw_calibration_free);
}

double gw_machine_spread(const gw_machine *machine, double least_ns)
{
    const gw_calibration *calibration = machine->seen;
    g_autoptr(GArray) spreads = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < calibration->rows->len; i++) {
        const gw_calibration_row *row = &g_array_index(calibration->rows, gw_calibration_row, i);
        if (row->stat.median_ns >= least_ns)
            g_array_append_val(spreads, row->stat.spread);
    }
    return spreads->len > 0 ? gw_sample_median(spreads) : 0;
}

/* That of members of gangs, where some were measured; else what a normal variate deviates by that
 * spreads as much as things that are as long as shards. */
static double find_jitter(const gw_machine *machine)
{
    const double jitter = machine->seen->jitter >= 0
                              ? machine->seen->jitter
                              : gw_machine_spread(machine, SHARD_NS) / MIDDLE_HALF;
    return MIN(jitter, GW_JITTER_MAX);
}

/* --- The file --- */

static void write_text(gw_json *json, const char *key, const char *format, double value)
{
    char text[64];
    g_snprintf(text, sizeof text, format, value);
    gw_json_string(json, key, text);
}

static void write_points(gw_json *json, const char *key, const gw_measured_curve *curve)
{
    gw_json_open_array(json, key);
    for (uint32_t i = 0; i < curve->count; i++) {
        const double pair[] = {curve->points[i].size, curve->points[i].ns};
        gw_json_reals(json, NULL, pair, 2);
    }
    gw_json_close_array(json);
}

void gw_machine_write_shapes(gw_json *json, const gw_measured_kind *kind,
                             const gw_measured_table *table)
{
    if (table->shape_count == 0)
        return;
    gw_json_open_array(json, "shapes");
    for (uint32_t i = 0; i < table->shape_count; i++) {
        double numbers[GW_MEASURED_AXES_MAX + 1];
        uint32_t count = 0;
        for (; gw_measured_axis(kind->form, count) != NULL; count++)
            numbers[count] = table->shapes[i].sizes[count];
        numbers[count++] = table->shapes[i].ns;
        gw_json_reals(json, NULL, numbers, count);
    }
    gw_json_close_array(json);
}

static void write_table(gw_json *json, const gw_measured_kind *kind, const gw_measured_table *table)
{
    uint32_t count = 1;
    gw_json_open_object(json, kind->name);
    for (uint32_t i = 0; gw_measured_axis(kind->form, i) != NULL; i++) {
        gw_json_reals(json, gw_measured_axis(kind->form, i), table->sizes[i], table->counts[i]);
        count *= table->counts[i];
    }
    gw_json_reals(json, "ns", table->ns, count);
    gw_machine_write_shapes(json, kind, table);
    gw_json_close_object(json);
}

static void write_collectives(gw_json *json, const gw_measured *measured)
{
    gw_json_open_object(json, "collectives");
    for (uint32_t i = 0; i < measured->collective_count; i++) {
        const gw_measured_collective *one = &measured->collectives[i];
        if (i == 0 || one[-1].kind != one->kind)
            gw_json_open_array(json, gw_operation_name(one->kind));
        gw_json_open_object(json, NULL);
        gw_json_count(json, "members", one->member_count);
        if (one->host_count > 1)
            gw_json_count(json, "hosts", one->host_count);
        write_points(json, "points", &one->curve);
        gw_json_close_object(json);
        if (i + 1 == measured->collective_count || one[1].kind != one->kind)
            gw_json_close_array(json);
    }
    gw_json_close_object(json);
}

static void write_measured(gw_json *json, const gw_measured *measured)
{
    gw_json_open_object(json, "measured");
    gw_json_string(json, "source", "Measured: gangway calibrate.");
    gw_json_open_object(json, "operations");
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++)
        write_table(json, &gw_measured_kinds[i], &measured->tables[i]);
    gw_json_close_object(json);
    write_collectives(json, measured);
    if (measured->wake.count > 0)
        write_points(json, "wake", &measured->wake);
    if (measured->send_bytes_per_s > 0) {
        gw_json_open_object(json, "between_hosts");
        write_text(json, "latency", "%.0fns", (double)measured->send_ns);
        write_text(json, "bandwidth", "%.4gGB/s", measured->send_bytes_per_s / 1e9);
        gw_json_close_object(json);
    }
    gw_json_close_object(json);
}

/* What each figure of the accelerator is, and where it comes from. */
static void write_accelerator(gw_json *json, const gw_machine *machine, const char *name)
{
    const gw_calibration *seen = machine->seen;
    const double memory_bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 2;
    const double devices = (double)sysconf(_SC_NPROCESSORS_ONLN);
    const double handover_ns = (double)seen->handover_ns;
    const struct {
        const char *key, *format;
        double value;
        const char *source;
    } figures[] = {
        {"peak", "%.4gGFLOP/s", seen->product_flops / 1e9, "Measured: the best matrix product."},
        {"vector", "%.4gGFLOP/s", seen->vector_flops / 1e9, "Measured: the best sum of vectors."},
        {"hbm", "%.0fMiB", floor(memory_bytes / devices / 1048576),
         "A core's share of half of this machine's memory."},
        {"hbm_bandwidth", "%.4gGB/s", seen->stream_bytes_per_s / 1e9,
         "Measured: sums of vectors beyond the caches."},
        {"first_touch_bandwidth", "%.4gGB/s", seen->first_touch_bytes_per_s / 1e9,
         "Measured: pages that no one has used yet, touched on all cores at once."},
        {"kernel_overhead", "%.0fns", (double)seen->kernel_ns,
         "Measured: a kernel among others in a device's queue, less its operations."},
        {"link_bandwidth", "%.4gGB/s", seen->copy_bytes_per_s / 1e9, "Measured: memcpy."},
        {"hop_latency", "%.0fns", handover_ns, "Measured: a hand-over between threads."},
        {"collective_overhead", "%.0fns", 2 * handover_ns,
         "Two hand-overs; where collectives were measured, they count."},
        {"pcie_latency", "%.0fns", handover_ns, "Measured: a hand-over between threads."},
        {"pcie_bandwidth", "%.4gGB/s", seen->copy_bytes_per_s / 1e9, "Measured: memcpy."},
        {"busy_power", "%.0fW", 10, "An assumption: see configs/accelerators/cpu.json."},
        {"idle_power", "%.0fW", 3, "An assumption: see configs/accelerators/cpu.json."},
    };
    static const char *const efficiencies[] = {"matmul_efficiency", "hbm_efficiency",
                                               "link_efficiency"};
    gw_json_open_object(json, "accelerator");
    gw_json_string(json, "name", name);
    gw_json_string(json, "description", "One core, as gangway calibrate measured it");
    for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
        write_text(json, figures[i].key, figures[i].format, figures[i].value);
    for (guint i = 0; i < G_N_ELEMENTS(efficiencies); i++)
        gw_json_real(json, efficiencies[i], 1);
    gw_json_count(json, "shared_cores", g_get_num_processors());
    gw_json_real(json, "jitter", find_jitter(machine));
    if (seen->core_slowness->len > 0)
        gw_json_reals(json, "core_slowness", (const double *)(void *)seen->core_slowness->data,
                      seen->core_slowness->len);
    gw_json_open_object(json, "sources");
    gw_json_string(json, "core_slowness",
                   "Measured, without unit: how much longer than the mean core each takes for a "
                   "step's operations, slowest first.");
    gw_json_string(json, "shared_cores", "The cores of this machine that the command may use.");
    gw_json_string(
        json, "jitter",
        "Measured, as a standard deviation: how far cores are apart from time to time that do a "
        "step's operations at the same time, else how far repetitions of what takes half a "
        "millisecond or more spread.");
    for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
        gw_json_string(json, figures[i].key, figures[i].source);
    for (guint i = 0; i < G_N_ELEMENTS(efficiencies); i++)
        gw_json_string(json, efficiencies[i], "None: what it is a part of is measured.");
    gw_json_close_object(json);
    write_measured(json, seen->measured);
    gw_json_close_object(json);
}

bool gw_machine_write(const gw_machine *machine, const char *name, const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    gw_json json;
    gw_json_init(&json, text);
    write_accelerator(&json, machine, name);
    gw_json_open_object(&json, "profile");
    gw_bench_put_profile(&machine->profile, name, "gangway calibrate", &json);
    gw_json_close_object(&json);
    gw_json_finish(&json);
    g_string_append(text, "\n");
    GError *cause = NULL;
    if (g_mkdir_with_parents(folder, 0777) != 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s: %s", folder, g_strerror(errno));
        return false;
    }
    if (g_file_set_contents(path, text->str, (gssize)text->len, &cause))
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s", cause->message);
    g_error_free(cause);
    return false;
}
