/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in order. */
#pragma once

#include <glib.h>

/* Of double, from the least to the greatest. */
void gw_sample_sort(GArray *values);
/* Sorts them; of an even number, the mean of the two in the middle.  There is one at least. */
double gw_sample_median(GArray *values);
