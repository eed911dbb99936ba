/* SPDX-License-Identifier: Apache-2.0 */
/* gangway calibrate: measures this machine, prints what it saw, and writes a file that scenarios
 * name as accelerator and as profile. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/machine_file.h"
#include "app/ranks.h"
#include "app/run_list.h"
#include "base/error.h"

static gboolean is_quick, is_quiet, wants_rows;
static char *machine_name, *backend;
static char *out_path;
static char **scenarios;
static int thread_count;

static const GOptionEntry entries[] = {
    {"quick", 0, 0, G_OPTION_ARG_NONE, &is_quick, "Less exact, in less than a minute", NULL},
    {"name", 'n', 0, G_OPTION_ARG_STRING, &machine_name,
     "What to call it (default: the host's name)", "NAME"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &out_path,
     "Where to write it (default: machines/NAME.json)", "FILE"},
    {"for", 'f', 0, G_OPTION_ARG_FILENAME_ARRAY, &scenarios,
     "Also measure what this scenario runs, and all that it varies, by itself: operations of its "
     "shapes are then predicted by what they take there; may be given again",
     "SCENARIO"},
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

static void print_summary(const gw_machine *machine, uint32_t threads)
{
    const gw_calibration *calibration = machine->seen;
    const gw_bench_profile *profile = &machine->profile;
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
    if (calibration->whole_error.count > 0)
        printf("tables              off by %.1f %% in the median, %.1f %% at worst, from the %u "
               "shapes "
               "of runs that were measured by themselves\n",
               100 * calibration->whole_error.median, 100 * calibration->whole_error.worst,
               calibration->whole_error.count);
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
           100 * gw_machine_spread(machine, 0));
}

/* --- The command --- */

static double measured_s(void)
{
    return is_quick ? GW_MACHINE_QUICK_S : GW_MACHINE_WHOLE_S;
}

/* `between`: what ranks have seen before; NULL: there is only this process. */
static int calibrate(const char *name, const char *path, uint32_t threads,
                     const gw_probe_between *between)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_run_list) list = gw_run_list_new();
    g_auto(gw_machine) machine = {.seen = NULL};
    const gw_machine_request request = {.settings = {measured_s(), threads},
                                        .between = between,
                                        .runs = gw_run_list_runs(list),
                                        .progress = show_progress};
    for (guint i = 0; scenarios != NULL && scenarios[i] != NULL; i++)
        if (!gw_run_list_add_file(list, scenarios[i], &error))
            return gw_command_fail(error);
    if (!gw_run_list_check(list, &request.settings, &error))
        return gw_command_fail(error);
    if (!gw_machine_measure(&request, &machine))
        return 5;
    if (wants_rows)
        print_rows(machine.seen);
    print_summary(&machine, threads);
    if (!gw_machine_write(&machine, name, path, &error))
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
    const int exit_code = is_done   ? 0
                          : is_told ? gw_error_exit_code(error)
                                    : gw_command_fail(error);
    gw_ranks_end(&ranks, error);
    signal(SIGINT, SIG_DFL); /* Nobody else has to hear of it any more. */
    signal(SIGTERM, SIG_DFL);
    if (!is_done)
        return exit_code;
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
    g_clear_pointer(&scenarios, g_strfreev);
    return exit_code;
}

const gw_command gw_command_calibrate = {
    "calibrate", "measure this machine, as accelerator and profile", run_calibrate};
