/* SPDX-License-Identifier: Apache-2.0 */
#include "app/digest.h"

#include <string.h>

#include "base/error.h"

#define PROGRAM_PATH "/proc/self/exe"

static void add_piece(GChecksum *checksum, const char *data, gsize size_bytes)
{
    g_autofree char *length = g_strdup_printf("%" G_GSIZE_FORMAT ":", size_bytes);
    g_checksum_update(checksum, (const guchar *)length, -1);
    g_checksum_update(checksum, (const guchar *)data, (gssize)size_bytes);
}

void gw_digest_add_text(GChecksum *checksum, const char *text)
{
    add_piece(checksum, text, strlen(text));
}

bool gw_digest_add_file(GChecksum *checksum, const char *path, GError **error)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) failure = NULL;
    gsize size_bytes;
    if (!g_file_get_contents(path, &data, &size_bytes, &failure)) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, failure->message);
        return false;
    }
    add_piece(checksum, data, size_bytes);
    return true;
}

bool gw_digest_add_scenario(GChecksum *checksum, const gw_scenario *scenario, GError **error)
{
    if (!gw_digest_add_file(checksum, scenario->path, error))
        return false;
    for (guint i = 0; i < scenario->inputs->len; i++)
        if (!gw_digest_add_file(checksum, (const char *)scenario->inputs->pdata[i], error))
            return false;
    return true;
}

char *gw_digest_file(const char *path, GError **error)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(GW_DIGEST_KIND);
    if (!gw_digest_add_file(checksum, path, error))
        return NULL;
    return g_strdup(g_checksum_get_string(checksum));
}

char *gw_digest_program(GError **error)
{
    return gw_digest_file(PROGRAM_PATH, error);
}

char *gw_digest_scenario(const gw_scenario *scenario, GError **error)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(GW_DIGEST_KIND);
    if (!gw_digest_add_scenario(checksum, scenario, error))
        return NULL;
    return g_strdup(g_checksum_get_string(checksum));
}

char *gw_digest_bytes(const char *text, gsize size_bytes)
{
    return g_compute_checksum_for_data(GW_DIGEST_KIND, (const guchar *)text, size_bytes);
}
