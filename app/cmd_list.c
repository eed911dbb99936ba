/* SPDX-License-Identifier: Apache-2.0 */
/* gangway list: what a scenario can name. */
#include <stdio.h>
#include <string.h>

#include "accel/model.h"
#include "accel/rounds.h"
#include "app/command.h"
#include "base/error.h"
#include "controller/dispatch_policy.h"
#include "controller/placement.h"
#include "controller/policy.h"
#include "controller/spill.h"
#include "controller/system.h"
#include "record/figure.h"
#include "scenario/scenario.h"
#include "workload/workload.h"
#include "workload/workload_schedule.h"

static void list_workloads(void)
{
    for (guint i = 0; gw_workloads[i] != NULL; i++) {
        printf("  %-14s %s\n", gw_workloads[i]->name, gw_workloads[i]->summary);
        for (guint h = 0; gw_workloads[i]->help != NULL && gw_workloads[i]->help[h] != NULL; h++)
            printf("      %s\n", gw_workloads[i]->help[h]);
    }
}

static void list_schedules(void)
{
    for (guint i = 0; gw_workload_schedules[i] != NULL; i++)
        printf("  %-14s %s\n", gw_workload_schedules[i]->name, gw_workload_schedules[i]->summary);
}

static void list_plugin(const char *noun)
{
    printf("  %-14s a plugin: %s of your own (docs/PLUGINS.md)\n", "./NAME.so", noun);
}

static void list_policies(void)
{
    for (guint i = 0; gw_policies[i] != NULL; i++)
        printf("  %-14s %s\n", gw_policies[i]->name, gw_policies[i]->summary);
    printf("  %-14s %s\n", "none",
           "no scheduler: clients dispatch straight to hosts, and may deadlock");
    list_plugin("a policy");
}

static void list_systems(void)
{
    for (guint i = 0; gw_systems[i] != NULL; i++)
        printf("  %-16s %s\n", gw_systems[i]->name, gw_systems[i]->summary);
}

static void list_spills(void)
{
    for (guint i = 0; gw_spills[i] != NULL; i++)
        printf("  %-14s %s\n", gw_spills[i]->name, gw_spills[i]->summary);
    printf("  %-14s %s\n", "none", "nothing: a gang waits for memory");
}

static void list_placements(void)
{
    for (guint i = 0; gw_placements[i] != NULL; i++)
        printf("  %-14s %s\n", gw_placements[i]->name, gw_placements[i]->summary);
    list_plugin("a placement policy");
}

static void list_dispatches(void)
{
    for (guint i = 0; gw_dispatch_policies[i] != NULL; i++)
        printf("  %-14s %s\n", gw_dispatch_policies[i]->name, gw_dispatch_policies[i]->summary);
    list_plugin("a dispatch policy");
}

static void list_collectives(void)
{
    for (guint i = 0; gw_rounds_algorithms[i] != NULL; i++)
        printf("  %-16s %s\n", gw_rounds_algorithms[i]->name, gw_rounds_algorithms[i]->summary);
}

static void list_names(char **names)
{
    for (guint i = 0; names[i] != NULL; i++)
        printf("  %s\n", names[i]);
    g_strfreev(names);
}

static void list_accelerators(void)
{
    list_names(gw_scenario_accelerators());
}

static void list_profiles(void)
{
    list_names(gw_scenario_profiles());
}

static void list_networks(void)
{
    list_names(gw_scenario_networks());
}

static void list_figures(void)
{
    list_names(gw_figure_subjects());
}

static void list_backends(void)
{
    puts("  sim            simulated devices in virtual time");
    puts("  cpu            threads of this machine, real data");
    puts("  mpi            a process for each host, real data, under mpirun (docs/CLUSTER.md)");
    puts("  null           devices that finish at once: the control plane alone");
}

static const struct {
    const char *name;
    void (*list)(void);
} lists[] = {
    {"workloads", list_workloads},       {"schedules", list_schedules},
    {"collectives", list_collectives},   {"systems", list_systems},
    {"policies", list_policies},         {"placements", list_placements},
    {"dispatches", list_dispatches},     {"spills", list_spills},
    {"accelerators", list_accelerators}, {"profiles", list_profiles},
    {"backends", list_backends},         {"figures", list_figures},
    {"networks", list_networks},
};

static int refuse_list(const char *word)
{
    const char *names[G_N_ELEMENTS(lists) + 1] = {NULL};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        names[i] = lists[i].name;
    g_autofree char *hint = gw_error_hint(word, names);
    fprintf(stderr, "gangway list: nothing called \"%s\"%s (see gangway list --help)\n", word,
            hint);
    return 2;
}

static int run_list(int argc, char **argv)
{
    const GOptionEntry entries[] = {G_OPTION_ENTRY_NULL};
    int exit_code;
    g_autoptr(GString) description = g_string_new("KIND is one of these; all of them without it:");
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        g_string_append_printf(description, "%s %s", i > 0 ? "," : "", lists[i].name);
    if (!gw_command_parse("list", "[KIND]", description->str, entries, &argc, &argv, &exit_code))
        return exit_code;
    if (argc > 2) {
        fprintf(stderr, "gangway list: found %d arguments, expected at most one\n", argc - 1);
        return 2;
    }
    gboolean is_found = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (argc == 2 && strcmp(argv[1], lists[i].name) != 0)
            continue;
        is_found = TRUE;
        printf("%s\n", lists[i].name);
        lists[i].list();
    }
    return is_found ? 0 : refuse_list(argv[1]);
}

const gw_command gw_command_list = {"list", "what a scenario can name", run_list};
