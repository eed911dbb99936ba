/* SPDX-License-Identifier: Apache-2.0 */
/* By the bits: all ones in the exponent, and something in the fraction.  A bfloat16 is the upper
 * half of a float32. */
#include "real/cpu_nan.h"

#include <string.h>

#define INFINITY_BITS  UINT32_C(0x7f800000)
#define MAGNITUDE_BITS UINT32_C(0x7fffffff)

static bool is_nan(uint32_t bits)
{
    return (bits & MAGNITUDE_BITS) > INFINITY_BITS;
}

uint64_t gw_cpu_find_nan(const gw_value *value, const void *data)
{
    const uint64_t count = (uint64_t)value->rows * value->columns;
    const unsigned char *bytes = data;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        if (value->element_bytes == sizeof(float)) {
            memcpy(&bits, bytes + i * sizeof(float), sizeof(float));
        } else {
            uint16_t upper;
            memcpy(&upper, bytes + i * sizeof(upper), sizeof(upper));
            bits = (uint32_t)upper << 16;
        }
        if (is_nan(bits)) {
            return i;
        }
    }
    return GW_CPU_NO_NAN;
}
