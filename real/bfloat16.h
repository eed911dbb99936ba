/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers kept in 2 bytes: the upper half of a float32.  Operations compute on float32. */
#pragma once

#include <stdint.h>

void gw_bfloat16_widen(const uint16_t *from, float *to, uint64_t count);
/* To the nearest, ties to even; what is not a number stays none. */
void gw_bfloat16_narrow(const float *from, uint16_t *to, uint64_t count);
