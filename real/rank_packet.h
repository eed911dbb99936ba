/* SPDX-License-Identifier: Apache-2.0 */
/* What ranks say to each other below the control plane's messages, which travel inside.  Flat, as
 * those are (controller/message.h), and all ranks are of one build on one kind of machine. */
#pragma once

#include <string.h>

#include "real/handler.h"

typedef enum {
    GW_PACKET_MESSAGE = 1, /* From node `a` to node `b`: a gw_message. */
    GW_PACKET_COPY,        /* `a`: the sender's mark; a gw_copy, and its bytes. */
    GW_PACKET_COPY_DONE,   /* Back. */
    GW_PACKET_PART,        /* Of a collective: a gw_rank_part, and floats. */
    /* The ranks' own business: nobody waits for it, and it does not count as traffic. */
    GW_PACKET_READY,  /* To rank 0: a rank is there.  `a`: a gw_error_code, 0: none, and text why;
                         `b`: the fingerprint of what it is to run. */
    GW_PACKET_BEGIN,  /* From rank 0: go.  `a`: its instant 0, on its monotonic clock. */
    GW_PACKET_BEAT,   /* The sender lives; text: what it is at. */
    GW_PACKET_LEDGER, /* To rank 0: gw_ledger_event, as many as there is room for. */
    GW_PACKET_ASK,    /* From rank 0: how are you, in the wave `a`? */
    GW_PACKET_THAW,   /* From rank 0: not all are quiet; watches may go off again. */
    GW_PACKET_ANSWER, /* Back: a gw_rank_answer. */
    GW_PACKET_FAILED, /* To rank 0: the sender cannot go on.  `a`: a gw_error_code; text: why. */
    GW_PACKET_LOST,   /* From rank 0: rank `a` is gone; text: the message. */
    GW_PACKET_END,    /* From rank 0: stop, for the reason `a` (gw_error_code, 0: all is done). */
    GW_PACKET_FINAL,  /* Back, after the last LEDGER: a gw_rank_final, chains, text. */
    GW_PACKET_BYE,    /* From rank 0: all have said it; `a`: as in END, 0: all is put away. */
} gw_packet_kind;

typedef struct {
    uint32_t kind;
    uint32_t reserved;   /* 0 */
    uint64_t size_bytes; /* This header included. */
    gw_time now_ns;      /* When it was sent, on the sender's clock. */
    uint64_t a, b;
} gw_packet;

/* One rank's inputs to a collective, as far as the other rank needs them; or its part of the sum.
 */
typedef struct {
    uint64_t gang;
    uint32_t operation_index, group;
    uint32_t is_result; /* 0: inputs, 1: a part of the sum. */
    uint32_t reserved;  /* 0 */
    uint64_t float_count;
} gw_rank_part;

typedef struct {
    uint64_t wave;
    uint64_t sent, received; /* Packets of the kinds up to PART, since the beginning. */
    uint64_t is_quiet;       /* 1: nothing here goes on by itself. */
} gw_rank_answer;

typedef struct { /* Then chain_count chains (ledger.h) and text_bytes of text. */
    gw_real_usage usage;
    uint64_t launches, chain_count, text_bytes;
} gw_rank_final;

/* With room for `body_bytes`, for the caller to fill. */
static inline gw_packet *gw_packet_new(gw_packet_kind kind, uint64_t a, uint64_t b,
                                       uint64_t body_bytes)
{
    gw_packet *packet = g_malloc(sizeof(*packet) + body_bytes);
    *packet = (gw_packet){.kind = kind, .size_bytes = sizeof(*packet) + body_bytes, .a = a, .b = b};
    return packet;
}
/* With a text, which the receiver finds ended by a NUL. */
static inline gw_packet *gw_packet_new_text(gw_packet_kind kind, uint64_t a, uint64_t b,
                                            const char *text)
{
    const size_t text_bytes = strlen(text) + 1;
    gw_packet *packet = gw_packet_new(kind, a, b, text_bytes);
    memcpy(packet + 1, text, text_bytes);
    return packet;
}

static inline bool gw_packet_is_traffic(uint32_t kind)
{
    return kind <= GW_PACKET_PART;
}
static inline uint64_t gw_packet_body_bytes(const gw_packet *packet)
{
    return packet->size_bytes - sizeof(*packet);
}
static inline const void *gw_packet_body(const gw_packet *packet)
{
    return packet + 1;
}
