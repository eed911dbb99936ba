/* SPDX-License-Identifier: Apache-2.0 */
/* Powers by multiplications and square roots, which are the same on every machine. */
#include "base/zipf.h"

#include <math.h>

#include "base/check.h"

#define FRACTION_BITS 32 /* Of an exponent: what is below makes no difference to a float. */

/* base^-exponent */
static double take_power(double base, double exponent)
{
    double power = 1;
    for (double whole = 1; whole <= exponent; whole++) {
        power *= base;
    }
    double root = base, rest = exponent - (double)(uint64_t)exponent;
    for (uint32_t i = 0; i < FRACTION_BITS; i++) {
        root = sqrt(root);
        rest *= 2;
        if (rest >= 1) {
            power *= root;
            rest -= 1;
        }
    }
    return 1 / power;
}

void gw_zipf_shares(double exponent, uint32_t count, double *out_up_to)
{
    gw_check(exponent >= 0);
    gw_check(count > 0);
    double sum = 0;
    for (uint32_t t = 0; t < count; t++) {
        sum += take_power(t + 1, exponent);
        out_up_to[t] = sum;
    }
    for (uint32_t t = 0; t < count; t++) {
        out_up_to[t] /= sum;
    }
}

uint32_t gw_zipf_find(const double *up_to, uint32_t count, double drawn)
{
    uint32_t low = 0, high = count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (up_to[middle] > drawn) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}
