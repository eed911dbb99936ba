/* SPDX-License-Identifier: Apache-2.0 */
/* Replay: one node's life on tape, and the same life again.
 *
 * A tape_port stands before another world's port.  It forwards every call and writes down, in one
 * sequence, each input that the node was handed, each call that it made with all its bytes, and
 * what the world answered inside the call (the time; whether memory was there).  tape_replay()
 * hands the same inputs to a fresh controller that gets the same answers, and compares its calls
 * with the tape's, byte for byte: what a controller does follows from its inputs and nothing else.
 *
 * A record_port hears every call as well, on both occasions: it holds the controller to the
 * contract and tells calls in words. */
#pragma once

#include "record_port.h"

typedef enum {
    TAPE_INPUT = 1,
    TAPE_NOW, /* From here on calls. */
    TAPE_SPEND,
    TAPE_TIMER_SET,
    TAPE_TIMER_CANCEL,
    TAPE_SEND,
    TAPE_NOTE,
    TAPE_LOAD,
    TAPE_UNLOAD,
    TAPE_ENQUEUE,
    TAPE_COPY,
    TAPE_RESERVE,
    TAPE_RELEASE,
    TAPE_WATCH_SET,
    TAPE_COUNTS,
    TAPE_EXPECT,
} tape_kind;

typedef struct {
    tape_kind kind;
    GByteArray *bytes; /* Every field, one after the other, arrays and messages whole. */
    uint64_t answer;   /* NOW: ns; RESERVE: 1, or 0 for full. */
    char *words;
    GByteArray *counts; /* COUNTS: what was read; else NULL. */
} tape_line;

typedef struct tape_port tape_port;

/* For node `self` of `directory`; both borrowed for the port's life, as is `world`: the node's own
 * port, to which calls go on. */
tape_port *tape_port_new(const gw_directory *directory, gw_node_id self, gw_port *world);
void tape_port_free(tape_port *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tape_port, tape_port_free)

/* What the node's controller is made over. */
gw_port *tape_port_base(tape_port *port);
/* Writes an input down; to be called just before it is handled. */
void tape_port_hear(tape_port *port, const gw_input *input);
/* tape_line in order; the port's.  A test may change it, to see that it is noticed. */
GArray *tape_port_lines(tape_port *port);

/* The node's life again, from `lines`.  False when the fresh controller calls something else than
 * the tape says, too much or too little: `out_difference` then has the node, the number of the
 * line, and both calls in words.  Everything is borrowed for the call. */
bool tape_replay(const GArray *lines, const gw_directory *directory, const gw_control *control,
                 const gw_job *jobs, gw_node_id self, GString *out_difference);
