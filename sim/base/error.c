/* SPDX-License-Identifier: Apache-2.0 */
/* The error domain, and what makes its messages easy to act on: words quoted so that they cannot
 * spoil a terminal, and the nearest candidate by optimal string alignment distance (insertions,
 * deletions, substitutions and swaps of neighbours cost 1 each; case does not matter). */
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

#define WORD_LENGTH_MAX   64 /* Longer words get no suggestion. */
#define QUOTED_LENGTH_MAX 64 /* Bytes of the text; the rest becomes "...". */

G_DEFINE_QUARK(gangway, gw_error)

int gw_error_exit_code(const GError *error)
{
    gw_check(error != NULL);
    if (error->domain != GW_ERROR) {
        return 5;
    }
    switch ((gw_error_code)error->code) {
    case GW_ERROR_SCENARIO:
        return 1;
    case GW_ERROR_USAGE:
        return 2;
    case GW_ERROR_STALL:
        return 3;
    case GW_ERROR_TOLERANCE:
        return 4;
    case GW_ERROR_SYSTEM:
        return 5;
    case GW_ERROR_INTERRUPTED:
        return 130;
    }
    return 5;
}

static bool is_same_letter(char a, char b)
{
    return g_ascii_tolower(a) == g_ascii_tolower(b);
}

/* Both words are at most WORD_LENGTH_MAX bytes long.  Three rows of the table are enough. */
static uint32_t compute_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    uint32_t rows[3][WORD_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = (uint32_t)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        const uint32_t *above = rows[(i - 1) % 3];
        const uint32_t *above_two = rows[(i + 1) % 3]; /* Row i - 2. */
        uint32_t *row = rows[i % 3];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_length; j++) {
            uint32_t best = above[j - 1] + (is_same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            best = MIN(best, above[j] + 1);
            best = MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && is_same_letter(a[i - 1], b[j - 2]) &&
                is_same_letter(a[i - 2], b[j - 1])) {
                best = MIN(best, above_two[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *gw_error_suggest(const char *word, const char *const *candidates)
{
    const size_t word_length = strlen(word);
    if (word_length > WORD_LENGTH_MAX) {
        return NULL;
    }
    const char *nearest = NULL;
    uint32_t nearest_distance = UINT32_MAX;
    for (size_t i = 0; candidates[i] != NULL; i++) {
        const size_t length = strlen(candidates[i]);
        if (length > WORD_LENGTH_MAX) {
            continue;
        }
        const uint32_t distance = compute_distance(word, word_length, candidates[i], length);
        if (distance * 3 <= MAX(word_length, length) && distance < nearest_distance) {
            nearest = candidates[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

char *gw_error_hint(const char *word, const char *const *candidates)
{
    const char *nearest = gw_error_suggest(word, candidates);
    if (nearest == NULL) {
        return g_strdup("");
    }
    g_autofree char *quoted = gw_error_quote(nearest);
    return g_strdup_printf("; did you mean %s?", quoted);
}

char *gw_error_list(const char *const *names, guint count_max)
{
    GString *list = g_string_new(NULL);
    for (guint i = 0; names[i] != NULL && i <= count_max; i++) {
        g_autofree char *quoted = i < count_max ? gw_error_quote(names[i]) : g_strdup("...");
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", quoted);
    }
    return g_string_free(list, FALSE);
}

static void append_printable(GString *out, gunichar letter)
{
    if (g_unichar_isprint(letter)) {
        g_string_append_unichar(out, letter);
    } else {
        g_string_append_printf(out, "\\u%04x", letter);
    }
}

char *gw_error_quote(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *quoted = g_string_new("\"");
    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        if (at - valid >= QUOTED_LENGTH_MAX) {
            g_string_append(quoted, "...");
            break;
        }
        const gunichar letter = g_utf8_get_char(at);
        if (letter == '"' || letter == '\\') {
            g_string_append_c(quoted, '\\');
            g_string_append_c(quoted, (char)letter);
        } else {
            append_printable(quoted, letter);
        }
    }
    g_string_append_c(quoted, '"');
    return g_string_free(quoted, FALSE);
}

char *gw_error_line(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *flat = g_strstrip(g_strdelimit(g_steal_pointer(&valid), "\n\r\t\v\f", ' '));
    GString *line = g_string_new(NULL);
    for (const char *at = flat; *at != '\0'; at = g_utf8_next_char(at)) {
        append_printable(line, g_utf8_get_char(at));
    }
    return g_string_free(line, FALSE);
}
