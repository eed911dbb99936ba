/* SPDX-License-Identifier: Apache-2.0 */
/* The getters.  Each marks its key as asked for, and answers a wrong value with what was found,
 * what was expected, and the nearest name that would have done. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/params_private.h"

#define EXACT_REAL_LIMIT 9007199254740992.0    /* 2^53: whole numbers below it are exact. */
#define INTEGER_LIMIT    9223372036854775808.0 /* 2^63: spans and sizes are below it. */

static const struct {
    const char *suffix, *example;
} unit_names[] = {
    [GW_UNIT_SPAN] = {"_ns", "a span such as \"2.3ms\""},
    [GW_UNIT_BYTES] = {"_bytes", "bytes such as \"64MiB\""},
    [GW_UNIT_RATE] = {"_bytes_per_s", "bytes per second such as \"100GB/s\""},
    [GW_UNIT_FLOPS] = {"_flops", "FLOP/s such as \"312TFLOP/s\""},
    [GW_UNIT_POWER] = {"_watts", "watts such as \"400W\""},
};

/* --- Marks --- */

static void mark_asked(gw_params *object, const char *key)
{
    gw_check(json_is_object(object->json));
    if (object->asked == NULL) {
        object->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        object->asked_keys = g_ptr_array_new();
    }
    if (!g_hash_table_contains(object->asked, key)) {
        char *owned = g_strdup(key);
        g_hash_table_add(object->asked, owned);
        g_ptr_array_add(object->asked_keys, owned);
    }
}

static bool is_asked(const gw_params *object, const char *key)
{
    return object->asked != NULL && g_hash_table_contains(object->asked, key);
}

static bool is_comment(const char *key)
{
    return strcmp(key, "$schema") == 0 || g_str_has_prefix(key, "//") ||
           g_str_has_prefix(key, "$comment");
}

static gw_params *make_node(gw_params *parent, json_t *json, const char *key)
{
    gw_params *node = g_new0(gw_params, 1);
    node->root = parent->root;
    node->json = json;
    node->path = gw_params_join(parent->path, key);
    g_ptr_array_add(parent->root->nodes, node);
    return node;
}

/* The same mark each time, so that what was asked of it adds up. */
static gw_params *find_child(gw_params *object, const char *key, json_t *json)
{
    if (object->children == NULL) {
        object->children = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    gw_params *child = g_hash_table_lookup(object->children, key);
    if (child == NULL) {
        child = make_node(object, json, key);
        g_hash_table_insert(object->children, g_strdup(key), child);
    }
    return child;
}

/* --- Errors --- */

/* A key that nobody asked for and that looks like `key` is most likely a misspelling of it. */
static char *suggest_for_missing(const gw_params *object, const char *key)
{
    g_autoptr(GPtrArray) strangers = g_ptr_array_new();
    const char *present;
    json_t *value;
    json_object_foreach(object->json, present, value)
    {
        if (!is_asked(object, present)) {
            g_ptr_array_add(strangers, (void *)present);
        }
    }
    g_ptr_array_add(strangers, NULL);
    const char *nearest = gw_error_suggest(key, (const char *const *)strangers->pdata);
    g_autofree char *quoted = nearest != NULL ? gw_error_quote(nearest) : NULL;
    return nearest != NULL ? g_strdup_printf("; is %s meant to be it?", quoted) : g_strdup("");
}

static bool refuse_missing(const gw_params *object, const char *key, const char *expected,
                           GError **error)
{
    g_autofree char *hint = suggest_for_missing(object, key);
    gw_params_error(object, NULL, error, "found no \"%s\", expected %s%s", key, expected, hint);
    return false;
}

static bool refuse_found(const gw_params *value, const char *key, const json_t *json,
                         const char *expected, GError **error)
{
    g_autofree char *found = gw_params_describe(json);
    gw_params_error(value, key, error, "found %s, expected %s", found, expected);
    return false;
}

void gw_params_refuse(const gw_params *value, const char *expected, GError **error)
{
    refuse_found(value, NULL, value->json, expected, error);
}

/* True with *out NULL: absent, and need not be there. */
static bool ask_member(gw_params *object, const char *key, bool required, const char *expected,
                       json_t **out, GError **error)
{
    mark_asked(object, key);
    *out = json_object_get(object->json, key);
    if (*out == NULL && required) {
        return refuse_missing(object, key, expected, error);
    }
    return true;
}

#define KIND(type) (1U << (type)) /* Of JSON. */
#define ANY_KIND   UINT_MAX

/* The same, where it may be of some kinds only: a set of KIND(). */
static bool ask_kind(gw_params *object, const char *key, bool required, unsigned kinds,
                     const char *expected, json_t **out, GError **error)
{
    if (!ask_member(object, key, required, expected, out, error)) {
        return false;
    }
    if (*out != NULL && (kinds & KIND(json_typeof(*out))) == 0) {
        return refuse_found(object, key, *out, expected, error);
    }
    return true;
}

/* --- Members --- */

bool gw_params_has(gw_params *object, const char *key)
{
    mark_asked(object, key);
    return json_object_get(object->json, key) != NULL;
}

static bool read_child(gw_params *object, const char *key, bool required, unsigned kinds,
                       const char *expected, gw_params **out, GError **error)
{
    json_t *json;
    if (!ask_kind(object, key, required, kinds, expected, &json, error)) {
        return false;
    }
    if (json != NULL) {
        *out = find_child(object, key, json);
    }
    return true;
}

bool gw_params_object(gw_params *object, const char *key, bool required, gw_params **out,
                      GError **error)
{
    return read_child(object, key, required, KIND(JSON_OBJECT), "an object", out, error);
}

bool gw_params_array(gw_params *object, const char *key, bool required, gw_params **out,
                     GError **error)
{
    return read_child(object, key, required, KIND(JSON_ARRAY), "an array", out, error);
}

bool gw_params_value(gw_params *object, const char *key, bool required, gw_params **out,
                     GError **error)
{
    return read_child(object, key, required, ANY_KIND, "a value", out, error);
}

bool gw_params_string(gw_params *object, const char *key, bool required, const char **out,
                      GError **error)
{
    json_t *json;
    if (!ask_kind(object, key, required, KIND(JSON_STRING), "a string", &json, error)) {
        return false;
    }
    if (json != NULL) {
        *out = json_string_value(json);
    }
    return true;
}

bool gw_params_bool(gw_params *object, const char *key, bool required, bool *out, GError **error)
{
    json_t *json;
    if (!ask_kind(object, key, required, KIND(JSON_TRUE) | KIND(JSON_FALSE), "true or false", &json,
                  error)) {
        return false;
    }
    if (json != NULL) {
        *out = json_is_true(json);
    }
    return true;
}

/* --- Numbers --- */

static char *describe_count_range(uint64_t minimum, uint64_t maximum)
{
    if (maximum >= INT64_MAX) {
        return g_strdup_printf("a whole number of at least %" G_GUINT64_FORMAT, minimum);
    }
    return g_strdup_printf("a whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                           minimum, maximum);
}

/* 4.0 and 1e3 are whole numbers too. */
static bool convert_count(const json_t *json, uint64_t *out)
{
    if (json_is_integer(json)) {
        const json_int_t value = json_integer_value(json);
        *out = (uint64_t)value;
        return value >= 0;
    }
    if (!json_is_real(json)) {
        return false;
    }
    const double value = json_real_value(json);
    if (!(value >= 0 && value < EXACT_REAL_LIMIT)) {
        return false;
    }
    *out = (uint64_t)value;
    return (double)*out == value;
}

static bool read_count(const gw_params *value, const char *key, const json_t *json,
                       uint64_t minimum, uint64_t maximum, uint64_t *out, GError **error)
{
    uint64_t count;
    if (!convert_count(json, &count) || count < minimum || count > maximum) {
        g_autofree char *expected = describe_count_range(minimum, maximum);
        return refuse_found(value, key, json, expected, error);
    }
    *out = count;
    return true;
}

bool gw_params_count(gw_params *object, const char *key, bool required, uint64_t minimum,
                     uint64_t maximum, uint64_t *out, GError **error)
{
    g_autofree char *expected = describe_count_range(minimum, maximum);
    json_t *json;
    if (!ask_member(object, key, required, expected, &json, error)) {
        return false;
    }
    return json == NULL || read_count(object, key, json, minimum, maximum, out, error);
}

static char *describe_number_range(double minimum, double maximum)
{
    char least[G_ASCII_DTOSTR_BUF_SIZE];
    char most[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(least, sizeof least, "%.15g", minimum);
    g_ascii_formatd(most, sizeof most, "%.15g", maximum);
    const bool has_least = minimum > -G_MAXDOUBLE;
    const bool has_most = maximum < G_MAXDOUBLE;
    if (has_least && has_most) {
        return g_strdup_printf("a number from %s to %s", least, most);
    }
    if (has_least) {
        return g_strdup_printf("a number of at least %s", least);
    }
    return has_most ? g_strdup_printf("a number of at most %s", most) : g_strdup("a number");
}

bool gw_params_number(gw_params *object, const char *key, bool required, double minimum,
                      double maximum, double *out, GError **error)
{
    g_autofree char *expected = describe_number_range(minimum, maximum);
    json_t *json;
    if (!ask_member(object, key, required, expected, &json, error)) {
        return false;
    }
    if (json == NULL) {
        return true;
    }
    const double value = json_number_value(json);
    if (!json_is_number(json) || !isfinite(value) || value < minimum || value > maximum) {
        return refuse_found(object, key, json, expected, error);
    }
    *out = value;
    return true;
}

/* --- Quantities --- */

/* Where a quantity stands: as a text under its key, or as a number under key + suffix, or under the
 * key itself when that ends in the unit. */
typedef struct {
    json_t *text, *number;
    const char *number_key;
} quantity_place;

/* The caller frees. */
static char *find_number_key(const char *key, gw_unit unit)
{
    const char *suffix = unit_names[unit].suffix;
    const bool ends_in_unit = g_str_has_suffix(key, suffix) || strcmp(key, suffix + 1) == 0;
    return ends_in_unit ? g_strdup(key) : g_strconcat(key, suffix, NULL);
}

/* What was expected, naming both ways to write it.  The caller frees. */
static char *describe_quantity(gw_unit unit, const char *key, const char *number_key)
{
    if (strcmp(key, number_key) == 0) {
        return g_strdup_printf("%s, or a plain number", unit_names[unit].example);
    }
    return g_strdup_printf("%s (or a plain number as \"%s\")", unit_names[unit].example,
                           number_key);
}

static bool find_quantity(gw_params *object, const char *key, const char *number_key, bool required,
                          gw_unit unit, quantity_place *out, GError **error)
{
    mark_asked(object, key);
    mark_asked(object, number_key);
    *out = (quantity_place){.text = json_object_get(object->json, key),
                            .number = json_object_get(object->json, number_key),
                            .number_key = number_key};
    g_autofree char *expected = describe_quantity(unit, key, number_key);
    if (strcmp(key, number_key) == 0) { /* One of the two: by the kind of what is there. */
        json_t **other = json_is_number(out->number) ? &out->text : &out->number;
        *other = NULL;
    }
    if (out->text != NULL && out->number != NULL) {
        gw_params_error(object, number_key, error, "found \"%s\" as well as \"%s\", expected one",
                        key, number_key);
        return false;
    }
    if (out->text != NULL && !json_is_string(out->text)) {
        return refuse_found(object, key, out->text, expected, error);
    }
    if (out->number != NULL && !(json_number_value(out->number) >= 0)) {
        return refuse_found(object, number_key, out->number, "a number of at least 0", error);
    }
    if (out->number != NULL && !json_is_number(out->number)) {
        return refuse_found(object, number_key, out->number, "a plain number", error);
    }
    if (out->text == NULL && out->number == NULL && required) {
        return refuse_missing(object, key, expected, error);
    }
    return true;
}

/* An error of units.c gets its place. */
static bool place_error(const gw_params *object, const char *key, GError *take_cause,
                        GError **error)
{
    gw_params_error(object, key, error, "%s", take_cause->message);
    g_error_free(take_cause);
    return false;
}

/* Whole numbers as they are; others rounded up. */
static bool convert_integer_quantity(const json_t *number, uint64_t *out)
{
    if (json_is_integer(number)) {
        *out = (uint64_t)json_integer_value(number);
        return true;
    }
    const double value = json_real_value(number);
    if (!(value < INTEGER_LIMIT)) {
        return false;
    }
    *out = (uint64_t)value;
    *out += (double)*out < value ? 1 : 0;
    return true;
}

static bool read_integer_quantity(gw_params *object, const char *key, bool required, gw_unit unit,
                                  uint64_t *out, GError **error)
{
    g_autofree char *number_key = find_number_key(key, unit);
    quantity_place place;
    if (!find_quantity(object, key, number_key, required, unit, &place, error)) {
        return false;
    }
    if (place.text != NULL) {
        const char *text = json_string_value(place.text);
        GError *cause = NULL;
        const bool is_read = unit == GW_UNIT_SPAN ? gw_span_parse(text, out, &cause)
                                                  : gw_bytes_parse(text, out, &cause);
        return is_read || place_error(object, key, cause, error);
    }
    if (place.number != NULL && !convert_integer_quantity(place.number, out)) {
        return refuse_found(object, number_key, place.number, "a number below 2^63", error);
    }
    return true;
}

bool gw_params_span(gw_params *object, const char *key, bool required, gw_span *out_ns,
                    GError **error)
{
    gw_span span_ns = GW_TIME_NEVER; /* Stays so when the key is absent. */
    if (!read_integer_quantity(object, key, required, GW_UNIT_SPAN, &span_ns, error)) {
        return false;
    }
    if (span_ns != GW_TIME_NEVER && span_ns > GW_PARAMS_SPAN_MAX_NS) {
        gw_params_error(object, key, error,
                        "found %.9g s, expected a span of at most %.9g s (115 days)",
                        (double)span_ns / 1e9, (double)GW_PARAMS_SPAN_MAX_NS / 1e9);
        return false;
    }
    if (span_ns != GW_TIME_NEVER) {
        *out_ns = span_ns;
    }
    return true;
}

bool gw_params_bytes(gw_params *object, const char *key, bool required, uint64_t *out_bytes,
                     GError **error)
{
    return read_integer_quantity(object, key, required, GW_UNIT_BYTES, out_bytes, error);
}

bool gw_params_quantity(gw_params *object, const char *key, bool required, gw_unit unit,
                        double *out, GError **error)
{
    g_autofree char *number_key = find_number_key(key, unit);
    quantity_place place;
    if (!find_quantity(object, key, number_key, required, unit, &place, error)) {
        return false;
    }
    if (place.text != NULL) {
        GError *cause = NULL;
        return gw_quantity_parse(json_string_value(place.text), unit, out, &cause) ||
               place_error(object, key, cause, error);
    }
    if (place.number != NULL) {
        *out = json_number_value(place.number);
    }
    return true;
}

/* --- Names --- */

bool gw_params_choice(gw_params *object, const char *key, bool required, const char *const *names,
                      uint32_t *out, GError **error)
{
    g_autofree char *list = gw_error_list(names, UINT32_MAX);
    g_autofree char *expected = g_strdup_printf("one of %s", list);
    json_t *json;
    if (!ask_member(object, key, required, expected, &json, error)) {
        return false;
    }
    if (json == NULL) {
        return true;
    }
    const char *word = json_string_value(json);
    if (word == NULL) {
        return refuse_found(object, key, json, expected, error);
    }
    for (uint32_t i = 0; names[i] != NULL; i++) {
        if (strcmp(word, names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    g_autofree char *found = gw_params_describe(json);
    g_autofree char *hint = gw_error_hint(word, names);
    gw_params_error(object, key, error, "found %s, expected %s%s", found, expected, hint);
    return false;
}

/* --- Elements and keys --- */

static void list_keys(gw_params *object)
{
    if (object->keys != NULL) {
        return;
    }
    object->keys = g_new0(const char *, json_object_size(object->json) + 1);
    const char *key;
    json_t *value;
    json_object_foreach(object->json, key, value)
    {
        if (!is_comment(key)) {
            object->keys[object->key_count++] = key;
        }
    }
}

uint32_t gw_params_length(const gw_params *array_or_object)
{
    if (json_is_array(array_or_object->json)) {
        return (uint32_t)json_array_size(array_or_object->json);
    }
    gw_check(json_is_object(array_or_object->json));
    list_keys((gw_params *)array_or_object); /* A cache: what the caller sees stays the same. */
    return array_or_object->key_count;
}

gw_params *gw_params_at(gw_params *array, uint32_t index)
{
    gw_check(json_is_array(array->json));
    gw_check(index < json_array_size(array->json));
    if (array->elements == NULL) {
        array->elements = g_new0(gw_params *, json_array_size(array->json));
    }
    if (array->elements[index] == NULL) {
        g_autofree char *step = g_strdup_printf("%u", index);
        array->elements[index] = make_node(array, json_array_get(array->json, index), step);
    }
    return array->elements[index];
}

const char *gw_params_key_at(const gw_params *object, uint32_t index)
{
    gw_check(index < gw_params_length(object));
    mark_asked((gw_params *)object, object->keys[index]); /* No value was allocated const. */
    return object->keys[index];
}

bool gw_params_as_string(gw_params *value, const char **out, GError **error)
{
    if (!json_is_string(value->json)) {
        return refuse_found(value, NULL, value->json, "a string", error);
    }
    *out = json_string_value(value->json);
    return true;
}

bool gw_params_as_count(gw_params *value, uint64_t minimum, uint64_t maximum, uint64_t *out,
                        GError **error)
{
    return read_count(value, NULL, value->json, minimum, maximum, out, error);
}

bool gw_params_as_bool(gw_params *value, bool *out, GError **error)
{
    if (!json_is_boolean(value->json)) {
        return refuse_found(value, NULL, value->json, "true or false", error);
    }
    *out = json_is_true(value->json);
    return true;
}

bool gw_params_as_number(gw_params *value, double *out, GError **error)
{
    if (!json_is_number(value->json) || !isfinite(json_number_value(value->json))) {
        return refuse_found(value, NULL, value->json, "a number", error);
    }
    *out = json_number_value(value->json);
    return true;
}

bool gw_params_as_object(gw_params *value, gw_params **out, GError **error)
{
    if (!json_is_object(value->json)) {
        return refuse_found(value, NULL, value->json, "an object", error);
    }
    *out = value;
    return true;
}

/* --- The end --- */

static void refuse_stranger(const gw_params *object, const char *key, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (uint32_t i = 0; object->asked_keys != NULL && i < object->asked_keys->len; i++) {
        g_ptr_array_add(known, object->asked_keys->pdata[i]);
    }
    g_ptr_array_add(known, NULL);
    const char *const *names = (const char *const *)known->pdata;
    g_autofree char *list = gw_error_list(names, UINT32_MAX);
    g_autofree char *hint = gw_error_hint(key, names);
    gw_params_error(object, key, error, "found an unknown key, expected %s%s%s",
                    names[0] != NULL ? "one of " : "none here", list, hint);
}

bool gw_params_finish(gw_params *object, GError **error)
{
    gw_check(json_is_object(object->json));
    const char *key;
    json_t *value;
    json_object_foreach(object->json, key, value)
    {
        if (!is_comment(key) && !is_asked(object, key)) {
            refuse_stranger(object, key, error);
            return false;
        }
    }
    return true;
}
