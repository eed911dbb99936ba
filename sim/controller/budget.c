/* SPDX-License-Identifier: Apache-2.0 */
/* A need that is short hangs on the list of one device where it does not fit, so that giving back
 * looks at few, however many wait; lists are in order of arrival.  As in room.c, each device
 * belongs to the first claim, in order of raising, that covers it. */
#include "controller/budget.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"

struct gw_spender {
    uint32_t instance;
    const gw_plan *plan;
    gw_slice *const *slices;
    gw_need **needs;       /* By 2 * node + (run is 0). */
    uint64_t *fixed_bytes; /* By mesh: workspace and permanent buffers, spent. */
};

typedef struct {
    uint64_t spent_bytes, fixed_bytes;
    uint32_t instance_count; /* On the device. */
    uint32_t stamp;          /* The last one that was counted, + 1. */
    uint32_t ordered;        /* Gangs that needed memory; wraps. */
    gw_need *first;          /* The list, */
    gw_need *last;
    gw_need *owner; /* and whose claim it is part of; NULL: nobody's. */
} device_budget;

struct gw_budget {
    gw_room *room;
    uint32_t first_device, device_count, lookahead;
    uint64_t memory_bytes;    /* Of a device. */
    uint64_t lookahead_bytes; /* 0: no limit besides. */
    device_budget *devices;
    GPtrArray *claims; /* gw_need, in the order in which they were raised. */
};

/* --- Whether it matters --- */

/* All buffers of all runs in flight at once, on one device under all meshes. */
static uint64_t bound_bytes(const gw_job *job)
{
    const gw_plan *plan = job->plan;
    uint64_t sum_bytes = 0;
    for (uint32_t s = 0; s < plan->slot_count; s++)
        sum_bytes += plan->slots[s].size_bytes * ((uint64_t)job->in_flight + 2);
    for (uint32_t m = 0; m < plan->program->meshes->len; m++)
        sum_bytes += plan->workspace_bytes[m];
    return sum_bytes;
}

/* Of a device, with its share of what its host takes over. */
static uint64_t memory_of(const gw_island *island, const gw_control *control)
{
    const uint64_t share_bytes = island->host_memory_bytes / island->devices_per_host;
    return island->hbm_bytes + (control->spill != NULL ? share_bytes : 0);
}

bool gw_budget_is_needed(const gw_directory *directory, const gw_control *control,
                         const gw_job *jobs)
{
    uint64_t limit_bytes = UINT64_MAX;
    if (control->policy == NULL)
        return false;
    if (control->lookahead_memory_bytes > 0)
        limit_bytes = control->lookahead_memory_bytes;
    for (uint32_t i = 0; directory->job_count > 1 && i < directory->island_count; i++)
        limit_bytes = MIN(limit_bytes, memory_of(&directory->islands[i], control));
    uint64_t left_bytes = limit_bytes;
    for (uint32_t j = 0; j < directory->job_count; j++) {
        const uint64_t job_bytes = bound_bytes(&jobs[j]);
        if (job_bytes > left_bytes)
            return true;
        left_bytes -= job_bytes;
    }
    return false;
}

/* --- Instances --- */

gw_budget *gw_budget_new(const gw_directory *directory, const gw_control *control, gw_room *room,
                         uint32_t island)
{
    gw_budget *budget = g_new0(gw_budget, 1);
    budget->room = room;
    budget->first_device = directory->islands[island].first_device;
    budget->device_count = directory->islands[island].device_count;
    budget->memory_bytes = memory_of(&directory->islands[island], control);
    budget->lookahead_bytes = control->lookahead_memory_bytes;
    budget->lookahead = control->lookahead;
    budget->devices = g_new0(device_budget, budget->device_count);
    budget->claims = g_ptr_array_new();
    return budget;
}

void gw_budget_free(gw_budget *budget)
{
    if (budget == NULL)
        return;
    g_free(budget->devices);
    g_ptr_array_unref(budget->claims);
    g_free(budget);
}

static device_budget *device_of(const gw_budget *budget, uint32_t device)
{
    return &budget->devices[device - budget->first_device];
}

static void change_fixed(gw_budget *budget, const gw_slice *slice, uint64_t add_bytes,
                         uint64_t subtract_bytes)
{
    for (uint32_t d = 0; d < slice->device_count; d++)
        device_of(budget, slice->devices[d])->fixed_bytes += add_bytes - subtract_bytes;
}

static void fill_needs(const gw_budget *budget, gw_spender *spender)
{
    const gw_plan *plan = spender->plan;
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_plan_node *node = &plan->nodes[n];
        uint64_t outputs_bytes = 0;
        for (uint32_t o = 0; o < node->output_count; o++) {
            const gw_plan_slot *slot = &plan->slots[node->first_slot + o];
            outputs_bytes += slot->taken_input > 0 ? 0 : slot->size_bytes;
        }
        for (uint32_t run = 0; run < 2; run++) {
            uint64_t need_bytes = outputs_bytes;
            for (uint32_t i = 0; i < node->input_count; i++) {
                const gw_plan_input *input = &plan->inputs[node->first_input + i];
                if (gw_plan_input_arrives(input, run))
                    need_bytes += plan->slots[input->inbound_slot].size_bytes;
            }
            spender->needs[2 * n + 1 - run] =
                gw_room_need(budget->room, spender->slices[node->mesh], need_bytes);
        }
    }
}

gw_spender *gw_budget_enter(gw_budget *budget, uint32_t instance, const gw_plan *plan,
                            gw_slice *const *slices)
{
    gw_spender *spender = g_new0(gw_spender, 1);
    spender->instance = instance;
    spender->plan = plan;
    spender->slices = slices;
    spender->needs = g_new0(gw_need *, 2 * plan->node_count + 1);
    spender->fixed_bytes = g_new0(uint64_t, plan->program->meshes->len);
    fill_needs(budget, spender);
    for (uint32_t m = 0; m < plan->program->meshes->len; m++) {
        spender->fixed_bytes[m] = plan->workspace_bytes[m];
        change_fixed(budget, slices[m], plan->workspace_bytes[m], 0);
        for (uint32_t d = 0; d < slices[m]->device_count; d++) {
            device_budget *device = device_of(budget, slices[m]->devices[d]);
            device->spent_bytes += plan->workspace_bytes[m];
            device->instance_count += device->stamp != instance + 1;
            device->stamp = instance + 1;
        }
    }
    return spender;
}

/* --- What is short --- */

static void append_short(gw_budget *budget, gw_need *need)
{
    device_budget *device = device_of(budget, need->slice->devices[need->short_place]);
    need->next = NULL;
    if (device->first == NULL)
        device->first = need;
    else
        device->last->next = need;
    device->last = need;
}

static void remove_short(gw_budget *budget, const gw_need *need)
{
    device_budget *device = device_of(budget, need->slice->devices[need->short_place]);
    gw_need *before = NULL, *here = device->first;
    while (here != need) {
        before = here;
        here = here->next;
    }
    if (before == NULL)
        device->first = here->next;
    else
        before->next = here->next;
    if (device->last == here)
        device->last = before;
}

/* Devices that are nobody's become the need's. */
static void own_devices(gw_budget *budget, gw_need *need)
{
    for (uint32_t d = 0; d < need->slice->device_count; d++) {
        device_budget *device = device_of(budget, need->slice->devices[d]);
        if (device->owner == NULL)
            device->owner = need;
    }
}

static void raise_claim(gw_budget *budget, gw_need *need)
{
    need->is_claiming = true;
    g_ptr_array_add(budget->claims, need);
    own_devices(budget, need);
}

/* What it owned goes to the claims that were raised next. */
static void drop_claim(gw_budget *budget, gw_need *need)
{
    need->is_claiming = false;
    g_ptr_array_remove(budget->claims, need);
    for (uint32_t d = 0; d < need->slice->device_count; d++) {
        device_budget *device = device_of(budget, need->slice->devices[d]);
        if (device->owner == need)
            device->owner = NULL;
    }
    for (uint32_t c = 0; c < budget->claims->len; c++)
        own_devices(budget, (gw_need *)g_ptr_array_index(budget->claims, c));
}

static bool fits_on(const gw_budget *budget, uint32_t number, uint64_t need_bytes)
{
    const device_budget *device = device_of(budget, number);
    const uint64_t spent_bytes = device->spent_bytes + need_bytes;
    const uint64_t counted_bytes = device->instance_count > 1 ? spent_bytes : device->spent_bytes;
    if (counted_bytes > budget->memory_bytes)
        return false;
    return budget->lookahead_bytes == 0 ||
           spent_bytes <= device->fixed_bytes + budget->lookahead_bytes ||
           gw_room_count_ordered(budget->room, number) == 0;
}

/* The first place from `from` on where it does not fit or may not; the device count: none. */
static uint32_t find_short(const gw_budget *budget, const gw_need *need, uint32_t from)
{
    const gw_slice *slice = need->slice;
    for (uint32_t d = from; d < slice->device_count; d++) {
        const gw_need *owner = device_of(budget, slice->devices[d])->owner;
        if ((owner != NULL && owner != need) ||
            !fits_on(budget, slice->devices[d], need->size_bytes))
            return d;
    }
    return slice->device_count;
}

gw_need *gw_budget_need(const gw_spender *spender, uint32_t node, uint32_t run)
{
    return spender->needs[2 * node + (run == 0 ? 1 : 0)];
}

bool gw_budget_has(gw_budget *budget, gw_need *need)
{
    const gw_slice *slice = need->slice;
    gw_check(!need->is_short);
    const uint32_t place =
        need->size_bytes == 0 ? slice->device_count : find_short(budget, need, 0);
    if (place == slice->device_count)
        return true;
    need->is_short = true;
    need->short_place = place;
    if (need->ordered == NULL)
        need->ordered = g_new(uint32_t, slice->device_count);
    for (uint32_t d = 0; d < slice->device_count; d++)
        need->ordered[d] = device_of(budget, slice->devices[d])->ordered;
    append_short(budget, need);
    return false;
}

void gw_budget_spend(gw_budget *budget, gw_spender *spender, uint32_t node, uint32_t run)
{
    const gw_plan_node *planned = &spender->plan->nodes[node];
    const gw_slice *slice = spender->slices[planned->mesh];
    const uint64_t need_bytes = gw_budget_need(spender, node, run)->size_bytes;
    uint64_t permanent_bytes = 0;
    for (uint32_t o = 0; planned->is_once && o < planned->output_count; o++) {
        const gw_plan_slot *slot = &spender->plan->slots[planned->first_slot + o];
        permanent_bytes += slot->is_permanent ? slot->size_bytes : 0;
    }
    for (uint32_t d = 0; d < slice->device_count; d++) {
        device_budget *device = device_of(budget, slice->devices[d]);
        device->spent_bytes += need_bytes;
        device->ordered += need_bytes > 0;
    }
    if (permanent_bytes > 0) {
        spender->fixed_bytes[planned->mesh] += permanent_bytes;
        change_fixed(budget, slice, permanent_bytes, 0);
    }
}

/* --- Giving back --- */

static bool is_passed_over(const gw_budget *budget, const gw_need *need)
{
    const gw_slice *slice = need->slice;
    for (uint32_t d = 0; d < slice->device_count; d++)
        if (device_of(budget, slice->devices[d])->ordered - need->ordered[d] >= budget->lookahead)
            return true;
    return false;
}

/* Whether one that is short, and is on no list, fits by now; else it is on one again.  One that has
 * been passed over claims. */
static bool look_again(gw_budget *budget, gw_need *need)
{
    if (!need->is_claiming && is_passed_over(budget, need))
        raise_claim(budget, need);
    uint32_t place = find_short(budget, need, need->short_place);
    if (place == need->slice->device_count && need->short_place > 0)
        place = find_short(budget, need, 0);
    if (place == need->slice->device_count)
        return true;
    need->short_place = place;
    append_short(budget, need);
    return false;
}

/* Everybody on the device's list is looked at. */
static void go_through(gw_budget *budget, uint32_t number, GPtrArray *freed)
{
    device_budget *device = device_of(budget, number);
    gw_need *need = device->first;
    device->first = device->last = NULL;
    while (need != NULL) {
        gw_need *next = need->next;
        if (look_again(budget, need))
            g_ptr_array_add(freed, need);
        need = next;
    }
}

/* Those who fit wait no longer; claims that are met give way, and others may fit by that. */
static void let_go(gw_budget *budget, GPtrArray *freed, GPtrArray *fitting)
{
    for (uint32_t f = 0; f < freed->len; f++) {
        gw_need *need = (gw_need *)g_ptr_array_index(freed, f);
        need->is_short = false;
        g_ptr_array_add(fitting, need);
        if (!need->is_claiming)
            continue;
        drop_claim(budget, need);
        for (uint32_t d = 0; d < need->slice->device_count; d++)
            go_through(budget, need->slice->devices[d], freed);
    }
}

void gw_budget_give(gw_budget *budget, uint32_t device, uint64_t size_bytes, GPtrArray *fitting)
{
    device_budget *changed = device_of(budget, device);
    gw_check(device - budget->first_device < budget->device_count);
    gw_check(changed->spent_bytes >= size_bytes);
    changed->spent_bytes -= size_bytes;
    if (G_LIKELY(changed->first == NULL))
        return;
    g_autoptr(GPtrArray) freed = g_ptr_array_new();
    go_through(budget, device, freed);
    let_go(budget, freed, fitting);
}

void gw_budget_stop(gw_budget *budget, gw_need *need, GPtrArray *fitting)
{
    gw_check(need->is_short);
    g_autoptr(GPtrArray) freed = g_ptr_array_new();
    need->is_short = false;
    remove_short(budget, need);
    if (need->is_claiming) {
        drop_claim(budget, need);
        for (uint32_t d = 0; d < need->slice->device_count; d++)
            go_through(budget, need->slice->devices[d], freed);
    }
    let_go(budget, freed, fitting);
}

/* Devices that it was on are counted once each, however many of its meshes lie there. */
static void leave_devices(gw_budget *budget, gw_spender *spender)
{
    const uint32_t mesh_count = spender->plan->program->meshes->len;
    for (uint32_t m = 0; m < mesh_count; m++) {
        const gw_slice *slice = spender->slices[m];
        change_fixed(budget, slice, 0, spender->fixed_bytes[m]);
        for (uint32_t d = 0; d < slice->device_count; d++) {
            device_budget *device = device_of(budget, slice->devices[d]);
            gw_check(device->spent_bytes >= spender->plan->workspace_bytes[m]);
            device->spent_bytes -= spender->plan->workspace_bytes[m];
            device->stamp = 0;
        }
    }
    for (uint32_t m = 0; m < mesh_count; m++)
        for (uint32_t d = 0; d < spender->slices[m]->device_count; d++) {
            device_budget *device = device_of(budget, spender->slices[m]->devices[d]);
            device->instance_count -= device->stamp != spender->instance + 1;
            device->stamp = spender->instance + 1;
        }
}

void gw_budget_leave(gw_budget *budget, gw_spender *spender, GPtrArray *fitting)
{
    g_autoptr(GPtrArray) freed = g_ptr_array_new();
    leave_devices(budget, spender);
    for (uint32_t m = 0; m < spender->plan->program->meshes->len; m++)
        for (uint32_t d = 0; d < spender->slices[m]->device_count; d++)
            go_through(budget, spender->slices[m]->devices[d], freed);
    let_go(budget, freed, fitting);
    g_free(spender->needs);
    g_free(spender->fixed_bytes);
    g_free(spender);
}

void gw_budget_explain(const gw_budget *budget, const gw_need *need, GString *out)
{
    gw_check(need->is_short);
    const uint32_t number = need->slice->devices[need->short_place];
    const device_budget *device = device_of(budget, number);
    g_string_append_printf(out,
                           "waits for memory on device %u: it needs %" PRIu64 " bytes, %" PRIu64
                           " of %" PRIu64 " are ordered",
                           number, need->size_bytes, device->spent_bytes, budget->memory_bytes);
    if (budget->lookahead_bytes > 0)
        g_string_append_printf(out, ", %" PRIu64 " of them ahead, at most %" PRIu64,
                               device->spent_bytes - device->fixed_bytes, budget->lookahead_bytes);
    if (device->owner != NULL && device->owner != need)
        g_string_append_printf(out, "; gangs of %" PRIu64 " bytes have claimed it",
                               device->owner->size_bytes);
    g_string_append(out, "\n");
}

void gw_budget_explain_rest(const gw_budget *budget, GString *out)
{
    for (uint32_t d = 0; d < budget->device_count; d++)
        if (budget->devices[d].instance_count == 0 && budget->devices[d].spent_bytes > 0)
            g_string_append_printf(out, "device %u: %" PRIu64 " bytes are counted for nobody\n",
                                   budget->first_device + d, budget->devices[d].spent_bytes);
}
