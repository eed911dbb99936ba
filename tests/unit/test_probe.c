/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind that can be measured is a function that checks and runs; more work takes longer by
 * far; statistics are of a sample. */
#include <check.h>

#include "program/measured.h"
#include "real/probe.h"
#include "run_suite.h"

static const gw_probe_settings settings = {.seconds = 0.01, .thread_count = 2};

START_TEST(every_kind_can_be_measured)
{
    const uint32_t one[] = {1};
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++) {
        const gw_measured_kind *kind = &gw_measured_kinds[i];
        g_autoptr(gw_function) function = gw_probe_function(kind->kind, kind->which, 32, 64, 16);
        g_autoptr(GError) error = NULL;
        ck_assert_msg(gw_function_check(function, 1, one, &error), "%s: %s", kind->name,
                      error != NULL ? error->message : "");
        const gw_probe_stat stat = gw_probe_operation(&settings, function);
        ck_assert_double_gt(stat.median_ns, 0);
        ck_assert_double_ge(stat.spread, 0);
        ck_assert_double_gt(stat.low_ns, 0);
        ck_assert_uint_ge(stat.count, 10); /* 5 batches on each thread at least. */
    }
}
END_TEST

/* A thousand times the work: ten times the time is far from any noise. */
START_TEST(more_work_takes_longer)
{
    g_autoptr(gw_function) small = gw_probe_function(GW_OPERATION_MATMUL, 0, 16, 16, 16);
    g_autoptr(gw_function) large = gw_probe_function(GW_OPERATION_MATMUL, 0, 160, 160, 160);
    ck_assert_double_gt(gw_probe_operation(&settings, large).median_ns,
                        10 * gw_probe_operation(&settings, small).median_ns);
    ck_assert_double_gt(gw_probe_copy(&settings, 16 << 20).median_ns,
                        10 * gw_probe_copy(&settings, 16 << 10).median_ns);
}
END_TEST

START_TEST(threads_meet_and_hand_over)
{
    for (gw_operation_kind kind = GW_OPERATION_ALL_REDUCE; kind <= GW_OPERATION_PERMUTE; kind++)
        ck_assert_double_gt(gw_probe_collective(&settings, kind, 3, 48).median_ns, 0);
    ck_assert_double_gt(gw_probe_handover(&settings).median_ns, 0);
    const gw_probe_stat kernel = gw_probe_kernel(&settings);
    ck_assert_double_gt(kernel.low_ns, 0);
    ck_assert_double_le(kernel.low_ns, kernel.median_ns);
    ck_assert_uint_ge(kernel.count, 5);
}
END_TEST

START_TEST(what_is_loaded_is_one_node_on_all_members)
{
    g_autoptr(gw_program) program = gw_probe_program(3);
    ck_assert_uint_eq(program->nodes->len, 1);
    ck_assert_uint_eq(program->meshes->len, 1);
    ck_assert_uint_eq(gw_mesh_device_count(gw_program_mesh(program, 0)), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe");
    TCase *tcase = tcase_create("probe");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, every_kind_can_be_measured);
    tcase_add_test(tcase, more_work_takes_longer);
    tcase_add_test(tcase, threads_meet_and_hand_over);
    tcase_add_test(tcase, what_is_loaded_is_one_node_on_all_members);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
