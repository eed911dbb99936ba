/* SPDX-License-Identifier: Apache-2.0 */
/* A run's memory does not grow with its length: ten times the steps, with everything recorded,
 * take the same peak memory within a tenth, and the summary has the same size.  Each length runs
 * in a process of its own, whose peak the kernel knows. */
#include <check.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/recording.h"
#include "real/real_run.h"
#include "run_suite.h"
#include "world/world.h"

typedef struct {
    const char *path, *settings[3]; /* Settings end with NULL. */
    uint64_t steps;                 /* Of the short run, warm by then. */
    bool is_null;                   /* On devices that finish at once; else simulated. */
} growth_case;

static const growth_case cases[] = {
    {"tests/scenario/one_gang.json", {"jobs.0.in_flight=4", NULL}, 4000, false},
    {"tests/scenario/pipeline.json", {"jobs.0.in_flight=2", NULL}, 1500, false},
    {"tests/scenario/result.json", {"jobs.0.parameters.length=4", NULL}, 2000, false},
    {"tests/scenario/two_clients.json", {NULL}, 2000, false},
    {"tests/scenario/pipeline.json", {NULL}, 1500, true},
    {"configs/quickstart.json", {NULL}, 400, false},
};

typedef struct {
    uint64_t peak_bytes, summary_bytes, gangs;
} growth_figures;

/* The heap gives pages back at once, so that freed memory does not count (AddressSanitizer). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}

static bool run_world(const growth_case *grown, const gw_scenario *scenario, gw_recorder *recorder,
                      growth_figures *out, GError **error)
{
    gw_real_report real;
    gw_world_report simulated;
    if (grown->is_null) {
        if (!gw_null_run(scenario, recorder, &real, error)) {
            return false;
        }
        out->gangs = real.counts.gangs;
        return gw_recorder_finish(recorder, real.launch_digest, &real.timing, error);
    }
    if (!gw_world_run(scenario, NULL, recorder, &simulated, error)) {
        return false;
    }
    out->gangs = simulated.gangs;
    return gw_recorder_finish(recorder, simulated.digest, &simulated.timing, error);
}

/* In the child; exits. */
static void measure_run(const growth_case *grown, uint64_t steps, int out)
{
    growth_figures figures = {.gangs = 0};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("gangway-growth-XXXXXX", NULL);
    g_autofree char *setting = g_strdup_printf("jobs.steps=%" PRIu64, steps);
    const char *const settings[] = {setting, grown->settings[0],
                                    grown->settings[0] == NULL ? NULL : grown->settings[1], NULL};
    g_autoptr(gw_scenario) scenario = gw_scenario_load(grown->path, settings, &error);
    g_autoptr(gw_recording) recording =
        scenario == NULL ? NULL : gw_recording_new(scenario, "sim", folder, true, true, &error);
    gw_recorder *recorder = recording == NULL ? NULL : gw_recording_recorder(recording);
    bool is_done = recorder != NULL && run_world(grown, scenario, recorder, &figures, &error);
    if (is_done) {
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        figures.peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
        figures.summary_bytes = strlen(gw_recorder_summary(recorder));
        is_done = write(out, &figures, sizeof figures) == sizeof figures;
    } else {
        fprintf(stderr, "%s\n", error->message);
    }
    char *arguments[] = {"rm", "-rf", folder, NULL};
    g_spawn_sync(NULL, arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    _exit(is_done ? EXIT_SUCCESS : EXIT_FAILURE);
}

static growth_figures measure(const growth_case *grown, uint64_t steps)
{
    growth_figures figures;
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        measure_run(grown, steps, ends[1]);
    }
    close(ends[1]);
    const ssize_t read_bytes = read(ends[0], &figures, sizeof figures);
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read_bytes, sizeof figures);
    return figures;
}

START_TEST(ten_times_the_steps_take_the_same_memory)
{
    const growth_case *grown = &cases[_i];
    const growth_figures once = measure(grown, grown->steps);
    const growth_figures more = measure(grown, grown->steps * 10);
    ck_assert_uint_gt(more.gangs, once.gangs * 9); /* It did run. */
    ck_assert_msg((double)more.peak_bytes <= 1.1 * (double)once.peak_bytes,
                  "%s: %" PRIu64 " bytes after %" PRIu64 " gangs, %" PRIu64 " after %" PRIu64,
                  grown->path, once.peak_bytes, once.gangs, more.peak_bytes, more.gangs);
    /* Numbers have more digits, and no more than that. */
    ck_assert_msg(more.summary_bytes <= once.summary_bytes + 64,
                  "%s: a summary of %" PRIu64 " bytes, and of %" PRIu64, grown->path,
                  once.summary_bytes, more.summary_bytes);
}
END_TEST

int main(void)
{
    if (chdir(GW_SOURCE_DIR) != 0) {
        perror(GW_SOURCE_DIR);
        return EXIT_FAILURE;
    }
    Suite *suite = suite_create("growth");
    TCase *growth = tcase_create("growth");
    tcase_set_timeout(growth, 200);
    tcase_add_loop_test(growth, ten_times_the_steps_take_the_same_memory, 0, G_N_ELEMENTS(cases));
    suite_add_tcase(suite, growth);
    return gw_run_suite(suite);
}
