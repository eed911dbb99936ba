/* SPDX-License-Identifier: Apache-2.0 */
/* A broken belief ends the program at once: what follows would be a number nobody can trust.
 * The hook is per thread, so that a sweep's runs each speak of their own seed and time. */
#include "base/check.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local void (*last_words)(void *context);
static _Thread_local void *last_words_context;

_Noreturn void gw_check_failed(const char *file, int line, const char *function,
                               const char *condition)
{
    fprintf(stderr, "%s:%d: %s: check failed: %s\n", file, line, function, condition);
    void (*hook)(void *context) = last_words;
    last_words = NULL; /* A check that fails inside the hook does not call it again. */
    if (hook != NULL) {
        hook(last_words_context);
    }
    fflush(stderr);
    abort();
}

void gw_check_set_last_words(void (*hook)(void *context), void *context)
{
    last_words = hook;
    last_words_context = context;
}
