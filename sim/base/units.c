/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities with units: "2.3ms", "64MiB", "100GB/s".
 *
 * A text is split once, into a decimal number and the factor of its unit.  Spans and bytes are
 * then computed in 128-bit integers, so that "0.1us" is 100 ns and not 101; the other quantities
 * are doubles.  Nothing here depends on the locale. */
#include "base/units.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define DIGITS_MAX    23                  /* 10^23 times the largest factor is below 2^127. */
#define EXPONENT_MAX  9999                /* Enough to be out of any range; sums stay small. */
#define INTEGER_LIMIT (UINT64_C(1) << 63) /* Spans and sizes are below it. */

typedef unsigned __int128 wide;

typedef struct {
    const char *name;
    uint64_t factor;
} unit_prefix;

typedef struct {
    const char *name;
    uint32_t factor, divisor; /* The divisor is 8 for bits, else 1. */
} unit_suffix;

typedef struct {
    const char *expected;        /* For errors. */
    const unit_prefix *prefixes; /* Allowed before a suffix. */
    unit_suffix suffixes[6];     /* A NULL name ends them. */
} unit_kind;

/* What a text says: digits x 10^exponent x factor / divisor, in the base unit. */
typedef struct {
    wide digits;
    int32_t exponent;
    uint64_t factor;
    uint32_t divisor;
    double number; /* digits x 10^exponent, as near as a double comes. */
} quantity;

static const unit_prefix no_prefixes[] = {{"", 1}, {NULL, 0}};
static const unit_prefix decimal_prefixes[] = {
    {"", 1},           {"k", 1000},          {"M", 1000000},
    {"G", 1000000000}, {"T", 1000000000000}, {"P", 1000000000000000},
    {NULL, 0},
};
static const unit_prefix all_prefixes[] = {
    {"", 1},
    {"k", 1000},
    {"M", 1000000},
    {"G", 1000000000},
    {"T", 1000000000000},
    {"P", 1000000000000000},
    {"Ki", UINT64_C(1) << 10},
    {"Mi", UINT64_C(1) << 20},
    {"Gi", UINT64_C(1) << 30},
    {"Ti", UINT64_C(1) << 40},
    {NULL, 0},
};

static const unit_kind unit_kinds[] = {
    [GW_UNIT_SPAN] =
        {.expected = "a span such as \"2.3ms\"",
         .prefixes = no_prefixes,
         .suffixes = {{"ns", 1, 1}, {"us", 1000, 1}, {"ms", 1000000, 1}, {"s", 1000000000, 1}}},
    [GW_UNIT_BYTES] = {.expected = "bytes such as \"64MiB\"",
                       .prefixes = all_prefixes,
                       .suffixes = {{"B", 1, 1}}},
    [GW_UNIT_RATE] = {.expected = "bytes per second such as \"100GB/s\" or \"200Gb/s\"",
                      .prefixes = all_prefixes,
                      .suffixes = {{"B/s", 1, 1}, {"Bps", 1, 1}, {"b/s", 1, 8}, {"bps", 1, 8}}},
    [GW_UNIT_FLOPS] = {.expected = "FLOP/s such as \"312TFLOP/s\"",
                       .prefixes = decimal_prefixes,
                       .suffixes = {{"FLOP/s", 1, 1},
                                    {"flop/s", 1, 1},
                                    {"Flop/s", 1, 1},
                                    {"FLOPS", 1, 1},
                                    {"flops", 1, 1}}},
    [GW_UNIT_POWER] = {.expected = "watts such as \"400W\"",
                       .prefixes = decimal_prefixes,
                       .suffixes = {{"W", 1, 1}}},
};

gw_span gw_span_from_seconds(double seconds)
{
    gw_check(isfinite(seconds));
    gw_check(seconds >= 0);
    const double span_ns = seconds * 1e9;
    gw_check(span_ns < (double)INTEGER_LIMIT);
    const gw_span whole_ns = (gw_span)span_ns;
    return (double)whole_ns < span_ns ? whole_ns + 1 : whole_ns;
}

static bool refuse(const char *text, gw_unit unit, const char *reason, GError **error)
{
    g_autofree char *quoted = gw_error_quote(text);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "found %s, expected %s%s", quoted,
                unit_kinds[unit].expected, reason);
    return false;
}

/* The unit must be the whole rest of the text. */
static bool find_unit(const char *rest, gw_unit unit, quantity *out)
{
    for (const unit_prefix *prefix = unit_kinds[unit].prefixes; prefix->name != NULL; prefix++) {
        if (!g_str_has_prefix(rest, prefix->name)) {
            continue;
        }
        const char *suffix = rest + strlen(prefix->name);
        for (const unit_suffix *known = unit_kinds[unit].suffixes; known->name != NULL; known++) {
            if (strcmp(suffix, known->name) == 0) {
                out->factor = prefix->factor * known->factor;
                out->divisor = known->divisor;
                return true;
            }
        }
    }
    return false;
}

/* Moves *at over digits, and adds them to `out`, leading zeros apart.  False: too many. */
static bool read_digits(const char **at, uint32_t *digit_count, quantity *out)
{
    for (; g_ascii_isdigit(**at); (*at)++) {
        if (*digit_count > 0 || **at != '0') {
            (*digit_count)++;
        }
        if (*digit_count > DIGITS_MAX) {
            return false;
        }
        out->digits = out->digits * 10 + (wide)(**at - '0');
    }
    return true;
}

/* Moves *at over an exponent, if one is there. */
static int32_t read_exponent(const char **at)
{
    if (**at != 'e' && **at != 'E') {
        return 0;
    }
    const char *digit = *at + 1;
    const bool is_negative = *digit == '-';
    if (*digit == '-' || *digit == '+') {
        digit++;
    }
    if (!g_ascii_isdigit(*digit)) {
        return 0;
    }
    int32_t exponent = 0;
    for (; g_ascii_isdigit(*digit); digit++) {
        exponent = MIN(exponent * 10 + (*digit - '0'), EXPONENT_MAX);
    }
    *at = digit;
    return is_negative ? -exponent : exponent;
}

/* A number as JSON writes it, an optional space, a unit. */
static bool read_quantity(const char *text, gw_unit unit, quantity *out, GError **error)
{
    *out = (quantity){.divisor = 1};
    const char *at = text;
    if (*at == '-') {
        return refuse(text, unit, " (not negative)", error);
    }
    if (!g_ascii_isdigit(*at)) {
        return refuse(text, unit, "", error);
    }
    uint32_t digit_count = 0;
    bool fits = read_digits(&at, &digit_count, out);
    if (fits && at[0] == '.' && g_ascii_isdigit(at[1])) {
        const char *fraction = ++at;
        fits = read_digits(&at, &digit_count, out);
        out->exponent = -(int32_t)(at - fraction);
    }
    if (!fits) {
        return refuse(text, unit, " (of at most " G_STRINGIFY(DIGITS_MAX) " digits)", error);
    }
    out->exponent += read_exponent(&at);
    const char *rest = *at == ' ' ? at + 1 : at;
    if (*rest == '\0') {
        return refuse(text, unit, " (the unit is missing)", error);
    }
    if (!find_unit(rest, unit, out)) {
        return refuse(text, unit, "", error);
    }
    g_autofree char *number = g_strndup(text, (gsize)(at - text));
    out->number = g_ascii_strtod(number, NULL);
    return true;
}

/* Rounds up.  False: not below INTEGER_LIMIT. */
static bool convert_to_integer(const quantity *read, uint64_t *out)
{
    wide value = read->digits * read->factor;
    bool has_rest = false;
    for (int32_t i = 0; i < read->exponent && value > 0; i++) {
        if (value >= INTEGER_LIMIT) {
            return false;
        }
        value *= 10;
    }
    for (int32_t i = 0; i > read->exponent && value > 0; i--) {
        has_rest = has_rest || value % 10 != 0;
        value /= 10;
    }
    value += has_rest ? 1 : 0;
    if (value >= INTEGER_LIMIT) {
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

static bool parse_integer(const char *text, gw_unit unit, uint64_t *out, GError **error)
{
    quantity read;
    if (!read_quantity(text, unit, &read, error)) {
        return false;
    }
    gw_check(read.divisor == 1);
    if (!convert_to_integer(&read, out)) {
        return refuse(text, unit, unit == GW_UNIT_SPAN ? " (below 2^63 ns)" : " (below 2^63 bytes)",
                      error);
    }
    return true;
}

bool gw_quantity_parse(const char *text, gw_unit unit, double *out_value, GError **error)
{
    gw_check(unit >= GW_UNIT_SPAN && unit <= GW_UNIT_POWER);
    quantity read;
    if (!read_quantity(text, unit, &read, error)) {
        return false;
    }
    const double value = read.number * (double)read.factor / read.divisor;
    if (!isfinite(value)) {
        return refuse(text, unit, " (a finite number)", error);
    }
    *out_value = value;
    return true;
}

bool gw_span_parse(const char *text, gw_span *out_span_ns, GError **error)
{
    return parse_integer(text, GW_UNIT_SPAN, out_span_ns, error);
}

bool gw_bytes_parse(const char *text, uint64_t *out_size_bytes, GError **error)
{
    return parse_integer(text, GW_UNIT_BYTES, out_size_bytes, error);
}

/* Three digits at least, no trailing zeros: "2.39", "10.5", "1023". */
static char *format_scaled(double value, const char *unit)
{
    const char *format = value >= 99.95 ? "%.0f" : value >= 9.995 ? "%.1f" : "%.2f";
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(number, sizeof number, format, value);
    if (strchr(number, '.') != NULL) {
        size_t length = strlen(number);
        while (number[length - 1] == '0') {
            number[--length] = '\0';
        }
        if (number[length - 1] == '.') {
            number[length - 1] = '\0';
        }
    }
    return g_strdup_printf("%s %s", number, unit);
}

/* In the largest unit that leaves at least 1, after rounding. */
static char *format_integer(uint64_t value, uint32_t step, const char *const *units)
{
    double scaled = (double)value;
    size_t i = 0;
    while (units[i + 1] != NULL && scaled >= step - 0.5) {
        scaled /= step;
        i++;
    }
    return format_scaled(scaled, units[i]);
}

char *gw_span_format(gw_span span_ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s", NULL};
    return format_integer(span_ns, 1000, units);
}

char *gw_bytes_format(uint64_t size_bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};
    return format_integer(size_bytes, 1024, units);
}

const char *gw_count_ending(uint64_t count)
{
    return count == 1 ? "" : "s";
}
