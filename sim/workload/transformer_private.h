/* SPDX-License-Identifier: Apache-2.0 */
/* What the files transformer*.c share: a pass in the making, and blocks.
 *
 * A layer is a row of blocks, each y = x + f(norm(x)): attention, then a perceptron.  A block knows
 * its parameters, what its backward pass reads again, and how its passes are written; where layers
 * lie, what is computed again and how slopes add up is transformer.c's, and the same for all. */
#pragma once

#include "workload/transformer.h"
#include "workload/transformer_bundle.h"

typedef struct gw_pass gw_pass;

/* A block of one layer in a pass: values of the function, each by the block's own numbering. */
typedef struct {
    const uint32_t *tensors;
    const uint32_t *saved;     /* The first is always the block's input. */
    const uint32_t *gradients; /* Backward: of tensors, of this micro-batch alone. */
} gw_pass_part;

typedef struct {
    const char *name;
    uint32_t tensor_count, saved_count;
    /* All of them, in order (gw_transformer_append_tensor). */
    void (*append_tensors)(const gw_transformer *model, GArray *list);
    void (*saved_shape)(const gw_transformer *model, uint32_t saved, uint32_t *out_rows,
                        uint32_t *out_columns);
    /* Whether selective recomputation computes it again rather than keeping it. */
    bool (*is_selected)(uint32_t saved);
    /* Writes saved[1...] and `y` from saved[0]. */
    void (*add_forward)(gw_pass *pass, const gw_pass_part *part, uint32_t y);
    /* Writes what is_selected from what is kept; NULL: nothing is. */
    void (*add_selected)(gw_pass *pass, const gw_pass_part *part);
    /* From the slopes of y: writes the slopes of tensors; returns those of saved[0]. */
    uint32_t (*add_backward)(gw_pass *pass, const gw_pass_part *part, uint32_t dy);
} gw_transformer_block;

extern const gw_transformer_block gw_block_attention, gw_block_perceptron;

/* A function of one pass over a place, in the making. */
struct gw_pass {
    const gw_transformer *model;
    gw_function *function;
    uint32_t rows;          /* Tokens of a device's micro-batch, */
    uint32_t stream_rows;   /* and of what it holds of the activations between blocks. */
    bool is_first, is_last; /* The place has the embedding, the head. */
    uint32_t ids, labels;
    /* All of the place's: tensors and their slopes those of the embedding, of the blocks, of the
     * head; saved those of the blocks, then of the head. */
    uint32_t *tensors, *saved, *gradients;
    uint32_t first_head_tensor, first_head_saved; /* Where the head's begin. */
    const GArray *list;                           /* Of the tensors. */
    /* Backward, by tensor: the slopes so far, which it takes (NULL: none), and which it gives. */
    uint32_t *before, *outputs;
    bool *is_finished; /* Backward, by tensor: its slopes are added up already. */
    bool is_end;       /* It is of the last micro-batch. */
    gw_bundle sums;    /* Of slopes. */
};

/* --- Sizes --- */

/* Of first weights: uniform with the deviation 0.02 (Radford et al., 2019); of those whose products
 * are added to the stream of activations, smaller the more layers there are. */
double gw_transformer_weight_scale(void);
double gw_transformer_added_scale(const gw_transformer *model);
void gw_transformer_append_tensor(GArray *list, uint32_t rows, uint32_t columns, bool is_split,
                                  double scale, double constant);
/* Tokens of a device's micro-batch; and those of the stream between blocks that it holds. */
uint32_t gw_transformer_local_rows(const gw_transformer *model);
uint32_t gw_transformer_stream_rows(const gw_transformer *model);

/* --- Tensors and their slopes (transformer_slopes.c) --- */

/* Inputs for all of `list`, which is borrowed for the pass's life. */
void gw_pass_take_tensors(gw_pass *pass, const GArray *list);
/* From here on `count` tensors from the `first` on are whole, where passes take parts. */
void gw_pass_gather_tensors(gw_pass *pass, uint32_t first, uint32_t count);
/* Backward: inputs for slopes so far, if it `is_next`; outputs for slopes, and where those of this
 * micro-batch go first. */
void gw_pass_take_slopes(gw_pass *pass);
void gw_pass_place_slopes(gw_pass *pass);
/* Where the model accumulates fused: those of the block's tensor have just been made. */
void gw_pass_add_up_early(gw_pass *pass, const gw_pass_part *part, uint32_t tensor);
/* Those of so many tensors are there: adds them up, and sums them over devices in due course. */
void gw_pass_finish_slopes(gw_pass *pass, uint32_t first, uint32_t count);
/* All are there. */
void gw_pass_end_slopes(gw_pass *pass);

/* Sums slopes `x` of the tensor over devices into `y`, when the bundle is written. */
void gw_transformer_add_sum(const gw_transformer *model, const gw_transformer_tensor *tensor,
                            gw_bundle *bundle, uint32_t x, uint32_t y);

/* --- Writing operations (transformer_pass.c) --- */

/* As gw_transformer_element_bytes says from here on; returns it. */
uint32_t gw_pass_thin(const gw_pass *pass, uint32_t value);
uint32_t gw_pass_add_temporary(gw_pass *pass, uint32_t rows, uint32_t columns);
uint32_t gw_pass_add_activation(gw_pass *pass); /* rows x hidden */
uint32_t gw_pass_add_stream(gw_pass *pass);     /* stream_rows x hidden */
/* From parts of activations (rows x hidden) into the stream: the sum along tensor; x itself where
 * it is not split. */
uint32_t gw_pass_sum_parts(gw_pass *pass, uint32_t x);
/* From the stream: all tokens' rows; x itself where each device has them.  `is_overlapped` as of
 * operations. */
uint32_t gw_pass_gather(gw_pass *pass, uint32_t x, bool is_overlapped);
uint32_t gw_pass_add_sum(gw_pass *pass, uint32_t a, uint32_t b); /* Of a's shape. */
/* Where the model drops out: reads and writes `x` `moves` times in all, and its mask once. */
void gw_pass_add_dropout(gw_pass *pass, uint32_t x, uint32_t moves);
void gw_pass_add_norm(gw_pass *pass, uint32_t x, uint32_t gain, uint32_t bias, uint32_t y);
/* dx of y = norm(x); returns it. */
uint32_t gw_pass_add_norm_gradient(gw_pass *pass, uint32_t x, uint32_t gain, uint32_t dy,
                                   uint32_t dgain, uint32_t dbias);
/* y = x weights^T + bias, the bias being the tensor after `weights`; of all tokens. */
void gw_pass_add_dense(gw_pass *pass, const gw_pass_part *part, uint32_t weights, uint32_t x,
                       uint32_t y);
/* Its slopes: of weights and bias, and this device's part of dx, which it returns. */
uint32_t gw_pass_add_dense_gradient(gw_pass *pass, const gw_pass_part *part, uint32_t weights,
                                    uint32_t x, uint32_t dy);
/* The same, added to `so_far` right behind the product; GW_INDEX_NONE: to nothing. */
uint32_t gw_pass_add_dense_gradient_to(gw_pass *pass, const gw_pass_part *part, uint32_t weights,
                                       uint32_t x, uint32_t dy, uint32_t so_far);
/* y = the block's input + sum over tensor of (x weights) + bias, likewise; y is of the stream. */
void gw_pass_add_to_stream(gw_pass *pass, const gw_pass_part *part, uint32_t weights, uint32_t x,
                           uint32_t y);
/* Its slopes: of weights and bias, and of x, which it returns. */
uint32_t gw_pass_add_stream_gradient(gw_pass *pass, const gw_pass_part *part, uint32_t weights,
                                     uint32_t x, uint32_t dy);

/* --- The ends (transformer_ends.c) --- */

enum { GW_EMBEDDING_TENSORS = 2, GW_HEAD_TENSORS = 3, GW_HEAD_SAVED = 2 };
void gw_transformer_append_embedding(const gw_transformer *model, GArray *list);
void gw_transformer_append_head(const gw_transformer *model, GArray *list);
/* From ids to the first layer's input. */
void gw_pass_add_embedding(gw_pass *pass, uint32_t y);
void gw_pass_add_embedding_gradient(gw_pass *pass, uint32_t dy);
/* Where the last layer's output goes. */
uint32_t gw_pass_head_input(const gw_pass *pass);
/* From there through the last norm to the loss of the device's part of the vocabulary, added to
 * `before` unless that is GW_INDEX_NONE, and the slopes of its logits. */
void gw_pass_add_head(gw_pass *pass, uint32_t before, uint32_t loss, uint32_t dlogits);
/* From the slopes of the logits to those of the last layer's output, which it returns. */
uint32_t gw_pass_add_head_gradient(gw_pass *pass, uint32_t dlogits);

/* --- From place to place (transformer_handoff.c) --- */

/* Where what the place before gives comes in, and what this one gives goes out. */
uint32_t gw_pass_take_handed(gw_pass *pass);
uint32_t gw_pass_place_handed(gw_pass *pass);
/* From there to the stream `y`; from the stream `x` to there. */
void gw_pass_gather_handed(gw_pass *pass, uint32_t x, uint32_t y);
void gw_pass_scatter_handed(gw_pass *pass, uint32_t x, uint32_t y);
/* The stream that came in as `x`: itself, where it need not be put together. */
uint32_t gw_pass_whole_handed(gw_pass *pass, uint32_t x);
/* The stream from which `output` is filled: itself, where it is handed on as it is; else it is to
 * be scattered. */
uint32_t gw_pass_before_handed(gw_pass *pass, uint32_t output);
