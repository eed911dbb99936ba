/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a node an input is for.  A host is an executor, there is one resource manager, and
 * each job has a client; what else a node carries is the system's (system.h). */
#include "controller/controller.h"

#include "base/check.h"
#include "base/lines.h"
#include "controller/client.h"
#include "controller/executor.h"
#include "controller/relay.h"
#include "controller/resources.h"
#include "controller/system.h"

/* Of a node that has failed. */
#define VIGIL_TAG 1

struct gw_controller {     /* One line. */
    gw_executor *executor; /* Each NULL where the node has no such part. */
    gw_relay *relay;       /* Before the executor, where dispatch goes down a tree. */
    gw_resources *resources;
    gw_client *client;
    gw_part *part;
    const gw_control *control;
    gw_port *port;
    bool is_stopped; /* A client that has failed, or was given up: it does nothing any more. */
};

static void deliver_dispatch(void *context, gw_node_id dispatcher,
                             const gw_dispatch_message *dispatch)
{
    gw_executor_dispatch((gw_executor *)context, dispatcher, dispatch);
}

gw_controller *gw_controller_new(const gw_directory *directory, const gw_control *control,
                                 const gw_job *jobs, gw_node_id self, gw_port *port, GError **error)
{
    gw_check(control->lookahead > 0);
    g_autoptr(gw_controller) controller = (gw_controller *)gw_lines_new0(1, sizeof(gw_controller));
    controller->control = control;
    controller->port = port;
    uint32_t index;
    gw_role role = gw_directory_role(directory, self, &index);
    if (role == GW_ROLE_EXECUTOR)
        controller->executor = gw_executor_new(directory, control, jobs, self, port);
    if (role == GW_ROLE_EXECUTOR && gw_relay_is_needed(control))
        controller->relay =
            gw_relay_new(directory, control, self, port, deliver_dispatch, controller->executor);
    if (role == GW_ROLE_RESOURCES)
        controller->resources = gw_resources_new(directory, control, jobs, port, error);
    if (role == GW_ROLE_RESOURCES && controller->resources == NULL)
        return NULL;
    if (role == GW_ROLE_CLIENT)
        controller->client = gw_client_new(directory, control, jobs, index, self, port);
    gw_site site = {directory, control, jobs, role, index, self, port, controller->executor};
    if (!gw_system_of(control)->part_new(&site, &controller->part, error))
        return NULL;
    return g_steal_pointer(&controller);
}

void gw_controller_free(gw_controller *controller)
{
    if (controller == NULL)
        return;
    if (controller->part != NULL)
        controller->part->ops->free(controller->part);
    gw_relay_free(controller->relay);
    gw_executor_free(controller->executor);
    gw_resources_free(controller->resources);
    gw_client_free(controller->client);
    gw_lines_free(controller);
}

static void handle_executor(gw_executor *executor, gw_node_id source, const gw_message *message)
{
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_INSTALL:
        gw_executor_install(executor, source, (const gw_assignment_message *)message);
        break;
    case GW_MESSAGE_RETIRE:
        gw_executor_retire(executor, source, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_DISPATCH:
        gw_executor_dispatch(executor, source, (const gw_dispatch_message *)message);
        break;
    case GW_MESSAGE_READY:
        gw_executor_ready(executor, source, (const gw_ready *)message);
        break;
    case GW_MESSAGE_ABANDON:
        gw_executor_abandon(executor, source, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_DRAIN:
        gw_executor_drain(executor, source, (const gw_extent_message *)message);
        break;
    case GW_MESSAGE_MOVE:
        gw_executor_move(executor, source, (const gw_move_message *)message);
        break;
    case GW_MESSAGE_MOVE_SHARDS:
        gw_executor_move_shards(executor, source, (const gw_move_shards *)message);
        break;
    case GW_MESSAGE_MOVED:
        gw_executor_moved(executor, (const gw_moved_message *)message);
        break;
    case GW_MESSAGE_PROMISE:
        gw_executor_promise(executor, source, (const gw_promise *)message);
        break;
    case GW_MESSAGE_PLACE:
        gw_executor_place(executor, source, (const gw_place *)message);
        break;
    case GW_MESSAGE_HANDED:
        gw_executor_handed(executor, (const gw_handed_message *)message);
        break;
    default:
        gw_check(!"a message that hosts know");
    }
}

static void handle_client(gw_client *client, const gw_message *message)
{
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_SLICE_GRANT:
        gw_client_granted(client, (const gw_assignment_message *)message);
        break;
    case GW_MESSAGE_SLICE_REFUSED:
        gw_client_refused(client, (const gw_slice_refused *)message);
        break;
    case GW_MESSAGE_SLICE_RECALL:
        gw_client_recalled(client, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_INSTALLED:
        gw_client_installed(client);
        break;
    case GW_MESSAGE_RETURNED:
        gw_client_returned(client, (const gw_call_message *)message);
        break;
    case GW_MESSAGE_RUN_DONE:
        gw_client_run_done(client, (const gw_call_message *)message);
        break;
    case GW_MESSAGE_RESULT:
        gw_client_result(client, (const gw_result_message *)message);
        break;
    case GW_MESSAGE_LOOP_DONE:
        gw_client_loop_done(client);
        break;
    case GW_MESSAGE_RETIRED:
        gw_client_retired(client, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_SLICE_STAY:
        gw_client_stayed(client, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_MOVED:
        gw_client_moved(client, (const gw_moved_message *)message);
        break;
    case GW_MESSAGE_LEASE:
        gw_client_asked(client);
        break;
    default:
        gw_check(!"a message that clients know");
    }
}

static void handle_resources(gw_resources *resources, gw_node_id source, const gw_message *message)
{
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_SLICE_REQUEST:
        gw_resources_request(resources, source, (const gw_slice_request *)message);
        break;
    case GW_MESSAGE_SLICE_RELEASE:
        gw_resources_release(resources, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_SLICE_EXCHANGE:
        gw_resources_exchange(resources, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_LEASE_KEPT:
        gw_resources_lease_kept(resources, (const gw_lease_message *)message);
        break;
    case GW_MESSAGE_ABANDONED:
        gw_resources_abandoned(resources, source, (const gw_extent_message *)message);
        break;
    case GW_MESSAGE_DRAINED:
        gw_resources_drained(resources, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_RETIRED:
        gw_resources_retired(resources, (const gw_instance_message *)message);
        break;
    case GW_MESSAGE_SLICE_MOVE:
        gw_resources_move(resources, (const gw_instance_message *)message);
        break;
    default:
        gw_check(!"a message that the resource manager knows");
    }
}

const char *gw_refusal_text(gw_refusal reason)
{
    static const char *const texts[] = {
        [GW_REFUSAL_SHAPE] = "no island has room for its slices, even when empty",
        [GW_REFUSAL_MEMORY] = "it needs more memory than its devices have",
        [GW_REFUSAL_REMOVED] = "hosts that it needs were removed, and not enough are put back",
    };
    gw_check(reason < G_N_ELEMENTS(texts));
    gw_check(texts[reason] != NULL);
    return texts[reason];
}

static void handle_message(gw_controller *controller, gw_node_id source, const gw_message *message)
{
    if (message->kind == GW_MESSAGE_RELAY && controller->relay != NULL) {
        gw_relay_take(controller->relay, (const gw_relay_message *)message);
        return;
    }
    if (controller->part != NULL &&
        controller->part->ops->handle(controller->part, source, message))
        return;
    if (controller->executor != NULL)
        handle_executor(controller->executor, source, message);
    else if (controller->resources != NULL)
        handle_resources(controller->resources, source, message);
    else {
        gw_check(controller->client != NULL);
        handle_client(controller->client, message);
    }
}

/* --- A client that has stopped --- */

/* A failed node keeps vigil with a timer of its own, so that no run ends, with nothing left to
 * happen, before the resource manager has missed it: that one's own timer keeps no run going. */
static void keep_vigil(const gw_controller *controller)
{
    gw_port *port = controller->port;
    port->ops->timer_set(port, port->ops->now(port) + controller->control->lease_ns,
                         (gw_tag){VIGIL_TAG});
}

static void stop_node(gw_controller *controller)
{
    controller->is_stopped = true;
    if (gw_client_fail(controller->client))
        keep_vigil(controller);
}

/* Whatever comes goes nowhere; that it was missed ends the vigil. */
static void handle_stopped(const gw_controller *controller, const gw_input *input)
{
    if (input->kind == GW_INPUT_TIMER)
        keep_vigil(controller);
    else if (input->kind == GW_INPUT_MESSAGE &&
             input->message.content->kind == GW_MESSAGE_LEASE_LOST)
        controller->port->ops->timer_cancel(controller->port, (gw_tag){VIGIL_TAG});
}

/* True: the node has stopped with this input, or before. */
static bool is_over(gw_controller *controller, const gw_input *input)
{
    if (controller->client == NULL)
        return false;
    if (controller->is_stopped) {
        handle_stopped(controller, input);
        return true;
    }
    if (input->kind == GW_INPUT_TIMER && input->tag.value == GW_CLIENT_FAIL_TAG)
        stop_node(controller);
    if (input->kind == GW_INPUT_MESSAGE && input->message.content->kind == GW_MESSAGE_LEASE_LOST) {
        gw_client_lost(controller->client);
        controller->is_stopped = true;
    }
    return controller->is_stopped;
}

void gw_controller_fetch(const gw_controller *soon, const gw_controller *next)
{
    if (soon->executor != NULL && next->executor != NULL)
        gw_executor_fetch(soon->executor, next->executor);
}

void gw_controller_handle(gw_controller *controller, const gw_input *input)
{
    if (is_over(controller, input))
        return;
    switch (input->kind) {
    case GW_INPUT_START:
        if (controller->client != NULL)
            gw_client_start(controller->client);
        if (controller->resources != NULL)
            gw_resources_start(controller->resources);
        break;
    case GW_INPUT_TIMER:
        if (controller->client != NULL)
            gw_client_timer(controller->client, input->tag);
        else if (controller->resources != NULL)
            gw_resources_timer(controller->resources, input->tag);
        else
            controller->part->ops->timer(controller->part, input->tag);
        break;
    case GW_INPUT_MESSAGE:
        handle_message(controller, input->message.source, input->message.content);
        break;
    case GW_INPUT_KERNEL_DONE:
        gw_executor_kernel_done(controller->executor, input->tag, input->device_time_ns);
        break;
    case GW_INPUT_COPY_DONE:
        gw_executor_copy_done(controller->executor, input->tag, input->value);
        break;
    default:
        gw_check(!"an input that controllers know");
    }
    if (controller->part != NULL && controller->part->ops->flush != NULL)
        controller->part->ops->flush(controller->part);
    if (controller->executor != NULL)
        gw_executor_flush(controller->executor);
}

void gw_controller_explain(const gw_controller *controller, GString *out)
{
    if (controller->is_stopped)
        return;
    if (controller->executor != NULL)
        gw_executor_explain(controller->executor, out);
    if (controller->part != NULL)
        controller->part->ops->explain(controller->part, out);
    if (controller->resources != NULL)
        gw_resources_explain(controller->resources, out);
    if (controller->client != NULL)
        gw_client_explain(controller->client, out);
}

void gw_controller_blame(const gw_controller *controller, GString *out)
{
    if (controller->resources != NULL) {
        gw_resources_blame(controller->resources, out);
        return;
    }
    gw_check(controller->part != NULL);
    gw_check(controller->part->ops->blame != NULL);
    controller->part->ops->blame(controller->part, out);
}
