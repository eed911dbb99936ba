/* SPDX-License-Identifier: Apache-2.0 */
/* A program as each of its hosts has it: what the tests of lowering share. */
#pragma once

#include <check.h>

#include "controller/lower.h"
#include "small_control.h"

#define HOSTS_MAX 16

typedef struct {
    gw_directory *directory;
    gw_program *program;
    gw_plan *plan;
    gw_assignment_message *message;
    gw_assignment assignment;
    gw_lowered *hosts[HOSTS_MAX];
} bench;

/* Takes `program`; devices of all meshes, one mesh after the other. */
static inline void init_bench(bench *made, gw_program *program, uint32_t host_count,
                              uint32_t devices_per_host, const uint32_t *devices)
{
    ck_assert_uint_le(host_count, HOSTS_MAX);
    *made = (bench){.program = program};
    made->directory = small_directory(host_count, devices_per_host, 1);
    made->plan = gw_plan_new(program);
    made->message = small_assignment(GW_MESSAGE_INSTALL, 0, program, devices);
    made->assignment = small_executable(program, made->message).assignment;
    for (uint32_t h = 0; h < host_count; h++) {
        made->hosts[h] =
            gw_lowered_new(made->plan, &made->assignment, made->directory, (gw_node_id){h});
    }
}

static inline void clear_bench(bench *made)
{
    for (uint32_t h = 0; h < HOSTS_MAX; h++) {
        gw_lowered_free(made->hosts[h]);
    }
    g_free(made->message);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    gw_directory_free(made->directory);
}
