/* SPDX-License-Identifier: Apache-2.0 */
/* Zipf's law: of `count` things the t-th, from 1, has a share of 1 / t^exponent; exponent 0 gives
 * all the same. */
#pragma once

#include <stdint.h>

/* The shares up to each, itself included; the last is 1.  The same bits on every machine.
 * `exponent` is at least 0, and what is below 2^-32 of it makes no difference. */
void gw_zipf_shares(double exponent, uint32_t count, double *out_up_to);
/* Whose share `drawn`, uniform in [0, 1), falls into. */
uint32_t gw_zipf_find(const double *up_to, uint32_t count, double drawn);
