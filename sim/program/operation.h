/* SPDX-License-Identifier: Apache-2.0 */
/* The primitive operations of a compiled function.
 *
 * One list serves both worlds: the simulator prices each operation (FLOPs and bytes against the
 * device, bytes and group against the interconnect), the CPU executes it.  Operands are values of
 * the function (function.h): row-major matrices of one shard; a tensor of more dimensions is a
 * matrix of its leading dimensions' product times the last.  Outputs never alias inputs, but for
 * those of a function that take an input's buffer over (gw_function_donate). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

typedef enum {
    GW_OPERATION_DURATION = 1,  /* () -> (): the device is busy for duration_ns */
    GW_OPERATION_WORK,          /* () -> (): so many FLOPs and bytes of memory traffic, no data */
    GW_OPERATION_FILL,          /* () -> (y): y = scalar everywhere */
    GW_OPERATION_RANDOM,        /* () -> (y): y = scalar * uniform[-1, 1) by (seed, global index) */
    GW_OPERATION_MATMUL,        /* (a, b) -> (y): y = op(a) op(b), op transposes where asked */
    GW_OPERATION_MAP,           /* (x [, z]) -> (y): element-wise, see gw_map */
    GW_OPERATION_REDUCE,        /* (x) -> (y): see gw_reduction */
    GW_OPERATION_SOFTMAX,       /* (x) -> (y): along each row */
    GW_OPERATION_LAYER_NORM,    /* (x, gain, bias) -> (y): along each row, epsilon 1e-5 */
    GW_OPERATION_CROSS_ENTROPY, /* (logits, labels) -> (loss 1x1, gradient of logits); both times
                                   scalar; labels are probabilities, one row an example */
    GW_OPERATION_SGD,           /* (p, g) -> (p'): p' = p - scalar g */
    GW_OPERATION_ADAM,          /* (p, g, m, v, count 1x1) -> (p', m', v'), see below */
    GW_OPERATION_TOKENS,        /* () -> (ids, labels): see below */
    GW_OPERATION_EMBEDDING,     /* (table, ids) -> (y): row i is the table's row ids[i] */
    GW_OPERATION_EMBEDDING_GRADIENT,  /* (ids, dy) -> (gradient of the table): rows of dy added up
                                         where their ids say, 0 elsewhere */
    GW_OPERATION_LAYER_NORM_GRADIENT, /* (x, gain, dy) -> (gradients of x, gain, bias) */
    GW_OPERATION_ATTENTION,           /* (q, k, v) -> (y, p), see below */
    GW_OPERATION_ATTENTION_GRADIENT,  /* (q, k, v, p, dy) -> (gradients of q, k, v) */
    GW_OPERATION_TOKEN_STATISTICS,    /* (logits, ids) -> (s), rows of 3: the largest logit, the sum
                                         of exp(logit - largest), the logit of the id */
    GW_OPERATION_TOKEN_LOSS, /* (logits, ids, s) -> (loss 1x1, gradient of logits): CROSS_ENTROPY
                                with labels that are 1 at each row's id, from the statistics of all
                                parts of the vocabulary, one block of rows a part */
    GW_OPERATION_ALL_REDUCE, /* (x) -> (y): sum over the group; y may be x */
    GW_OPERATION_ALL_GATHER, /* (x) -> (y): the group's rows, or one row's columns, in order */
    GW_OPERATION_REDUCE_SCATTER, /* (x) -> (y): sum over the group, each keeps its rows, or of one
                                    row its columns */
    GW_OPERATION_ALL_TO_ALL,     /* (x) -> (y): block i of the rows goes to member i */
    GW_OPERATION_BROADCAST,      /* (x) -> (y): member `root`'s x */
    GW_OPERATION_PERMUTE,        /* (x) -> (y): member i's x goes to member i + shift, around */
    GW_OPERATION_ROUTE,   /* (scores) -> (order, counts, chosen): each row chooses the column of its
                             greatest score, the first of equal ones.  order (rows x 1): the rows,
                             by what they chose, otherwise as they stand; counts (1 x columns): how
                             many chose each; chosen (rows x 1): the scores, in order of rows */
    GW_OPERATION_GATHER,  /* (x, order) -> (y): row i of y is row order[i] of x */
    GW_OPERATION_SCATTER, /* (x, order) -> (y): row order[i] of y is row i of x */
    GW_OPERATION_GATE,    /* (shares) -> (seats, weights, dropped 1x1), see below */
    GW_OPERATION_GATE_GRADIENT,     /* (shares, dweights) -> (gradient of the logits whose softmax
                                       the shares are) */
    GW_OPERATION_DISPATCH,          /* (x, seats) -> (y): row p of y is the row of x that has seat
                                       p; 0 where none has it */
    GW_OPERATION_DISPATCH_GRADIENT, /* (seats, dy) -> (gradient of x) */
    GW_OPERATION_COMBINE, /* (z, seats, weights) -> (y): row i of y is the sum of z's rows at the
                             seats of row i, each times its weight */
    GW_OPERATION_COMBINE_GRADIENT, /* (z, seats, weights, dy) -> (gradients of z, of weights) */
    GW_OPERATION_BLOCK_MATMUL,     /* (a, b) -> (y), see below */
    GW_OPERATION_BLOCK_MATMUL_GRADIENT, /* (a, c) -> (b): block k of b is the sum over its runs of
                                           a^T c */
    GW_OPERATION_SLICE, /* (x) -> (y): the member's block of x's rows; what ALL_GATHER undoes */
    GW_OPERATION_TEXT,  /* (run 1x1) -> (ids, labels): see below */
} gw_operation_kind;
#define GW_OPERATION_KIND_COUNT (GW_OPERATION_TEXT + 1)

typedef enum {
    GW_MAP_COPY = 1,        /* y = x */
    GW_MAP_SCALE,           /* y = scalar x */
    GW_MAP_ADD,             /* y = x + z */
    GW_MAP_SUBTRACT,        /* y = x - z */
    GW_MAP_MULTIPLY,        /* y = x z */
    GW_MAP_ADD_ROW,         /* y = x + z, z's rows added to each block of so many */
    GW_MAP_ADD_SCALAR,      /* y = x + scalar */
    GW_MAP_RELU,            /* y = max(x, 0) */
    GW_MAP_RELU_GRADIENT,   /* y = x where z > 0, else 0 */
    GW_MAP_TANH,            /* y = tanh x */
    GW_MAP_GELU,            /* y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) [HG16] */
    GW_MAP_GELU_GRADIENT,   /* y = x times the derivative of GELU at z */
    GW_MAP_MULTIPLY_COLUMN, /* y = x z, z one column multiplied with each */
} gw_map;
#define GW_MAP_COUNT (GW_MAP_MULTIPLY_COLUMN + 1)

typedef enum {
    GW_REDUCTION_SUM_ROWS = 1, /* rows x columns -> fewer x columns: blocks of so many added up */
    GW_REDUCTION_SUM,          /* -> 1 x 1 */
    GW_REDUCTION_MEAN,         /* -> 1 x 1 */
    GW_REDUCTION_MAX,          /* -> 1 x 1 */
} gw_reduction;

/* Tokens have ids, whole numbers from 0 in one column.  TOKENS draws them uniformly below `scalar`
 * by (seed, place), for whole sequences of `sequence` rows: a sequence is `sequence` + 1 draws, of
 * which ids are all but the last, and labels all but the first.  TEXT reads such sequences from
 * the function's text, whose bytes are tokens: they begin anywhere in it, by (seed, run, number of
 * the sequence).
 *
 * Split over the mesh dimensions in `axes`: RANDOM, TOKENS and TEXT make the member's block of the
 * rows of one whole, the latter two from block `shift` times the group's size on; tables of
 * EMBEDDING and its gradient hold the member's block of rows, and logits of TOKEN_STATISTICS and
 * TOKEN_LOSS its block of columns; SLICE keeps the member's block of rows.  An id of another
 * member's block reads zeros and adds nothing, so that the sum over the group is the whole.
 *
 * ATTENTION: q, k, v and y are tokens x (heads * head size), each head a band of columns; tokens
 * are whole sequences, of `sequence` rows in q and y.  k and v have as many sequences, which may be
 * longer or shorter unless it `is_causal`.  Per sequence and head, p = softmax(q k^T / sqrt(head
 * size)) along each row, over the columns up to the row's own where it `is_causal` (0 beyond), and
 * y = p v.  p has a column for each row of a sequence of k, and a block of `sequence` rows per
 * sequence and head, heads fastest.
 *
 * GATE sends tokens to experts, as GShard and Switch do (Lepikhin et al., 2020, algorithm 1; Fedus
 * et al., 2021): a row of shares (tokens x experts) chooses the column of its greatest share, and,
 * where seats has two columns, that of its second; the first of equal ones.  Rows are in groups of
 * `sequence`, and of each group an expert takes `capacity` choices, in order of rows, all first
 * choices before any second.  Seats (tokens x choices) number the rows of DISPATCH's y, which go
 * by expert, then group, then order of choosing; a choice that was not taken has seat -1, is
 * counted in dropped, and reads and adds nothing.  A single choice weighs its share, each of two
 * its part of their shares' sum.  The gradient adds that of `scalar` times the group's experts
 * times the sum over rows and experts of share times the part of the group's rows whose first
 * choice is the expert: the loss that balances experts, with that part taken as constant.
 *
 * ADAM is algorithm 1 of Kingma and Ba (2015), with step size `scalar`, betas 0.9 and 0.999 and
 * epsilon 1e-8.  `count` says how many updates there have been before this one, t - 1 there: the
 * moments, which begin at zero, are corrected for it.
 *
 * BLOCK_MATMUL: b is `blocks` blocks of rows, and a is runs of `sequence` rows; run i is multiplied
 * with block i modulo `blocks`, transposed where transpose_b asks. */
#define GW_TOKENS_MAX            (1U << 24) /* Whole numbers up to there are exact in float32. */
#define GW_OPERATION_INPUTS_MAX  5
#define GW_OPERATION_OUTPUTS_MAX 3

typedef struct {
    gw_operation_kind kind;
    gw_map map;
    gw_reduction reduction;
    bool transpose_a, transpose_b;
    /* Bit d set, the group spans mesh dimension d.  Collectives, and what may be split, above: 0,
     * it is not; RANDOM then goes by whether the value is_sharded. */
    uint8_t axes;
    uint16_t inputs[GW_OPERATION_INPUTS_MAX]; /* Value indexes of the function. */
    uint16_t outputs[GW_OPERATION_OUTPUTS_MAX];
    double scalar;
    uint64_t seed;            /* RANDOM */
    gw_span duration_ns;      /* DURATION */
    double flops, bytes;      /* WORK */
    uint32_t root;            /* BROADCAST: a position in the group. */
    uint32_t shift;           /* PERMUTE */
    uint32_t heads, sequence; /* ATTENTION and its gradient; likewise: */
    bool is_causal;
    uint32_t capacity;  /* GATE; and with a pitch. */
    uint32_t blocks;    /* BLOCK_MATMUL and its gradient.  RANDOM: the value is so many blocks of
                           rows, each split over `axes`; 0: it is one. */
    uint8_t block_axes; /* RANDOM: over these its blocks are split, as blocks of the whole. */
    bool is_overlapped; /* Collectives: members go on, and wait where its output is read first, or
                           at the function's end; in order with others such.  It changes when, not
                           what: a world may as well wait here. */
    bool is_joined;     /* Collectives: one with the operation before, a collective of the same kind
                           over the same axes, overlapped or not alike: what they move travels
                           together, as when a list of values is handed to one collective.  It
                           changes how long they take, not what they do. */
    bool is_counted;    /* DURATION, WORK: so much for as many dealt rows as there may be, and in
                           proportion for fewer (exchange.h). */
    bool by_masks;      /* GATE, DISPATCH, COMBINE and gradients of the latter two, over groups of
                           `sequence` rows: as products with matrices of ones and zeros, which takes
                           longer and does the same; a world may as well gather. */
    uint32_t pitch;    /* Of these, and of ALL_TO_ALL: of seats' rows, runs of `capacity` lie so far
                          apart, in masks and in what travels; 0: they lie close.  It changes how
                          long, not what; a world may as well lay them close. */
    bool is_of_scores; /* WORK: its bytes are of attention's scores. */
    uint64_t rows, columns, depth; /* WORK: its FLOPs are those of one product of rows x depth by
                                      depth x columns; 0: of what, it does not say. */
} gw_operation;

/* How many operands the kind takes; MAP depends on `map`. */
uint32_t gw_operation_input_count(const gw_operation *operation);
uint32_t gw_operation_output_count(const gw_operation *operation);
bool gw_operation_is_collective(const gw_operation *operation);
const char *gw_operation_name(gw_operation_kind kind); /* "all_reduce" */
