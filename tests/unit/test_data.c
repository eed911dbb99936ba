/* SPDX-License-Identifier: Apache-2.0 */
/* A program that was not installed takes its data from the sources; tests/cli/test_install.py has
 * the other half. */
#include "base/data.h"
#include "run_suite.h"

#include <check.h>
#include <glib.h>

START_TEST(a_program_of_the_build_uses_the_sources)
{
    g_autofree char *configs = gw_data_folder("configs");
    g_autofree char *plots = gw_data_folder("plots");
    ck_assert_str_eq(configs, GW_SOURCE_DIR "/configs");
    ck_assert_str_eq(plots, GW_SOURCE_DIR "/plots");
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_named_all_the_same)
{
    g_autofree char *folder = gw_data_folder("nonesuch");
    ck_assert_str_eq(folder, GW_SOURCE_DIR "/nonesuch");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *tests = tcase_create("folders");
    tcase_add_test(tests, a_program_of_the_build_uses_the_sources);
    tcase_add_test(tests, a_folder_that_is_not_there_is_named_all_the_same);
    suite_add_tcase(suite, tests);
    return gw_run_suite(suite);
}
