/* SPDX-License-Identifier: Apache-2.0 */
/* The words every folder speaks: instants, spans, ids, and quantities written with units.
 *
 * Time is an integer count of nanoseconds; no floating point number ever orders two events.
 * Ids are structs of one index each, so a host handed over for a device does not compile. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t gw_time; /* An instant: ns since the run began; GW_TIME_NEVER is its maximum. */
typedef uint64_t gw_span; /* A length of time in ns. */

#define GW_TIME_NEVER UINT64_MAX
#define GW_INDEX_NONE UINT32_MAX

#define GW_DEFINE_ID(type)                                                                         \
    typedef struct {                                                                               \
        uint32_t index;                                                                            \
    } type
GW_DEFINE_ID(gw_node_id);   /* Whatever has a port: a host, a scheduler, a client. */
GW_DEFINE_ID(gw_device_id); /* One accelerator core; counted over the whole cluster. */

/* What a quantity in a scenario measures.  Each has one base unit, the one that keys name. */
typedef enum {
    GW_UNIT_SPAN = 1, /* ns:       "2.3ms", "50us", "1s", "12ns" */
    GW_UNIT_BYTES,    /* bytes:    "64MiB", "16GB", "512B" */
    GW_UNIT_RATE,     /* bytes/s:  "100GB/s", "200Gb/s", "12.5GBps" */
    GW_UNIT_FLOPS,    /* FLOP/s:   "312TFLOP/s", "61.5Tflop/s" */
    GW_UNIT_POWER,    /* W:        "400W", "0.2kW" */
} gw_unit;

/* A span of at least `seconds`: rounds up, so work never takes zero time.  0 gives 0; `seconds`
 * is finite, not negative, and below 2^63 ns. */
gw_span gw_span_from_seconds(double seconds);

/* Reads `text`, a number followed by a unit of `unit`'s kind, into its base unit.
 * The number is as JSON writes it, without a sign; one space may stand before the unit.
 * k, M, G, T, P are powers of ten, Ki, Mi, Gi, Ti powers of two; b is bit (of rates only) and B
 * is byte; FLOP/s may be written FLOPS.  A span has no other units than ns, us, ms, s.
 * False, with GW_ERROR_SCENARIO and both what was found and an example of what is expected, when
 * the unit is missing or of another kind, or the number is negative, not finite or too large. */
bool gw_quantity_parse(const char *text, gw_unit unit, double *out_value, GError **error);

/* The same for spans and bytes, exact in integers: a span that is no whole number of ns and a
 * size that is no whole number of bytes are rounded up. */
bool gw_span_parse(const char *text, gw_span *out_span_ns, GError **error);
bool gw_bytes_parse(const char *text, uint64_t *out_size_bytes, GError **error);

/* For people: "2.39 ms", "1.5 GiB".  The caller frees. */
char *gw_span_format(gw_span span_ns);
char *gw_bytes_format(uint64_t size_bytes);

/* What the name of so many things ends with: "s", and nothing where there is one. */
const char *gw_count_ending(uint64_t count);
