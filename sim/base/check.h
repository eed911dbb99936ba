/* SPDX-License-Identifier: Apache-2.0 */
/* gw_check(): what this code believes of itself.  Always on: a broken belief ends the program. */
#pragma once

#include <stdbool.h>

#define gw_check(condition)                                                                        \
    ((condition) ? (void)0 : gw_check_failed(__FILE__, __LINE__, __func__, #condition))

/* Prints where and what, calls the last-words hook, and aborts. */
_Noreturn void gw_check_failed(const char *file, int line, const char *function,
                               const char *condition);

/* `hook` prints to standard error what a reader needs to repeat the run (seed, time, event).
 * One hook per thread; NULL takes it off.  `context` is borrowed until then. */
void gw_check_set_last_words(void (*hook)(void *context), void *context);
