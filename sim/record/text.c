/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and names as they stand in CSV and JSON.
 *
 * Integers are written two digits at a time: gangs.csv has a row per gang, shards.csv more, and
 * the run waits for them.  Reals are tried at 15, 16 and 17 digits; the first that reads back as
 * itself is taken. */
#include "record/text.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

#define MILLION UINT64_C(1000000)

typedef unsigned __int128 wide;

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

char *gw_text_put_count(char *at, uint64_t count)
{
    char digits[GW_TEXT_COUNT_BYTES];
    char *first = digits + sizeof(digits);
    while (count >= 100) {
        first -= 2;
        memcpy(first, &digit_pairs[count % 100 * 2], 2);
        count /= 100;
    }
    if (count >= 10) {
        first -= 2;
        memcpy(first, &digit_pairs[count * 2], 2);
    } else {
        *--first = (char)('0' + count);
    }
    size_t length = (size_t)(digits + sizeof(digits) - first);
    memcpy(at, first, length);
    return at + length;
}

/* A point and exactly `digit_count` digits. */
static char *put_decimals(char *at, uint64_t decimals, uint32_t digit_count)
{
    *at = '.';
    for (uint32_t i = digit_count; i > 0; i--) {
        at[i] = (char)('0' + decimals % 10);
        decimals /= 10;
    }
    gw_check(decimals == 0);
    return at + 1 + digit_count;
}

char *gw_text_put_fraction(char *at, uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        gw_check(part == 0);
        whole = 1;
    }
    wide millionths = ((wide)part * MILLION + whole / 2) / whole;
    gw_check(millionths / MILLION <= UINT64_MAX);
    at = gw_text_put_count(at, (uint64_t)(millionths / MILLION));
    return put_decimals(at, (uint64_t)(millionths % MILLION), 6);
}

char *gw_text_put_micro(char *at, uint64_t span_ns)
{
    at = gw_text_put_count(at, span_ns / 1000);
    return put_decimals(at, span_ns % 1000, 3);
}

void gw_text_append_real(GString *text, double value)
{
    static const char *const formats[] = {"%.15g", "%.16g", "%.17g"};
    if (!isfinite(value)) {
        g_string_append(text, "null");
        return;
    }
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    for (uint32_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_ascii_formatd(digits, sizeof(digits), formats[i], value);
        if (g_ascii_strtod(digits, NULL) == value) {
            break;
        }
    }
    g_string_append(text, digits);
    if (strpbrk(digits, ".e") == NULL) {
        g_string_append(text, ".0");
    }
}

void gw_text_append_csv_real(GString *text, double value)
{
    if (isfinite(value)) {
        gw_text_append_real(text, value);
    }
}

/* `string` itself where it is UTF-8, which costs no allocation; else a mended copy, owned by
 * `*out_mended`. */
static const char *mend_utf8(const char *string, char **out_mended)
{
    if (g_utf8_validate(string, -1, NULL)) {
        return string;
    }
    *out_mended = g_utf8_make_valid(string, -1);
    return *out_mended;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Most names are letters, digits and points: they go as they are, in one piece. */
static bool is_plain(const char *string, size_t *out_length)
{
    const char *c = string;
    while (*c > ' ' && *c < 0x7f && *c != '"' && *c != '\\' && *c != ',') {
        c++;
    }
    *out_length = (size_t)(c - string);
    return *c == '\0';
}

static void append_escaped(GString *text, const char *string)
{
    g_autofree char *mended = NULL;
    for (const char *c = mend_utf8(string, &mended); *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            g_string_append_c(text, '\\');
            g_string_append_c(text, *c);
        } else if (*c == '\n') {
            g_string_append(text, "\\n");
        } else if (is_control(*c)) {
            g_string_append_printf(text, "\\u%04x", (unsigned char)*c);
        } else {
            g_string_append_c(text, *c);
        }
    }
}

void gw_text_append_json(GString *text, const char *string)
{
    size_t length;
    g_string_append_c(text, '"');
    if (is_plain(string, &length)) {
        g_string_append_len(text, string, (gssize)length);
    } else {
        append_escaped(text, string);
    }
    g_string_append_c(text, '"');
}

static bool needs_quotes(const char *string)
{
    size_t length = strlen(string);
    bool has_outer_space = length > 0 && (string[0] == ' ' || string[length - 1] == ' ');
    return has_outer_space || strpbrk(string, ",\"") != NULL;
}

static void append_field(GString *text, const char *string)
{
    g_autofree char *mended = NULL;
    g_autofree char *line = g_strdup(mend_utf8(string, &mended));
    for (char *c = line; *c != '\0'; c++) {
        *c = is_control(*c) ? ' ' : *c;
    }
    bool is_quoted = needs_quotes(line);
    g_string_append(text, is_quoted ? "\"" : "");
    for (const char *c = line; *c != '\0'; c++) {
        g_string_append(text, *c == '"' ? "\"" : "");
        g_string_append_c(text, *c);
    }
    g_string_append(text, is_quoted ? "\"" : "");
}

void gw_text_append_csv(GString *text, const char *string)
{
    size_t length;
    if (is_plain(string, &length)) {
        g_string_append_len(text, string, (gssize)length);
    } else {
        append_field(text, string);
    }
}
