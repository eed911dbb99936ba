/* SPDX-License-Identifier: Apache-2.0 */
/* Of which offers the policy may be asked: those whose slice is not known to be full, and whose
 * need is not known to be short.  They are counted, so that no policy is asked in vain, and a
 * policy that can sets all others aside once it has picked one of them. */
#include "base/check.h"
#include "controller/schedule_private.h"

static void want(gw_need *need)
{
    need->wanted++;
    need->slice->wanted++;
}

static void unwant(gw_need *need)
{
    gw_check(need->wanted > 0);
    need->wanted--;
    need->slice->wanted--;
}

void gw_schedule_wait(gw_scheduled_instance *instance, gw_scheduled_state state)
{
    gw_need *need = gw_schedule_next_need(instance);
    instance->state = state;
    want(need);
    g_queue_push_tail_link(state == GW_SCHEDULED_BLOCKED ? &need->slice->waiting : &need->waiting,
                           &instance->waits);
}

void gw_schedule_stop_waiting(gw_scheduled_instance *instance, GQueue *waiting)
{
    unwant(gw_schedule_next_need(instance));
    g_queue_unlink(waiting, &instance->waits);
}

void gw_schedule_add_offer(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    gw_need *need = gw_schedule_next_need(instance);
    gw_check(!need->slice->is_full);
    gw_check(!need->is_short);
    instance->state = GW_SCHEDULED_OFFERED;
    want(need);
    need->offered++;
    need->slice->offered++;
    schedule->open_count++;
    schedule->is_changed = true;
}

void gw_schedule_end_offer(gw_schedule *schedule, const gw_scheduled_instance *instance)
{
    gw_need *need = gw_schedule_next_need(instance);
    gw_check(need->offered > 0);
    unwant(need);
    need->offered--;
    if (need->is_short)
        return;
    need->slice->offered--;
    if (!need->slice->is_full)
        schedule->open_count--;
}

/* Its offers may be picked again, unless there is another reason against it. */
static void release_need(gw_schedule *schedule, gw_need *need)
{
    if (!need->is_held || need->is_short || need->slice->is_full)
        return;
    need->is_held = false;
    schedule->policy->ops->release(schedule->policy, need->number);
}

void gw_schedule_open_slice(gw_schedule *schedule, gw_slice *slice)
{
    schedule->open_count += slice->offered;
    schedule->is_changed = schedule->is_changed || slice->offered > 0;
    for (uint32_t n = 0; n < slice->needs->len; n++)
        release_need(schedule, (gw_need *)g_ptr_array_index(slice->needs, n));
}

void gw_schedule_open_need(gw_schedule *schedule, gw_need *need)
{
    need->slice->offered += need->offered;
    if (need->slice->is_full)
        return;
    schedule->open_count += need->offered;
    schedule->is_changed = schedule->is_changed || need->offered > 0;
    release_need(schedule, need);
}

bool gw_schedule_is_free(gw_schedule *schedule, gw_slice *slice)
{
    const bool was_full = slice->is_full;
    if (gw_room_is_free(schedule->room, slice))
        return true;
    if (!was_full)
        schedule->open_count -= slice->offered;
    return false;
}

bool gw_schedule_is_there(gw_schedule *schedule, gw_need *need)
{
    if (need->is_short)
        return false;
    if (schedule->budget == NULL || gw_budget_has(schedule->budget, need))
        return true;
    need->slice->offered -= need->offered;
    schedule->open_count -= need->offered;
    return false;
}

/* The policy is told only now, since none is asked while all offers are such. */
void gw_schedule_hold_need(gw_schedule *schedule, gw_need *need)
{
    const bool has_no_room = need->slice->is_full || need->is_short;
    if (!schedule->can_hold || !has_no_room || need->is_held || need->offered == 0)
        return;
    need->is_held = true;
    schedule->policy->ops->hold(schedule->policy, need->number);
}
