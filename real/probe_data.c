/* SPDX-License-Identifier: Apache-2.0 */
#include "real/probe_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "real/cpu_operations.h"

float *gw_probe_zeros(uint64_t count)
{
    void *data = NULL;
    const uint64_t size_bytes = MAX(count, 16) * sizeof(float);
    gw_check(posix_memalign(&data, GW_CPU_ALIGNMENT_BYTES, size_bytes) == 0);
    memset(data, 0, size_bytes); /* There, and not only promised. */
    return data;
}

float *gw_probe_floats(uint64_t count, uint64_t seed)
{
    float *floats = gw_probe_zeros(count);
    for (uint64_t i = 0; i < count; i++)
        floats[i] = (float)(gw_random_at(seed, i) >> 40) / (float)(1 << 23) - 1;
    return floats;
}

/* Sums of squares, or of exponentials, or counts. */
static bool is_positive(const gw_operation *operation, uint32_t value)
{
    return (operation->kind == GW_OPERATION_ADAM &&
            (value == operation->inputs[3] || value == operation->inputs[4])) ||
           (operation->kind == GW_OPERATION_TOKEN_LOSS && value == operation->inputs[2]) ||
           (operation->kind == GW_OPERATION_CROSS_ENTROPY && value == operation->inputs[1]);
}

/* A value of ids has whole numbers below this; 0: it has no ids. */
static uint64_t count_words(const gw_function *function, const gw_operation *operation,
                            uint32_t value)
{
    switch (operation->kind) {
    case GW_OPERATION_EMBEDDING:
        return value == operation->inputs[1]
                   ? gw_function_value(function, operation->inputs[0])->rows
                   : 0;
    case GW_OPERATION_TOKEN_STATISTICS:
    case GW_OPERATION_TOKEN_LOSS:
        return value == operation->inputs[1]
                   ? gw_function_value(function, operation->inputs[0])->columns
                   : 0;
    case GW_OPERATION_EMBEDDING_GRADIENT:
        return value == operation->inputs[0]
                   ? gw_function_value(function, operation->outputs[0])->rows
                   : 0;
    default:
        return 0;
    }
}

/* Makes random floats what `operation` takes them for; false: they may be anything. */
static bool suit(const gw_function *function, const gw_operation *operation, uint32_t index,
                 uint64_t seed, float *made)
{
    const gw_value *value = gw_function_value(function, index);
    const uint64_t count = (uint64_t)value->rows * value->columns;
    const uint64_t words = count_words(function, operation, index);
    const bool is_made_positive = is_positive(operation, index);
    for (uint64_t k = 0; words > 0 && k < count; k++)
        made[k] = (float)(gw_random_at(seed, k) % words);
    for (uint64_t k = 0; is_made_positive && k < count; k++)
        made[k] = fabsf(made[k]);
    return words > 0 || is_made_positive;
}

/* By the first operation to which it matters. */
float *gw_probe_value(const gw_function *function, uint32_t index, uint64_t seed)
{
    const gw_value *value = gw_function_value(function, index);
    float *made = gw_probe_floats((uint64_t)value->rows * value->columns, seed);
    for (guint i = 0; i < function->operations->len; i++)
        if (suit(function, gw_function_operation(function, i), index, seed, made))
            break;
    return made;
}
