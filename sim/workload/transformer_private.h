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
    uint32_t first_tensor;     /* Among the place's. */
} gw_pass_part;

typedef struct {
    const char *name;
    uint32_t tensor_count, saved_count;
    /* All of them, in order (gw_transformer_append_tensor). */
    void (*append_tensors)(const gw_transformer *model, GArray *list);
    void (*saved_shape)(const gw_transformer *model, uint32_t saved, uint32_t *out_rows,
                        uint32_t *out_columns);
    /* Whether it is kept in 4 bytes whatever the precision; NULL: nothing is. */
    bool (*is_exact)(uint32_t saved);
    /* Whether selective recomputation computes it again rather than keeping it. */
    bool (*is_selected)(uint32_t saved);
    /* Writes saved[1...] and `y` from saved[0]. */
    void (*add_forward)(gw_pass *pass, const gw_pass_part *part, uint32_t y);
    /* Writes what is_selected from what is kept; NULL: nothing is. */
    void (*add_selected)(gw_pass *pass, const gw_pass_part *part);
    /* From the slopes of y: writes the slopes of tensors; returns those of saved[0]. */
    uint32_t (*add_backward)(gw_pass *pass, const gw_pass_part *part, uint32_t dy);
    /* Whether the tensor's slopes, which gw_pass_add_slopes writes, may wait for a pass of their
     * own; NULL: none may. */
    bool (*may_wait)(uint32_t tensor);
} gw_transformer_block;

extern const gw_transformer_block gw_block_attention, gw_block_cross, gw_block_perceptron,
    gw_block_experts;

/* Slopes of parameters that nobody waits for, so that a pass of their own may write them. */
typedef enum {
    GW_SLOPES_DENSE = 1, /* Of a gw_pass_add_dense: weights and bias; */
    GW_SLOPES_HEAD,      /* of weights alone. */
    GW_SLOPES_STREAM,    /* Of a gw_pass_add_to_stream: weights and bias. */
    GW_SLOPES_EMBEDDING, /* Table and positions; x is the ids. */
} gw_slopes_kind;

typedef struct {
    gw_slopes_kind kind;
    uint32_t tensor; /* The first of them, among the place's. */
    uint32_t x, dy;
    bool ends_layer; /* gw_pass_end_layer() follows. */
} gw_slopes;

/* A function of one pass over a place, in the making. */
struct gw_pass {
    /* Of the side that is being written, encoder or decoder: */
    const gw_transformer *model;
    uint32_t rows;        /* tokens of a device's micro-batch, */
    uint32_t stream_rows; /* and of what it holds of the activations between blocks; */
    uint32_t ids;
    uint32_t first_embedding_tensor;
    /* Of both: */
    gw_function *function;
    uint32_t labels;
    uint32_t memory;  /* What the encoder gives, of the stream; */
    uint32_t seen;    /* all tokens' rows of it, */
    uint32_t dmemory; /* and this device's part of their slopes so far.  GW_INDEX_NONE: not yet. */
    /* All of the place's: tensors and their slopes those of each side's embedding, blocks and end;
     * saved those of the blocks, then of the ends. */
    uint32_t *tensors, *saved, *gradients;
    uint32_t first_head_tensor, first_head_saved; /* Where the head's begin. */
    uint32_t dropped;   /* Choices of experts so far; GW_INDEX_NONE: nobody has counted. */
    const GArray *list; /* Of the tensors. */
    /* Backward, by tensor: the slopes so far, which it takes (NULL: none), and which it gives. */
    uint32_t *before, *outputs;
    bool *is_finished; /* By tensor: its slopes are added up. */
    bool is_end;       /* It is of the last micro-batch. */
    gw_bundle sums;    /* Of slopes. */
    /* Tensors whose parts of sums nobody has read: those in the bundle, those that it has issued
     * since a layer ended last, and those before. */
    GArray *collected, *issued, *under_way;
    /* Backward for inputs alone: the slopes that wait (gw_slopes), and which outputs of other nodes
     * of the same mesh its inputs are (gw_handed).  Else NULL. */
    GArray *waiting, *sources;
    uint32_t forward_source_count;     /* Of those, outputs of forward. */
    uint32_t gathered, gathered_whole; /* What was gathered last, and where it is. */
};

/* --- Sizes --- */

/* Of first weights: uniform with the deviation 0.02 (Radford et al., 2019); of those whose products
 * are added to the stream of activations, smaller the more layers there are. */
double gw_transformer_weight_scale(void);
double gw_transformer_added_scale(const gw_transformer *model);
void gw_transformer_append_tensor(GArray *list, uint32_t rows, uint32_t columns, bool is_split,
                                  double scale, double constant);
/* What a device has of `rows` x hidden of each expert's weights. */
void gw_transformer_append_experts(const gw_transformer *model, GArray *list, uint32_t rows,
                                   double scale);
/* Tokens of a device's micro-batch; and those of the stream between blocks that it holds. */
uint32_t gw_transformer_local_rows(const gw_transformer *model);
uint32_t gw_transformer_stream_rows(const gw_transformer *model);
/* Tokens that a decoder's layers look at. */
uint32_t gw_transformer_memory_rows(const gw_transformer *model);

/* --- Tensors and their slopes (transformer_slopes.c) --- */

/* Inputs for all of `list`, which is borrowed for the pass's life. */
void gw_pass_take_tensors(gw_pass *pass, const GArray *list);
/* From here on `count` tensors from the `first` on are whole, where passes take parts. */
void gw_pass_gather_tensors(gw_pass *pass, uint32_t first, uint32_t count);
/* Backward: inputs for slopes so far; outputs for slopes, and where those of this micro-batch go
 * first.  `given` by tensor: they are there (NULL, GW_INDEX_NONE: they are not). */
void gw_pass_take_slopes(gw_pass *pass);
void gw_pass_place_slopes(gw_pass *pass, const uint32_t *given);
/* Those of so many tensors are there: adds them up, unless they are, and sums them over devices in
 * due course. */
void gw_pass_finish_slopes(gw_pass *pass, uint32_t first, uint32_t count);
/* The layer's are: waits for sums that were issued before it, so that no more than two layers'
 * whole slopes are held where parts are kept. */
void gw_pass_end_layer(gw_pass *pass);
/* All are there. */
void gw_pass_end_slopes(gw_pass *pass);

/* Sums slopes `x` of the tensor over devices into `y`, when the bundle is written. */
void gw_transformer_add_sum(const gw_transformer *model, const gw_transformer_tensor *tensor,
                            gw_bundle *bundle, uint32_t x, uint32_t y);

/* --- Backward in two parts (transformer_split.c) --- */

/* Writes the slopes, now or in a pass of their own.  What went into a product from the left, x, or
 * came out into the stream, dy, may be of the stream; the other is of all tokens. */
void gw_pass_add_slopes(gw_pass *pass, const gw_slopes *slopes);
/* Backward for inputs: value `input` of the function is `output` of the node in `source`. */
void gw_pass_note_source(gw_pass *pass, gw_handed_source source, uint32_t output, uint32_t input);
/* The pass that is backward for inputs; the caller ends it. (transformer.c) */
gw_pass gw_pass_make_inputs(const gw_transformer *model, uint32_t place);
gw_function *gw_pass_end(gw_pass *pass); /* Its function, the caller's. */

/* --- Writing operations (transformer_pass.c) --- */

/* As gw_transformer_element_bytes says from here on; returns it. */
uint32_t gw_pass_thin(const gw_pass *pass, uint32_t value);
uint32_t gw_pass_add_temporary(gw_pass *pass, uint32_t rows, uint32_t columns);
uint32_t gw_pass_add_activation(gw_pass *pass); /* rows x hidden */
uint32_t gw_pass_add_stream(gw_pass *pass);     /* stream_rows x hidden */
/* From parts of activations (of all tokens) into the stream: the sum along tensor; x itself where
 * it is not split. */
uint32_t gw_pass_sum_parts(gw_pass *pass, uint32_t x);
/* From the stream: all tokens' rows; x itself where each device has them.  What was gathered last
 * is not gathered anew. */
uint32_t gw_pass_gather(gw_pass *pass, uint32_t x);
/* Begins to gather what gw_pass_add_slopes will read, beside the work until then. */
void gw_pass_gather_ahead(gw_pass *pass, uint32_t x);
/* All tokens' rows of what the encoder gives; gathered once. */
uint32_t gw_pass_see_memory(gw_pass *pass);
/* a + b, of one shape; b if a is GW_INDEX_NONE. */
uint32_t gw_pass_add_sum(gw_pass *pass, uint32_t a, uint32_t b);
/* Where the model drops out of attention's scores: they are read and written, and their mask. */
void gw_pass_add_scores_dropout(gw_pass *pass, uint32_t scores);
void gw_pass_add_norm(gw_pass *pass, uint32_t x, uint32_t gain, uint32_t bias, uint32_t y);
/* dx of y = norm(x), x being of the side's stream; returns it. */
uint32_t gw_pass_add_norm_gradient(gw_pass *pass, uint32_t x, uint32_t gain, uint32_t dy,
                                   uint32_t dgain, uint32_t dbias);
/* y = x weights^T + bias, the bias being the tensor after `weights`; y is of all tokens, x may be
 * of the stream. */
void gw_pass_add_dense(gw_pass *pass, const gw_pass_part *part, uint32_t weights, uint32_t x,
                       uint32_t y);
/* Its slopes: of weights and bias, and this device's part of dx, which it returns. */
uint32_t gw_pass_add_dense_gradient(gw_pass *pass, const gw_pass_part *part, uint32_t weights,
                                    uint32_t x, uint32_t dy);
/* Of `count` weights that x goes through, each with its dy: their slopes and biases', and all
 * devices' dx, the sum along tensor, which the model may make beside the slopes of weights. */
uint32_t gw_pass_add_dense_gradients(gw_pass *pass, const gw_pass_part *part,
                                     const uint32_t *weights, uint32_t count, uint32_t x,
                                     const uint32_t *dys);
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
/* As may_wait of blocks; embeddings' slopes may. */
bool gw_transformer_may_head_wait(uint32_t tensor);
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

/* Whether what places hand on is in parts along tensor. */
bool gw_transformer_is_scattered(const gw_transformer *model);
/* In parts, where what the place before gives comes in, and what this one gives goes out. */
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
