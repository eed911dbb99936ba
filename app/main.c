/* SPDX-License-Identifier: Apache-2.0 */
/* gangway COMMAND ...: finds the command and hands the rest over. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "base/error.h"

static const gw_command *const commands[] = {
    &gw_command_run,       &gw_command_check,    &gw_command_compare,     &gw_command_reproduce,
    &gw_command_plan,      &gw_command_plot,     &gw_command_list,        &gw_command_bench,
    &gw_command_calibrate, &gw_command_validate, &gw_command_collectives, NULL,
};

static void print_help(FILE *out)
{
    fputs("Usage: gangway COMMAND [OPTION...]\n\n"
          "A discrete-event cluster simulator for Pathways-style scheduling.\n\nCommands:\n",
          out);
    for (guint i = 0; commands[i] != NULL; i++)
        fprintf(out, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n  gangway COMMAND --help    what the command takes\n"
          "  gangway --version         the version\n\n"
          "Exit codes: 0 done, 1 the scenario or an input is wrong, 2 wrong usage,\n"
          "3 deadlock or starvation, 4 a tolerance was missed, 5 the system failed,\n"
          "130 interrupted.\n",
          out);
}

static int refuse_command(const char *word)
{
    const char *names[G_N_ELEMENTS(commands)];
    guint i = 0;
    for (; commands[i] != NULL; i++)
        names[i] = commands[i]->name;
    names[i] = NULL;
    g_autofree char *hint = gw_error_hint(word, names);
    fprintf(stderr, "gangway: no command \"%s\"%s (see gangway --help)\n", word, hint);
    return 2;
}

/* GLib ends a program that is out of memory or threads with a core dump; that is no bug of ours. */
static void end_without_means(const char *domain, GLogLevelFlags level, const char *message,
                              void *context)
{
    (void)domain, (void)level, (void)context;
    fprintf(stderr, "gangway: out of memory or threads: %s\n", message);
    _exit(5);
}

static int run_command(int argc, char **argv)
{
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("gangway " GANGWAY_VERSION);
        return 0;
    }
    for (guint i = 0; commands[i] != NULL; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    return refuse_command(argv[1]);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");  /* How text is written; numbers and words are everywhere the same. */
    signal(SIGPIPE, SIG_IGN); /* A closed pipe is a failed write, with a message. */
    signal(SIGXFSZ, SIG_IGN); /* So is a file beyond its limit. */
    g_log_set_handler("GLib", G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL, end_without_means, NULL);
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    int exit_code = run_command(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_code;
    if (exit_code == 0) /* Else it has said why. */
        fputs("gangway: standard output: cannot write\n", stderr);
    return exit_code == 0 ? 5 : exit_code;
}
