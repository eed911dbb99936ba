/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a test program. */
#pragma once

#include <check.h>
#include <stdlib.h>

/* Runs the suite, which it takes; CK_VERBOSITY says how much is printed.  What main() returns. */
static inline int gw_run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
