/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of scenarios share: a small good scenario, and loading texts. */
#pragma once

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "scenario/scenario.h"

#define CONFIGS GW_SOURCE_DIR "/configs"

G_GNUC_UNUSED static const char base_text[] =
    "{\n"
    "  \"name\": \"base\",\n"
    "  \"cluster\": {\n"
    "    \"islands\": [\n"
    "      {\"hosts\": 2, \"devices_per_host\": 4, \"accelerator\": \"tpu_v3_core\"}\n"
    "    ]\n"
    "  },\n"
    "  \"jobs\": [\n"
    "    {\"name\": \"chain\", \"workload\": \"chain\",\n"
    "     \"parameters\": {\"devices\": 4, \"length\": 2}}\n"
    "  ]\n"
    "}\n";

/* A small training on four devices of two hosts, for the worlds that compute. */
G_GNUC_UNUSED static const char train_text[] =
    "{\n"
    "  \"name\": \"train\",\n"
    "  \"cluster\": {\n"
    "    \"islands\": [{\"hosts\": 2, \"devices_per_host\": 2, \"accelerator\": \"cpu\"}]\n"
    "  },\n"
    "  \"jobs\": [\n"
    "    {\"name\": \"mlp\", \"workload\": \"mlp\", \"steps\": 8,\n"
    "     \"parameters\": {\"devices\": 4, \"batch\": 32, \"inputs\": 16, \"classes\": 4,\n"
    "                    \"layers\": [24], \"optimizer\": \"sgd\", \"learning_rate\": 0.5}}\n"
    "  ]\n"
    "}\n";

static inline void write_text(const char *path, const char *text)
{
    g_autofree char *folder = g_path_get_dirname(path);
    ck_assert_int_eq(g_mkdir_with_parents(folder, 0755), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

/* A folder of its own with `text` as s.json in it.  The caller frees both. */
static inline char *make_scenario_file(const char *text, char **out_folder)
{
    *out_folder = g_dir_make_tmp("gangway-scenario-XXXXXX", NULL);
    ck_assert_ptr_nonnull(*out_folder);
    char *path = g_build_filename(*out_folder, "s.json", NULL);
    write_text(path, text);
    return path;
}

/* A folder that a test made, with everything in it. */
static inline void remove_tree(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    ck_assert_ptr_nonnull(dir);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            remove_tree(path);
        else
            g_remove(path);
    }
    g_rmdir(folder);
}

static inline gw_scenario *load_text(const char *text, const char *const *settings, GError **error)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_autofree char *folder = NULL;
    g_autofree char *path = make_scenario_file(text, &folder);
    gw_scenario *scenario = gw_scenario_load(path, settings, error);
    remove_tree(folder);
    return scenario;
}

static inline gw_scenario *load_good(const char *text, const char *const *settings)
{
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario = load_text(text, settings, &error);
    ck_assert_msg(scenario != NULL, "%s", error != NULL ? error->message : "no error");
    ck_assert_ptr_null(error);
    return scenario;
}

static inline void expect_part(const char *message, const char *part)
{
    ck_assert_msg(strstr(message, part) != NULL, "\"%s\" lacks \"%s\"", message, part);
}

/* Loading fails with one line that has every part; `parts` ends with NULL. */
static inline void expect_mistake(const char *text, const char *const *settings,
                                  const char *const *parts)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = load_text(text, settings, &error);
    ck_assert_msg(scenario == NULL, "accepted, expected: %s", parts[0]);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO), "%s", error->message);
    for (uint32_t i = 0; parts[i] != NULL; i++)
        expect_part(error->message, parts[i]);
    ck_assert_msg(strchr(error->message, '\n') == NULL, "%s", error->message);
}

/* The name of the only mesh of the base scenario's program. */
static inline char *find_mesh_name(void)
{
    g_autoptr(gw_scenario) scenario = load_good(base_text, NULL);
    ck_assert_uint_eq(scenario->jobs[0].program->meshes->len, 1);
    return g_strdup(gw_program_mesh(scenario->jobs[0].program, 0)->name);
}
