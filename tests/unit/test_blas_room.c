/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that a process may not have, and the work areas of matrix products. */
#include "real/blas_room.h"
#include "run_suite.h"

#include <cblas.h>
#include <check.h>
#include <sys/resource.h>
#include <unistd.h>

#define SIZE      64
#define AREAS_FEW 4
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* They need all addresses. */
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

static uint64_t used_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%llu", &pages), 1);
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

START_TEST(what_a_product_takes_is_an_area)
{
    static float a[SIZE * SIZE], b[SIZE * SIZE], y[SIZE * SIZE];
    openblas_set_num_threads(1);
    const uint64_t before_bytes = used_bytes();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0,
                y, SIZE);
    ck_assert_uint_le(used_bytes() - before_bytes, GW_BLAS_AREA_BYTES + GW_BLAS_AREA_BYTES / 64);
}
END_TEST

#if !IS_SANITIZED
static void limit_room(uint64_t more_bytes)
{
    const uint64_t most = used_bytes() + more_bytes;
    const struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

START_TEST(too_few_addresses_are_seen)
{
    limit_room(AREAS_FEW * GW_BLAS_AREA_BYTES + GW_BLAS_AREA_BYTES / 2);
    ck_assert(!gw_blas_has_room(AREAS_FEW + 1));
    ck_assert(gw_blas_has_room(AREAS_FEW));
    ck_assert(gw_blas_has_room(1));
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("blas_room");
    TCase *tcase = tcase_create("blas_room");
    tcase_add_test(tcase, what_a_product_takes_is_an_area);
#if !IS_SANITIZED
    tcase_add_test(tcase, too_few_addresses_are_seen);
#endif
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
