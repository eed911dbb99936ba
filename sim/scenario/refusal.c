/* SPDX-License-Identifier: Apache-2.0 */
/* A job's meshes may share devices, and the resource manager promises each its peak: what they take
 * of a device, of an island, or of the whole cluster when nothing else is there has to fit. */
#include "base/error.h"
#include "base/units.h"
#include "controller/lower.h"
#include "scenario/scenario_private.h"

#define MESHES_LISTED_MAX 4

static const gw_accelerator *accelerator_of(const gw_scenario *scenario, uint32_t island)
{
    return &scenario->cluster.accelerators[scenario->cluster.islands[island].accelerator];
}

static uint32_t count_devices(const gw_scenario *scenario, uint32_t island)
{
    const gw_island_spec *spec = &scenario->cluster.islands[island];
    return spec->host_count * spec->devices_per_host;
}

/* `mesh "a" 6 GiB on each of 2 devices, mesh "b" ...`: the greatest first.  The caller frees. */
static char *describe_meshes(const gw_program *program, const uint64_t *peak_bytes)
{
    GString *words = g_string_new(NULL);
    const uint32_t mesh_count = program->meshes->len;
    g_autofree bool *is_listed = g_new0(bool, mesh_count);
    for (uint32_t i = 0; i < mesh_count && i < MESHES_LISTED_MAX; i++) {
        uint32_t most = GW_INDEX_NONE;
        for (uint32_t m = 0; m < mesh_count; m++)
            if (!is_listed[m] && (most == GW_INDEX_NONE || peak_bytes[m] > peak_bytes[most]))
                most = m;
        const gw_mesh *mesh = gw_program_mesh(program, most);
        const uint32_t count = gw_mesh_device_count(mesh);
        g_autofree char *name = gw_error_quote(mesh->name);
        g_autofree char *size = gw_bytes_format(peak_bytes[most]);
        is_listed[most] = true;
        g_string_append_printf(words, "%smesh %s %s on each of %u device%s", i > 0 ? ", " : "",
                               name, size, count, gw_count_ending(count));
    }
    if (mesh_count > MESHES_LISTED_MAX)
        g_string_append_printf(words, ", and %u more", mesh_count - MESHES_LISTED_MAX);
    return g_string_free(words, FALSE);
}

/* Of those on `island`, or of all for GW_INDEX_NONE. */
static double sum_needs(const gw_job *job, const uint64_t *peak_bytes, uint32_t island)
{
    double bytes = 0;
    for (uint32_t m = 0; m < job->program->meshes->len; m++)
        if (island == GW_INDEX_NONE || (job->islands != NULL && job->islands[m] == island))
            bytes += (double)peak_bytes[m] * gw_mesh_device_count(gw_program_mesh(job->program, m));
    return bytes;
}

static double sum_memory(const gw_scenario *scenario, uint32_t island)
{
    double bytes = 0;
    for (uint32_t i = 0; i < scenario->cluster.island_count; i++)
        if (island == GW_INDEX_NONE || island == i)
            bytes += (double)accelerator_of(scenario, i)->hbm_bytes * count_devices(scenario, i);
    return bytes;
}

static char *format_sum(double bytes)
{
    return gw_bytes_format(bytes < (double)INT64_MAX ? (uint64_t)bytes : (uint64_t)INT64_MAX);
}

/* "48 GiB in all, and the 2 devices of the cluster have 32 GiB (16 GiB each)".  The caller frees.
 */
static char *describe_sums(const gw_scenario *scenario, double need_bytes, uint32_t island)
{
    const double has_bytes = sum_memory(scenario, island);
    uint64_t most_bytes = 0;
    uint32_t device_count = 0;
    for (uint32_t i = 0; i < scenario->cluster.island_count; i++)
        if (island == GW_INDEX_NONE || island == i) {
            device_count += count_devices(scenario, i);
            most_bytes = MAX(most_bytes, accelerator_of(scenario, i)->hbm_bytes);
        }
    g_autofree char *need = format_sum(need_bytes);
    g_autofree char *has = format_sum(has_bytes);
    g_autofree char *each = gw_bytes_format(most_bytes);
    g_autofree char *where =
        island == GW_INDEX_NONE ? g_strdup("the cluster") : g_strdup_printf("island %u", island);
    return g_strdup_printf("%s in all, and the %u device%s of %s ha%s %s, at most %s each", need,
                           device_count, gw_count_ending(device_count), where,
                           device_count == 1 ? "s" : "ve", has, each);
}

/* `mesh "a" ..., 24 GiB in all, ...`.  The caller frees. */
static char *describe_need(const gw_scenario *scenario, const gw_job *job)
{
    g_autofree uint64_t *peak_bytes = g_new0(uint64_t, job->program->meshes->len);
    gw_plan_peak_bytes(job->plan, peak_bytes);
    g_autofree char *meshes = describe_meshes(job->program, peak_bytes);
    g_autofree char *sums =
        describe_sums(scenario, sum_needs(job, peak_bytes, GW_INDEX_NONE), GW_INDEX_NONE);
    return g_strdup_printf("%s, %s", meshes, sums);
}

/* --- Before a run --- */

static bool check_sums(const gw_scenario *scenario, const gw_params *params, const gw_job *job,
                       const uint64_t *peak_bytes, uint32_t island, GError **error)
{
    const double need_bytes = sum_needs(job, peak_bytes, island);
    if (need_bytes <= sum_memory(scenario, island))
        return true;
    g_autofree char *meshes = describe_meshes(job->program, peak_bytes);
    g_autofree char *sums = describe_sums(scenario, need_bytes, island);
    gw_params_error(params, NULL, error,
                    "found meshes that need more memory together than there is: %s; %s", meshes,
                    sums);
    return false;
}

static void refuse_device(const gw_scenario *scenario, const gw_params *params, const gw_job *job,
                          const uint64_t *peak_bytes, uint32_t mesh, uint32_t device,
                          uint64_t need_bytes, GError **error)
{
    const gw_accelerator *accelerator = accelerator_of(scenario, job->islands[mesh]);
    g_autofree char *meshes = describe_meshes(job->program, peak_bytes);
    g_autofree char *need = gw_bytes_format(need_bytes);
    g_autofree char *has = gw_bytes_format(accelerator->hbm_bytes);
    gw_params_error(params, NULL, error,
                    "found that meshes need %s together on device %u, expected at most the %s of a "
                    "%s: %s",
                    need, device, has, accelerator->name, meshes);
}

/* Those that the scenario puts on the very same devices. */
static bool check_pins(const gw_scenario *scenario, const gw_params *params, const gw_job *job,
                       const uint64_t *peak_bytes, GError **error)
{
    uint32_t device_count = 0;
    for (uint32_t i = 0; i < scenario->cluster.island_count; i++)
        device_count += count_devices(scenario, i);
    g_autofree uint64_t *taken = g_new0(uint64_t, device_count);
    for (uint32_t m = 0; m < job->program->meshes->len; m++) {
        const gw_mesh *mesh = gw_program_mesh(job->program, m);
        for (uint32_t d = 0; job->devices[m] != NULL && d < gw_mesh_device_count(mesh); d++) {
            uint64_t *bytes = &taken[job->devices[m][d]];
            *bytes += peak_bytes[m];
            if (*bytes > accelerator_of(scenario, job->islands[m])->hbm_bytes) {
                refuse_device(scenario, params, job, peak_bytes, m, job->devices[m][d], *bytes,
                              error);
                return false;
            }
        }
    }
    return true;
}

bool gw_scenario_check_together(const gw_scenario *scenario, const gw_params *params,
                                const gw_job *job, GError **error)
{
    const uint32_t mesh_count = job->program->meshes->len;
    if (mesh_count < 2) /* One alone was looked at by itself. */
        return true;
    g_autofree uint64_t *peak_bytes = g_new0(uint64_t, mesh_count);
    gw_plan_peak_bytes(job->plan, peak_bytes);
    if (!check_pins(scenario, params, job, peak_bytes, error))
        return false;
    for (uint32_t i = 0; i < scenario->cluster.island_count; i++)
        if (!check_sums(scenario, params, job, peak_bytes, i, error))
            return false;
    return check_sums(scenario, params, job, peak_bytes, GW_INDEX_NONE, error);
}

/* --- In a run --- */

void gw_scenario_blame_refusal(const gw_scenario *scenario, uint32_t job, uint32_t reason,
                               GError **error)
{
    const gw_refusal why = (gw_refusal)reason;
    g_autofree char *who = gw_scenario_placement_words(scenario);
    g_autofree char *need =
        why == GW_REFUSAL_MEMORY ? describe_need(scenario, &scenario->jobs[job]) : NULL;
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s: job %s can never %s: %s%s%s%s",
                scenario->path, scenario->jobs[job].name,
                why == GW_REFUSAL_REMOVED ? "be served" : "start", gw_refusal_text(why),
                need != NULL ? ": " : "", need != NULL ? need : "", who);
}
