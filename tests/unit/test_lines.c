/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that begin a line: zeroed ones, and those that grow. */
#include <check.h>
#include <stdint.h>

#include <glib.h>

#include "base/lines.h"
#include "run_suite.h"

START_TEST(blocks_begin_a_line_and_are_zero)
{
    for (uint32_t count = 1; count < 40; count++) {
        uint8_t *bytes = gw_lines_new0(count, 7);
        ck_assert_uint_eq((uintptr_t)bytes % GW_LINE_BYTES, 0);
        for (uint32_t i = 0; i < count * 7; i++)
            ck_assert_uint_eq(bytes[i], 0);
        gw_lines_free(bytes);
    }
}
END_TEST

/* From a few bytes to more than any heap moves by copying, with other blocks taken in between so
 * that it cannot grow in place each time. */
START_TEST(growing_keeps_what_was_there)
{
    uint32_t *records = NULL;
    gsize old_count = 0;
    GPtrArray *others = g_ptr_array_new_with_free_func(g_free);
    for (gsize count = 1; count <= 1u << 20; count = count * 3 / 2 + 1) {
        records = gw_long_lines_renew(records, old_count, count, sizeof *records);
        ck_assert_uint_eq((uintptr_t)records % GW_LINE_BYTES, 0);
        gsize wrong_count = 0;
        for (gsize i = 0; i < old_count; i++)
            wrong_count += records[i] != (uint32_t)(i * 2654435761u);
        ck_assert_uint_eq(wrong_count, 0);
        for (gsize i = old_count; i < count; i++)
            records[i] = (uint32_t)(i * 2654435761u);
        old_count = count;
        g_ptr_array_add(others, g_malloc(24 + count % 5 * 16));
    }
    g_ptr_array_unref(others);
    gw_long_lines_free(records);
    gw_long_lines_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lines");
    TCase *cases = tcase_create("lines");
    tcase_add_test(cases, blocks_begin_a_line_and_are_zero);
    tcase_add_test(cases, growing_keeps_what_was_there);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
