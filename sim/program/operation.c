/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of operation takes and gives, as one table: arity and name belong to the kind,
 * except that some maps read a second operand. */
#include "program/operation.h"

#include "base/check.h"

static const struct {
    const char *name;
    uint8_t input_count, output_count;
    bool is_collective;
} kinds[GW_OPERATION_KIND_COUNT] = {
    [GW_OPERATION_DURATION] = {"duration", 0, 0, false},
    [GW_OPERATION_WORK] = {"work", 0, 0, false},
    [GW_OPERATION_FILL] = {"fill", 0, 1, false},
    [GW_OPERATION_RANDOM] = {"random", 0, 1, false},
    [GW_OPERATION_MATMUL] = {"matmul", 2, 1, false},
    [GW_OPERATION_MAP] = {"map", 1, 1, false},
    [GW_OPERATION_REDUCE] = {"reduce", 1, 1, false},
    [GW_OPERATION_SOFTMAX] = {"softmax", 1, 1, false},
    [GW_OPERATION_LAYER_NORM] = {"layer_norm", 3, 1, false},
    [GW_OPERATION_CROSS_ENTROPY] = {"cross_entropy", 2, 2, false},
    [GW_OPERATION_SGD] = {"sgd", 2, 1, false},
    [GW_OPERATION_ADAM] = {"adam", 5, 3, false},
    [GW_OPERATION_TOKENS] = {"tokens", 0, 2, false},
    [GW_OPERATION_EMBEDDING] = {"embedding", 2, 1, false},
    [GW_OPERATION_EMBEDDING_GRADIENT] = {"embedding_gradient", 2, 1, false},
    [GW_OPERATION_LAYER_NORM_GRADIENT] = {"layer_norm_gradient", 3, 3, false},
    [GW_OPERATION_ATTENTION] = {"attention", 3, 2, false},
    [GW_OPERATION_ATTENTION_GRADIENT] = {"attention_gradient", 5, 3, false},
    [GW_OPERATION_TOKEN_STATISTICS] = {"token_statistics", 2, 1, false},
    [GW_OPERATION_TOKEN_LOSS] = {"token_loss", 3, 2, false},
    [GW_OPERATION_ALL_REDUCE] = {"all_reduce", 1, 1, true},
    [GW_OPERATION_ALL_GATHER] = {"all_gather", 1, 1, true},
    [GW_OPERATION_REDUCE_SCATTER] = {"reduce_scatter", 1, 1, true},
    [GW_OPERATION_ALL_TO_ALL] = {"all_to_all", 1, 1, true},
    [GW_OPERATION_BROADCAST] = {"broadcast", 1, 1, true},
    [GW_OPERATION_PERMUTE] = {"permute", 1, 1, true},
    [GW_OPERATION_ROUTE] = {"route", 1, 3, false},
    [GW_OPERATION_GATHER] = {"gather", 2, 1, false},
    [GW_OPERATION_SCATTER] = {"scatter", 2, 1, false},
    [GW_OPERATION_GATE] = {"gate", 1, 3, false},
    [GW_OPERATION_GATE_GRADIENT] = {"gate_gradient", 2, 1, false},
    [GW_OPERATION_DISPATCH] = {"dispatch", 2, 1, false},
    [GW_OPERATION_DISPATCH_GRADIENT] = {"dispatch_gradient", 2, 1, false},
    [GW_OPERATION_COMBINE] = {"combine", 3, 1, false},
    [GW_OPERATION_COMBINE_GRADIENT] = {"combine_gradient", 4, 2, false},
    [GW_OPERATION_BLOCK_MATMUL] = {"block_matmul", 2, 1, false},
    [GW_OPERATION_BLOCK_MATMUL_GRADIENT] = {"block_matmul_gradient", 2, 1, false},
    [GW_OPERATION_SLICE] = {"slice", 1, 1, false},
    [GW_OPERATION_TEXT] = {"text", 1, 2, false},
};

static bool is_kind(gw_operation_kind kind)
{
    return kind >= GW_OPERATION_DURATION && kind < GW_OPERATION_KIND_COUNT;
}

static bool has_second_operand(gw_map map)
{
    return map == GW_MAP_ADD || map == GW_MAP_SUBTRACT || map == GW_MAP_MULTIPLY ||
           map == GW_MAP_ADD_ROW || map == GW_MAP_RELU_GRADIENT || map == GW_MAP_GELU_GRADIENT ||
           map == GW_MAP_MULTIPLY_COLUMN;
}

uint32_t gw_operation_input_count(const gw_operation *operation)
{
    gw_check(is_kind(operation->kind));
    if (operation->kind == GW_OPERATION_MAP && has_second_operand(operation->map)) {
        return 2;
    }
    return kinds[operation->kind].input_count;
}

uint32_t gw_operation_output_count(const gw_operation *operation)
{
    gw_check(is_kind(operation->kind));
    return kinds[operation->kind].output_count;
}

bool gw_operation_is_collective(const gw_operation *operation)
{
    gw_check(is_kind(operation->kind));
    return kinds[operation->kind].is_collective;
}

const char *gw_operation_name(gw_operation_kind kind)
{
    gw_check(is_kind(kind));
    return kinds[kind].name;
}
