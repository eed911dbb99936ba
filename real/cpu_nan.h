/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are no numbers (NaN), looked for in what a kernel has written. */
#pragma once

#include "program/function.h"

#define GW_CPU_NO_NAN UINT64_MAX

/* Which element of the value, whose elements lie at `data`, is the first that is none;
 * GW_CPU_NO_NAN: all are numbers, or infinite. */
uint64_t gw_cpu_find_nan(const gw_value *value, const void *data);
