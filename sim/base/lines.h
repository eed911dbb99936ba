/* SPDX-License-Identifier: Apache-2.0 */
/* Where data lie in the cache.  State of which a run has one per host is out of the near caches
 * whenever that host's turn comes, and then each line of it is waited for: what one turn looks at
 * is put on as few lines as it fits on, by `alignas(GW_LINE_BYTES)` or by arrays that begin a
 * line. */
#pragma once

#include <glib.h>
#include <stdalign.h>

#define GW_LINE_BYTES 64

/* `count` zeroed blocks of `block_bytes` from the beginning of a line on; for gw_lines_free(). */
static inline void *gw_lines_new0(gsize count, gsize block_bytes)
{
    return g_aligned_alloc0(count, block_bytes, GW_LINE_BYTES);
}

static inline void gw_lines_free(void *lines)
{
    g_aligned_free(lines);
}
