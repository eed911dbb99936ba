/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that have to be right: what the tests of programs share. */
#pragma once

#include <check.h>

#include "program/builder.h"

static inline gw_program *finish(gw_builder *builder)
{
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no message");
    return program;
}

static inline gw_program *fuse(const gw_program *program)
{
    g_autoptr(GError) error = NULL;
    gw_program *fused = gw_program_fuse(program, &error);
    ck_assert_msg(fused != NULL, "%s", error != NULL ? error->message : "no message");
    return fused;
}
