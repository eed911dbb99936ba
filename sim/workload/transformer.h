/* SPDX-License-Identifier: Apache-2.0 */
/* A decoder-only transformer as functions of one training step, for workload_transformer.c.
 *
 * Layers are x + attention(norm(x)), then x + perceptron(norm(x)), with GELU between the two
 * products (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019), learned
 * positions, a last norm, and a head that is not tied to the embedding.
 *
 * Layers lie in places, one after the other; the first place also has the embedding, the last the
 * head and the loss.  Each place is on a mesh of two dimensions, data x tensor.  Along data,
 * devices have sequences of their own and sum slopes before the update.  Along tensor they share
 * each layer as Megatron does (Shoeybi et al., 2019, section 3): heads, the perceptron's width and
 * the vocabulary are split; two sums in the forward and two in the backward pass of a layer make
 * whole activations, which all of them hold; or, sequence-parallel (Korthikanti et al., 2022,
 * section 4.2), each sum leaves every one its block of the tokens, norms and what is added to the
 * stream work on those, and the next product gathers them again.  A step takes the batch in
 * micro-batches, and adds up the slopes and the loss of one after the other. */
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

typedef enum { GW_OPTIMIZER_ADAM, GW_OPTIMIZER_SGD } gw_optimizer;

typedef struct {
    uint64_t seed;
    uint32_t layers, hidden, heads, feed_forward, vocabulary, sequence;
    uint32_t batch;        /* Sequences of a step, over all devices, */
    uint32_t microbatch;   /* and of one micro-batch, on one device. */
    uint32_t data, tensor; /* The mesh of a place. */
    uint32_t places;       /* A divisor of layers. */
    gw_recompute recompute;
    bool is_half;   /* Activations and the parameters that passes read are kept in 2 bytes; ids,
                       statistics, loss and slopes of parameters in 4. */
    bool drops_out; /* What attention's softmax and blocks give is dropped at random: its cost is
                       there, and then passes model time and not data. */
    bool accumulates_fused; /* Slopes of weights are added up right behind their products, so that a
                               device may make one kernel of both. */
    bool scatters;          /* Places hand on a part from each device along tensor, which divides a
                               micro-batch's tokens. */
    bool is_sequence_parallel; /* tensor is then more than 1, and divides a micro-batch's tokens. */
    uint32_t zero;             /* Stage of ZeRO, 0 to 3; above 0, data is more than 1. */
    /* Slopes are summed when so many bytes of them are there, beside the backward pass; 0: after
     * it. */
    uint64_t bucket_bytes;
    gw_optimizer optimizer;
    double learning_rate;
} gw_transformer;

/* One parameter, as a device holds it. */
typedef struct {
    uint32_t rows, columns;
    bool is_split;      /* Along tensor: each has a block of the whole's rows, or of a bias's
                           columns. */
    double scale;       /* Uniform in [-scale, scale) at first; 0: */
    double constant;    /* this everywhere. */
    bool is_seen_whole; /* Its slopes come from all tokens on each device, also where the stream is
                           sequence-parallel.  Of others that are not split each then has a part. */
} gw_transformer_tensor;

/* All of a place, in the order in which functions take them (gw_transformer_tensor); the caller
 * unrefs.  Over all places, those of each follow those of the one before; *out_first: how many
 * those are. */
GArray *gw_transformer_list_tensors(const gw_transformer *model, uint32_t place,
                                    uint32_t *out_first);

uint32_t gw_transformer_count_microbatches(const gw_transformer *model);
/* Bytes of an element of what is_half is about. */
uint32_t gw_transformer_element_bytes(const gw_transformer *model);

/* --- Parameters between passes (transformer_update.c) --- */

/* With ZeRO each device keeps a part of a tensor's rows, that of its place along data, if they can
 * be divided so; else, and without, all of them. */
bool gw_transformer_is_parted(const gw_transformer *model, const gw_transformer_tensor *tensor);
uint32_t gw_transformer_part_rows(const gw_transformer *model, const gw_transformer_tensor *tensor);
/* Of what passes take: parts with stage 3. */
uint32_t gw_transformer_read_rows(const gw_transformer *model, const gw_transformer_tensor *tensor);

/* How many buffers of each tensor an optimiser keeps: the tensor and its moments; how many go on to
 * the next run: those, and a copy that passes read, if they do not read the tensor itself; and
 * which of these passes read. */
uint32_t gw_transformer_count_kept(const gw_transformer *model);
uint32_t gw_transformer_count_carried(const gw_transformer *model);
uint32_t gw_transformer_read_of_carried(const gw_transformer *model);

/* Along which dimensions of the mesh the tensor's slopes are summed, 0: along none; and when. */
typedef enum {
    GW_SUM_NEVER = 1,
    GW_SUM_EACH_PASS, /* What is handed on are parts of sums. */
    GW_SUM_LAST_PASS,
    GW_SUM_UPDATE,
} gw_transformer_sum;
uint8_t gw_transformer_sum_axes(const gw_transformer *model, const gw_transformer_tensor *tensor);
gw_transformer_sum gw_transformer_sum_when(const gw_transformer *model,
                                           const gw_transformer_tensor *tensor);

/* () -> (what goes on of each tensor) */
gw_function *gw_transformer_make_init(const gw_transformer *model, uint32_t place);
/* (slopes of all tensors, then what is kept of each [, last place: loss]) -> (what goes on of each
 * [, loss of the whole batch]) */
gw_function *gw_transformer_make_update(const gw_transformer *model, uint32_t place);

/* --- Passes --- */

/* Of the first place: () -> (ids of each micro-batch); of the last: labels likewise; of an only one
 * all ids, then all labels. */
gw_function *gw_transformer_make_tokens(const gw_transformer *model, uint32_t place);
/* (ids, or what the place before gives [, last place: labels] [, loss of the micro-batches before],
 * tensors) -> (what the place gives; of the last place: loss so far, slopes of the logits; then
 * what backward reads again).  `is_next`: it is not the first micro-batch, and the last place takes
 * a loss.  Losses and slopes are of the whole batch's mean. */
gw_function *gw_transformer_make_forward(const gw_transformer *model, uint32_t place, bool is_next);
/* ([first place: ids,] tensors, slopes of what the place gives, or of the logits, what forward left
 * [, slopes of tensors so far]) -> ([slopes of what the place takes; not of the first,] slopes of
 * tensors so far).  `is_next` as above; `is_end`: it is the last micro-batch. */
gw_function *gw_transformer_make_backward(const gw_transformer *model, uint32_t place, bool is_next,
                                          bool is_end);
/* How many outputs of forward backward reads again, beside the slopes of the logits. */
uint32_t gw_transformer_count_saved(const gw_transformer *model, uint32_t place);

/* FLOPs of matrix products of a step over all devices (transformer_flops.c): what the model needs,
 * and with what is computed again. */
double gw_transformer_model_flops(const gw_transformer *model);
double gw_transformer_hardware_flops(const gw_transformer *model);
