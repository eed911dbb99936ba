/* SPDX-License-Identifier: Apache-2.0 */
/* A little reader for functions in one line. */
#include "small_program.h"

#include <stdio.h>

#include "base/check.h"

#define DURATION_NS 1000

static uint32_t read_rows(const char **text)
{
    char *end;
    const guint64 rows = g_ascii_strtoull(*text, &end, 10);
    gw_check(end != *text);
    gw_check(rows > 0 && rows <= UINT32_MAX);
    *text = end;
    return (uint32_t)rows;
}

static void add_meeting(gw_function *function)
{
    const uint32_t x = gw_function_add_temporary(function, 1, 1);
    const uint32_t y = gw_function_add_temporary(function, 1, 1);
    gw_operation meet = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
    meet.inputs[0] = (uint16_t)x;
    meet.outputs[0] = (uint16_t)y;
    gw_function_add(function, &meet);
}

static gw_function *read_function(const char *name, const char *text)
{
    gw_function *function = gw_function_new(name);
    bool is_output = false;
    gw_operation work = {.kind = GW_OPERATION_DURATION, .duration_ns = DURATION_NS};
    function->computations = 1;
    gw_function_add(function, &work);
    while (*text != '\0') {
        const char letter = *text++;
        switch (letter) {
        case ' ':
            break;
        case '>':
            is_output = true;
            break;
        case 's':
        case 'r':
            if (is_output) {
                gw_function_add_output(function, read_rows(&text), 1, letter == 's');
            } else {
                gw_function_add_input(function, read_rows(&text), 1, letter == 's');
            }
            break;
        case '/':
            while (*text == ' ') {
                text++;
            }
            gw_function_add_temporary(function, read_rows(&text), 1);
            break;
        case '=':
            gw_function_donate(function, gw_function_input(function, read_rows(&text) - 1),
                               gw_function_output(function, function->output_count - 1));
            break;
        case '!':
            add_meeting(function);
            break;
        default:
            gw_check(!"a letter of a small function");
        }
    }
    return function;
}

uint32_t small_mesh(gw_builder *builder, uint32_t device_count)
{
    return gw_builder_add_mesh(builder, "mesh", 1, &device_count);
}

uint32_t small_node(gw_builder *builder, const char *name, uint32_t mesh, const char *function)
{
    const uint32_t made = gw_builder_take_function(builder, read_function(name, function));
    return gw_builder_add_node(builder, name, made, mesh);
}

uint32_t small_once(gw_builder *builder, const char *name, uint32_t mesh, const char *function)
{
    const uint32_t node = small_node(builder, name, mesh, function);
    gw_builder_set_once(builder, node);
    return node;
}

gw_program *small_finish(gw_builder *builder)
{
    GError *error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    if (program == NULL) {
        fprintf(stderr, "small program: %s\n", error->message);
    }
    gw_check(program != NULL);
    return program;
}
