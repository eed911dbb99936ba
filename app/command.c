/* SPDX-License-Identifier: Apache-2.0 */
/* What all commands share: option reading with our exit codes, error lines, Ctrl-C. */
#include "app/command.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "app/children.h"
#include "base/error.h"

#define EXIT_SYSTEM      5
#define EXIT_INTERRUPTED 130

#define ECHO_US 200000 /* A person does not press twice so fast. */

static volatile sig_atomic_t interrupt_count, interrupt_number;
static volatile gint64 interrupted_us;
static void (*interrupt_hook)(void);

gboolean gw_command_parse(const char *name, const char *usage, const char *description,
                          const GOptionEntry *entries, int *argc, char ***argv, int *out_exit_code)
{
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    g_autofree char *program = g_strconcat("gangway ", name, NULL);
    g_autoptr(GError) error = NULL;
    g_set_prgname(program);
    g_option_context_set_description(context, description);
    g_option_context_set_help_enabled(context, FALSE);
    gboolean wants_help = FALSE;
    const GOptionEntry help[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &wants_help, "Show this help", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_main_entries(context, help, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        fprintf(stderr, "gangway %s: %s (see gangway %s --help)\n", name, error->message, name);
        *out_exit_code = 2;
        return FALSE;
    }
    if (!wants_help)
        return TRUE;
    g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
    fputs(text, stdout);
    *out_exit_code = 0;
    return FALSE;
}

gboolean gw_command_check_jobs(const char *name, int process_count)
{
    if (process_count >= 0 && process_count <= GW_CHILDREN_MAX)
        return TRUE;
    fprintf(stderr, "gangway %s: --jobs: found %d, expected 1 to %d, or 0 for all cores\n", name,
            process_count, GW_CHILDREN_MAX);
    return FALSE;
}

gboolean gw_command_check_folder(const char *name, const char *option, gboolean is_given,
                                 const char *folder)
{
    if (!is_given || folder != NULL)
        return TRUE;
    fprintf(stderr, "gangway %s: %s needs --out DIR to write to\n", name, option);
    return FALSE;
}

int gw_command_fail(const GError *error)
{
    const int exit_code = gw_error_exit_code(error);
    fflush(stdout); /* Where both go to one place, what was told before comes before. */
    if (gw_command_is_interrupted() && exit_code == EXIT_SYSTEM) {
        fprintf(stderr, "gangway: interrupted: %s\n", error->message);
        return EXIT_INTERRUPTED;
    }
    fprintf(stderr, "gangway: %s\n", error->message);
    return exit_code;
}

/* timeout(1) sends its signal twice, to the process and to its group: one wish. */
static bool is_echo(int signal_number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const gint64 now_us = (gint64)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (interrupt_count > 0 && signal_number == interrupt_number &&
        now_us - interrupted_us < ECHO_US)
        return true;
    interrupted_us = now_us;
    interrupt_number = signal_number;
    return false;
}

static void take_interrupt(int signal_number)
{
    if (is_echo(signal_number))
        return;
    if (interrupt_count++ > 0) {
        signal(signal_number, SIG_DFL);
        raise(signal_number); /* Taken when this returns. */
        return;
    }
    if (interrupt_hook != NULL)
        interrupt_hook();
}

void gw_command_catch_interrupt(void (*also)(void))
{
    struct sigaction action = {.sa_handler = take_interrupt};
    interrupt_hook = also;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

gboolean gw_command_is_interrupted(void)
{
    return interrupt_count > 0;
}
