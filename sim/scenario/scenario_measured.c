/* SPDX-License-Identifier: Apache-2.0 */
/* "measured" of an accelerator: what its operations and collectives were seen to take. */
#include <string.h>

#include "base/units.h"
#include "scenario/scenario_private.h"

#define POINTS_MAX  64
#define MEMBERS_MAX 65536
#define NS_MAX      1e15 /* 11 days. */
#define SIZE_MAX_OF 1e15
#define SHAPES_MAX  65536

static bool read_points(gw_params *list, gw_measured_curve *out, GError **error)
{
    const uint32_t count = gw_params_length(list);
    if (count < 1 || count > POINTS_MAX) {
        gw_params_error(list, NULL, error, "found %u points, expected 1 to %u", count, POINTS_MAX);
        return false;
    }
    out->points = g_new0(gw_measured_point, count);
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        gw_params *pair = gw_params_at(list, i);
        gw_measured_point *point = &out->points[i];
        if (!gw_params_is_array(pair) || gw_params_length(pair) != 2) {
            gw_params_refuse(pair, "a list of two: a size and its nanoseconds", error);
            return false;
        }
        if (!gw_params_as_number(gw_params_at(pair, 0), &point->size, error) ||
            !gw_params_as_number(gw_params_at(pair, 1), &point->ns, error))
            return false;
        const double least = i > 0 ? out->points[i - 1].size : 0;
        if (!(point->size > least) || point->size > SIZE_MAX_OF) {
            gw_params_error(pair, NULL, error, "found size %g, expected more than %g", point->size,
                            least);
            return false;
        }
        if (!(point->ns >= 0) || point->ns > NS_MAX) {
            gw_params_error(pair, NULL, error, "found %g ns, expected 0 to %g", point->ns, NS_MAX);
            return false;
        }
    }
    return true;
}

/* Numbers of a list, each from `least` on; `ascends`: each more than the one before. */
static bool read_numbers(gw_params *list, double least, double most, bool ascends, double *out,
                         GError **error)
{
    for (uint32_t i = 0; i < gw_params_length(list); i++) {
        gw_params *value = gw_params_at(list, i);
        if (!gw_params_as_number(value, &out[i], error))
            return false;
        const bool is_above = !ascends || i == 0 || out[i] > out[i - 1];
        if (!(out[i] >= least) || out[i] > most || !is_above) {
            gw_params_error(value, NULL, error, "found %g, expected %s%g and %g at most", out[i],
                            is_above ? "at least " : "more than ", is_above ? least : out[i - 1],
                            most);
            return false;
        }
    }
    return true;
}

static bool read_axis(gw_params *object, const char *key, double **out, uint32_t *out_count,
                      GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(object, key, true, &list, error))
        return false;
    const uint32_t count = gw_params_length(list);
    if (count < 1 || count > POINTS_MAX) {
        gw_params_error(list, NULL, error, "found %u sizes, expected 1 to %u", count, POINTS_MAX);
        return false;
    }
    *out_count = count;
    *out = g_new0(double, count);
    return read_numbers(list, 1, SIZE_MAX_OF, true, *out, error);
}

/* [size along each axis..., nanoseconds] */
static bool read_shape(gw_params *list, uint32_t axis_count, gw_measured_table *out, GError **error)
{
    gw_measured_shape shape = {.ns = 0};
    if (!gw_params_is_array(list) || gw_params_length(list) != axis_count + 1) {
        gw_params_error(list, NULL, error, "expected a size along each of %u axes, and nanoseconds",
                        axis_count);
        return false;
    }
    for (uint32_t i = 0; i < axis_count; i++) {
        gw_params *size = gw_params_at(list, i);
        if (!gw_params_as_number(size, &shape.sizes[i], error))
            return false;
        if (!(shape.sizes[i] >= 1) || shape.sizes[i] > SIZE_MAX_OF) {
            gw_params_error(size, NULL, error, "found size %g, expected 1 to %g", shape.sizes[i],
                            SIZE_MAX_OF);
            return false;
        }
    }
    gw_params *ns = gw_params_at(list, axis_count);
    if (!gw_params_as_number(ns, &shape.ns, error))
        return false;
    if (!(shape.ns >= 0) || shape.ns > NS_MAX) {
        gw_params_error(ns, NULL, error, "found %g ns, expected 0 to %g", shape.ns, NS_MAX);
        return false;
    }
    if (gw_measured_table_add(out, &shape))
        return true;
    gw_params_error(list, NULL, error, "found these sizes twice, expected each once");
    return false;
}

static bool read_shapes(gw_params *table, uint32_t axis_count, gw_measured_table *out,
                        GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(table, "shapes", false, &list, error))
        return false;
    if (list != NULL && gw_params_length(list) > SHAPES_MAX) {
        gw_params_error(list, NULL, error, "found %u shapes, expected at most %u",
                        gw_params_length(list), SHAPES_MAX);
        return false;
    }
    for (uint32_t i = 0; list != NULL && i < gw_params_length(list); i++)
        if (!read_shape(gw_params_at(list, i), axis_count, out, error))
            return false;
    return true;
}

static bool read_table(gw_params *object, const gw_measured_kind *kind, gw_measured_table *out,
                       GError **error)
{
    gw_params *table = NULL, *list = NULL;
    if (!gw_params_object(object, kind->name, false, &table, error))
        return false;
    if (table == NULL)
        return true;
    uint32_t count = 1, axis_count = 0;
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++) {
        const char *axis = gw_measured_axis(kind->form, i);
        axis_count += axis != NULL;
        out->counts[i] = 1;
        if (axis != NULL && !read_axis(table, axis, &out->sizes[i], &out->counts[i], error))
            return false;
        count *= out->counts[i];
    }
    if (!gw_params_array(table, "ns", true, &list, error))
        return false;
    if (gw_params_length(list) != count) {
        gw_params_error(list, NULL, error, "found %u number%s, expected %u, one for each size",
                        gw_params_length(list), gw_count_ending(gw_params_length(list)), count);
        return false;
    }
    out->ns = g_new0(double, count);
    return read_numbers(list, 0, NS_MAX, false, out->ns, error) &&
           read_shapes(table, axis_count, out, error) && gw_params_finish(table, error);
}

static bool read_operations(gw_params *root, gw_measured *out, GError **error)
{
    gw_params *object = NULL;
    if (!gw_params_object(root, "operations", true, &object, error))
        return false;
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++)
        if (!read_table(object, &gw_measured_kinds[i], &out->tables[i], error))
            return false;
    return gw_params_finish(object, error);
}

/* --- Collectives --- */

static gw_measured_collective *add_collective(gw_measured *out, gw_operation_kind kind,
                                              uint64_t member_count, uint64_t host_count)
{
    out->collectives = g_renew(gw_measured_collective, out->collectives, out->collective_count + 1);
    gw_measured_collective *made = &out->collectives[out->collective_count++];
    *made = (gw_measured_collective){kind, (uint32_t)member_count, (uint32_t)host_count, {NULL, 0}};
    return made;
}

/* The numbers of members and of hosts: after those of the one before, which `out_members` and
 * `out_hosts` have, and which become those read. */
static bool read_group(gw_params *object, uint64_t *out_members, uint64_t *out_hosts,
                       GError **error)
{
    uint64_t members, hosts = 1;
    if (!gw_params_count(object, "members", true, 2, MEMBERS_MAX, &members, error) ||
        !gw_params_count(object, "hosts", false, 1, members, &hosts, error))
        return false;
    if (members % hosts != 0) {
        gw_params_error(object, "hosts", error,
                        "found %" G_GUINT64_FORMAT ", expected as many of %" G_GUINT64_FORMAT
                        " members on each",
                        hosts, members);
        return false;
    }
    if (hosts < *out_hosts) {
        gw_params_error(object, "hosts", error,
                        "found %" G_GUINT64_FORMAT ", expected at least %" G_GUINT64_FORMAT, hosts,
                        *out_hosts);
        return false;
    }
    if (hosts == *out_hosts && members <= *out_members) {
        gw_params_error(object, "members", error,
                        "found %" G_GUINT64_FORMAT ", expected more than %" G_GUINT64_FORMAT,
                        members, *out_members);
        return false;
    }
    *out_members = members;
    *out_hosts = hosts;
    return true;
}

static bool read_collective(gw_params *value, gw_operation_kind kind, gw_measured *out,
                            uint64_t *out_members, uint64_t *out_hosts, GError **error)
{
    gw_params *object = NULL, *points = NULL;
    if (!gw_params_as_object(value, &object, error) ||
        !read_group(object, out_members, out_hosts, error) ||
        !gw_params_array(object, "points", true, &points, error))
        return false;
    gw_measured_collective *made = add_collective(out, kind, *out_members, *out_hosts);
    return read_points(points, &made->curve, error) && gw_params_finish(object, error);
}

static bool read_collectives(gw_params *root, gw_measured *out, GError **error)
{
    gw_params *object = NULL;
    if (!gw_params_object(root, "collectives", false, &object, error))
        return false;
    if (object == NULL)
        return true;
    for (gw_operation_kind kind = GW_OPERATION_ALL_REDUCE; kind <= GW_OPERATION_PERMUTE; kind++) {
        gw_params *list = NULL;
        uint64_t members = 0, hosts = 1;
        if (!gw_params_array(object, gw_operation_name(kind), false, &list, error))
            return false;
        for (uint32_t i = 0; list != NULL && i < gw_params_length(list); i++)
            if (!read_collective(gw_params_at(list, i), kind, out, &members, &hosts, error))
                return false;
    }
    return gw_params_finish(object, error);
}

static bool read_between_hosts(gw_params *root, gw_measured *out, GError **error)
{
    gw_params *object = NULL;
    if (!gw_params_object(root, "between_hosts", false, &object, error))
        return false;
    if (object == NULL)
        return true;
    double rate_bytes_per_s = 0;
    if (!gw_params_span(object, "latency", true, &out->send_ns, error) ||
        !gw_params_quantity(object, "bandwidth", true, GW_UNIT_RATE, &rate_bytes_per_s, error))
        return false;
    if (!(rate_bytes_per_s >= 1)) {
        gw_params_error(object, "bandwidth", error, "found %g B/s, expected at least 1 B/s",
                        rate_bytes_per_s);
        return false;
    }
    out->send_bytes_per_s = rate_bytes_per_s;
    return gw_params_finish(object, error);
}

static bool read_wake(gw_params *root, gw_measured *out, GError **error)
{
    gw_params *points = NULL;
    return gw_params_array(root, "wake", false, &points, error) &&
           (points == NULL || read_points(points, &out->wake, error));
}

bool gw_measured_read(gw_params *accelerator, gw_measured **out, GError **error)
{
    gw_params *root = NULL;
    if (!gw_params_object(accelerator, "measured", false, &root, error))
        return false;
    if (root == NULL)
        return true;
    const char *source = NULL;
    g_autoptr(gw_measured) made = g_new0(gw_measured, 1);
    if (!gw_params_string(root, "source", true, &source, error) ||
        !read_operations(root, made, error) || !read_collectives(root, made, error) ||
        !read_between_hosts(root, made, error) || !read_wake(root, made, error) ||
        !gw_params_finish(root, error))
        return false;
    *out = g_steal_pointer(&made);
    return true;
}
