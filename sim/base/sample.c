/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sample.h"

#include "base/check.h"

static int compare_reals(const void *a, const void *b)
{
    const double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

void gw_sample_sort(GArray *values)
{
    g_array_sort(values, compare_reals);
}

double gw_sample_median(GArray *values)
{
    gw_check(values->len > 0);
    gw_sample_sort(values);
    const guint half = values->len / 2;
    const double upper = g_array_index(values, double, half);
    return values->len % 2 == 1 ? upper : (g_array_index(values, double, half - 1) + upper) / 2;
}
