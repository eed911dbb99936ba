/* SPDX-License-Identifier: Apache-2.0 */
/* A build without MPI says so, and what to do. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "real/mpi_link.h"
#include "run_suite.h"

START_TEST(there_is_no_link)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_mpi_link_open(&error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
    ck_assert(strstr(error->message, "--backend mpi: this build has no MPI") != NULL);
    gw_mpi_link_close(NULL, GW_MPI_TOGETHER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mpi_absent");
    TCase *tcase = tcase_create("absent");
    tcase_add_test(tcase, there_is_no_link);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
