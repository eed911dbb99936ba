/* SPDX-License-Identifier: Apache-2.0 */
/* gangway plot: draws the figures of a finished run's folder. */
#include <stdio.h>

#include "app/command.h"
#include "base/error.h"
#include "record/figure.h"

static char **formats, **subjects;

static const GOptionEntry entries[] = {
    {"figure", 'f', 0, G_OPTION_ARG_STRING_ARRAY, &subjects,
     "Draw this figure only (gangway list figures); may be given again", "NAME"},
    {"format", 'F', 0, G_OPTION_ARG_STRING_ARRAY, &formats,
     "svg, pdf or png; all three without it; may be given again", "FORMAT"},
    G_OPTION_ENTRY_NULL,
};

static bool draw_figure(const char *folder, const char *subject, const char *const *drawn,
                        GError **error)
{
    if (!gw_figure_draw(folder, subject, drawn, error))
        return false;
    if (gw_command_is_interrupted()) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
        return false;
    }
    for (guint f = 0; drawn[f] != NULL; f++)
        printf("%s/%s.%s\n", folder, subject, drawn[f]);
    return true;
}

static int run_plot(int argc, char **argv)
{
    int exit_code = 0;
    if (!gw_command_parse("plot", "FOLDER",
                          "FOLDER is what `gangway run --out FOLDER` wrote, or with --figure what "
                          "compare, reproduce or\nvalidate did (docs/FIGURES.md).",
                          entries, &argc, &argv, &exit_code))
        return exit_code;
    if (argc != 2) {
        fputs("gangway plot: expected one folder (see gangway plot --help)\n", stderr);
        return 2;
    }
    const char *const *wanted =
        subjects != NULL ? (const char *const *)subjects : gw_figure_run_subjects;
    const char *const *drawn = formats != NULL ? (const char *const *)formats : gw_figure_formats;
    gw_command_catch_interrupt(NULL); /* A figure that is being drawn is cleared away. */
    for (guint i = 0; wanted[i] != NULL && exit_code == 0; i++) {
        g_autoptr(GError) error = NULL;
        if (!draw_figure(argv[1], wanted[i], drawn, &error))
            exit_code = gw_command_fail(error);
    }
    g_clear_pointer(&formats, g_strfreev);
    g_clear_pointer(&subjects, g_strfreev);
    return exit_code;
}

const gw_command gw_command_plot = {"plot", "draw the figures of a finished run", run_plot};
