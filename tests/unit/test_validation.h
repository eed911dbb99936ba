/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of validations share: scenarios in a folder, and runs whose figures are known. */
#pragma once

#include <check.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "app/validation.h"
#include "base/error.h"
#include "run_suite.h"

#define SCENARIO                                                                                   \
    "{\"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 2, \"accelerator\": "       \
    "\"cpu\"}]}, \"jobs\": [{\"name\": \"job\", \"workload\": \"chain\", \"steps\": 5, "           \
    "\"parameters\": {\"devices\": 2}}]%s}"

typedef struct {
    char *folder;
    gw_validation *validation;
} fixture;

static inline fixture make(void)
{
    g_setenv("GANGWAY_CONFIGS", GW_SOURCE_DIR "/configs", TRUE);
    fixture made = {g_dir_make_tmp("gangway-validation-XXXXXX", NULL), gw_validation_new(3, 2)};
    made.validation->tolerance = 0.1;
    return made;
}

static inline void remove_tree(const char *folder)
{
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            remove_tree(path);
        else
            g_unlink(path);
    }
    g_rmdir(folder);
}

static inline void clear(fixture *made)
{
    gw_validation_free(made->validation);
    remove_tree(made->folder);
    g_free(made->folder);
}

static inline char *write_scenario(const fixture *made, const char *name, const char *more)
{
    char *path = g_build_filename(made->folder, name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *text = g_strdup_printf(SCENARIO, more);
    ck_assert_int_eq(g_mkdir_with_parents(folder, 0755), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static inline void add(fixture *made, const char *path, const char *const *varied)
{
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_validation_add(made->validation, path, NULL, varied, &error), "%s",
                  error != NULL ? error->message : "");
}

static inline gw_validation_case *at(const fixture *made, guint index)
{
    return (gw_validation_case *)made->validation->cases->pdata[index];
}

/* A run of two devices: `step_ns` a step, a tenth of it control, the rest computing. */
static inline gw_phase_report *make_run(double step_ns)
{
    gw_phase_report *report = g_new0(gw_phase_report, 1);
    report->job_count = 1;
    report->step_ns = g_new(double, 1);
    report->step_ns[0] = step_ns;
    report->step_count = 3;
    report->foreign = step_ns / 1e5;
    report->window_ns = 3 * step_ns;
    report->devices = g_array_new(FALSE, TRUE, sizeof(gw_phase_device));
    for (guint d = 0; d < 2; d++) {
        gw_phase_device device = {.device = d};
        device.ns[GW_PHASE_COMPUTE] = 3 * step_ns * 0.9;
        device.ns[GW_PHASE_CONTROL] = 3 * step_ns * 0.1;
        g_array_append_val(report->devices, device);
    }
    report->timeline = g_strdup_printf("0,0,%.0f,job,work,\n", step_ns);
    return report;
}

static inline void give_runs(gw_validation_case *to, double predicted_ns, double a_ns, double b_ns,
                             double c_ns)
{
    g_ptr_array_add(to->predicted, make_run(predicted_ns));
    g_ptr_array_add(to->measured, make_run(a_ns));
    g_ptr_array_add(to->measured, make_run(b_ns));
    g_ptr_array_add(to->measured, make_run(c_ns));
}
