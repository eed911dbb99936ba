/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of parameters share: texts that are read, and messages to the letter. */
#pragma once

#include <check.h>

#include "base/error.h"
#include "base/params.h"

static const char *const policies[] = {"fifo", "proportional_share", NULL};

static inline gw_params *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    gw_params *root = gw_params_parse(text, "t.json", &error);
    ck_assert_msg(root != NULL, "%s", error != NULL ? error->message : "no error");
    return root;
}

/* `is_right` is what the call under test answered; the error is cleared for the next one. */
static inline void check_message(bool is_right, GError **error, const char *message)
{
    ck_assert_msg(!is_right, "accepted; expected: %s", message);
    ck_assert(g_error_matches(*error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_str_eq((*error)->message, message);
    g_clear_error(error);
}
