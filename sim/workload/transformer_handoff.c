/* SPDX-License-Identifier: Apache-2.0 */
/* What one place hands to the next.  Where devices along tensor all hold it, each may hand on a
 * part of its own, which the next place puts together over its interconnect (scatter and gather:
 * Narayanan et al., SC'21, section 4.1); with sequence parallelism it lies in parts anyway. */
#include "workload/emit.h"
#include "workload/transformer_private.h"

bool gw_transformer_is_scattered(const gw_transformer *model)
{
    return model->scatters && model->tensor > 1 && !model->is_sequence_parallel;
}

static uint32_t handed_rows(const gw_pass *pass)
{
    return gw_transformer_local_rows(pass->model) / pass->model->tensor;
}

uint32_t gw_pass_take_handed(gw_pass *pass)
{
    return gw_pass_thin(
        pass, gw_function_add_input(pass->function, handed_rows(pass), pass->model->hidden, true));
}

uint32_t gw_pass_place_handed(gw_pass *pass)
{
    return gw_pass_thin(
        pass, gw_function_add_output(pass->function, handed_rows(pass), pass->model->hidden, true));
}

static void move(gw_pass *pass, gw_operation_kind kind, uint32_t x, uint32_t y)
{
    if (gw_transformer_is_scattered(pass->model))
        gw_function_add(pass->function, &(gw_operation){.kind = kind,
                                                        .axes = GW_TRANSFORMER_TENSOR,
                                                        .inputs = {(uint16_t)x},
                                                        .outputs = {(uint16_t)y}});
    else
        gw_emit_map(pass->function, GW_MAP_COPY, x, 0, y);
}

void gw_pass_gather_handed(gw_pass *pass, uint32_t x, uint32_t y)
{
    move(pass, GW_OPERATION_ALL_GATHER, x, y);
}

void gw_pass_scatter_handed(gw_pass *pass, uint32_t x, uint32_t y)
{
    move(pass, GW_OPERATION_SLICE, x, y);
}

uint32_t gw_pass_whole_handed(gw_pass *pass, uint32_t x)
{
    if (!gw_transformer_is_scattered(pass->model))
        return x;
    const uint32_t y = gw_pass_add_stream(pass);
    gw_pass_gather_handed(pass, x, y);
    return y;
}

uint32_t gw_pass_before_handed(gw_pass *pass, uint32_t output)
{
    return gw_transformer_is_scattered(pass->model) ? gw_pass_add_stream(pass) : output;
}
