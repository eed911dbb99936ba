/* SPDX-License-Identifier: Apache-2.0 */
/* gangway calibrate: measures this machine, prints what it saw, and writes a file that scenarios
 * name as accelerator and as profile. */
#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/ranks.h"
#include "base/error.h"
#include "base/sample.h"
#include "program/machine.h"
#include "real/calibration.h"
#include "record/json.h"
#include "tests/bench/bench_control.h"
#include "tests/bench/bench_profile.h"

#define QUICK_S 0.005 /* For each thing that is measured. */
#define WHOLE_S 0.1

#define SHARD_NS    500000.0
#define MIDDLE_HALF 1.349 /* Of a normal distribution: its width, in standard deviations. */

static gboolean is_quick, is_quiet, wants_rows;
static char *machine_name, *backend;
static char *out_path;
static int thread_count;

static const GOptionEntry entries[] = {
    {"quick", 0, 0, G_OPTION_ARG_NONE, &is_quick, "Less exact, in less than a minute", NULL},
    {"name", 'n', 0, G_OPTION_ARG_STRING, &machine_name,
     "What to call it (default: the host's name)", "NAME"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &out_path,
     "Where to write it (default: machines/NAME.json)", "FILE"},
    {"backend", 'b', 0, G_OPTION_ARG_STRING, &backend,
     "mpi: between ranks, too, under mpirun -n N (default: cpu, one process)", "NAME"},
    {"threads", 't', 0, G_OPTION_ARG_INT, &thread_count,
     "How many measure at once (default: as many as there are cores)", "N"},
    {"rows", 'r', 0, G_OPTION_ARG_NONE, &wants_rows, "Print every measurement", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet, "No progress line", NULL},
    G_OPTION_ENTRY_NULL,
};

/* --- What was seen --- */

static void show_progress(void *context, uint32_t done, uint32_t total)
{
    (void)context;
    if (!is_quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r%u of %u measured%s", done, total, done < total ? "" : "\n");
}

static void print_rows(const gw_calibration *calibration)
{
    printf("%-22s %-20s %14s %-10s %14s %10s %8s\n", "what", "shape", "size", "", "ns", "spread",
           "samples");
    for (guint i = 0; i < calibration->rows->len; i++) {
        const gw_calibration_row *row = &g_array_index(calibration->rows, gw_calibration_row, i);
        printf("%-22s %-20s %14.0f %-10s %14.1f %9.1f%% %8u\n", row->what, row->shape, row->size,
               row->unit, row->stat.median_ns, 100 * row->stat.spread, row->stat.count);
    }
}

/* Of what takes so long at least; 0: nothing does. */
static double median_spread(const gw_calibration *calibration, double least_ns)
{
    g_autoptr(GArray) spreads = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < calibration->rows->len; i++) {
        const gw_calibration_row *row = &g_array_index(calibration->rows, gw_calibration_row, i);
        if (row->stat.median_ns >= least_ns)
            g_array_append_val(spreads, row->stat.spread);
    }
    return spreads->len > 0 ? gw_sample_median(spreads) : 0;
}

/* What a normal variate deviates by that spreads as much as things that are as long as shards. */
static double find_jitter(const gw_calibration *calibration)
{
    return MIN(median_spread(calibration, SHARD_NS) / MIDDLE_HALF, GW_JITTER_MAX);
}

static void print_summary(const gw_calibration *calibration, const gw_bench_profile *profile,
                          uint32_t threads)
{
    static const char *const forms[] = {[GW_MEASURED_ELEMENTS] = "by elements",
                                        [GW_MEASURED_ROWS] = "by rows",
                                        [GW_MEASURED_PRODUCT] = "of products",
                                        [GW_MEASURED_ATTENTION] = "of attention"};
    printf("products      %8.1f GFLOP/s a thread, %u at once\n", calibration->product_flops / 1e9,
           threads);
    for (uint32_t i = GW_MEASURED_ELEMENTS; i <= GW_MEASURED_ATTENTION; i++) {
        const gw_calibration_error *error = &calibration->errors[i];
        printf("tables %-12s between their points off by %.1f %% in the median, %.1f %% at worst "
               "(%u shapes)\n",
               forms[i], 100 * error->median, 100 * error->worst, error->count);
    }
    printf("additions     %8.2f G/s a thread\n", calibration->vector_flops / 1e9);
    printf("memory        %8.2f GB/s a thread; memcpy %.2f GB/s\n",
           calibration->stream_bytes_per_s / 1e9, calibration->copy_bytes_per_s / 1e9);
    printf("first touch   %8.2f GB/s a thread, of memory that no one has used yet\n",
           calibration->first_touch_bytes_per_s / 1e9);
    printf("hand-over     %8.2f us; a kernel %.2f us beside its operations\n",
           (double)calibration->handover_ns / 1e3, (double)calibration->kernel_ns / 1e3);
    if (calibration->measured->send_bytes_per_s > 0)
        printf("between ranks %8.2f us a message; %.2f GB/s\n",
               (double)calibration->measured->send_ns / 1e3,
               calibration->measured->send_bytes_per_s / 1e9);
    printf("controller    call %.0f, schedule %.0f, message %.0f, gang on a host %.0f, launch %.0f "
           "ns; fitted within %.0f %%\n",
           profile->cost_ns[GW_COST_CALL], profile->cost_ns[GW_COST_SCHEDULE],
           2 * profile->cost_ns[GW_COST_SEND], 2 * profile->cost_ns[GW_COST_PREPARE],
           profile->cost_ns[GW_COST_LAUNCH], 100 * profile->error_max);
    printf("spread        %8.1f %% in the median: the middle half of a thing's samples, over their "
           "median\n",
           100 * median_spread(calibration, 0));
}

/* --- What is written --- */

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

static void write_table(gw_json *json, const gw_measured_kind *kind, const gw_measured_table *table)
{
    uint32_t count = 1;
    gw_json_open_object(json, kind->name);
    for (uint32_t i = 0; gw_measured_axis(kind->form, i) != NULL; i++) {
        gw_json_reals(json, gw_measured_axis(kind->form, i), table->sizes[i], table->counts[i]);
        count *= table->counts[i];
    }
    gw_json_reals(json, "ns", table->ns, count);
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
    if (measured->send_bytes_per_s > 0) {
        gw_json_open_object(json, "between_hosts");
        write_text(json, "latency", "%.0fns", (double)measured->send_ns);
        write_text(json, "bandwidth", "%.4gGB/s", measured->send_bytes_per_s / 1e9);
        gw_json_close_object(json);
    }
    gw_json_close_object(json);
}

/* What each figure of the accelerator is, and where it comes from. */
static void write_accelerator(gw_json *json, const gw_calibration *seen, const char *name)
{
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
    gw_json_real(json, "jitter", find_jitter(seen));
    gw_json_open_object(json, "sources");
    gw_json_string(json, "shared_cores", "The cores of this machine that the command may use.");
    gw_json_string(json, "jitter",
                   "Measured: how far repetitions of what takes half a "
                   "millisecond or more spread, as a standard deviation.");
    for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
        gw_json_string(json, figures[i].key, figures[i].source);
    for (guint i = 0; i < G_N_ELEMENTS(efficiencies); i++)
        gw_json_string(json, efficiencies[i], "None: what it is a part of is measured.");
    gw_json_close_object(json);
    write_measured(json, seen->measured);
    gw_json_close_object(json);
}

/* Whole or not at all. */
static bool write_machine(const gw_calibration *seen, const gw_bench_profile *profile,
                          const char *name, const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    gw_json json;
    gw_json_init(&json, text);
    write_accelerator(&json, seen, name);
    gw_json_open_object(&json, "profile");
    gw_bench_put_profile(profile, name, "gangway calibrate", &json);
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

/* --- The command --- */

static double measured_s(void)
{
    return is_quick ? QUICK_S : WHOLE_S;
}

/* `between`: what ranks have seen before; NULL: there is only this process. */
static int calibrate(const char *name, const char *path, uint32_t threads,
                     const gw_probe_between *between)
{
    const gw_probe_settings settings = {measured_s(), threads};
    g_autoptr(GArray) rows = g_array_new(FALSE, TRUE, sizeof(gw_bench_row));
    g_autoptr(GError) error = NULL;
    /* Its measurements are processes of their own, which are made before there are threads. */
    gw_bench_control_shapes(rows);
    if (rows->len == 0)
        return 5;
    const gw_bench_profile profile = gw_bench_fit_profile(rows);
    g_autoptr(gw_calibration) seen = gw_calibrate(&settings, show_progress, NULL);
    if (between != NULL)
        gw_calibration_add_between(seen, between);
    if (wants_rows)
        print_rows(seen);
    print_summary(seen, &profile, threads);
    if (!write_machine(seen, &profile, name, path, &error))
        return gw_command_fail(error);
    printf("%s: written; scenarios name it as \"accelerator\" and as \"profile\"\n", path);
    return 0;
}

/* Between ranks first; then the others leave, and rank 0 goes on alone, as a process without ranks
 * does. */
static int calibrate_ranks(const char *name, const char *path, uint32_t threads)
{
    g_auto(gw_probe_between) between = {NULL, NULL};
    g_autoptr(GError) error = NULL;
    gw_ranks ranks;
    gw_command_catch_interrupt(gw_real_cancel);
    const bool is_done =
        gw_ranks_begin(&ranks, &error) && gw_ranks_measure(&ranks, measured_s(), &between, &error);
    const bool is_first = gw_ranks_is_first(&ranks), is_told = ranks.is_told;
    gw_ranks_end(&ranks);
    signal(SIGINT, SIG_DFL); /* Nobody else has to hear of it any more. */
    signal(SIGTERM, SIG_DFL);
    if (!is_done)
        return is_told ? gw_error_exit_code(error) : gw_command_fail(error);
    return is_first ? calibrate(name, path, threads, &between) : 0;
}

static bool is_usage_right(int argc)
{
    if (argc != 1)
        fprintf(stderr, "gangway calibrate: found %d arguments, expected none\n", argc - 1);
    else if (thread_count < 0 || thread_count > 1024)
        fprintf(stderr, "gangway calibrate: --threads: %d, expected 1 to 1024\n", thread_count);
    else if (backend != NULL && strcmp(backend, "cpu") != 0 && strcmp(backend, "mpi") != 0)
        fprintf(stderr, "gangway calibrate: --backend: found \"%s\", expected cpu or mpi\n",
                backend);
    else
        return true;
    return false;
}

static int run_calibrate(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse("calibrate", "", "Other work on this machine shows in what is measured.",
                          entries, &argc, &argv, &exit_code))
        return exit_code;
    if (!is_usage_right(argc))
        return 2;
    const char *name = machine_name != NULL ? machine_name : g_get_host_name();
    if (*name == '\0' || strchr(name, '/') != NULL) {
        fputs("gangway calibrate: --name: expected a name without a slash\n", stderr);
        return 2;
    }
    g_autofree char *path =
        out_path != NULL ? g_strdup(out_path) : g_strdup_printf("machines/%s.json", name);
    const uint32_t threads = thread_count > 0 ? (uint32_t)thread_count : g_get_num_processors();
    exit_code = g_strcmp0(backend, "mpi") == 0 ? calibrate_ranks(name, path, threads)
                                               : calibrate(name, path, threads, NULL);
    g_clear_pointer(&machine_name, g_free);
    g_clear_pointer(&backend, g_free);
    g_clear_pointer(&out_path, g_free);
    return exit_code;
}

const gw_command gw_command_calibrate = {
    "calibrate", "measure this machine, as accelerator and profile", run_calibrate};
