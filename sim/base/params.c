/* SPDX-License-Identifier: Apache-2.0 */
/* Files in, and errors out.  A gw_params is a thin mark on a Jansson value: its path, and what was
 * asked of it.  Marks are made when they are handed out, and the root owns them all.
 * The getters are in params_read.c, assignments in params_set.c, lines in params_locate.c. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/params_private.h"

#define FILE_BYTES_MAX (UINT64_C(1) << 30) /* Far above any scenario, far below a machine. */
#define CHUNK_BYTES    65536

static void free_node(void *data)
{
    gw_params *node = data;
    g_free(node->path);
    g_clear_pointer(&node->children, g_hash_table_unref);
    g_clear_pointer(&node->asked, g_hash_table_unref);
    g_clear_pointer(&node->asked_keys, g_ptr_array_unref);
    g_free(node->elements);
    g_free(node->keys);
    g_free(node);
}

static void free_assigned(void *data)
{
    gw_params_assigned *assigned = data;
    g_free(assigned->path);
    g_free(assigned->assignment);
    g_free(assigned);
}

void gw_params_free(gw_params *root)
{
    if (root == NULL) {
        return;
    }
    gw_check(root->root == root);
    g_ptr_array_unref(root->nodes);
    g_ptr_array_unref(root->assigned);
    json_decref(root->json);
    g_free(root->source);
    g_free(root->text);
    free_node(root);
}

/* --- Reading a file --- */

static bool refuse_file(const char *path, int code, const char *reason, GError **error)
{
    g_set_error(error, GW_ERROR, code, "%s: %s", path, reason);
    return false;
}

/* A file that is not there is the user's mistake; one that cannot be read is the system's. */
static bool refuse_open(const char *path, int reason, GError **error)
{
    const bool is_mistake = reason == ENOENT || reason == ENOTDIR || reason == ENAMETOOLONG;
    return refuse_file(path, is_mistake ? GW_ERROR_SCENARIO : GW_ERROR_SYSTEM, g_strerror(reason),
                       error);
}

/* Devices such as /dev/zero would never end; pipes do, and are handy in a shell. */
static bool check_file_kind(const char *path, int file, GError **error)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return refuse_open(path, errno, error);
    }
    if (S_ISDIR(status.st_mode)) {
        return refuse_file(path, GW_ERROR_SCENARIO, "found a directory, expected a JSON file",
                           error);
    }
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) {
        return refuse_file(path, GW_ERROR_SCENARIO, "found a device, expected a JSON file", error);
    }
    return true;
}

static bool read_chunks(const char *path, int file, GString *text, GError **error)
{
    g_autofree char *chunk = g_malloc(CHUNK_BYTES);
    for (;;) {
        const ssize_t count = read(file, chunk, CHUNK_BYTES);
        if (count == 0) {
            return true;
        }
        if (count < 0 && errno != EINTR) {
            return refuse_open(path, errno, error);
        }
        if (count > 0) {
            g_string_append_len(text, chunk, count);
        }
        if (text->len > FILE_BYTES_MAX) {
            return refuse_file(path, GW_ERROR_SCENARIO,
                               "found more than 1 GiB, expected a JSON file of at most that",
                               error);
        }
    }
}

static bool read_file(const char *path, GString *text, GError **error)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        return refuse_open(path, errno, error);
    }
    const bool is_read = check_file_kind(path, file, error) && read_chunks(path, file, text, error);
    close(file);
    return is_read;
}

/* --- Parsing --- */

char *gw_params_syntax_words(const json_error_t *found)
{
    static const char near[] = " near ";
    if (json_error_code(found) != json_error_null_character &&
        json_error_code(found) != json_error_null_byte_in_key) {
        return g_utf8_make_valid(found->text, -1);
    }
    const char *place = g_strrstr(found->text, near);
    g_autofree char *valid = g_utf8_make_valid(place != NULL ? place : "", -1);
    return g_strconcat("found \\u0000, which no text here may hold", valid, NULL);
}

/* Jansson quotes the input, which may be anything. */
static void set_syntax_error(const char *source, const json_error_t *found, GError **error)
{
    g_autofree char *message = gw_params_syntax_words(found);
    for (char *at = message; *at != '\0'; at++) {
        if (g_ascii_iscntrl(*at)) {
            *at = '?';
        }
    }
    if (found->line < 1) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s: %s", source, message);
        return;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s:%d:%d: %s", source, found->line,
                MAX(found->column, 1), message);
}

static gw_params *make_root(json_t *take_json, const char *source, const char *text,
                            size_t text_bytes)
{
    gw_params *root = g_new0(gw_params, 1);
    root->root = root;
    root->json = take_json;
    root->path = g_strdup("/");
    root->source = g_strdup(source);
    root->text = g_memdup2(text, text_bytes);
    root->text_bytes = text_bytes;
    root->nodes = g_ptr_array_new_with_free_func(free_node);
    root->assigned = g_ptr_array_new_with_free_func(free_assigned);
    return root;
}

static gw_params *parse_text(const char *text, size_t text_bytes, const char *source,
                             GError **error)
{
    if (text_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* Some editors' first bytes. */
        text += 3;
        text_bytes -= 3;
    }
    json_error_t found;
    json_t *json = json_loadb(text, text_bytes, GW_PARAMS_LOAD_FLAGS, &found);
    if (json == NULL) {
        set_syntax_error(source, &found, error);
        return NULL;
    }
    g_autoptr(gw_params) root = make_root(json, source, text, text_bytes);
    if (!json_is_object(json)) {
        gw_params_error(root, NULL, error, "found %s, expected an object", "an array");
        return NULL;
    }
    return g_steal_pointer(&root);
}

gw_params *gw_params_load(const char *path, GError **error)
{
    GString *text = g_string_new(NULL);
    gw_params *root = NULL;
    if (read_file(path, text, error)) {
        root = parse_text(text->str, text->len, path, error);
    }
    g_string_free(text, TRUE);
    return root;
}

gw_params *gw_params_parse(const char *text, const char *source, GError **error)
{
    return parse_text(text, strlen(text), source, error);
}

/* --- What a value is --- */

bool gw_params_is_string(const gw_params *value)
{
    return json_is_string(value->json);
}

bool gw_params_is_object(const gw_params *value)
{
    return json_is_object(value->json);
}

bool gw_params_is_array(const gw_params *value)
{
    return json_is_array(value->json);
}

const char *gw_params_path(const gw_params *value)
{
    return value->path;
}

const char *gw_params_source(const gw_params *value)
{
    return value->root->source;
}

/* --- Errors --- */

/* The shortest digits that read back as the same number. */
static char *describe_real(double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(text, sizeof text, "%.15g", value);
    if (g_ascii_strtod(text, NULL) != value) {
        g_ascii_formatd(text, sizeof text, "%.17g", value);
    }
    return g_strdup(text);
}

char *gw_params_describe(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return g_strdup("an object");
    case JSON_ARRAY:
        return g_strdup("an array");
    case JSON_STRING:
        return gw_error_quote(json_string_value(json));
    case JSON_INTEGER:
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json));
    case JSON_REAL:
        return describe_real(json_real_value(json));
    case JSON_TRUE:
        return g_strdup("true");
    case JSON_FALSE:
        return g_strdup("false");
    case JSON_NULL:
        return g_strdup("null");
    }
    return g_strdup("nothing");
}

/* Whether `inner` is `outer` or lies in it. */
static bool is_within(const char *inner, const char *outer)
{
    const size_t outer_bytes = strlen(outer);
    return strncmp(inner, outer, outer_bytes) == 0 &&
           (inner[outer_bytes] == '\0' || inner[outer_bytes] == '/');
}

/* The assignment that set `path` or something around it; the last one counts. */
static const char *find_assignment(const gw_params *root, const char *path)
{
    for (uint32_t i = root->assigned->len; i-- > 0;) {
        const gw_params_assigned *assigned = root->assigned->pdata[i];
        if (is_within(path, assigned->path)) {
            return assigned->assignment;
        }
    }
    return NULL;
}

/* The assignment that made `path` on the way to its own. */
static const char *find_maker(const gw_params *root, const char *path)
{
    for (uint32_t i = 0; i < root->assigned->len; i++) {
        const gw_params_assigned *assigned = root->assigned->pdata[i];
        if (is_within(assigned->path, path)) {
            return assigned->assignment;
        }
    }
    return NULL;
}

/* "FILE:LINE", or "--set ASSIGNMENT" for what does not stand in the file. */
static char *describe_place(const gw_params *root, const char *path)
{
    const char *assignment = find_assignment(root, path);
    if (assignment == NULL) {
        const uint32_t line = gw_params_locate_line(root->text, root->text_bytes, path);
        if (line > 0) {
            return g_strdup_printf("%s:%u", root->source, line);
        }
        assignment = find_maker(root, path);
    }
    return assignment != NULL ? g_strdup_printf("--set %s", assignment) : g_strdup(root->source);
}

void gw_params_error(const gw_params *value, const char *key, GError **error, const char *format,
                     ...)
{
    if (error == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *path = key != NULL ? gw_params_join(value->path, key) : g_strdup(value->path);
    const bool is_there = key == NULL || json_object_get(value->json, key) != NULL;
    g_autofree char *place = describe_place(value->root, is_there ? path : value->path);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s: %s: %s", place, path, message);
}
