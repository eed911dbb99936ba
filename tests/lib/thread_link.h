/* SPDX-License-Identifier: Apache-2.0 */
/* A link between threads of one process (real/rank_link.h), for tests of what ranks do: nothing of
 * it is MPI's, so ThreadSanitizer sees all. */
#pragma once

#include <glib.h>

#include "real/rank_link.h"

typedef struct thread_links thread_links;

thread_links *thread_links_new(uint32_t rank_count);
void thread_links_free(thread_links *links);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(thread_links, thread_links_free)

/* The end that `rank` has; owned by `links`. */
gw_rank_link *thread_links_at(thread_links *links, uint32_t rank);
/* From here on the rank counts as one whose process has ended, and gets nothing any more. */
void thread_links_end(thread_links *links, uint32_t rank);
