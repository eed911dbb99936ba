/* SPDX-License-Identifier: Apache-2.0 */
/* gangway plot: draws the figures of a finished run's folder. */
#include <stdio.h>

#include "app/command.h"
#include "record/figure.h"

static char **formats, **subjects;

static const GOptionEntry entries[] = {
    {"figure", 'f', 0, G_OPTION_ARG_STRING_ARRAY, &subjects,
     "Draw this figure only (gangway list figures); may be given again", "NAME"},
    {"format", 'F', 0, G_OPTION_ARG_STRING_ARRAY, &formats,
     "svg, pdf or png; all three without it; may be given again", "FORMAT"},
    G_OPTION_ENTRY_NULL,
};

static int run_plot(int argc, char **argv)
{
    static const char *const all_formats[] = {"svg", "pdf", "png", NULL};
    int exit_code;
    if (!gw_command_parse("plot", "FOLDER",
                          "FOLDER is what `gangway run --out FOLDER` wrote, or with --figure "
                          "compare what `gangway\ncompare --out FOLDER` did.",
                          entries, &argc, &argv, &exit_code))
        return exit_code;
    if (argc != 2) {
        fputs("gangway plot: expected one folder (see gangway plot --help)\n", stderr);
        return 2;
    }
    const char *const *wanted =
        subjects != NULL ? (const char *const *)subjects : gw_figure_run_subjects;
    const char *const *drawn = formats != NULL ? (const char *const *)formats : all_formats;
    for (guint i = 0; wanted[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        if (!gw_figure_draw(argv[1], wanted[i], drawn, &error))
            return gw_command_fail(error);
        for (guint f = 0; drawn[f] != NULL; f++)
            printf("%s/%s.%s\n", argv[1], wanted[i], drawn[f]);
    }
    g_clear_pointer(&formats, g_strfreev);
    g_clear_pointer(&subjects, g_strfreev);
    return 0;
}

const gw_command gw_command_plot = {"plot", "draw the figures of a finished run", run_plot};
