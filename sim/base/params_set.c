/* SPDX-License-Identifier: Apache-2.0 */
/* "control.policy=fifo": changes the tree before anybody reads it.  Each place that an assignment
 * reaches is remembered, so that an error about its value names the assignment and not a line. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/params_private.h"

#define SHOWN_BYTES_MAX 100 /* Of an assignment in an error. */

typedef struct {
    gw_params *root;
    char **steps; /* The path, split at its dots; NULL ends it. */
    json_t *value;
    char *shown;
} assignment;

/* The assignment as errors show it; it is valid UTF-8. */
static char *shorten_assignment(const char *text)
{
    if (strlen(text) <= SHOWN_BYTES_MAX) {
        return g_strdup(text);
    }
    const char *end = g_utf8_find_prev_char(text, text + SHOWN_BYTES_MAX + 1);
    return g_strdup_printf("%.*s...", (int)(end - text), text);
}

static bool refuse(const assignment *set, const char *path, GError **error, const char *found,
                   const char *expected)
{
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "--set %s: %s: found %s, expected %s",
                set->shown, path, found, expected);
    return false;
}

static void remember_assigned(const assignment *set, const char *path)
{
    gw_params_assigned *assigned = g_new0(gw_params_assigned, 1);
    assigned->path = g_strdup(path);
    assigned->assignment = g_strdup(set->shown);
    g_ptr_array_add(set->root->assigned, assigned);
}

static bool is_index(const char *step)
{
    return *step != '\0' && strspn(step, "0123456789") == strlen(step);
}

static bool assign_at(const assignment *set, json_t *target, const char *path, uint32_t depth,
                      GError **error);

static bool assign_member(const assignment *set, json_t *object, const char *path, uint32_t depth,
                          GError **error)
{
    const char *key = set->steps[depth];
    g_autofree char *member_path = gw_params_join(path, key);
    if (set->steps[depth + 1] == NULL) {
        gw_check(json_object_set_new(object, key, json_deep_copy(set->value)) == 0);
        remember_assigned(set, member_path);
        return true;
    }
    if (json_object_get(object, key) == NULL) {
        gw_check(json_object_set_new(object, key, json_object()) == 0);
    }
    return assign_at(set, json_object_get(object, key), member_path, depth + 1, error);
}

static bool assign_element(const assignment *set, json_t *array, const char *path, uint32_t depth,
                           GError **error)
{
    const uint64_t index = g_ascii_strtoull(set->steps[depth], NULL, 10);
    const size_t length = json_array_size(array);
    if (index >= length) {
        g_autofree char *found = g_strdup_printf("an array of %zu", length);
        g_autofree char *expected =
            g_strdup_printf("an element %s (the first is 0)", set->steps[depth]);
        return refuse(set, path, error, found, expected);
    }
    g_autofree char *element_path = gw_params_join(path, set->steps[depth]);
    if (set->steps[depth + 1] == NULL) {
        gw_check(json_array_set_new(array, index, json_deep_copy(set->value)) == 0);
        remember_assigned(set, element_path);
        return true;
    }
    return assign_at(set, json_array_get(array, index), element_path, depth + 1, error);
}

static bool assign_every_element(const assignment *set, json_t *array, const char *path,
                                 uint32_t depth, GError **error)
{
    const size_t length = json_array_size(array);
    if (length == 0) {
        return refuse(set, path, error, "an empty array", "one element at least");
    }
    for (size_t i = 0; i < length; i++) {
        g_autofree char *index = g_strdup_printf("%zu", i);
        g_autofree char *element_path = gw_params_join(path, index);
        if (!assign_at(set, json_array_get(array, i), element_path, depth, error)) {
            return false;
        }
    }
    return true;
}

/* Recurses as deep as the path has steps (and arrays directly in arrays). */
static bool assign_at(const assignment *set, json_t *target, const char *path, uint32_t depth,
                      GError **error)
{
    if (json_is_object(target)) {
        return assign_member(set, target, path, depth, error);
    }
    if (json_is_array(target)) {
        return is_index(set->steps[depth]) ? assign_element(set, target, path, depth, error)
                                           : assign_every_element(set, target, path, depth, error);
    }
    g_autofree char *found = gw_params_describe(target);
    return refuse(set, path, error, found, "an object or an array");
}

/* What is no JSON is text, but for what would be an object or an array: somebody forgot a bracket.
 */
static json_t *parse_value(const char *shown, const char *text, GError **error)
{
    json_error_t found;
    json_t *json = json_loads(text, GW_PARAMS_LOAD_FLAGS | JSON_DECODE_ANY, &found);
    if (json != NULL) {
        return json;
    }
    if (*text != '{' && *text != '[') {
        return json_string(text);
    }
    g_autofree char *words = gw_params_syntax_words(&found);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                "--set %s: found no JSON after '=' (%s), expected %s or a text in double quotes",
                shown, words, *text == '{' ? "an object" : "an array");
    return NULL;
}

static bool is_json(const char *text)
{
    json_t *json = json_loads(text, GW_PARAMS_LOAD_FLAGS | JSON_DECODE_ANY, NULL);
    json_decref(json);
    return json != NULL;
}

char *gw_params_text(const gw_params *value)
{
    if (json_is_string(value->json) && !is_json(json_string_value(value->json))) {
        return g_strdup(json_string_value(value->json));
    }
    if (json_is_number(value->json)) {
        return gw_params_describe(value->json);
    }
    char *text = json_dumps(value->json, JSON_COMPACT | JSON_ENCODE_ANY);
    gw_check(text != NULL);
    char *copy = g_strdup(text); /* Jansson's memory is not GLib's. */
    free(text);
    return copy;
}

static bool check_form(const char *text, GError **error)
{
    g_autofree char *quoted = gw_error_quote(text);
    const char *equals = strchr(text, '=');
    if (!g_utf8_validate(text, -1, NULL) || equals == NULL || equals == text || *text == '.' ||
        equals[-1] == '.') {
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                    "--set: found %s, expected path=value such as \"control.policy=fifo\"", quoted);
        return false;
    }
    g_autofree char *path = g_strndup(text, (gsize)(equals - text));
    if (strstr(path, "..") != NULL) {
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                    "--set: found %s, expected one name between two dots", quoted);
        return false;
    }
    return true;
}

bool gw_params_set(gw_params *root, const char *assignment_text, GError **error)
{
    gw_check(root->root == root);
    gw_check(root->nodes->len == 0 && root->asked == NULL); /* Nothing was read yet. */
    if (!check_form(assignment_text, error)) {
        return false;
    }
    const char *equals = strchr(assignment_text, '=');
    g_autofree char *dotted = g_strndup(assignment_text, (gsize)(equals - assignment_text));
    assignment set = {.root = root,
                      .steps = g_strsplit(dotted, ".", -1),
                      .shown = shorten_assignment(assignment_text)};
    set.value = parse_value(set.shown, equals + 1, error);
    const bool is_set = set.value != NULL && assign_at(&set, root->json, "/", 0, error);
    g_strfreev(set.steps);
    json_decref(set.value);
    g_free(set.shown);
    return is_set;
}
