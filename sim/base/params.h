/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON file, read with errors a person can act on.  The only user of Jansson for input.
 *
 * A gw_params is one value of a file, with its path ("/jobs/0/steps", the root is "/") and line.
 * Getters answer by value; each names its key, so that gw_params_finish() can refuse keys that
 * nobody asked for and suggest the nearest one that somebody did.  A getter that takes an object
 * is only given objects.  All errors are GW_ERROR_SCENARIO (GW_ERROR_SYSTEM when the file cannot
 * be read for another reason than its absence, GW_ERROR_USAGE when an assignment has no
 * "path=") and read
 *     FILE:12: /cluster/islands/0/hosts: found -3, expected a whole number from 1 to 65536
 * with "--set ASSIGNMENT" instead of FILE:12 for a value that gw_params_set() put there, and
 * FILE:LINE:COLUMN for text that is not JSON.
 * Everything handed out, strings too, is owned by the root and lives until gw_params_free() of
 * the root; asking for the same value again gives the same gw_params. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

typedef struct gw_params gw_params;

/* The root object of the file at `path`.  Duplicate keys, trailing text and non-objects are errors.
 */
gw_params *gw_params_load(const char *path, GError **error);
/* The same from memory; `source` is what errors call it.  `text` is borrowed for the call. */
gw_params *gw_params_parse(const char *text, const char *source, GError **error);
/* Of a root; NULL is fine. */
void gw_params_free(gw_params *root);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_params, gw_params_free)

/* `assignment` is "path=value", the path in dots ("control.policy", "jobs.0.steps"; "jobs.steps"
 * names the member of every element).  The value is JSON where it parses as JSON, else a string.
 * Objects on the way are made when absent; elements are not.  A later assignment wins.
 * To be called before anything is read from `root`, which is of no use after an error. */
bool gw_params_set(gw_params *root, const char *assignment, GError **error);

/* `value` as the right side of an assignment that sets it: JSON in one line, a string without its
 * quotes unless it would then be read as something else.  The caller frees. */
char *gw_params_text(const gw_params *value);

/* --- What a value is --- */
bool gw_params_has(gw_params *object, const char *key); /* Counts as asking for `key`. */
bool gw_params_is_string(const gw_params *value);
bool gw_params_is_object(const gw_params *value);
bool gw_params_is_array(const gw_params *value);
const char *gw_params_path(const gw_params *value);   /* "/jobs/0" */
const char *gw_params_source(const gw_params *value); /* The file's name as given. */

/* Longer spans are refused: far below 2^64 ns, so sums of many of them stay instants. */
#define GW_PARAMS_SPAN_MAX_NS UINT64_C(10000000000000000)

/* --- Members of an object.  With `required` false an absent key leaves *out alone; null is a
 * value like any other, and of no kind that the getters take. --- */
bool gw_params_object(gw_params *object, const char *key, bool required, gw_params **out,
                      GError **error);
bool gw_params_array(gw_params *object, const char *key, bool required, gw_params **out,
                     GError **error);
/* Any kind of value, for keys that take several. */
bool gw_params_value(gw_params *object, const char *key, bool required, gw_params **out,
                     GError **error);
bool gw_params_string(gw_params *object, const char *key, bool required, const char **out,
                      GError **error);
bool gw_params_bool(gw_params *object, const char *key, bool required, bool *out, GError **error);
/* A whole number in [minimum, maximum]; 4.0 and 1e3 are whole, above 2^53 only in digits. */
bool gw_params_count(gw_params *object, const char *key, bool required, uint64_t minimum,
                     uint64_t maximum, uint64_t *out, GError **error);
/* A finite number in [minimum, maximum]. */
bool gw_params_number(gw_params *object, const char *key, bool required, double minimum,
                      double maximum, double *out, GError **error);
/* A quantity: the string "2.3ms" under `key`, or a plain number under `key` + the base unit's
 * suffix ("_ns", "_bytes", "_bytes_per_s", "_flops", "_watts"); both at once is an error, and so
 * is a plain number under `key` itself, unless that ends in the unit ("bytes"): then it takes
 * either.  In the base unit.  Spans and bytes are rounded up. */
bool gw_params_span(gw_params *object, const char *key, bool required, gw_span *out_ns,
                    GError **error);
bool gw_params_bytes(gw_params *object, const char *key, bool required, uint64_t *out_bytes,
                     GError **error);
bool gw_params_quantity(gw_params *object, const char *key, bool required, gw_unit unit,
                        double *out, GError **error);
/* One of `names` (NULL ends them); *out is its index. */
bool gw_params_choice(gw_params *object, const char *key, bool required, const char *const *names,
                      uint32_t *out, GError **error);

/* --- Elements of an array, and keys of an object in the order of the file.  "$schema" and
 * comments (see gw_params_finish) are not counted among the keys. --- */
uint32_t gw_params_length(const gw_params *array_or_object);
gw_params *gw_params_at(gw_params *array, uint32_t index);
const char *gw_params_key_at(const gw_params *object, uint32_t index); /* Counts as asked for. */
/* A value, such as an array element, as one of its own kind; a wrong kind is an error. */
bool gw_params_as_string(gw_params *value, const char **out, GError **error);
bool gw_params_as_count(gw_params *value, uint64_t minimum, uint64_t maximum, uint64_t *out,
                        GError **error);
bool gw_params_as_bool(gw_params *value, bool *out, GError **error);
bool gw_params_as_number(gw_params *value, double *out, GError **error); /* A finite one. */
/* The same value again: from here on it may be given to getters that take an object. */
bool gw_params_as_object(gw_params *value, gw_params **out, GError **error);

/* True when every key of `object` was asked for; else an error that names the first stranger.
 * Says nothing of the objects inside: each is finished by who reads it.
 * "$schema" and keys that begin with "//" or "$comment" are always allowed. */
bool gw_params_finish(gw_params *object, GError **error);

/* An error about `value` (or its member `key`, when not NULL): "FILE:LINE: PATH: " and the rest,
 * which by custom reads "found X, expected Y". */
void gw_params_error(const gw_params *value, const char *key, GError **error, const char *format,
                     ...) G_GNUC_PRINTF(4, 5);
/* The same of a value that is of none of the kinds that its reader takes: "found X, expected" and
 * `expected`. */
void gw_params_refuse(const gw_params *value, const char *expected, GError **error);
