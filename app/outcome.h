/* SPDX-License-Identifier: Apache-2.0 */
/* What a run came to, for people: a few lines made from summary.json. */
#pragma once

#include <glib.h>

/* `summary` is summary.json's text.  The caller frees. */
char *gw_outcome_text(const char *summary);
