/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the line of a JSON path by reading the text once more.  Jansson keeps no positions, and an
 * error is rare enough that a second pass costs less than positions for every value would.
 *
 * The text has passed the parser, so its brackets match and its strings end; the bounds checks are
 * only there to make a wrong belief harmless.  Nothing recurses. */
#include <string.h>

#include "base/params_private.h"

typedef struct {
    const char *text;
    size_t text_bytes;
    size_t at;
    uint32_t line;
} scanner;

static bool is_at_end(const scanner *scan)
{
    return scan->at >= scan->text_bytes;
}

static char peek_byte(const scanner *scan)
{
    return is_at_end(scan) ? '\0' : scan->text[scan->at];
}

static void skip_byte(scanner *scan)
{
    if (peek_byte(scan) == '\n') {
        scan->line++;
    }
    scan->at++;
}

static void skip_space(scanner *scan)
{
    while (!is_at_end(scan) && memchr(" \t\r\n", peek_byte(scan), 4) != NULL) {
        skip_byte(scan);
    }
}

/* From the opening quote to behind the closing one. */
static void skip_string(scanner *scan)
{
    skip_byte(scan);
    while (!is_at_end(scan) && peek_byte(scan) != '"') {
        if (peek_byte(scan) == '\\') {
            skip_byte(scan);
        }
        skip_byte(scan);
    }
    skip_byte(scan);
}

/* A whole value, however deep. */
static void skip_value(scanner *scan)
{
    size_t depth = 0;
    while (!is_at_end(scan)) {
        const char byte = peek_byte(scan);
        if (depth == 0 && memchr(",]} \t\r\n", byte, 7) != NULL) {
            return;
        }
        if (byte == '"') {
            skip_string(scan);
            continue;
        }
        if (byte == '{' || byte == '[') {
            depth++;
        } else if (byte == '}' || byte == ']') {
            depth--;
            if (depth == 0) {
                skip_byte(scan);
                return;
            }
        }
        skip_byte(scan);
    }
}

/* Whether the string that starts at `scan` says `key`; the parser undoes its escapes. */
static bool is_key_here(const scanner *scan, const char *key)
{
    scanner end = *scan;
    skip_string(&end);
    if (end.at > end.text_bytes) {
        return false;
    }
    const char *quoted = scan->text + scan->at;
    const size_t quoted_bytes = end.at - scan->at;
    const size_t key_bytes = strlen(key);
    if (memchr(quoted, '\\', quoted_bytes) == NULL) {
        return quoted_bytes == key_bytes + 2 && memcmp(quoted + 1, key, key_bytes) == 0;
    }
    json_t *decoded = json_loadb(quoted, quoted_bytes, JSON_DECODE_ANY, NULL);
    const bool is_same = decoded != NULL && g_strcmp0(json_string_value(decoded), key) == 0;
    json_decref(decoded);
    return is_same;
}

/* From '{' to the value of `key`; *line is that of the key. */
static bool enter_member(scanner *scan, const char *key, uint32_t *line)
{
    skip_byte(scan);
    for (;;) {
        skip_space(scan);
        if (peek_byte(scan) != '"') {
            return false;
        }
        const bool is_found = is_key_here(scan, key);
        *line = scan->line;
        skip_string(scan);
        skip_space(scan);
        skip_byte(scan); /* The colon. */
        skip_space(scan);
        if (is_found) {
            return true;
        }
        skip_value(scan);
        skip_space(scan);
        if (peek_byte(scan) != ',') {
            return false;
        }
        skip_byte(scan);
    }
}

/* From '[' to element `index`. */
static bool enter_element(scanner *scan, const char *index, uint32_t *line)
{
    uint64_t left = g_ascii_strtoull(index, NULL, 10);
    skip_byte(scan);
    skip_space(scan);
    while (left > 0) {
        skip_value(scan);
        skip_space(scan);
        if (peek_byte(scan) != ',') {
            return false;
        }
        skip_byte(scan);
        skip_space(scan);
        left--;
    }
    *line = scan->line;
    return peek_byte(scan) != ']';
}

/* One step of a JSON pointer: "~1" is a slash, "~0" a tilde. */
static char *decode_step(const char *step, size_t step_bytes)
{
    GString *key = g_string_sized_new(step_bytes);
    for (size_t i = 0; i < step_bytes; i++) {
        if (step[i] == '~' && i + 1 < step_bytes) {
            i++;
            g_string_append_c(key, step[i] == '1' ? '/' : '~');
        } else {
            g_string_append_c(key, step[i]);
        }
    }
    return g_string_free(key, FALSE);
}

char *gw_params_join(const char *path, const char *key)
{
    GString *joined = g_string_new(strcmp(path, "/") == 0 ? "" : path);
    g_string_append_c(joined, '/');
    for (const char *at = key; *at != '\0'; at++) {
        if (*at == '~') {
            g_string_append(joined, "~0");
        } else if (*at == '/') {
            g_string_append(joined, "~1");
        } else {
            g_string_append_c(joined, *at);
        }
    }
    return g_string_free(joined, FALSE);
}

uint32_t gw_params_locate_line(const char *text, size_t text_bytes, const char *path)
{
    scanner scan = {.text = text, .text_bytes = text_bytes, .line = 1};
    skip_space(&scan);
    uint32_t line = scan.line;
    if (strcmp(path, "/") == 0) {
        return line;
    }
    const char *step = path;
    while (*step == '/') {
        step++;
        const size_t step_bytes = strcspn(step, "/");
        g_autofree char *key = decode_step(step, step_bytes);
        step += step_bytes;
        bool is_inside = false;
        if (peek_byte(&scan) == '{') {
            is_inside = enter_member(&scan, key, &line);
        } else if (peek_byte(&scan) == '[') {
            is_inside = enter_element(&scan, key, &line);
        }
        if (!is_inside) {
            return 0;
        }
    }
    return line;
}
