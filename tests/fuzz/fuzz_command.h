/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a fuzzer: "NAME [FIRST_SEED [COUNT]]"; without any, as many seeds as fit into
 * the time budget, from 1. */
#pragma once

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"

typedef struct {
    const char *program;
    uint64_t seed;
} fuzz_command;

static inline void fuzz_print_repeat(void *context)
{
    const fuzz_command *repeated = context;
    fprintf(stderr, "repeat with: %s %" G_GUINT64_FORMAT "\n", repeated->program, repeated->seed);
}

static inline bool fuzz_parse_count(const char *text, uint64_t *out_count)
{
    char *end = NULL;
    errno = 0;
    *out_count = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static inline double fuzz_read_wall_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* `run_seed` is false where it has found something; `done` says what so many were: "programs, the
 * same on ladder and heap". */
static inline int fuzz_main(int argument_count, char **arguments, double budget_s,
                            bool (*run_seed)(uint64_t seed), const char *done)
{
    fuzz_command repeated = {.program = arguments[0], .seed = 1};
    uint64_t count = argument_count > 1 ? 1 : UINT64_MAX;
    if (argument_count > 3 ||
        (argument_count > 1 && !fuzz_parse_count(arguments[1], &repeated.seed)) ||
        (argument_count > 2 && !fuzz_parse_count(arguments[2], &count))) {
        fprintf(stderr, "usage: %s [FIRST_SEED [COUNT]]\n", arguments[0]);
        return 2;
    }
    gw_check_set_last_words(fuzz_print_repeat, &repeated);
    const double end_s = fuzz_read_wall_s() + budget_s;
    uint64_t done_count = 0;
    while (done_count < count && (argument_count > 1 || fuzz_read_wall_s() < end_s)) {
        if (!run_seed(repeated.seed)) {
            fuzz_print_repeat(&repeated);
            return EXIT_FAILURE;
        }
        repeated.seed++;
        done_count++;
    }
    printf("%" G_GUINT64_FORMAT " %s\n", done_count, done);
    return EXIT_SUCCESS;
}
