/* SPDX-License-Identifier: Apache-2.0 */
/* Pathways: a scheduler per island gives all gangs one order (schedule.h).  Without a policy each
 * client is its own scheduler.
 *
 * A scheduler orders when a timer goes off that is due at once, and so after what has come
 * meanwhile: an idle one loses no time by that, and a busy one orders many clients' gangs together,
 * which travel in one message per host. */
#include "base/check.h"
#include "controller/schedule.h"
#include "controller/system.h"

#define TURN_TAG 1

typedef struct {
    gw_part base;
    gw_schedule *schedule;
    gw_port *port;
    bool has_turns;   /* A scheduler of its own node; a client's timers are the client's. */
    bool is_turn_due; /* The timer is set. */
} pathways_part;

static void free_part(gw_part *part)
{
    gw_schedule_free(((pathways_part *)part)->schedule);
    g_free(part);
}

static bool handle(gw_part *part, gw_node_id source, const gw_message *message)
{
    gw_schedule *schedule = ((pathways_part *)part)->schedule;
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_INSTALL:
        gw_schedule_install(schedule, source, (const gw_assignment_message *)message);
        return true;
    case GW_MESSAGE_RETIRE:
        gw_schedule_retire(schedule, source, (const gw_instance_message *)message);
        return true;
    case GW_MESSAGE_SUBMIT:
        gw_schedule_submit(schedule, source, (const gw_submit *)message);
        return true;
    case GW_MESSAGE_ENQUEUED:
        gw_schedule_enqueued(schedule, (const gw_instance_message *)message);
        return true;
    case GW_MESSAGE_ORDERED:
        gw_schedule_ordered(schedule, source, (const gw_ordered_message *)message);
        return true;
    case GW_MESSAGE_RESULT:
        if (((const gw_result_message *)message)->is_for_client)
            return false;
        gw_schedule_result(schedule, (const gw_result_message *)message);
        return true;
    case GW_MESSAGE_PROGRESS:
        gw_schedule_progress(schedule, source, (const gw_progress *)message);
        return true;
    default:
        return false;
    }
}

static void flush(gw_part *part)
{
    pathways_part *self = (pathways_part *)part;
    gw_schedule_answer(self->schedule);
    if (!self->has_turns) {
        gw_schedule_flush(self->schedule);
    } else if (!self->is_turn_due && gw_schedule_is_changed(self->schedule)) {
        self->is_turn_due = true;
        self->port->ops->timer_set(self->port, self->port->ops->now(self->port),
                                   (gw_tag){TURN_TAG});
    }
}

static void take_turn(gw_part *part, gw_tag tag)
{
    pathways_part *self = (pathways_part *)part;
    gw_check(tag.value == TURN_TAG);
    self->is_turn_due = false;
    gw_schedule_flush(self->schedule);
}

static void explain(const gw_part *part, GString *out)
{
    gw_schedule_explain(((const pathways_part *)part)->schedule, out);
}

static void blame(const gw_part *part, GString *out)
{
    gw_schedule_blame(((const pathways_part *)part)->schedule, out);
}

static const gw_part_ops part_ops = {.free = free_part,
                                     .handle = handle,
                                     .timer = take_turn,
                                     .flush = flush,
                                     .explain = explain,
                                     .blame = blame};

static bool part_new(const gw_site *site, gw_part **out_part, GError **error)
{
    bool is_own_scheduler = site->role == GW_ROLE_CLIENT && site->control->policy == NULL;
    if (site->role != GW_ROLE_SCHEDULER && !is_own_scheduler)
        return true;
    uint32_t island = is_own_scheduler ? GW_INDEX_NONE : site->index;
    gw_schedule *schedule = gw_schedule_new(site->directory, site->control, site->jobs, island,
                                            site->self, site->port, error);
    if (schedule == NULL)
        return false;
    pathways_part *part = g_new0(pathways_part, 1);
    part->base.ops = &part_ops;
    part->schedule = schedule;
    part->port = site->port;
    part->has_turns = !is_own_scheduler;
    *out_part = &part->base;
    return true;
}

const gw_system_ops gw_system_pathways = {
    .name = "pathways",
    .summary = "a single controller: clients submit, a scheduler per island orders all gangs",
    .has_policy = true,
    .clients = GW_CLIENTS_SUBMIT,
    .hosts = GW_HOST_TAKES_NOTHING,
    .window_count = 1,
    .part_new = part_new,
};
