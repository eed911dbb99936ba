/* SPDX-License-Identifier: Apache-2.0 */
/* Places as "spread" does, and then, with {"fault": WORD}, spoils what comes out; "refuses" and
 * "later" have no policy made, at once or the second time, and do not say why; "foreign" makes one
 * of another table. */
#include <string.h>

#include "base/check.h"
#include "base/params.h"
#include "controller/placement.h"

typedef enum {
    NO_DEVICE = 1, /* The last shard is on a device that is not there. */
    BLANK,         /* Nothing is filled in. */
    TWICE,         /* The last shard is where the first is. */
    ISLANDS,       /* The last shard is on another island's last device. */
    ELSEWHERE,     /* All from device `first` on. */
    NONE,          /* There is no place, ever. */
    HESITATES,     /* There is none the first time. */
    REFUSES,
    LATER,
    FOREIGN,
} placer_fault;

static const char *const faults[] = {"no_device", "blank",   "twice",     "islands",
                                     "elsewhere", "none",    "hesitates", "refuses",
                                     "later",     "foreign", NULL};

typedef struct {
    gw_placement base;
    gw_placement *spread;
    placer_fault fault; /* 0: none. */
    uint64_t first;
    bool *has_hesitated; /* What place() may not change stands elsewhere. */
} placer;

static bool read_params(placer *out, gw_params *params, GError **error)
{
    const char *name;
    uint32_t choice = 0;
    if (params == NULL)
        return true;
    if (!gw_params_string(params, "name", true, &name, error) ||
        !gw_params_choice(params, "fault", false, faults, &choice, error) ||
        !gw_params_count(params, "first", false, 0, UINT32_MAX, &out->first, error))
        return false;
    out->fault = gw_params_has(params, "fault") ? (placer_fault)(choice + 1) : 0;
    return gw_params_finish(params, error);
}

static gw_placement foreign = {&gw_placement_spread}; /* Nobody may destroy it. */

static gw_placement *create(gw_params *params, GError **error)
{
    static guint made_count;
    placer read = {.fault = 0};
    if (!read_params(&read, params, error))
        return NULL;
    made_count++;
    if (read.fault == REFUSES || (read.fault == LATER && made_count > 1))
        return NULL;
    if (read.fault == FOREIGN)
        return &foreign;
    placer *made = g_new0(placer, 1);
    *made = read;
    made->base.ops = &gw_placement_plugin;
    made->spread = gw_placement_spread.create(NULL, NULL);
    made->has_hesitated = g_new0(bool, 1);
    return &made->base;
}

static void destroy(gw_placement *base)
{
    placer *self = (placer *)base;
    gw_placement_spread.destroy(self->spread);
    g_free(self->has_hesitated);
    g_free(self);
}

static bool place(const gw_placement *base, const gw_placement_view *view,
                  const gw_placement_request *request, uint32_t *out_devices)
{
    const placer *self = (const placer *)base;
    const uint32_t count = gw_placement_device_count(request);
    if (self->fault == BLANK)
        return true;
    if (self->fault == HESITATES && !*self->has_hesitated) {
        *self->has_hesitated = true;
        return false;
    }
    if (self->fault == NONE ||
        (self->fault != ELSEWHERE &&
         !gw_placement_spread.place(self->spread, view, request, out_devices)))
        return false;
    for (uint32_t i = 0; self->fault == ELSEWHERE && i < count; i++)
        out_devices[i] = (uint32_t)self->first + i;
    if (self->fault == NO_DEVICE)
        out_devices[count - 1] = view->directory->device_count;
    if (self->fault == TWICE)
        out_devices[count - 1] = out_devices[0];
    if (self->fault == ISLANDS)
        out_devices[count - 1] = view->directory->device_count - 1;
    return true;
}

const gw_placement_ops gw_placement_plugin = {.abi = GW_PLACEMENT_ABI,
                                              .size_bytes = sizeof(gw_placement_ops),
                                              .name = "placer",
                                              .summary = "of the tests",
                                              .create = create,
                                              .destroy = destroy,
                                              .place = place};
