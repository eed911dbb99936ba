/* SPDX-License-Identifier: Apache-2.0 */
/* gangway check: reads a scenario, says what is wrong with it or what it holds, and runs nothing.
 */
#include <stdio.h>

#include "app/command.h"
#include "base/units.h"
#include "scenario/scenario.h"

static char **settings;

static const GOptionEntry entries[] = {
    {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
     "Change one value of the scenario, as in control.policy=fifo", "PATH=VALUE"},
    G_OPTION_ENTRY_NULL,
};

static int check_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, (const char *const *)settings, &error);
    if (scenario == NULL)
        return gw_command_fail(error);
    guint devices = 0;
    for (guint i = 0; i < scenario->cluster.island_count; i++)
        devices +=
            scenario->cluster.islands[i].host_count * scenario->cluster.islands[i].devices_per_host;
    printf("%s: ok: %u island%s, %u device%s, %u job%s\n", path, scenario->cluster.island_count,
           gw_count_ending(scenario->cluster.island_count), devices, gw_count_ending(devices),
           scenario->job_count, gw_count_ending(scenario->job_count));
    return 0;
}

static int run_check(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse("check", "SCENARIO...", NULL, entries, &argc, &argv, &exit_code))
        return exit_code;
    if (argc < 2) {
        fputs("gangway check: expected a scenario (see gangway check --help)\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        int found = check_file(argv[i]);
        exit_code = i == 1 || found > exit_code ? found : exit_code;
    }
    g_clear_pointer(&settings, g_strfreev);
    return exit_code;
}

const gw_command gw_command_check = {"check", "read a scenario and say what is wrong with it",
                                     run_check};
