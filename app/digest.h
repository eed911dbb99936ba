/* SPDX-License-Identifier: Apache-2.0 */
/* What a result depends on, in 64 letters: files and texts, told apart by their lengths. */
#pragma once

#include "scenario/scenario.h"

#define GW_DIGEST_KIND    G_CHECKSUM_SHA256
#define GW_DIGEST_LETTERS 64

void gw_digest_add_text(GChecksum *checksum, const char *text);
/* GW_ERROR_SYSTEM: the file cannot be read. */
bool gw_digest_add_file(GChecksum *checksum, const char *path, GError **error);
/* The bytes of the scenario's file and of all files that it names. */
bool gw_digest_add_scenario(GChecksum *checksum, const gw_scenario *scenario, GError **error);

/* The caller frees. */
char *gw_digest_file(const char *path, GError **error);
char *gw_digest_program(GError **error); /* This one. */
char *gw_digest_scenario(const gw_scenario *scenario, GError **error);
/* Of so many bytes of a text. */
char *gw_digest_bytes(const char *text, gsize size_bytes);
