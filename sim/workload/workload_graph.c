/* SPDX-License-Identifier: Apache-2.0 */
/* A graph written out in the scenario: meshes, functions, nodes that name each other.
 *
 * A function of the scenario says what it costs and what its one output is; inputs it has as its
 * nodes list them, so it is made anew for each mesh and each list of input shapes that it meets.
 * It models time, not data: collectives work on temporaries of their size, outputs hold
 * anything. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "workload/workload.h"
#include "workload/workload_graph.h"

#define OPERATIONS_MAX  4096U /* Of one function. */
#define INPUTS_MAX      1024U /* Of one node. */
#define NAME_LENGTH_MAX 64U
#define FLOPS_MAX       1e24 /* A year of 30 EFLOP/s. */

/* --- Names --- */

static bool check_name(const gw_params *place, const char *key, const char *name, GError **error)
{
    const size_t length = strlen(name);
    bool is_printable = length > 0 && length <= NAME_LENGTH_MAX;
    for (size_t i = 0; i < length && is_printable; i++) {
        is_printable = !g_ascii_iscntrl(name[i]);
    }
    if (!is_printable) {
        g_autofree char *quoted = gw_error_quote(name);
        gw_params_error(place, key, error, "found %s, expected a name of 1 to %u letters", quoted,
                        NAME_LENGTH_MAX);
    }
    return is_printable;
}

/* Every record begins with its name. */
static const char *name_at(const GArray *records, uint32_t index)
{
    const char *name;
    memcpy(&name, records->data + (size_t)index * g_array_get_element_size((GArray *)records),
           sizeof name);
    return name;
}

/* The index of the record called `name`, which stands at `place` (its member `key`, unless NULL);
 * `what` reads "a mesh". */
static bool find_name(const GArray *records, GHashTable *indexes, const char *name,
                      const char *what, const gw_params *place, const char *key,
                      uint32_t *out_index, GError **error)
{
    const uint32_t found = GPOINTER_TO_UINT(g_hash_table_lookup(indexes, name));
    if (found > 0) {
        *out_index = found - 1;
        return true;
    }
    g_autofree const char **names = g_new0(const char *, records->len + 1);
    for (uint32_t i = 0; i < records->len; i++) {
        names[i] = name_at(records, i);
    }
    g_autofree char *hint = gw_error_hint(name, names);
    g_autofree char *quoted = gw_error_quote(name);
    gw_params_error(place, key, error, "found %s, expected the name of %s%s", quoted, what, hint);
    return false;
}

static bool find_node(const graph_spec *graph, const char *name, const gw_params *place,
                      const char *key, uint32_t *out_index, GError **error)
{
    return find_name(graph->nodes, graph->node_indexes, name, "a node", place, key, out_index,
                     error);
}

/* --- Meshes --- */

static bool read_meshes(graph_spec *graph, GError **error)
{
    gw_params *meshes = NULL;
    if (!gw_params_object(graph->params, "meshes", true, &meshes, error)) {
        return false;
    }
    for (uint32_t i = 0; i < gw_params_length(meshes); i++) {
        graph_mesh mesh = {.name = gw_params_key_at(meshes, i)};
        gw_params *sizes = NULL;
        if (!check_name(meshes, NULL, mesh.name, error) ||
            !gw_params_array(meshes, mesh.name, true, &sizes, error) ||
            !gw_workload_read_shape(sizes, &mesh.dims, mesh.shape, error)) {
            return false;
        }
        g_array_append_val(graph->meshes, mesh);
        g_hash_table_insert(graph->mesh_indexes, (gpointer)mesh.name, GUINT_TO_POINTER(i + 1));
    }
    return true;
}

/* --- Functions --- */

static bool read_axes(graph_operation *out, GError **error)
{
    gw_params *axes = NULL;
    if (!gw_params_array(out->params, "axes", false, &axes, error)) {
        return false;
    }
    out->has_axes = axes != NULL;
    for (uint32_t i = 0; axes != NULL && i < gw_params_length(axes); i++) {
        uint64_t axis;
        if (!gw_params_as_count(gw_params_at(axes, i), 0, GW_MESH_DIMS_MAX - 1, &axis, error)) {
            return false;
        }
        out->operation.axes |= (uint8_t)(1U << axis);
    }
    if (out->has_axes && out->operation.axes == 0) {
        gw_params_error(axes, NULL, error, "found no axis, expected one at least");
        return false;
    }
    return true;
}

static bool read_collective(graph_operation *out, GError **error)
{
    static const char *const names[] = {
        "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "permute", NULL};
    uint32_t which = 0;
    uint64_t size_bytes = 0, root = 0, shift = 1;
    if (!gw_params_choice(out->params, "collective", true, names, &which, error) ||
        !gw_workload_read_buffer(out->params, "bytes", true, &size_bytes, error) ||
        !gw_params_bool(out->params, "overlapped", false, &out->operation.is_overlapped, error) ||
        !read_axes(out, error)) {
        return false;
    }
    out->operation.kind = (gw_operation_kind)(GW_OPERATION_ALL_REDUCE + which);
    if (out->operation.kind == GW_OPERATION_BROADCAST &&
        !gw_params_count(out->params, "root", false, 0, GW_WORKLOAD_DEVICES_MAX - 1, &root,
                         error)) {
        return false;
    }
    if (out->operation.kind == GW_OPERATION_PERMUTE &&
        !gw_params_count(out->params, "shift", false, 0, GW_WORKLOAD_DEVICES_MAX - 1, &shift,
                         error)) {
        return false;
    }
    out->size_rows = (uint32_t)(size_bytes / 4);
    out->operation.root = (uint32_t)root;
    out->operation.shift = (uint32_t)shift;
    return true;
}

static bool read_work(graph_operation *out, GError **error)
{
    uint64_t size_bytes = 0;
    if (!gw_params_has(out->params, "flops") && !gw_params_has(out->params, "bytes")) {
        gw_params_error(out->params, NULL, error,
                        "found none of them, expected \"duration\", \"flops\" and \"bytes\", or "
                        "\"collective\" and \"bytes\"");
        return false;
    }
    out->operation.kind = GW_OPERATION_WORK;
    if (!gw_params_number(out->params, "flops", false, 0, FLOPS_MAX, &out->operation.flops,
                          error) ||
        !gw_params_bytes(out->params, "bytes", false, &size_bytes, error)) {
        return false;
    }
    out->operation.bytes = (double)size_bytes;
    return true;
}

static bool read_operation(gw_params *params, graph_operation *out, GError **error)
{
    if (!gw_params_is_object(params)) {
        gw_params_refuse(params, "an object: an operation", error);
        return false;
    }
    *out = (graph_operation){.params = params};
    bool is_read;
    if (gw_params_has(params, "collective")) {
        is_read = read_collective(out, error);
    } else if (gw_params_has(params, "duration") || gw_params_has(params, "duration_ns")) {
        out->operation.kind = GW_OPERATION_DURATION;
        is_read =
            gw_workload_read_span(params, "duration", true, 0, &out->operation.duration_ns, error);
    } else {
        is_read = read_work(out, error);
    }
    if (is_read && !gw_operation_is_collective(&out->operation)) {
        is_read = gw_params_bool(params, "counted", false, &out->operation.is_counted, error);
    }
    return is_read && gw_params_finish(params, error);
}

static bool read_operations(gw_params *params, graph_function *out, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(params, "operations", true, &list, error)) {
        return false;
    }
    if (gw_params_length(list) > OPERATIONS_MAX) {
        gw_params_error(list, NULL, error, "found %u operations, expected at most %u",
                        gw_params_length(list), OPERATIONS_MAX);
        return false;
    }
    for (uint32_t i = 0; i < gw_params_length(list); i++) {
        graph_operation operation;
        if (!read_operation(gw_params_at(list, i), &operation, error)) {
            return false;
        }
        g_array_append_val(out->operations, operation);
    }
    return true;
}

static bool read_function(gw_params *params, graph_function *out, GError **error)
{
    out->has_computations = gw_params_has(params, "computations");
    out->computations = 1;
    out->output_bytes = 4;
    return read_operations(params, out, error) &&
           gw_workload_read_buffer(params, "output", false, &out->output_bytes, error) &&
           gw_params_bool(params, "sharded", false, &out->is_sharded, error) &&
           gw_params_count(params, "computations", false, 0, UINT32_MAX, &out->computations,
                           error) &&
           gw_params_finish(params, error);
}

static void clear_function(gpointer function)
{
    g_array_unref(((graph_function *)function)->operations);
}

static bool read_functions(graph_spec *graph, GError **error)
{
    gw_params *functions = NULL;
    if (!gw_params_object(graph->params, "functions", true, &functions, error)) {
        return false;
    }
    for (uint32_t i = 0; i < gw_params_length(functions); i++) {
        gw_params *params = NULL;
        const graph_function made = {.name = gw_params_key_at(functions, i),
                                     .operations =
                                         g_array_new(FALSE, FALSE, sizeof(graph_operation))};
        g_array_append_val(graph->functions, made);
        g_hash_table_insert(graph->function_indexes, (gpointer)made.name, GUINT_TO_POINTER(i + 1));
        if (!check_name(functions, NULL, made.name, error) ||
            !gw_params_object(functions, made.name, true, &params, error) ||
            !read_function(params, &g_array_index(graph->functions, graph_function, i), error)) {
            return false;
        }
    }
    return true;
}

/* --- Nodes --- */

static bool read_node(graph_spec *graph, graph_node *out, GError **error)
{
    const char *function = NULL, *mesh = NULL;
    return gw_params_string(out->params, "name", true, &out->name, error) &&
           check_name(out->params, "name", out->name, error) &&
           gw_params_string(out->params, "function", true, &function, error) &&
           find_name(graph->functions, graph->function_indexes, function, "a function", out->params,
                     "function", &out->function, error) &&
           gw_params_string(out->params, "mesh", true, &mesh, error) &&
           find_name(graph->meshes, graph->mesh_indexes, mesh, "a mesh", out->params, "mesh",
                     &out->mesh, error) &&
           gw_params_bool(out->params, "once", false, &out->is_once, error);
}

static void clear_node(gpointer node)
{
    g_array_unref(((graph_node *)node)->sources);
    g_array_unref(((graph_node *)node)->exchanges);
}

/* All names, before anybody refers to one. */
static bool read_nodes(graph_spec *graph, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(graph->params, "nodes", true, &list, error)) {
        return false;
    }
    if (gw_params_length(list) > GW_WORKLOAD_NODES_MAX) {
        gw_params_error(list, NULL, error, "found %u nodes, expected at most %u",
                        gw_params_length(list), GW_WORKLOAD_NODES_MAX);
        return false;
    }
    for (uint32_t i = 0; i < gw_params_length(list); i++) {
        graph_node node = {.params = gw_params_at(list, i), .index = i};
        if (!gw_params_is_object(node.params)) {
            gw_params_refuse(node.params, "an object: a node", error);
            return false;
        }
        if (!read_node(graph, &node, error)) {
            return false;
        }
        if (g_hash_table_contains(graph->node_indexes, node.name)) {
            gw_params_error(node.params, "name", error,
                            "found a second node \"%s\", expected a name of its own", node.name);
            return false;
        }
        node.sources = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        node.exchanges = g_array_new(FALSE, FALSE, sizeof(graph_exchange));
        g_array_append_val(graph->nodes, node);
        g_hash_table_insert(graph->node_indexes, (gpointer)node.name, GUINT_TO_POINTER(i + 1));
    }
    return true;
}

static bool read_inputs(graph_spec *graph, graph_node *node, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(node->params, "inputs", false, &list, error)) {
        return false;
    }
    if (list != NULL && gw_params_length(list) > INPUTS_MAX) {
        gw_params_error(list, NULL, error, "found %u inputs, expected at most %u",
                        gw_params_length(list), INPUTS_MAX);
        return false;
    }
    for (uint32_t i = 0; list != NULL && i < gw_params_length(list); i++) {
        gw_params *value = gw_params_at(list, i);
        const bool is_object = gw_params_is_object(value);
        if (!is_object && !gw_params_is_string(value)) {
            gw_params_refuse(value, "a node's name, or {\"from\": NAME} and \"exchange\"", error);
            return false;
        }
        const char *name = NULL;
        uint32_t source;
        graph_exchange exchange = {.input = i};
        if (!(is_object ? gw_graph_read_input(value, &name, &exchange, error)
                        : gw_params_as_string(value, &name, error)) ||
            !find_node(graph, name, value, is_object ? "from" : NULL, &source, error)) {
            return false;
        }
        g_array_append_val(node->sources, source);
        if (exchange.kind != GW_EXCHANGE_NONE) {
            g_array_append_val(node->exchanges, exchange);
        }
        if (exchange.kind == GW_EXCHANGE_DEAL) {
            const graph_deal deal = {.source = source, .target = node->index};
            g_array_append_val(graph->deals, deal);
        }
    }
    return gw_params_finish(node->params, error);
}

static bool read_end(graph_spec *graph, gw_params *params, const char *key, uint32_t *out_node,
                     GError **error)
{
    const char *name = NULL;
    return gw_params_string(params, key, true, &name, error) &&
           find_node(graph, name, params, key, out_node, error);
}

static bool read_carried(graph_spec *graph, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(graph->params, "carried", false, &list, error)) {
        return false;
    }
    for (uint32_t i = 0; list != NULL && i < gw_params_length(list); i++) {
        gw_params *params = gw_params_at(list, i);
        if (!gw_params_is_object(params)) {
            gw_params_refuse(params, "an object: a carried edge", error);
            return false;
        }
        graph_carried edge;
        if (!read_end(graph, params, "from", &edge.source, error) ||
            !read_end(graph, params, "to", &edge.target, error) ||
            !read_end(graph, params, "initial", &edge.initial, error) ||
            !gw_params_finish(params, error)) {
            return false;
        }
        GArray *sources = g_array_index(graph->nodes, graph_node, edge.target).sources;
        if (sources->len >= INPUTS_MAX) {
            gw_params_error(params, "to", error, "found %u inputs, expected at most %u",
                            sources->len + 1, INPUTS_MAX);
            return false;
        }
        edge.input = sources->len;
        g_array_append_val(sources, edge.source);
        g_array_append_val(graph->carried, edge);
    }
    return true;
}

/* {"name": node}: the one number that the node makes. */
static bool read_results(graph_spec *graph, GError **error)
{
    gw_params *results = NULL;
    if (!gw_params_object(graph->params, "results", false, &results, error)) {
        return false;
    }
    for (uint32_t i = 0; results != NULL && i < gw_params_length(results); i++) {
        graph_result result = {.name = gw_params_key_at(results, i)};
        if (!check_name(results, NULL, result.name, error) ||
            !read_end(graph, results, result.name, &result.node, error)) {
            return false;
        }
        g_array_append_val(graph->results, result);
        g_hash_table_insert(graph->result_indexes, (gpointer)result.name, GUINT_TO_POINTER(i + 1));
    }
    return true;
}

/* "when" and "otherwise". */
static bool read_choice(graph_spec *graph, graph_node *node, GError **error)
{
    const char *when = NULL, *otherwise = NULL;
    node->decider = node->otherwise = GW_INDEX_NONE;
    if (!gw_params_string(node->params, "when", false, &when, error) ||
        !gw_params_string(node->params, "otherwise", when != NULL, &otherwise, error)) {
        return false;
    }
    if (when == NULL && otherwise != NULL) {
        gw_params_error(node->params, "otherwise", error,
                        "found no \"when\" beside it, expected the name of a result");
        return false;
    }
    return when == NULL ||
           (find_name(graph->results, graph->result_indexes, when, "a result", node->params, "when",
                      &node->decider, error) &&
            find_name(graph->functions, graph->function_indexes, otherwise, "a function",
                      node->params, "otherwise", &node->otherwise, error));
}

static bool read_graph(graph_spec *graph, GError **error)
{
    if (!read_meshes(graph, error) || !read_functions(graph, error) || !read_nodes(graph, error) ||
        !read_results(graph, error)) {
        return false;
    }
    for (uint32_t i = 0; i < graph->nodes->len; i++) {
        if (!read_choice(graph, &g_array_index(graph->nodes, graph_node, i), error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < graph->nodes->len; i++) {
        if (!read_inputs(graph, &g_array_index(graph->nodes, graph_node, i), error)) {
            return false;
        }
    }
    return read_carried(graph, error) && gw_params_finish(graph->params, error);
}

/* --- Functions for the meshes and inputs that they meet --- */

uint32_t gw_graph_count_devices(const graph_mesh *mesh, uint8_t axes)
{
    uint32_t count = 1;
    for (uint32_t dim = 0; dim < mesh->dims; dim++) {
        count *= (axes >> dim & 1) != 0 ? mesh->shape[dim] : 1;
    }
    return count;
}

/* A temporary of `rows` other than `taken`; collectives of a function share them. */
static uint32_t find_temporary(gw_function *function, uint32_t rows, uint32_t taken)
{
    for (uint32_t i = 0; i < function->values->len; i++) {
        const gw_value *value = gw_function_value(function, i);
        if (value->role == GW_VALUE_TEMPORARY && value->rows == rows && i != taken) {
            return i;
        }
    }
    return gw_function_add_temporary(function, rows, 1);
}

/* What a collective's result has for rows, where a group of its mesh can do it at all. */
static bool compute_rows(const graph_operation *operation, uint32_t group, uint64_t *out_rows,
                         GError **error)
{
    const uint64_t rows = operation->size_rows;
    const gw_operation_kind kind = operation->operation.kind;
    *out_rows = rows;
    if (kind == GW_OPERATION_ALL_GATHER) {
        *out_rows = rows * group;
        if (*out_rows > GW_WORKLOAD_BUFFER_MAX_BYTES / 4) {
            g_autofree char *found = gw_bytes_format(*out_rows * 4);
            g_autofree char *most = gw_bytes_format(GW_WORKLOAD_BUFFER_MAX_BYTES);
            gw_params_error(operation->params, NULL, error,
                            "found %s once gathered from %u devices, expected at most %s", found,
                            group, most);
            return false;
        }
    } else if (kind == GW_OPERATION_REDUCE_SCATTER || kind == GW_OPERATION_ALL_TO_ALL) {
        if (rows % group != 0) {
            gw_params_error(operation->params, NULL, error,
                            "found %" G_GUINT64_FORMAT
                            " bytes, expected a multiple of 4 for each of %u devices",
                            rows * 4, group);
            return false;
        }
        *out_rows = kind == GW_OPERATION_REDUCE_SCATTER ? rows / group : rows;
    } else if (kind == GW_OPERATION_BROADCAST && operation->operation.root >= group) {
        gw_params_error(operation->params, "root", error, "found %u, expected one of %u devices",
                        operation->operation.root, group);
        return false;
    }
    return true;
}

static bool add_collective(gw_function *function, const graph_operation *operation,
                           const graph_mesh *mesh, GError **error)
{
    const uint8_t all_axes = (uint8_t)((1U << mesh->dims) - 1);
    gw_operation made = operation->operation;
    made.axes = operation->has_axes ? made.axes : all_axes;
    if ((made.axes & ~all_axes) != 0) {
        gw_params_error(operation->params, "axes", error,
                        "expected axes below %u, the dimensions of mesh \"%s\"", mesh->dims,
                        mesh->name);
        return false;
    }
    uint64_t rows;
    if (!compute_rows(operation, gw_graph_count_devices(mesh, made.axes), &rows, error)) {
        return false;
    }
    const uint32_t x = find_temporary(function, operation->size_rows, GW_INDEX_NONE);
    made.inputs[0] = (uint16_t)x;
    made.outputs[0] = (uint16_t)find_temporary(function, (uint32_t)rows, x);
    gw_function_add(function, &made);
    return true;
}

static bool add_operations(gw_function *function, const graph_function *spec,
                           const graph_mesh *mesh, GError **error)
{
    /* It says, at no cost, that the function models time. */
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_DURATION});
    for (uint32_t i = 0; i < spec->operations->len; i++) {
        const graph_operation *operation = &g_array_index(spec->operations, graph_operation, i);
        if (!gw_operation_is_collective(&operation->operation)) {
            gw_function_add(function, &operation->operation);
        } else if (!add_collective(function, operation, mesh, error)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    uint32_t rows, columns;
    bool is_sharded;
} input_shape;

/* The rows that each device of the node's mesh takes of what `source` makes. */
static bool compute_rows_taken(const graph_spec *graph, const graph_node *node,
                               const graph_node *source, uint32_t *out_rows, GError **error)
{
    const graph_function *maker =
        &g_array_index(graph->functions, graph_function, source->function);
    const uint64_t rows = maker->output_bytes / 4;
    *out_rows = (uint32_t)rows;
    if (!maker->is_sharded || source->mesh == node->mesh) {
        return true;
    }
    const graph_mesh *source_mesh = &g_array_index(graph->meshes, graph_mesh, source->mesh);
    const graph_mesh *mesh = &g_array_index(graph->meshes, graph_mesh, node->mesh);
    const uint64_t whole = rows * gw_graph_count_devices(source_mesh, UINT8_MAX);
    const uint32_t device_count = gw_graph_count_devices(mesh, UINT8_MAX);
    if (whole % device_count != 0 || whole / device_count > GW_WORKLOAD_BUFFER_MAX_BYTES / 4) {
        g_autofree char *most = gw_bytes_format(GW_WORKLOAD_BUFFER_MAX_BYTES);
        gw_params_error(node->params, "mesh", error,
                        "found %u devices for the %" G_GUINT64_FORMAT
                        " bytes that \"%s\" makes, expected a multiple of 4 bytes up to %s each",
                        device_count, whole * 4, source->name, most);
        return false;
    }
    *out_rows = (uint32_t)(whole / device_count);
    return true;
}

static bool compute_input(const graph_spec *graph, const graph_node *node, uint32_t input,
                          input_shape *out, GError **error)
{
    const uint32_t index = g_array_index(node->sources, uint32_t, input);
    const graph_node *source = &g_array_index(graph->nodes, graph_node, index);
    const graph_exchange *exchange = gw_graph_find_exchange(node, input);
    out->is_sharded = g_array_index(graph->functions, graph_function, source->function).is_sharded;
    out->columns = 1;
    return exchange == NULL
               ? compute_rows_taken(graph, node, source, &out->rows, error)
               : gw_graph_shape_exchange(graph, node, exchange, &out->rows, &out->columns, error);
}

static bool make_instance(const graph_spec *graph, const graph_node *node, uint32_t number,
                          const input_shape *inputs, gw_function **out, GError **error)
{
    const graph_function *spec = &g_array_index(graph->functions, graph_function, number);
    const graph_mesh *mesh = &g_array_index(graph->meshes, graph_mesh, node->mesh);
    g_autoptr(gw_function) function = gw_function_new(spec->name);
    function->computations = node->is_once && !spec->has_computations ? 0 : spec->computations;
    for (uint32_t i = 0; i < node->sources->len; i++) {
        gw_function_add_input(function, inputs[i].rows, inputs[i].columns, inputs[i].is_sharded);
    }
    gw_function_add_output(function, (uint32_t)(spec->output_bytes / 4), 1, spec->is_sharded);
    gw_graph_add_counts(graph, node->index, function, NULL);
    if (!add_operations(function, spec, mesh, error)) {
        return false;
    }
    *out = g_steal_pointer(&function);
    return true;
}

/* What the program has for function `number` of the scenario at the node: one that was made for a
 * node like it, or a new one. */
static bool find_instance(graph_spec *graph, const graph_node *node, uint32_t number,
                          gw_builder *builder, uint32_t *out_function, GError **error)
{
    g_autoptr(GString) key = g_string_new(NULL);
    g_string_printf(key, "%u %u %u", number, node->mesh, node->is_once ? 1U : 0U);
    gw_graph_add_counts(graph, node->index, NULL, key);
    g_autofree input_shape *inputs = g_new0(input_shape, node->sources->len + 1);
    for (uint32_t i = 0; i < node->sources->len; i++) {
        if (!compute_input(graph, node, i, &inputs[i], error)) {
            return false;
        }
        g_string_append_printf(key, " %ux%u%c", inputs[i].rows, inputs[i].columns,
                               inputs[i].is_sharded ? 's' : 'r');
    }
    const uint32_t known = GPOINTER_TO_UINT(g_hash_table_lookup(graph->instances, key->str));
    if (known > 0) {
        *out_function = known - 1;
        return true;
    }
    gw_function *made = NULL;
    if (!make_instance(graph, node, number, inputs, &made, error)) {
        return false;
    }
    *out_function = gw_builder_take_function(builder, made);
    g_hash_table_insert(graph->instances, g_strdup(key->str), GUINT_TO_POINTER(*out_function + 1));
    return true;
}

/* --- The program --- */

static bool add_nodes(graph_spec *graph, gw_builder *builder, GError **error)
{
    for (uint32_t i = 0; i < graph->meshes->len; i++) {
        const graph_mesh *mesh = &g_array_index(graph->meshes, graph_mesh, i);
        gw_builder_add_mesh(builder, mesh->name, mesh->dims, mesh->shape);
    }
    for (uint32_t i = 0; i < graph->nodes->len; i++) {
        const graph_node *node = &g_array_index(graph->nodes, graph_node, i);
        uint32_t function;
        uint32_t otherwise = GW_INDEX_NONE;
        if (!gw_graph_check_counted(graph, node, error) ||
            !find_instance(graph, node, node->function, builder, &function, error) ||
            (node->decider != GW_INDEX_NONE &&
             !find_instance(graph, node, node->otherwise, builder, &otherwise, error))) {
            return false;
        }
        const uint32_t index = gw_builder_add_node(builder, node->name, function, node->mesh);
        gw_check(index == i);
        if (node->is_once) {
            gw_builder_set_once(builder, index);
        }
        if (node->decider != GW_INDEX_NONE) {
            gw_builder_set_choice(builder, index, node->decider, otherwise);
        }
    }
    return true;
}

static void add_edges(const graph_spec *graph, gw_builder *builder)
{
    for (uint32_t i = 0; i < graph->carried->len; i++) {
        const graph_carried *edge = &g_array_index(graph->carried, graph_carried, i);
        gw_builder_add_carried(builder, edge->source, 0, edge->initial, 0, edge->target,
                               edge->input);
        /* The listed inputs are those before the first carried one. */
        GArray *sources = g_array_index(graph->nodes, graph_node, edge->target).sources;
        g_array_index(sources, uint32_t, edge->input) = GW_INDEX_NONE;
    }
    for (uint32_t i = 0; i < graph->results->len; i++) {
        const graph_result *result = &g_array_index(graph->results, graph_result, i);
        gw_builder_add_result(builder, result->name, result->node, 0);
    }
    for (uint32_t i = 0; i < graph->nodes->len; i++) {
        const GArray *sources = g_array_index(graph->nodes, graph_node, i).sources;
        for (uint32_t j = 0; j < sources->len; j++) {
            const uint32_t source = g_array_index(sources, uint32_t, j);
            const graph_exchange *exchange =
                gw_graph_find_exchange(&g_array_index(graph->nodes, graph_node, i), j);
            if (exchange != NULL) {
                gw_graph_add_exchange(graph, builder, i, exchange);
            } else if (source != GW_INDEX_NONE) {
                gw_builder_add_edge(builder, source, 0, i, j);
            }
        }
    }
}

static gw_program *make_program(graph_spec *graph, GError **error)
{
    g_autoptr(gw_builder) builder = gw_builder_new("graph");
    if (!read_graph(graph, error) || !add_nodes(graph, builder, error)) {
        return NULL;
    }
    add_edges(graph, builder);
    return gw_workload_finish(g_steal_pointer(&builder), graph->params, error);
}

static gw_program *build_graph(gw_params *params, uint64_t seed, GError **error)
{
    (void)seed; /* Nothing is random. */
    graph_spec graph = {.params = params,
                        .meshes = g_array_new(FALSE, FALSE, sizeof(graph_mesh)),
                        .functions = g_array_new(FALSE, FALSE, sizeof(graph_function)),
                        .nodes = g_array_new(FALSE, FALSE, sizeof(graph_node)),
                        .deals = g_array_new(FALSE, FALSE, sizeof(graph_deal)),
                        .carried = g_array_new(FALSE, FALSE, sizeof(graph_carried)),
                        .results = g_array_new(FALSE, FALSE, sizeof(graph_result)),
                        .mesh_indexes = g_hash_table_new(g_str_hash, g_str_equal),
                        .function_indexes = g_hash_table_new(g_str_hash, g_str_equal),
                        .node_indexes = g_hash_table_new(g_str_hash, g_str_equal),
                        .result_indexes = g_hash_table_new(g_str_hash, g_str_equal),
                        .instances = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    g_array_set_clear_func(graph.functions, clear_function);
    g_array_set_clear_func(graph.nodes, clear_node);
    gw_program *program = make_program(&graph, error);
    g_array_unref(graph.meshes);
    g_array_unref(graph.functions);
    g_array_unref(graph.nodes);
    g_array_unref(graph.carried);
    g_array_unref(graph.deals);
    g_array_unref(graph.results);
    g_hash_table_unref(graph.mesh_indexes);
    g_hash_table_unref(graph.function_indexes);
    g_hash_table_unref(graph.node_indexes);
    g_hash_table_unref(graph.result_indexes);
    g_hash_table_unref(graph.instances);
    return program;
}

static const char *const graph_help[] = {
    "meshes  {\"name\": [sizes]}: 1 to 3 sizes each",
    "functions  {\"name\": {\"operations\": [...], \"output\": bytes on each device, default 4, "
    "\"sharded\": default false, \"computations\": default 1, of set-up 0}}; an operation is "
    "{\"duration\": span}, {\"flops\": number, \"bytes\": bytes of memory traffic} or "
    "{\"collective\": kind, \"bytes\": of one device's input, \"axes\": [dimensions], default "
    "all}; "
    "the first two may be \"counted\": for as many rows as may be dealt, and less for fewer",
    "nodes  [{\"name\", \"function\", \"mesh\", \"inputs\": [names of nodes], \"once\": set-up, "
    "\"when\": a result, \"otherwise\": the function where it is not above 0}]; an input may be "
    "{\"from\": node, \"exchange\": {\"row\": bytes of one, \"capacity_rows\": most on a device, "
    "\"overflow\": \"fail\" (default) or \"drop\"}}, rows dealt out by the job's \"counts\", or "
    "{\"from\": a node that was dealt some, \"exchange\": \"return\"}",
    "results  {\"name\": node}: numbers that are read back in every run",
    "carried  [{\"from\": node of the run before, \"to\": node, whose inputs this one joins, "
    "\"initial\": set-up node for the first run}]",
    NULL,
};

const gw_workload_ops gw_workload_graph = {
    .name = "graph",
    .summary = "a graph of nodes written out in the scenario",
    .help = graph_help,
    .build = build_graph,
};
