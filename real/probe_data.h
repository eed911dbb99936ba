/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up values that operations can work on: what they take depends on them a little. */
#pragma once

#include "program/function.h"

/* Aligned as a device's buffers are, and written once; the caller frees (free()). */
float *gw_probe_zeros(uint64_t count);
/* Of either sign, below 1 in size, as what flows through a model is: a branch on the sign is not
 * foreseen.  By `seed`; likewise. */
float *gw_probe_floats(uint64_t count, uint64_t seed);

/* The function's value `index`, by what its operations read it as: ids are whole numbers below what
 * they look up, sums of squares and of exponentials are positive.  Likewise. */
float *gw_probe_value(const gw_function *function, uint32_t index, uint64_t seed);
