/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of what workloads have in common.  A quantity may stand under its key or, as a plain
 * number, under the key and its unit; an error names the one that is there. */
#include "workload/workload_params.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

#define FILE_BYTES_MAX (64 << 20)

bool gw_workload_read_shape(gw_params *array, uint32_t *out_dims,
                            uint32_t out_shape[GW_MESH_DIMS_MAX], GError **error)
{
    const uint32_t dims = gw_params_length(array);
    if (dims < 1 || dims > GW_MESH_DIMS_MAX) {
        gw_params_error(array, NULL, error, "found %u sizes, expected 1 to %u", dims,
                        GW_MESH_DIMS_MAX);
        return false;
    }
    uint64_t shape[GW_MESH_DIMS_MAX] = {1, 1, 1}, device_count = 1;
    for (uint32_t dim = 0; dim < dims; dim++) {
        if (!gw_params_as_count(gw_params_at(array, dim), 1, GW_WORKLOAD_DEVICES_MAX, &shape[dim],
                                error)) {
            return false;
        }
        device_count *= shape[dim]; /* At most 2^48. */
    }
    if (device_count > GW_WORKLOAD_DEVICES_MAX) {
        gw_params_error(array, NULL, error,
                        "found %" G_GUINT64_FORMAT " devices, expected at most %u", device_count,
                        GW_WORKLOAD_DEVICES_MAX);
        return false;
    }
    *out_dims = dims;
    for (uint32_t dim = 0; dim < GW_MESH_DIMS_MAX; dim++) {
        out_shape[dim] = (uint32_t)shape[dim];
    }
    return true;
}

bool gw_workload_read_mesh(gw_params *params, uint32_t *out_dims,
                           uint32_t out_shape[GW_MESH_DIMS_MAX], GError **error)
{
    const bool has_devices = gw_params_has(params, "devices");
    gw_params *sizes = NULL;
    if (!gw_params_array(params, "mesh", false, &sizes, error)) {
        return false;
    }
    if (has_devices && sizes != NULL) {
        gw_params_error(params, "mesh", error,
                        "found \"mesh\" as well as \"devices\", expected one");
        return false;
    }
    if (sizes != NULL) {
        return gw_workload_read_shape(sizes, out_dims, out_shape, error);
    }
    uint64_t device_count;
    if (!gw_params_count(params, "devices", true, 1, GW_WORKLOAD_DEVICES_MAX, &device_count,
                         error)) {
        return false;
    }
    *out_dims = 1;
    out_shape[0] = (uint32_t)device_count;
    out_shape[1] = out_shape[2] = 1;
    return true;
}

/* The key that a quantity stands under.  The caller frees. */
static char *find_key(gw_params *params, const char *key, const char *suffix)
{
    return gw_params_has(params, key) ? g_strdup(key) : g_strconcat(key, suffix, NULL);
}

static bool is_span(gw_span span_ns, gw_span minimum_ns)
{
    return span_ns >= minimum_ns && span_ns <= GW_WORKLOAD_SPAN_MAX_NS;
}

static void refuse_span(const gw_params *value, const char *key, gw_span span_ns,
                        gw_span minimum_ns, GError **error)
{
    g_autofree char *found = gw_span_format(span_ns);
    g_autofree char *least = gw_span_format(minimum_ns);
    g_autofree char *most = gw_span_format(GW_WORKLOAD_SPAN_MAX_NS);
    gw_params_error(value, key, error, "found %s, expected %s to %s", found, least, most);
}

bool gw_workload_read_count(gw_params *params, const char *key, bool required, uint32_t minimum,
                            uint32_t maximum, uint32_t *inout, GError **error)
{
    uint64_t value = *inout;
    if (!gw_params_count(params, key, required, minimum, maximum, &value, error))
        return false;
    *inout = (uint32_t)value;
    return true;
}

bool gw_workload_expect_multiple(gw_params *params, const char *key, uint32_t value, const char *of,
                                 uint32_t divisor, GError **error)
{
    if (value % divisor == 0)
        return true;
    gw_params_error(params, key, error, "found %u, expected a multiple of %s (%u)", value, of,
                    divisor);
    return false;
}

bool gw_workload_read_span(gw_params *params, const char *key, bool required, gw_span minimum_ns,
                           gw_span *out_ns, GError **error)
{
    gw_span span_ns = GW_TIME_NEVER;
    if (!gw_params_span(params, key, required, &span_ns, error)) {
        return false;
    }
    if (span_ns == GW_TIME_NEVER) { /* More than a span can be: it is absent. */
        return true;
    }
    if (!is_span(span_ns, minimum_ns)) {
        g_autofree char *present = find_key(params, key, "_ns");
        refuse_span(params, present, span_ns, minimum_ns, error);
        return false;
    }
    *out_ns = span_ns;
    return true;
}

static bool read_element(gw_params *element, gw_span minimum_ns, gw_span *out_ns, GError **error)
{
    gw_span span_ns;
    if (gw_params_is_string(element)) {
        const char *text;
        GError *cause = NULL;
        if (!gw_params_as_string(element, &text, error)) {
            return false;
        }
        if (!gw_span_parse(text, &span_ns, &cause)) {
            gw_params_error(element, NULL, error, "%s", cause->message);
            g_error_free(cause);
            return false;
        }
    } else if (!gw_params_as_count(element, 0, INT64_MAX, &span_ns, error)) {
        return false;
    }
    if (!is_span(span_ns, minimum_ns)) {
        refuse_span(element, NULL, span_ns, minimum_ns, error);
        return false;
    }
    *out_ns = span_ns;
    return true;
}

/* Under `key` stand texts: one, or a list of them. */
static bool check_kind(gw_params *value, const char *key, bool is_text, GError **error)
{
    if (value == NULL || !is_text || gw_params_is_string(value) || gw_params_is_array(value)) {
        return true;
    }
    g_autofree char *kinds = g_strdup_printf(
        "a span such as \"2.3ms\" (or a plain number as \"%s_ns\"), or a list", key);
    gw_params_refuse(value, kinds, error);
    return false;
}

/* A list of spans under `key`, or of plain numbers under `key` + "_ns"; NULL where it is none. */
static bool find_list(gw_params *params, const char *key, gw_params **out_list, GError **error)
{
    g_autofree char *present = find_key(params, key, "_ns");
    gw_params *value = NULL;
    if (!gw_params_value(params, present, false, &value, error) ||
        !check_kind(value, key, strcmp(present, key) == 0, error)) {
        return false;
    }
    *out_list = value != NULL && gw_params_is_array(value) ? value : NULL;
    return true;
}

bool gw_workload_read_spans(gw_params *params, const char *key, bool required, gw_span minimum_ns,
                            uint32_t count, gw_span *out_ns, GError **error)
{
    gw_params *list = NULL;
    if (!find_list(params, key, &list, error)) {
        return false;
    }
    if (list == NULL) {
        gw_span span_ns = GW_TIME_NEVER;
        if (!gw_workload_read_span(params, key, required, minimum_ns, &span_ns, error)) {
            return false;
        }
        for (uint32_t i = 0; i < count && span_ns != GW_TIME_NEVER; i++) {
            out_ns[i] = span_ns;
        }
        return true;
    }
    if (gw_params_length(list) != count) {
        gw_params_error(list, NULL, error, "found %u spans, expected %u or a single one for all",
                        gw_params_length(list), count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_element(gw_params_at(list, i), minimum_ns, &out_ns[i], error)) {
            return false;
        }
    }
    return true;
}

bool gw_workload_read_buffer(gw_params *params, const char *key, bool required, uint64_t *out_bytes,
                             GError **error)
{
    uint64_t size_bytes = UINT64_MAX;
    if (!gw_params_bytes(params, key, required, &size_bytes, error)) {
        return false;
    }
    if (size_bytes == UINT64_MAX) { /* More than bytes can be: it is absent. */
        return true;
    }
    if (size_bytes < 4 || size_bytes % 4 != 0 || size_bytes > GW_WORKLOAD_BUFFER_MAX_BYTES) {
        g_autofree char *present = find_key(params, key, "_bytes");
        g_autofree char *most = gw_bytes_format(GW_WORKLOAD_BUFFER_MAX_BYTES);
        gw_params_error(params, present, error,
                        "found %" G_GUINT64_FORMAT
                        " bytes, expected a multiple of 4 (float32) from 4 to %s",
                        size_bytes, most);
        return false;
    }
    *out_bytes = size_bytes;
    return true;
}

char *gw_workload_path(const gw_params *params, const char *name)
{
    g_autofree char *folder = g_path_get_dirname(gw_params_source(params));
    const bool is_plain = g_path_is_absolute(name) || strcmp(folder, ".") == 0;
    return is_plain ? g_strdup(name) : g_build_filename(folder, name, NULL);
}

GBytes *gw_workload_load(const char *path, const char *expected, GError **error)
{
    struct stat status;
    if (stat(path, &status) == 0 && (!S_ISREG(status.st_mode) || status.st_size > FILE_BYTES_MAX)) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: found no file of at most 64 MiB, expected %s", path, expected);
        return NULL;
    }
    char *text = NULL;
    gsize size_bytes = 0;
    g_autoptr(GError) cause = NULL;
    if (!g_file_get_contents(path, &text, &size_bytes, &cause)) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s", cause->message);
        return NULL;
    }
    return g_bytes_new_take(text, size_bytes);
}

gw_program *gw_workload_finish(gw_builder *take_builder, const gw_params *params, GError **error)
{
    GError *cause = NULL;
    gw_program *program = gw_builder_finish(take_builder, &cause);
    if (program == NULL) {
        gw_params_error(params, NULL, error, "%s", cause->message);
        g_error_free(cause);
    }
    return program;
}
