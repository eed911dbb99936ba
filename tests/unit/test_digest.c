/* SPDX-License-Identifier: Apache-2.0 */
/* What a result depends on: other bytes have another digest. */
#include "app/digest.h"
#include "base/error.h"
#include "test_record.h"

START_TEST(pieces_are_told_apart)
{
    static const char *const texts[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}};
    char *digests[G_N_ELEMENTS(texts)];
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GChecksum) checksum = g_checksum_new(GW_DIGEST_KIND);
        gw_digest_add_text(checksum, texts[i][0]);
        gw_digest_add_text(checksum, texts[i][1]);
        digests[i] = g_strdup(g_checksum_get_string(checksum));
        ck_assert_uint_eq(strlen(digests[i]), GW_DIGEST_LETTERS);
        for (guint other = 0; other < i; other++)
            ck_assert_str_ne(digests[i], digests[other]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(digests[i]);
}
END_TEST

START_TEST(a_scenario_is_its_files)
{
    char *folder = make_folder();
    g_autofree char *path = g_build_filename(folder, "a.json", NULL);
    g_autofree char *table = g_build_filename(folder, "cpu.json", NULL);
    g_autofree char *text = NULL, *accelerator = NULL;
    ck_assert(g_file_get_contents(GW_SOURCE_DIR "/configs/mlp_cpu.json", &text, NULL, NULL));
    ck_assert(g_file_get_contents(GW_SOURCE_DIR "/configs/accelerators/cpu.json", &accelerator,
                                  NULL, NULL));
    g_setenv("GANGWAY_CONFIGS", GW_SOURCE_DIR "/configs", TRUE);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    ck_assert(g_file_set_contents(table, accelerator, -1, NULL));
    g_autofree char *setting = g_strconcat("cluster.islands.accelerator=", table, NULL);
    const char *const settings[] = {setting, NULL};
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, settings, NULL);
    g_autofree char *first = gw_digest_scenario(scenario, NULL);
    g_autofree char *again = gw_digest_scenario(scenario, NULL);
    ck_assert_str_eq(first, again);
    g_autofree char *longer = g_strconcat(accelerator, "\n", NULL);
    ck_assert(g_file_set_contents(table, longer, -1, NULL));
    g_autofree char *changed = gw_digest_scenario(scenario, NULL);
    ck_assert_str_ne(first, changed);
    g_autoptr(GError) error = NULL;
    g_unlink(table);
    ck_assert_ptr_null(gw_digest_scenario(scenario, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_ptr_nonnull(strstr(error->message, "cpu.json"));
    remove_folder(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *cases = tcase_create("digest");
    tcase_add_test(cases, pieces_are_told_apart);
    tcase_add_test(cases, a_scenario_is_its_files);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
