/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs that may be written over inputs.  Whether one buffer does for both is for the plan to
 * say, which knows who else reads it (controller/donation.c); here is what the function alone can
 * tell.
 */
#include "base/check.h"
#include "base/error.h"
#include "program/function.h"

void gw_function_donate(gw_function *function, uint32_t input, uint32_t output)
{
    const gw_value *donor = gw_function_value(function, input);
    gw_value *taker = &g_array_index(function->values, gw_value, output);
    gw_check(donor->role == GW_VALUE_INPUT);
    gw_check(taker->role == GW_VALUE_OUTPUT);
    taker->donor = donor->position + 1;
}

bool gw_operation_writes_over(const gw_operation *operation, uint32_t input, uint32_t output)
{
    switch (operation->kind) {
    case GW_OPERATION_SGD: /* (p, g) -> (p') */
    case GW_OPERATION_ALL_REDUCE:
        return input == 0;
    case GW_OPERATION_ADAM: /* (p, g, m, v, count) -> (p', m', v') */
        return output == 0 ? input == 0 : input == output + 1;
    case GW_OPERATION_MAP:
        return operation->map == GW_MAP_ADD || operation->map == GW_MAP_SUBTRACT ||
               operation->map == GW_MAP_MULTIPLY || operation->map == GW_MAP_ADD_SCALAR;
    default:
        return false;
    }
}

typedef struct {
    const gw_function *function;
    uint32_t input, output; /* Values. */
} donation;

static bool refuse(const donation *given, GError **error, const char *reason)
{
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "function \"%s\": output %u takes over input %u: %s", given->function->name,
                gw_function_value(given->function, given->output)->position,
                gw_function_value(given->function, given->input)->position, reason);
    return false;
}

static bool check_alike(const donation *given, GError **error)
{
    const gw_value *input = gw_function_value(given->function, given->input);
    const gw_value *output = gw_function_value(given->function, given->output);
    return (input->rows == output->rows && input->columns == output->columns &&
            input->element_bytes == output->element_bytes &&
            input->is_sharded == output->is_sharded) ||
           refuse(given, error, "found another shape, expected the same");
}

/* By value: the operation that first writes it, and the last one that reads it. */
typedef struct {
    uint32_t writer, last_reader; /* GW_INDEX_NONE: there is none. */
} value_use;

static value_use *list_uses(const gw_function *function)
{
    value_use *uses = g_new(value_use, function->values->len + 1);
    for (uint32_t i = 0; i < function->values->len; i++)
        uses[i] = (value_use){GW_INDEX_NONE, GW_INDEX_NONE};
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        for (uint32_t k = 0; k < gw_operation_output_count(operation); k++)
            uses[operation->outputs[k]].writer = MIN(uses[operation->outputs[k]].writer, i);
        for (uint32_t k = 0; k < gw_operation_input_count(operation); k++)
            uses[operation->inputs[k]].last_reader = i;
    }
    return uses;
}

/* Whether the operation that writes the output, if it reads the input, may write over it. */
static bool is_in_place(const donation *given, const gw_operation *writer)
{
    uint32_t written = 0, read = 0, read_count = 0;
    for (uint32_t k = 0; k < gw_operation_output_count(writer); k++)
        written = writer->outputs[k] == given->output ? k : written;
    for (uint32_t k = 0; k < gw_operation_input_count(writer); k++) {
        read_count += writer->inputs[k] == given->input;
        read = writer->inputs[k] == given->input ? k : read;
    }
    return read_count == 0 || (read_count == 1 && gw_operation_writes_over(writer, read, written));
}

/* The donor is read by none after the operation that writes the output, and by that one once, or
 * not at all. */
static bool check_use(const donation *given, const value_use *uses, GError **error)
{
    const uint32_t writer = uses[given->output].writer;
    const uint32_t last_reader = uses[given->input].last_reader;
    if (writer == GW_INDEX_NONE)
        return true;
    if (!is_in_place(given, gw_function_operation(given->function, writer)))
        return refuse(given, error,
                      "found that its writer does not read it element by element, expected an "
                      "operation that may write over what it reads");
    return last_reader == GW_INDEX_NONE || last_reader <= writer ||
           refuse(given, error, "found that it is read again, expected that it is not");
}

bool gw_function_check_donors(const gw_function *function, GError **error)
{
    g_autofree bool *is_taken = g_new0(bool, function->input_count + 1);
    g_autofree value_use *uses = list_uses(function);
    for (uint32_t o = 0; o < function->output_count; o++) {
        const uint32_t output = gw_function_output(function, o);
        const uint32_t donor = gw_function_value(function, output)->donor;
        if (donor == 0)
            continue;
        gw_check(donor <= function->input_count);
        const donation given = {function, gw_function_input(function, donor - 1), output};
        if (is_taken[donor - 1])
            return refuse(&given, error, "found that another does, expected one at most");
        is_taken[donor - 1] = true;
        if (!check_alike(&given, error) || !check_use(&given, uses, error))
            return false;
    }
    return true;
}
