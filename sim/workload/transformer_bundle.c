/* SPDX-License-Identifier: Apache-2.0 */
#include "workload/transformer_bundle.h"

#include "base/check.h"

gw_bundle gw_bundle_of(gw_function *function, uint64_t limit_bytes, bool is_overlapped)
{
    return (gw_bundle){.function = function,
                       .limit_bytes = limit_bytes,
                       .is_overlapped = is_overlapped,
                       .waiting = g_array_new(FALSE, FALSE, sizeof(gw_operation))};
}

void gw_bundle_add(gw_bundle *bundle, gw_operation_kind kind, uint8_t axes, uint32_t x, uint32_t y)
{
    const gw_operation operation = {.kind = kind,
                                    .axes = axes,
                                    .inputs = {(uint16_t)x},
                                    .outputs = {(uint16_t)y},
                                    .is_overlapped = bundle->is_overlapped};
    gw_check(gw_operation_is_collective(&operation));
    g_array_append_val(bundle->waiting, operation);
    bundle->waiting_bytes += gw_value_bytes(gw_function_value(bundle->function, x));
    if (bundle->waiting_bytes >= bundle->limit_bytes)
        gw_bundle_flush(bundle);
}

/* The first one and all of its like, in order; they wait no more. */
static void write_alike(gw_bundle *bundle)
{
    const gw_operation first = g_array_index(bundle->waiting, gw_operation, 0);
    uint32_t left = 0;
    for (uint32_t i = 0; i < bundle->waiting->len; i++) {
        gw_operation one = g_array_index(bundle->waiting, gw_operation, i);
        if (one.kind == first.kind && one.axes == first.axes) {
            one.is_joined = i > 0;
            gw_function_add(bundle->function, &one);
        } else {
            g_array_index(bundle->waiting, gw_operation, left++) = one;
        }
    }
    g_array_set_size(bundle->waiting, left);
}

void gw_bundle_flush(gw_bundle *bundle)
{
    while (bundle->waiting->len > 0)
        write_alike(bundle);
    bundle->waiting_bytes = 0;
}

void gw_bundle_clear(gw_bundle *bundle)
{
    gw_check(bundle->waiting->len == 0);
    g_array_unref(bundle->waiting);
}
