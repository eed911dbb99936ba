/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint is of the scenario's text, of the files that it names, of --set, and of the
 * program, whose packets are structs as they lie in memory. */
#include "app/ranks.h"

#include "base/error.h"
#include "base/units.h"
#include "real/mpi_link.h"
#include "real/rank_agree.h"
#include "record/launch_digest.h"

bool gw_ranks_begin(gw_ranks *ranks, GError **error)
{
    *ranks = (gw_ranks){.link = gw_mpi_link_open(error)};
    return ranks->link != NULL;
}

static uint64_t mix_text(uint64_t mixed, const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++)
        mixed = gw_launch_digest_mix(mixed ^ (guchar)text[i]);
    return mixed;
}

static uint64_t mix_file(uint64_t mixed, const char *path)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (g_file_get_contents(path, &text, &length, NULL))
        mixed = mix_text(mixed + 1, text, length);
    return mixed;
}

static uint64_t find_build(void)
{
    return mix_file(0, "/proc/self/exe");
}

static uint64_t find_fingerprint(const char *path, const char *const *settings,
                                 const gw_scenario *scenario)
{
    uint64_t mixed = mix_file(find_build(), path);
    for (guint i = 0; scenario != NULL && i < scenario->inputs->len; i++)
        mixed = mix_file(mixed, scenario->inputs->pdata[i]);
    for (guint i = 0; settings != NULL && settings[i] != NULL; i++)
        mixed = mix_text(mixed + 1, settings[i], strlen(settings[i]));
    return mixed;
}

static guint count_hosts(const gw_scenario *scenario)
{
    guint count = 0;
    for (guint i = 0; i < scenario->cluster.island_count; i++)
        count += scenario->cluster.islands[i].host_count;
    return count;
}

static bool agree(gw_ranks *ranks, const GError *mine, uint64_t fingerprint, GError **error)
{
    const gw_rank_accord accord = gw_rank_agree(ranks->link, mine, fingerprint, error);
    ranks->is_lost = accord.is_lost;
    ranks->is_told = accord.is_told;
    return accord.is_reached;
}

bool gw_ranks_agree(gw_ranks *ranks, const char *path, const char *const *settings,
                    const gw_scenario *scenario, GError **error)
{
    g_autoptr(GError) mine = error != NULL ? g_steal_pointer(error) : NULL;
    const guint hosts = scenario == NULL ? 0 : count_hosts(scenario);
    if (mine == NULL && hosts != ranks->link->rank_count)
        g_set_error(&mine, GW_ERROR, GW_ERROR_USAGE,
                    "%s: found %u rank%s for %u host%s, expected one for each: mpirun -n %u "
                    "gangway run ...",
                    path, ranks->link->rank_count, gw_count_ending(ranks->link->rank_count), hosts,
                    gw_count_ending(hosts), hosts);
    return agree(ranks, mine, find_fingerprint(path, settings, scenario), error);
}

bool gw_ranks_run(gw_ranks *ranks, const gw_scenario *scenario, gw_recorder *recorder,
                  gw_rank_conclude conclude, void *context, GError **error)
{
    bool is_whole;
    gw_real_report report;
    const bool is_done = gw_rank_run(ranks->link, scenario, recorder, conclude, context, &report,
                                     &ranks->is_told, &is_whole, error);
    ranks->is_lost = !is_whole;
    return is_done;
}

bool gw_ranks_measure(gw_ranks *ranks, double seconds, gw_probe_between *out, GError **error)
{
    const uint32_t count = ranks->link->rank_count;
    g_autoptr(GError) mine = NULL;
    if (count < 2 || count > GW_PROBE_RANKS_MAX)
        g_set_error(&mine, GW_ERROR, GW_ERROR_USAGE,
                    "found %u rank%s, expected 2 to %u: mpirun -n 2 gangway calibrate "
                    "--backend mpi ...",
                    count, gw_count_ending(count), GW_PROBE_RANKS_MAX);
    if (!agree(ranks, mine, find_build() ^ (uint64_t)(seconds * 1e9), error))
        return false;
    bool is_whole;
    const bool is_done =
        gw_probe_ranks(ranks->link, seconds, out, &ranks->is_told, &is_whole, error);
    ranks->is_lost = !is_whole;
    return is_done;
}

void gw_ranks_end(gw_ranks *ranks, const GError *error)
{
    const bool is_interrupted = g_error_matches(error, GW_ERROR, GW_ERROR_INTERRUPTED);
    if (ranks->link != NULL)
        gw_mpi_link_close(g_steal_pointer(&ranks->link), ranks->is_lost   ? GW_MPI_ALONE
                                                         : is_interrupted ? GW_MPI_INTERRUPTED
                                                                          : GW_MPI_TOGETHER);
}
