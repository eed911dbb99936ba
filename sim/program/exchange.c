/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes are looked up where they stand, in the functions at both ends, so nothing of an exchange
 * is said twice.  Which values follow the dealt rows is one pass over the operations. */
#include "program/exchange.h"

#include <math.h>

#include "base/error.h"

/* --- Sizes --- */

static const gw_value *target_value(const gw_program *program, const gw_edge *edge)
{
    const gw_function *function = gw_program_function(program, edge->target_node);
    return gw_function_value(function, gw_function_input(function, edge->target_input));
}

static const gw_value *output_value(const gw_program *program, uint32_t node, uint32_t output)
{
    const gw_function *function = gw_program_function(program, node);
    return gw_function_value(function, gw_function_output(function, output));
}

uint64_t gw_exchange_row_bytes(const gw_program *program, uint32_t edge)
{
    const gw_value *value = target_value(program, gw_program_edge(program, edge));
    return (uint64_t)value->columns * value->element_bytes;
}

uint32_t gw_exchange_rows(const gw_program *program, uint32_t edge)
{
    const uint32_t deal = gw_exchange_deal(program, edge);
    const gw_edge *dealt = gw_program_edge(program, deal);
    return (
        uint32_t)(gw_value_bytes(output_value(program, dealt->source_node, dealt->source_output)) /
                  gw_exchange_row_bytes(program, deal));
}

uint32_t gw_exchange_capacity(const gw_program *program, uint32_t edge)
{
    return target_value(program, gw_program_edge(program, gw_exchange_deal(program, edge)))->rows;
}

uint32_t gw_exchange_source_count(const gw_program *program, uint32_t edge)
{
    const uint32_t deal = gw_exchange_deal(program, edge);
    return gw_program_shard_count(program, gw_program_edge(program, deal)->source_node);
}

uint32_t gw_exchange_target_count(const gw_program *program, uint32_t edge)
{
    const uint32_t deal = gw_exchange_deal(program, edge);
    return gw_program_shard_count(program, gw_program_edge(program, deal)->target_node);
}

/* --- Checking --- */

static bool refuse_edge(const gw_program *program, const gw_edge *edge, GError **error,
                        const char *format, ...) G_GNUC_PRINTF(4, 5);
static bool refuse_edge(const gw_program *program, const gw_edge *edge, GError **error,
                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "program \"%s\": the exchange from \"%s\" to \"%s\": %s", program->name,
                gw_program_node(program, edge->source_node)->name,
                gw_program_node(program, edge->target_node)->name, text);
    return false;
}

static bool check_ends(const gw_program *program, const gw_edge *edge, GError **error)
{
    const gw_node *source = gw_program_node(program, edge->source_node);
    const gw_node *target = gw_program_node(program, edge->target_node);
    if (source->mesh == target->mesh) {
        return refuse_edge(program, edge, error, "found one mesh, expected two");
    }
    if (edge->is_carried || edge->duration_ns > 0) {
        return refuse_edge(program, edge, error,
                           "found %s, expected one within a run that the interconnect prices",
                           edge->is_carried ? "a carried edge" : "a duration");
    }
    if (source->is_once || target->is_once || gw_node_is_decided(source) ||
        gw_node_is_decided(target)) {
        return refuse_edge(program, edge, error,
                           "found an end that is set-up or decided, expected nodes that run the "
                           "same function every time");
    }
    if (!output_value(program, edge->source_node, edge->source_output)->is_sharded ||
        !target_value(program, edge)->is_sharded) {
        return refuse_edge(program, edge, error,
                           "found a replicated buffer, expected sharded ones");
    }
    return true;
}

static bool check_counts(const gw_program *program, const gw_edge *edge, GError **error)
{
    const uint32_t output_count = gw_program_function(program, edge->source_node)->output_count;
    const uint32_t target_count = gw_program_shard_count(program, edge->target_node);
    if (edge->exchange.counts_output >= output_count ||
        edge->exchange.counts_output == edge->source_output) {
        return refuse_edge(program, edge, error,
                           "found counts in output %u, expected another one of %u outputs",
                           edge->exchange.counts_output, output_count);
    }
    const gw_value *counts = output_value(program, edge->source_node, edge->exchange.counts_output);
    if ((uint64_t)counts->rows * counts->columns != target_count || counts->element_bytes != 4 ||
        !counts->is_sharded) {
        return refuse_edge(program, edge, error,
                           "found counts of %u x %u, expected %u on each device, sharded: one for "
                           "each target",
                           counts->rows, counts->columns, target_count);
    }
    return true;
}

static bool check_deal(const gw_program *program, const gw_edge *edge, GError **error)
{
    const gw_value *source = output_value(program, edge->source_node, edge->source_output);
    const gw_value *target = target_value(program, edge);
    const uint64_t row_bytes = (uint64_t)target->columns * target->element_bytes;
    const uint64_t rows = gw_value_bytes(source) / row_bytes;
    if (gw_value_bytes(source) % row_bytes != 0 || source->element_bytes != target->element_bytes) {
        return refuse_edge(program, edge, error,
                           "found %" G_GUINT64_FORMAT " bytes on each device, expected whole rows "
                           "of the target's %" G_GUINT64_FORMAT " bytes",
                           gw_value_bytes(source), row_bytes);
    }
    if (rows > GW_EXCHANGE_ROWS_MAX) {
        return refuse_edge(program, edge, error,
                           "found %" G_GUINT64_FORMAT " rows on each device, expected at most %u",
                           rows, GW_EXCHANGE_ROWS_MAX);
    }
    return check_counts(program, edge, error);
}

/* The DEAL into `node`; GW_INDEX_NONE: there is none. */
static uint32_t find_deal(const gw_program *program, uint32_t node)
{
    for (uint32_t e = program->first_edge[node]; e < program->first_edge[node + 1]; e++) {
        if (gw_program_edge(program, e)->exchange.kind == GW_EXCHANGE_DEAL) {
            return e;
        }
    }
    return GW_INDEX_NONE;
}

static bool check_return(const gw_program *program, const gw_edge *edge, GError **error)
{
    const uint32_t deal = find_deal(program, edge->source_node);
    if (deal == GW_INDEX_NONE) {
        return refuse_edge(program, edge, error,
                           "found nothing that \"%s\" was dealt, expected rows to return",
                           gw_program_node(program, edge->source_node)->name);
    }
    const gw_node *dealer = gw_program_node(program, gw_program_edge(program, deal)->source_node);
    if (dealer->mesh != gw_program_node(program, edge->target_node)->mesh) {
        return refuse_edge(program, edge, error,
                           "found another mesh than that of \"%s\", which dealt the rows",
                           dealer->name);
    }
    const gw_value *source = output_value(program, edge->source_node, edge->source_output);
    const gw_value *target = target_value(program, edge);
    const uint64_t row_bytes = (uint64_t)target->columns * target->element_bytes;
    const uint64_t capacity = gw_exchange_capacity(program, deal);
    const uint32_t rows = gw_exchange_rows(program, deal);
    if (target->rows != rows || gw_value_bytes(source) != capacity * row_bytes ||
        source->element_bytes != target->element_bytes) {
        return refuse_edge(
            program, edge, error,
            "found %" G_GUINT64_FORMAT " bytes that return to %u rows of %" G_GUINT64_FORMAT
            " bytes, expected %" G_GUINT64_FORMAT " rows of one size that return to %u",
            gw_value_bytes(source), target->rows, row_bytes, capacity, rows);
    }
    return true;
}

/* One DEAL into a node at most, and one RETURN of it; `returns` says from which nodes there is one
 * already. */
static bool check_alone(const gw_program *program, uint32_t index, bool *returns, GError **error)
{
    const gw_edge *edge = gw_program_edge(program, index);
    if (edge->exchange.kind == GW_EXCHANGE_DEAL) {
        return find_deal(program, edge->target_node) == index ||
               refuse_edge(program, edge, error,
                           "found a second one to that node, expected one at most");
    }
    if (returns[edge->source_node]) {
        return refuse_edge(program, edge, error,
                           "found a second way back from there, expected one at most");
    }
    returns[edge->source_node] = true;
    return true;
}

bool gw_exchange_check(const gw_program *program, GError **error)
{
    g_autofree bool *returns = g_new0(bool, program->nodes->len);
    for (uint32_t e = 0; e < program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(program, e);
        const gw_exchange_kind kind = edge->exchange.kind;
        if (kind == GW_EXCHANGE_NONE) {
            continue;
        }
        if (!check_ends(program, edge, error) ||
            (kind == GW_EXCHANGE_DEAL ? !check_deal(program, edge, error)
                                      : !check_return(program, edge, error)) ||
            !check_alone(program, e, returns, error)) {
            return false;
        }
    }
    return true;
}

void gw_exchange_link(gw_program *program)
{
    for (uint32_t e = 0; e < program->edges->len; e++) {
        gw_edge *edge = &g_array_index(program->edges, gw_edge, e);
        if (edge->exchange.kind == GW_EXCHANGE_NONE) {
            continue;
        }
        program->exchange_count++;
        if (edge->exchange.kind == GW_EXCHANGE_RETURN) {
            const uint32_t deal = find_deal(program, edge->source_node);
            edge->exchange.dealt_edge = deal;
            g_array_index(program->edges, gw_edge, deal).exchange.return_edge = e;
            continue;
        }
        if (program->counted == NULL) {
            program->counted = g_new0(gw_counted *, program->nodes->len);
        }
        gw_counted *counted =
            gw_counted_new(gw_program_function(program, edge->target_node), edge->target_input);
        counted->edge = e;
        program->counted[edge->target_node] = counted;
    }
}

/* --- What follows the rows --- */

static bool follows(const gw_counted *counted, const gw_function *function,
                    const gw_operation *operation)
{
    const bool *values = counted->values;
    switch (operation->kind) {
    case GW_OPERATION_DURATION:
    case GW_OPERATION_WORK:
        return operation->is_counted;
    case GW_OPERATION_MATMUL:
        return values[operation->inputs[0]] && !operation->transpose_a &&
               !values[operation->inputs[1]];
    case GW_OPERATION_MAP:
        if (operation->map == GW_MAP_ADD_ROW) {
            return values[operation->inputs[0]] &&
                   gw_function_value(function, operation->inputs[1])->rows == 1;
        }
        if (gw_operation_input_count(operation) == 1) {
            return values[operation->inputs[0]];
        }
        return values[operation->inputs[0]] && values[operation->inputs[1]];
    case GW_OPERATION_SOFTMAX:
    case GW_OPERATION_LAYER_NORM:
        return values[operation->inputs[0]];
    default:
        return false;
    }
}

static bool has_whole_output(const gw_operation *operation, const bool *is_whole)
{
    for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
        if (is_whole[operation->outputs[k]]) {
            return true;
        }
    }
    return false;
}

/* One pass; what an operation writes that does not follow is whole.  True: that was news. */
static bool mark_following(gw_counted *counted, const gw_function *function, bool *is_whole)
{
    bool has_news = false;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        counted->operations[i] =
            follows(counted, function, operation) && !has_whole_output(operation, is_whole);
        for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
            const uint32_t output = operation->outputs[k];
            has_news = has_news || (!counted->operations[i] && !is_whole[output]);
            is_whole[output] = is_whole[output] || !counted->operations[i];
            counted->values[output] = counted->operations[i];
        }
    }
    return has_news;
}

/* A temporary that is written twice follows when both writers do: passes are made until one finds
 * nothing new. */
gw_counted *gw_counted_new(const gw_function *function, uint32_t input)
{
    const uint32_t index = gw_function_input(function, input);
    gw_counted *counted = g_new0(gw_counted, 1);
    counted->input = input;
    counted->capacity = gw_function_value(function, index)->rows;
    counted->values = g_new0(bool, function->values->len);
    counted->operations = g_new0(bool, function->operations->len + 1);
    g_autofree bool *is_whole = g_new0(bool, function->values->len);
    counted->values[index] = true;
    while (mark_following(counted, function, is_whole)) {
    }
    return counted;
}

void gw_counted_free(gw_counted *counted)
{
    if (counted == NULL) {
        return;
    }
    g_free(counted->values);
    g_free(counted->operations);
    g_free(counted);
}

void gw_counted_resize(const gw_counted *counted, gw_function *scratch, uint32_t rows)
{
    for (uint32_t i = 0; i < scratch->values->len; i++) {
        if (counted->values[i]) {
            g_array_index(scratch->values, gw_value, i).rows = rows;
        }
    }
}

gw_operation gw_counted_operation(const gw_counted *counted, const gw_function *scratch,
                                  uint32_t index, uint32_t rows)
{
    gw_operation operation = *gw_function_operation(scratch, index);
    if (!counted->operations[index]) {
        return operation;
    }
    const double share = (double)rows / (double)counted->capacity;
    operation.flops *= share;
    operation.bytes *= share;
    operation.duration_ns = (gw_span)ceil((double)operation.duration_ns * share);
    return operation;
}
