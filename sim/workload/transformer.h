/* SPDX-License-Identifier: Apache-2.0 */
/* A transformer, decoder-only or encoder-decoder, as functions of one training step, for
 * workload_transformer.c.
 *
 * Layers are x + attention(norm(x)), then x + perceptron(norm(x)), with GELU between the two
 * products (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019), learned
 * positions, a last norm, and a head that is not tied to the embedding.
 *
 * With an encoder (Vaswani et al., "Attention is all you need", 2017) its layers come first, look
 * at all of a sequence, and end in a norm of their own.  What they give is what each layer of the
 * decoder looks at between its two halves: x + cross(norm(x)).  Either has an embedding and
 * positions of its own.
 *
 * Layers lie in places, one after the other; the first place also has the embedding, the last the
 * head and the loss.  Where there are several, an encoder ends with a place.  Each place is on a
 * mesh of two dimensions, data x tensor.  Along data, devices have sequences of their own and sum
 * slopes before the update.  Along tensor they share each layer as Megatron does (Shoeybi et al.,
 * 2019, section 3): heads, the perceptron's width and the vocabulary are split; two sums in the
 * forward and two in the backward pass of a layer make whole activations, which all of them hold;
 * or, sequence-parallel (Korthikanti et al., 2022, section 4.2), each sum leaves every one its
 * block of the tokens, norms and what is added to the stream work on those, and the next product
 * gathers them again.  A step takes the batch in micro-batches, and adds up the slopes and the loss
 * of one after the other. */
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
    uint32_t head_size;      /* Columns of a head; 0: so that all heads' are `hidden`. */
    uint32_t encoder_layers; /* 0: decoder-only; `layers` and `sequence` are the decoder's. */
    uint32_t encoder_sequence;
    GBytes *text;          /* Whose bytes are tokens, borrowed; NULL: they are drawn once. */
    uint32_t batch;        /* Sequences of a step, over all devices, */
    uint32_t microbatch;   /* and of one micro-batch, on one device. */
    uint32_t data, tensor; /* The mesh of a place. */
    uint32_t places;       /* A divisor of all layers; if over 1, the encoder has whole places. */
    bool has_light_ends;   /* The first and the last of several places have a layer fewer. */
    uint32_t islands;      /* Each with all of the model, and sequences of its own; 0 is 1. */
    uint32_t island;       /* This is the one of them. */
    uint32_t exchange_chunks; /* Of a place's tensors: each is updated by itself.  0 is 1. */
    bool is_encoder;          /* This is one side of the model (gw_transformer_encoder). */
    gw_recompute recompute;
    bool is_half; /* Activations and the parameters that passes read are kept in 2 bytes; ids,
                     statistics, shares of experts, loss and slopes of parameters in 4. */
    bool has_half_slopes; /* With is_half: slopes of parameters take 2 bytes, too. */
    /* Mixture of experts: every `experts_every`-th layer has them in its perceptron's place, split
     * along data; 0: none has. */
    uint32_t experts, experts_every;
    uint32_t top;      /* Choices of a token: 1 or 2. */
    uint32_t group;    /* Sequences whose tokens share an expert's */
    uint32_t capacity; /* seats. */
    double balance;    /* Of the loss that balances experts. */
    bool by_masks;     /* Tokens go to seats and back by products with ones and zeros. */
    uint32_t pitch;    /* At least `capacity`: an expert's seats for a group lie so far apart; 0:
                          they lie close. */
    bool drops_out;    /* What attention's softmax and blocks give is dropped at random: its cost is
                          there, and then passes model time and not data. */
    bool is_eager;     /* The time of kernels that a framework adds which runs one operation at a
                          time and trains in mixed precision (transformer_eager.h). */
    bool accumulates_apart; /* Slopes of weights are added up after the block, not right behind
                               their products, where a device may make one kernel of both. */
    bool overlaps_slopes; /* Slopes of activations are summed along tensor beside the products that
                             make slopes of weights (transformer_slopes.c's are along data). */
    bool scatters;        /* Places hand on a part from each device along tensor, which divides a
                             micro-batch's tokens; of a decoder alone. */
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
    uint32_t blocks;    /* Experts that a device has, each split along tensor: the whole's are split
                           along data, and slopes are not summed there.  0: it is of no experts. */
    bool is_seen_whole; /* Its slopes come from all tokens on each device, also where the stream is
                           sequence-parallel.  Of others that are not split each then has a part. */
} gw_transformer_tensor;

/* The encoder alone: a model whose layers and sequence are the encoder's. */
gw_transformer gw_transformer_encoder(const gw_transformer *model);

/* Which ends of the model a place has. */
typedef struct {
    bool opens_encoder, closes_encoder, opens_decoder, closes_decoder;
    bool has_decoder;  /* Layers of it, */
    bool reads_memory; /* which look at what an encoder gives. */
} gw_transformer_ends;
gw_transformer_ends gw_transformer_place_ends(const gw_transformer *model, uint32_t place);
/* It begins with what the place before gives, rather than with ids. */
static inline bool gw_transformer_takes_stream(gw_transformer_ends ends)
{
    return !ends.opens_encoder && !ends.opens_decoder;
}
/* It begins with what an encoder elsewhere gives. */
static inline bool gw_transformer_takes_memory(gw_transformer_ends ends)
{
    return ends.reads_memory && !ends.closes_encoder;
}

/* All of a place, in the order in which functions take them (gw_transformer_tensor); the caller
 * unrefs.  Over all places, those of each follow those of the one before; *out_first: how many
 * those are. */
GArray *gw_transformer_list_tensors(const gw_transformer *model, uint32_t place,
                                    uint32_t *out_first);

/* Columns of all heads together. */
uint64_t gw_transformer_attention_width(const gw_transformer *model);
uint32_t gw_transformer_count_microbatches(const gw_transformer *model);
/* Layers of the place that have experts. */
uint32_t gw_transformer_count_expert_layers(const gw_transformer *model, uint32_t place);
/* Bytes of an element of what is_half is about. */
uint32_t gw_transformer_element_bytes(const gw_transformer *model);
/* And of slopes of parameters, until the update has summed them. */
uint32_t gw_transformer_slope_bytes(const gw_transformer *model);
/* `value` of the function is such slopes; returns it. */
uint32_t gw_transformer_mark_slopes(const gw_transformer *model, gw_function *function,
                                    uint32_t value);

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
/* An update depends on how many there have been: that number goes on, too. */
bool gw_transformer_counts_updates(const gw_transformer *model);
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
/* Columns of the sum of slopes that each device sends to the other islands: of a tensor of one row
 * its part of them, where those that sum can divide them; else all, as on one island. */
uint32_t gw_transformer_sent_columns(const gw_transformer *model,
                                     const gw_transformer_tensor *tensor);
gw_transformer_sum gw_transformer_sum_when(const gw_transformer *model,
                                           const gw_transformer_tensor *tensor);

/* () -> (what goes on of each tensor [, no update yet, for each chunk]) */
gw_function *gw_transformer_make_init(const gw_transformer *model, uint32_t place);
/* A place's tensors in `exchange_chunks` parts, one behind the other, about as large each: those
 * whose slopes islands exchange together and which an update of their own changes. */
typedef struct {
    uint32_t first, count; /* Of the place's tensors; `count` is at least 1, */
} gw_transformer_chunk;
uint32_t gw_transformer_count_chunks(const gw_transformer *model);
/* if `tensors`, which are the place's, are at least as many as there are chunks. */
gw_transformer_chunk gw_transformer_find_chunk(const gw_transformer *model, const GArray *tensors,
                                               uint32_t chunk);
/* Whether the place's update gives the loss: the last place's does, on the first island. */
bool gw_transformer_gives_loss(const gw_transformer *model, uint32_t place);
/* (slopes of the chunk's tensors, from each island in order [, how many updates there have been];
 * then what is kept of each tensor; of the first chunk also [, loss, from each island] [, with
 * experts: choices that were dropped]) -> (what goes on of each [, how many updates, with this one]
 * [, loss of the whole batch] [, choices likewise]) */
gw_function *gw_transformer_make_update(const gw_transformer *model, uint32_t place,
                                        uint32_t chunk);
/* Where nothing is trained: ([loss, from each island] [, with experts: choices that were dropped])
 * -> ([loss of the whole batch] [, choices likewise]) */
gw_function *gw_transformer_make_score(const gw_transformer *model, uint32_t place);

/* --- Passes --- */

/* () -> (encoder's ids of each micro-batch, if it opens that; the decoder's likewise; if it closes
 * it, labels).  Of other places there is none.  With a text it belongs to each run:
 * (number of the run) -> (likewise; the next run's number). */
gw_function *gw_transformer_make_tokens(const gw_transformer *model, uint32_t place);
/* () -> (the first run's number) */
gw_function *gw_transformer_make_start(void);
/* ([encoder's ids,] [decoder's ids,] [what the place before gives,] [what the encoder gives,]
 * [labels,] [loss of the micro-batches before,] [choices that they dropped,] tensors) -> (what the
 * place gives, or loss so far and slopes of the logits; then what backward reads again; of one with
 * experts: choices dropped so far): of ids, labels and loss those of the
 * ends it has, loss unless it is the first micro-batch (`is_next`).  Losses and slopes are of the
 * whole batch's mean. */
gw_function *gw_transformer_make_forward(const gw_transformer *model, uint32_t place, bool is_next);
/* ([encoder's ids,] [decoder's ids,] tensors, slopes of what the place gives, or of the logits, [of
 * what the encoder gives, so far, from the place after,] what forward left [, slopes of tensors so
 * far]) -> ([slopes of what the place before gives,] [of what the encoder gives, so far,] slopes of
 * tensors so far): as gw_transformer_make_forward; `is_end`: it is the last micro-batch. */
gw_function *gw_transformer_make_backward(const gw_transformer *model, uint32_t place, bool is_next,
                                          bool is_end);
/* Backward in two parts.  The first is for inputs: as make_backward, but instead of slopes of
 * tensors it gives what the second needs. */
gw_function *gw_transformer_make_inputs(const gw_transformer *model, uint32_t place);
/* (what list_handed says [, slopes of tensors so far]) -> (slopes of tensors so far) */
gw_function *gw_transformer_make_weights(const gw_transformer *model, uint32_t place, bool is_next,
                                         bool is_end);
/* What the second part takes, in order (gw_handed); the caller unrefs. */
typedef enum {
    GW_HANDED_TOKENS = 1, /* The micro-batch's ids; `output` is nothing. */
    GW_HANDED_FORWARD,    /* An output of forward, */
    GW_HANDED_INPUTS,     /* or of the first part. */
} gw_handed_source;
typedef struct {
    gw_handed_source source;
    uint32_t output;
    uint32_t value;  /* Of the function of the first part. */
    uint32_t tensor; /* It is this one's slopes; GW_INDEX_NONE: activations. */
} gw_handed;
GArray *gw_transformer_list_handed(const gw_transformer *model, uint32_t place);
/* How much of the activations that forward leaves is held between the two parts, 0 to 1. */
double gw_transformer_kept_share(const gw_transformer *model, uint32_t place);
/* How many outputs of forward backward reads again, beside the slopes of the logits. */
uint32_t gw_transformer_count_saved(const gw_transformer *model, uint32_t place);

/* A product's FLOPs are needed once forward and twice backward, for slopes of both factors. */
#define GW_TRANSFORMER_PASSES 3
/* FLOPs of matrix products of a step over all devices (transformer_flops.c): what the model needs,
 * and with what is computed again. */
double gw_transformer_model_flops(const gw_transformer *model);
double gw_transformer_hardware_flops(const gw_transformer *model);
