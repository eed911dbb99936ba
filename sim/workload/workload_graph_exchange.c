/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of a graph's nodes that are dealt out by counts, or return from there.  A node that deals
 * has an output of counts besides what the scenario gives it; since it models time, what stands
 * there is what the job says. */
#include "base/check.h"
#include "program/exchange.h"
#include "workload/workload_graph.h"

static bool read_deal(gw_params *params, graph_exchange *out, GError **error)
{
    static const char *const names[] = {"fail", "drop", NULL};
    uint32_t which = 0;
    uint64_t capacity = 0;
    if (!gw_workload_read_buffer(params, "row", true, &out->row_bytes, error) ||
        !gw_params_count(params, "capacity_rows", true, 1,
                         GW_WORKLOAD_BUFFER_MAX_BYTES / out->row_bytes, &capacity, error) ||
        !gw_params_choice(params, "overflow", false, names, &which, error)) {
        return false;
    }
    out->kind = GW_EXCHANGE_DEAL;
    out->capacity = (uint32_t)capacity;
    out->overflow = which == 0 ? GW_OVERFLOW_FAIL : GW_OVERFLOW_DROP;
    return gw_params_finish(params, error);
}

bool gw_graph_read_input(gw_params *params, const char **out_from, graph_exchange *out,
                         GError **error)
{
    static const char *const names[] = {"return", NULL};
    gw_params *value = NULL;
    uint32_t which = 0;
    if (!gw_params_string(params, "from", true, out_from, error) ||
        !gw_params_value(params, "exchange", true, &value, error)) {
        return false;
    }
    out->params = params;
    out->kind = GW_EXCHANGE_RETURN;
    if (gw_params_is_object(value)) {
        if (!read_deal(value, out, error)) {
            return false;
        }
    } else if (gw_params_is_string(value)) {
        if (!gw_params_choice(params, "exchange", true, names, &which, error)) {
            return false;
        }
    } else {
        gw_params_refuse(value,
                         "\"return\", or {\"row\": BYTES} and \"capacity_rows\" and \"overflow\"",
                         error);
        return false;
    }
    return gw_params_finish(params, error);
}

const graph_exchange *gw_graph_find_exchange(const graph_node *node, uint32_t input)
{
    for (uint32_t i = 0; i < node->exchanges->len; i++) {
        const graph_exchange *exchange = &g_array_index(node->exchanges, graph_exchange, i);
        if (exchange->input == input) {
            return exchange;
        }
    }
    return NULL;
}

static const graph_node *source_of(const graph_spec *graph, const graph_node *node,
                                   const graph_exchange *exchange)
{
    const uint32_t source = g_array_index(node->sources, uint32_t, exchange->input);
    return &g_array_index(graph->nodes, graph_node, source);
}

static const graph_function *function_of(const graph_spec *graph, const graph_node *node)
{
    return &g_array_index(graph->functions, graph_function, node->function);
}

static const graph_exchange *find_deal(const graph_node *node)
{
    for (uint32_t i = 0; i < node->exchanges->len; i++) {
        const graph_exchange *exchange = &g_array_index(node->exchanges, graph_exchange, i);
        if (exchange->kind == GW_EXCHANGE_DEAL) {
            return exchange;
        }
    }
    return NULL;
}

static bool check_rows(const graph_exchange *exchange, uint64_t size_bytes, uint64_t divisor,
                       const char *what, const char *name, GError **error)
{
    if (size_bytes % divisor == 0) {
        return true;
    }
    gw_params_error(exchange->params, "from", error,
                    "found %" G_GUINT64_FORMAT
                    " bytes that \"%s\" makes on each device, expected a "
                    "multiple of %" G_GUINT64_FORMAT ", %s",
                    size_bytes, name, divisor, what);
    return false;
}

/* A returning row is as large as what its maker made of one: the maker's output over as many as
 * there may be. */
static bool shape_return(const graph_spec *graph, const graph_node *maker,
                         const graph_exchange *exchange, uint32_t *out_rows, uint32_t *out_columns,
                         GError **error)
{
    const graph_exchange *deal = find_deal(maker);
    if (deal == NULL) {
        gw_params_error(exchange->params, "exchange", error,
                        "found nothing that \"%s\" is dealt, expected rows to return", maker->name);
        return false;
    }
    const graph_node *dealer = source_of(graph, maker, deal);
    const uint64_t made_bytes = function_of(graph, maker)->output_bytes;
    const uint64_t dealt_bytes = function_of(graph, dealer)->output_bytes;
    if (!check_rows(exchange, made_bytes, (uint64_t)deal->capacity * 4,
                    "numbers of float32 for each row that it may be dealt", maker->name, error)) {
        return false;
    }
    const uint64_t columns = made_bytes / deal->capacity / 4;
    const uint64_t rows = dealt_bytes / deal->row_bytes;
    if (rows == 0 || rows > GW_WORKLOAD_BUFFER_MAX_BYTES / 4 / columns) {
        g_autofree char *most = gw_bytes_format(GW_WORKLOAD_BUFFER_MAX_BYTES);
        gw_params_error(exchange->params, "exchange", error,
                        "found %" G_GUINT64_FORMAT " rows of %" G_GUINT64_FORMAT
                        " bytes that return, expected 1 row to %s",
                        rows, columns * 4, most);
        return false;
    }
    *out_rows = (uint32_t)rows;
    *out_columns = (uint32_t)columns;
    return true;
}

bool gw_graph_shape_exchange(const graph_spec *graph, const graph_node *node,
                             const graph_exchange *exchange, uint32_t *out_rows,
                             uint32_t *out_columns, GError **error)
{
    const graph_node *source = source_of(graph, node, exchange);
    if (exchange->kind == GW_EXCHANGE_RETURN) {
        return shape_return(graph, source, exchange, out_rows, out_columns, error);
    }
    *out_rows = exchange->capacity;
    *out_columns = (uint32_t)(exchange->row_bytes / 4);
    return check_rows(exchange, function_of(graph, source)->output_bytes, exchange->row_bytes,
                      "whole rows", source->name, error);
}

void gw_graph_add_counts(const graph_spec *graph, uint32_t index, gw_function *function,
                         GString *key)
{
    for (uint32_t i = 0; i < graph->deals->len; i++) {
        const graph_deal *deal = &g_array_index(graph->deals, graph_deal, i);
        if (deal->source != index) {
            continue;
        }
        const graph_node *target = &g_array_index(graph->nodes, graph_node, deal->target);
        const uint32_t count = gw_graph_count_devices(
            &g_array_index(graph->meshes, graph_mesh, target->mesh), UINT8_MAX);
        if (function != NULL) {
            gw_function_add_output(function, 1, count, true);
        }
        if (key != NULL) {
            g_string_append_printf(key, " to %u", count);
        }
    }
}

/* Which of its source's outputs has the counts: one after the other, after what the scenario
 * says.  A node that is dealt rows twice is refused later on. */
static uint32_t find_counts(const graph_spec *graph, uint32_t source, uint32_t target)
{
    uint32_t output = 1;
    for (uint32_t i = 0; i < graph->deals->len; i++) {
        const graph_deal *deal = &g_array_index(graph->deals, graph_deal, i);
        if (deal->source == source && deal->target == target) {
            return output;
        }
        output += deal->source == source;
    }
    gw_check(!"an exchange of the graph");
    return GW_INDEX_NONE;
}

void gw_graph_add_exchange(const graph_spec *graph, gw_builder *builder, uint32_t node,
                           const graph_exchange *exchange)
{
    const uint32_t source =
        source_of(graph, &g_array_index(graph->nodes, graph_node, node), exchange)->index;
    if (exchange->kind == GW_EXCHANGE_RETURN) {
        gw_builder_add_return(builder, source, 0, node, exchange->input);
    } else {
        gw_builder_add_deal(builder, source, 0, find_counts(graph, source, node),
                            exchange->overflow, node, exchange->input);
    }
}

bool gw_graph_check_counted(const graph_spec *graph, const graph_node *node, GError **error)
{
    const graph_function *function = function_of(graph, node);
    for (uint32_t i = 0; i < function->operations->len && find_deal(node) == NULL; i++) {
        if (g_array_index(function->operations, graph_operation, i).operation.is_counted) {
            gw_params_error(node->params, "function", error,
                            "found operations of \"%s\" that go by dealt rows, and \"%s\" is dealt "
                            "none",
                            function->name, node->name);
            return false;
        }
    }
    return true;
}
