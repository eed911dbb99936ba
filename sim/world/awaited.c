/* SPDX-License-Identifier: Apache-2.0 */
#include "world/awaited.h"

#include "base/check.h"

/* A mesh of the job may lie there. */
static bool may_come(const gw_job *job, uint32_t island)
{
    bool may = job->islands == NULL;
    for (uint32_t mesh = 0; !may && mesh < job->program->meshes->len; mesh++) {
        may = job->islands[mesh] == island || job->islands[mesh] == GW_INDEX_NONE;
    }
    return may;
}

void gw_awaited_init(gw_awaited *awaited, uint32_t island_count,
                     const gw_awaited_settings *settings)
{
    *awaited = (gw_awaited){.island_count = island_count};
    if (settings == NULL) {
        return;
    }
    awaited->settings = *settings;
    awaited->counts = g_new0(uint32_t, island_count);
    awaited->has_come = g_new0(bool, settings->job_count);
    for (uint32_t i = 0; i < settings->job_count; i++) {
        for (uint32_t island = 0; island < island_count; island++) {
            awaited->counts[island] += may_come(&settings->jobs[i], island);
        }
    }
}

void gw_awaited_clear(gw_awaited *awaited)
{
    g_free(awaited->counts);
    g_free(awaited->has_come);
    *awaited = (gw_awaited){0};
}

bool gw_awaited_come(gw_awaited *awaited, uint32_t job)
{
    if (job >= awaited->settings.job_count || awaited->has_come[job]) {
        return false;
    }
    awaited->has_come[job] = true;
    for (uint32_t island = 0; island < awaited->island_count; island++) {
        if (may_come(&awaited->settings.jobs[job], island)) {
            gw_check(awaited->counts[island] > 0);
            awaited->counts[island]--;
        }
    }
    return true;
}

bool gw_awaited_at(const gw_awaited *awaited, uint32_t island)
{
    gw_check(island < awaited->island_count);
    return awaited->counts != NULL && (awaited->settings.are_moved || awaited->counts[island] > 0);
}
