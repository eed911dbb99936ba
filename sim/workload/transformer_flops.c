/* SPDX-License-Identifier: Apache-2.0 */
/* FLOPs of a step as the field counts them (Narayanan et al., SC'21, appendix): two for each
 * multiplication of a matrix product, the masked half of attention included, nothing else. */
#include "workload/transformer.h"

static double tokens_of(const gw_transformer *model)
{
    return (double)model->batch * model->sequence;
}

/* Forward, of all layers: scores, and what they attend to. */
static double attention_flops(const gw_transformer *model)
{
    return 4.0 * model->layers * tokens_of(model) * model->sequence * model->hidden;
}

/* Forward, of all layers: queries, keys, values, projection, and the perceptron. */
static double layer_flops(const gw_transformer *model)
{
    const double weights =
        4.0 * model->hidden * model->hidden + 2.0 * model->hidden * model->feed_forward;
    return 2 * model->layers * tokens_of(model) * weights + attention_flops(model);
}

double gw_transformer_model_flops(const gw_transformer *model)
{
    const double head = 2.0 * tokens_of(model) * model->hidden * model->vocabulary;
    return 3 * (layer_flops(model) + head); /* Backward: slopes of both factors. */
}

double gw_transformer_hardware_flops(const gw_transformer *model)
{
    const double once = gw_transformer_model_flops(model);
    switch (model->recompute) {
    case GW_RECOMPUTE_FULL:
        return once + layer_flops(model);
    case GW_RECOMPUTE_SELECTIVE:
        return once + attention_flops(model);
    default:
        return once;
    }
}
