/* SPDX-License-Identifier: Apache-2.0 */
/* gangway reproduce: a publication's figures and claims beside ours. */
#include <stdio.h>
#include <string.h>

#include "app/claim_table.h"
#include "app/command.h"
#include "app/reproduction.h"
#include "base/error.h"
#include "record/figure.h"
#include "record/output.h"
#include "scenario/scenario.h"

#define DEFAULT_PAPER "pathways"

static char *figures, *folder;
static gboolean wants_json, wants_list, is_fresh, is_quiet;
static gint process_count;

static const GOptionEntry entries[] = {
    {"figure", 'f', 0, G_OPTION_ARG_STRING, &figures, "Only these, as in 5,7", "LIST"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &folder,
     "Write claims.csv, claims.json, figures and their data there, and keep what was run: a later "
     "run goes on from it",
     "DIR"},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json,
     "Print the claims as JSON and nothing else on standard output", NULL},
    {"list", 'l', 0, G_OPTION_ARG_NONE, &wants_list,
     "Say which papers and figures there are, and run nothing", NULL},
    {"jobs", 0, 0, G_OPTION_ARG_INT, &process_count,
     "Runs at a time; as many as there are cores without it", "COUNT"},
    {"fresh", 0, 0, G_OPTION_ARG_NONE, &is_fresh, "Run again what DIR has kept", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet, "No progress line", NULL},
    G_OPTION_ENTRY_NULL,
};

static const gw_paper_figure *figure_at(const gw_paper *paper, guint place)
{
    return (const gw_paper_figure *)paper->figures->pdata[place];
}

static bool list_papers(GError **error)
{
    g_auto(GStrv) names = gw_scenario_papers();
    for (guint i = 0; names[i] != NULL; i++) {
        g_autoptr(gw_paper) paper = gw_paper_load(names[i], error);
        if (paper == NULL)
            return false;
        printf("%s: %s\n", names[i], paper->title);
        for (guint f = 0; f < paper->figures->len; f++)
            printf("  figure %-3s %s\n", figure_at(paper, f)->name, figure_at(paper, f)->title);
    }
    return true;
}

/* --- Which figures --- */

static bool choose_figure(const gw_paper *paper, const char *name, bool *is_wanted, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint f = 0; f < paper->figures->len; f++) {
        g_ptr_array_add(names, (void *)figure_at(paper, f)->name);
        if (strcmp(figure_at(paper, f)->name, name) != 0)
            continue;
        is_wanted[f] = true;
        return true;
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *list = g_strjoinv(", ", (char **)names->pdata);
    g_autofree char *found = gw_error_quote(name);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE, "--figure: found %s, expected some of: %s", found,
                list);
    return false;
}

static bool choose_figures(const gw_paper *paper, bool *is_wanted, GError **error)
{
    g_auto(GStrv) names = g_strsplit(figures != NULL ? figures : "", ",", -1);
    for (guint f = 0; figures == NULL && f < paper->figures->len; f++)
        is_wanted[f] = true;
    for (guint i = 0; figures != NULL && (i == 0 || names[i] != NULL); i++)
        if (!choose_figure(paper, names[i] != NULL ? g_strstrip(names[i]) : "", is_wanted, error))
            return false;
    return true;
}

/* --- What came out --- */

static bool write_files(const gw_paper *paper, const bool *is_wanted, const GPtrArray *rows,
                        GError **error)
{
    g_autofree char *csv = gw_claim_table_csv(rows);
    g_autofree char *json = gw_claim_table_json(rows);
    if (!gw_output_save(folder, "claims.csv", csv, error) ||
        !gw_output_save(folder, "claims.json", json, error))
        return false;
    for (guint f = 0; f < paper->figures->len; f++)
        if (is_wanted[f] && !gw_reproduction_draw(figure_at(paper, f), folder, error))
            return false;
    return true;
}

static void print_claims(const gw_paper *paper, const bool *is_wanted, const GPtrArray *rows)
{
    if (wants_json) {
        g_autofree char *json = gw_claim_table_json(rows);
        fputs(json, stdout);
        return;
    }
    g_autofree char *text = gw_claim_table_text(rows);
    fputs(text, stdout);
    guint missed = gw_claim_table_missed(rows);
    printf("\n%u of %u claims hold\n", rows->len - missed, rows->len);
    for (guint f = 0; folder != NULL && f < paper->figures->len; f++)
        if (is_wanted[f])
            printf("figure: %s/%s.{svg,pdf,png}\n", folder, figure_at(paper, f)->subject);
}

static bool reproduce(const char *name, GError **error)
{
    g_autoptr(gw_paper) paper = gw_paper_load(name, error);
    if (paper == NULL)
        return false;
    g_autofree bool *is_wanted = g_new0(bool, paper->figures->len);
    if (!choose_figures(paper, is_wanted, error) ||
        (folder != NULL && (!gw_figure_can_draw(error) || !gw_output_make_folder(folder, error))))
        return false;
    const gw_batch_settings settings = {.process_count_max = (guint)process_count,
                                        .folder = folder,
                                        .is_fresh = is_fresh,
                                        .is_quiet = is_quiet};
    gw_command_catch_interrupt(NULL);
    if (!gw_reproduction_run(paper, is_wanted, folder != NULL, &settings, error))
        return false;
    g_autoptr(GPtrArray) rows = gw_reproduction_judge(paper, is_wanted);
    if (folder != NULL && !write_files(paper, is_wanted, rows, error))
        return false;
    print_claims(paper, is_wanted, rows);
    guint missed = gw_claim_table_missed(rows);
    if (missed == 0)
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_TOLERANCE, "%s: %u of %u claims missed", name, missed,
                rows->len);
    return false;
}

static int check_options(int argc)
{
    if (argc > 2) {
        fprintf(stderr, "gangway reproduce: found %d arguments, expected at most one paper\n",
                argc - 1);
        return 2;
    }
    if (!gw_command_check_jobs("reproduce", process_count))
        return 2;
    if (wants_list && (argc == 2 || figures != NULL || folder != NULL || wants_json)) {
        fputs("gangway reproduce: --list says what there is: expected nothing else\n", stderr);
        return 2;
    }
    return gw_command_check_folder("reproduce", "--fresh", is_fresh, folder) ? 0 : 2;
}

static int run_reproduce(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse("reproduce", "[PAPER]",
                          "PAPER is a name (pathways without one; see --list) or a file like those "
                          "of configs/reproduce.  Ends with 4 when a claim is missed.",
                          entries, &argc, &argv, &exit_code))
        return exit_code;
    exit_code = check_options(argc);
    if (exit_code == 0) {
        g_autoptr(GError) error = NULL;
        if (wants_list)
            list_papers(&error);
        else
            reproduce(argc == 2 ? argv[1] : DEFAULT_PAPER, &error);
        if (error != NULL)
            exit_code = gw_command_fail(error);
    }
    g_clear_pointer(&figures, g_free);
    g_clear_pointer(&folder, g_free);
    return exit_code;
}

const gw_command gw_command_reproduce = {
    "reproduce", "run a publication's figures, compare with what was published", run_reproduce};
