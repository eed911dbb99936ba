/* SPDX-License-Identifier: Apache-2.0 */
/* From peak rates: an operation takes as long as its arithmetic at the rate of the unit that does
 * it, or as its memory traffic, whichever is longer (Williams, Waterman and Patterson, "Roofline",
 * CACM 52(4), 2009).  docs/MODEL.md, "Kernels".  What was measured on the device takes what was
 * measured. */
#include "accel/collective.h"
#include "accel/model.h"
#include "base/check.h"

static gw_span longer_of(const gw_accelerator *accelerator, double flops, double flops_per_s,
                         double traffic_bytes)
{
    gw_check(flops_per_s > 0);
    const double memory_bytes_per_s = accelerator->hbm_bytes_per_s * accelerator->hbm_efficiency;
    gw_check(memory_bytes_per_s > 0);
    return gw_span_from_seconds(MAX(flops / flops_per_s, traffic_bytes / memory_bytes_per_s));
}

static gw_span roofline_operation_ns(const gw_accel_model *model, uint32_t island,
                                     const gw_function *function, const gw_operation *operation)
{
    gw_check(island < model->cluster->island_count);
    gw_check(!gw_operation_is_collective(operation));
    const gw_accelerator *accelerator = model->cluster->islands[island].accelerator;
    double measured_ns;
    if (accelerator->measured != NULL &&
        gw_measured_operation(accelerator->measured, function, operation, &measured_ns))
        return gw_span_from_seconds(measured_ns / 1e9);
    const double matmul_flops = accelerator->peak_flops * accelerator->matmul_efficiency;
    switch (operation->kind) {
    case GW_OPERATION_DURATION:
        return operation->duration_ns;
    case GW_OPERATION_WORK: /* Mostly matrix products, or it would not be given as FLOPs. */
        return longer_of(accelerator, operation->flops, matmul_flops, operation->bytes);
    case GW_OPERATION_MATMUL:
    case GW_OPERATION_ATTENTION: /* Products, but for a softmax. */
    case GW_OPERATION_ATTENTION_GRADIENT:
    case GW_OPERATION_BLOCK_MATMUL:
    case GW_OPERATION_BLOCK_MATMUL_GRADIENT:
        return longer_of(accelerator, gw_operation_flops(function, operation), matmul_flops,
                         gw_operation_bytes(function, operation));
    default:
        return longer_of(accelerator, gw_operation_flops(function, operation),
                         accelerator->vector_flops, gw_operation_bytes(function, operation));
    }
}

static gw_span roofline_collective_ns(const gw_accel_model *model, const gw_collective *collective)
{
    const gw_cluster_island *island =
        gw_cluster_island_of(model->cluster, (gw_device_id){collective->devices[0]});
    const gw_measured *measured = island->accelerator->measured;
    double measured_ns;
    if (measured != NULL && collective->member_count > 1 &&
        gw_measured_collective_of(measured, collective->kind, collective->member_count,
                                  collective->size_bytes, &measured_ns))
        return gw_span_from_seconds(measured_ns / 1e9);
    return gw_collective_ns(model->cluster, collective);
}

const gw_accel_ops gw_model_roofline = {
    .name = "roofline",
    .summary = "the longer of arithmetic and memory traffic, from peak rates and efficiencies",
    .operation_ns = roofline_operation_ns,
    .collective_ns = roofline_collective_ns,
};
