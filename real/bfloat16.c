/* SPDX-License-Identifier: Apache-2.0 */
/* By the bits: a carry out of the fraction goes on into the exponent, as rounding up should. */
#include "real/bfloat16.h"

#include <string.h>

#define HALF_OF_LAST 0x7FFFU     /* Just below half of the last bit that is kept. */
#define QUIET        0x40U       /* Of the upper half: a quiet NaN. */
#define INFINITE     0x7F800000U /* Above, the sign aside: not a number. */
#define ALL_BUT_SIGN 0x7FFFFFFFU

void gw_bfloat16_widen(const uint16_t *from, float *to, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

void gw_bfloat16_narrow(const float *from, uint16_t *to, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        if ((bits & ALL_BUT_SIGN) > INFINITE)
            to[i] = (uint16_t)(bits >> 16 | QUIET);
        else
            to[i] = (uint16_t)((bits + HALF_OF_LAST + (bits >> 16 & 1)) >> 16);
    }
}
