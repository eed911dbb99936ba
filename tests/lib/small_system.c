/* SPDX-License-Identifier: Apache-2.0 */
#include "small_system.h"

#include "base/check.h"

gw_program *small_system_chain(void)
{
    gw_builder *builder = gw_builder_new("chain");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t start = small_once(builder, "start", mesh, "> r1");
    const uint32_t a = small_node(builder, "a", mesh, "r1 > r1 s4 !");
    const uint32_t b = small_node(builder, "b", mesh, "r1 > r1 !");
    gw_builder_add_edge(builder, a, 0, b, 0);
    gw_builder_add_carried(builder, b, 0, start, 0, a, 0);
    return small_finish(builder);
}

void small_system_init(small_system *made, const small_system_spec *spec)
{
    *made = (small_system){.program = spec->program};
    made->directory = small_directory(spec->host_count, spec->devices_per_host, 1);
    made->plan = gw_plan_new(made->program);
    made->control = (gw_control){
        .system = spec->system,
        .dispatch = &gw_dispatch_parallel,
        .lookahead = spec->lookahead,
    };
    made->job = (gw_job){
        .name = "job",
        .program = made->program,
        .plan = made->plan,
        .submit = spec->submit,
        .runs = spec->runs,
        .in_flight = spec->in_flight,
    };
    const gw_node_id self =
        spec->is_client ? gw_directory_client(made->directory, 0) : (gw_node_id){spec->host};
    made->port = record_port_new(made->directory, self);
    made->controller = gw_controller_new(made->directory, &made->control, &made->job, self,
                                         &made->port->base, NULL);
    gw_check(made->controller != NULL);
}

void small_system_clear(small_system *made)
{
    gw_controller_free(made->controller);
    record_port_free(made->port);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    gw_directory_free(made->directory);
}

void small_system_hand(small_system *made, gw_node_id source, const gw_message *message)
{
    const gw_input input = {.kind = GW_INPUT_MESSAGE, .message = {source, message}};
    gw_controller_handle(made->controller, &input);
}

void small_system_install(small_system *made, const uint32_t *devices)
{
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, 0, made->program, devices);
    small_system_hand(made, gw_directory_client(made->directory, 0), &message->header);
    record_port_clear(made->port);
}

void small_system_answer(small_system *made, record_kind kind, double value)
{
    const gw_tag tag = record_port_oldest(made->port, kind);
    const gw_input input = record_port_answer(made->port, kind, tag, value);
    gw_controller_handle(made->controller, &input);
}

void small_system_deliver_own(small_system *made)
{
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < made->port->calls->len; i++) {
        const record_call *call = &g_array_index(made->port->calls, record_call, i);
        if (call->kind == RECORD_SEND && call->target.index == made->port->self.index) {
            g_ptr_array_add(messages, g_memdup2(call->message, call->message->size_bytes));
        }
    }
    record_port_clear(made->port);
    for (uint32_t i = 0; i < messages->len; i++) {
        small_system_hand(made, made->port->self, g_ptr_array_index(messages, i));
    }
}

void small_system_submit(small_system *made, uint32_t run, uint32_t first, uint32_t count,
                         uint64_t call)
{
    const gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message}, 0, run, first, count, call};
    small_system_hand(made, gw_directory_client(made->directory, 0), &message.header);
}
