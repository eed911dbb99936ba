/* SPDX-License-Identifier: Apache-2.0 */
/* A decoder-only transformer as functions of one training step, for workload_transformer.c.
 *
 * Layers are x + attention(norm(x)), then x + perceptron(norm(x)), with GELU between the two
 * products (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019), learned
 * positions, a last norm, and a head that is not tied to the embedding.
 *
 * The mesh has two dimensions, data x tensor.  Along data, devices have sequences of their own and
 * sum gradients.  Along tensor they share each layer as Megatron does (Shoeybi et al., 2019,
 * section 3): heads, the perceptron's width and the vocabulary are split; two sums in the forward
 * and two in the backward pass of a layer make whole activations, which all of them hold. */
#pragma once

#include "program/function.h"

#define GW_TRANSFORMER_DATA   1 /* Bits of gw_operation.axes. */
#define GW_TRANSFORMER_TENSOR 2

/* What the backward pass computes again instead of reading it (Korthikanti et al., "Reducing
 * activation recomputation in large transformer models", 2022). */
typedef enum {
    GW_RECOMPUTE_NONE,
    GW_RECOMPUTE_SELECTIVE, /* The softmax of attention, from queries and keys. */
    GW_RECOMPUTE_FULL,      /* Layers, from their inputs. */
} gw_recompute;

typedef struct {
    uint64_t seed;
    uint32_t layers, hidden, heads, feed_forward, vocabulary, sequence;
    uint32_t batch;        /* Sequences of a step, over all devices. */
    uint32_t data, tensor; /* The mesh. */
    gw_recompute recompute;
    bool is_half; /* Activations and the parameters that passes read are kept in 2 bytes; ids,
                     statistics, loss and slopes of parameters in 4. */
} gw_transformer;

/* One parameter, as a device holds it. */
typedef struct {
    uint32_t rows, columns;
    bool is_split;   /* Along tensor: each has a block of the whole's rows, or of a bias's
                        columns. */
    double scale;    /* Uniform in [-scale, scale) at first; 0: */
    double constant; /* this everywhere. */
} gw_transformer_tensor;

/* All of them, in the order in which functions take them (gw_transformer_tensor); the caller
 * unrefs. */
GArray *gw_transformer_list_tensors(const gw_transformer *model);

/* Bytes of an element of what is_half is about. */
uint32_t gw_transformer_element_bytes(const gw_transformer *model);

/* () -> (ids, labels) of the device's sequences. */
gw_function *gw_transformer_make_tokens(const gw_transformer *model);
/* (ids, labels, tensors) -> (loss of the whole batch, gradient of the device's logits, and what the
 * backward pass reads again). */
gw_function *gw_transformer_make_forward(const gw_transformer *model);
/* (ids, tensors, gradient of the logits, what forward left) -> (gradients of tensors, of the whole
 * batch). */
gw_function *gw_transformer_make_backward(const gw_transformer *model);
/* How many outputs of forward backward reads again, beside the gradient of the logits. */
uint32_t gw_transformer_count_saved(const gw_transformer *model);
