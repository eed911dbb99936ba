/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and names as they stand in CSV and JSON, whatever the locale.  The functions that take
 * a place `at` write there without a closing zero and give back the end of what they wrote. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define GW_TEXT_COUNT_BYTES    20 /* At most what gw_text_put_count() writes, */
#define GW_TEXT_FRACTION_BYTES 27 /* and gw_text_put_fraction(), */
#define GW_TEXT_MICRO_BYTES    21 /* and gw_text_put_micro(). */

char *gw_text_put_count(char *at, uint64_t count);
/* part / whole with six decimals, rounded to the nearest: "0.250000"; 0 of nothing is 0. */
char *gw_text_put_fraction(char *at, uint64_t part, uint64_t whole);
/* Nanoseconds as microseconds with three decimals: "1.234". */
char *gw_text_put_micro(char *at, uint64_t span_ns);

/* The shortest decimal number that reads back as `value`, always with a point or an exponent:
 * "0.1", "3.0", "1e+300".  What is not finite becomes "null". */
void gw_text_append_real(GString *text, double value);
/* The same as a field of a CSV row: what is not finite becomes nothing. */
void gw_text_append_csv_real(GString *text, double value);
/* In double quotes, escaped.  `string` is UTF-8; bytes that are not are replaced by U+FFFD. */
void gw_text_append_json(GString *text, const char *string);
/* A field of a CSV row: control characters become spaces, so that a row is a line; in double
 * quotes, inner ones doubled, where a comma, a quote or an outer space asks for it. */
void gw_text_append_csv(GString *text, const char *string);
