/* SPDX-License-Identifier: Apache-2.0 */
/* The areas are mapped, and given back: nothing of them is touched.  Only addresses can be lacking
 * (ulimit -v); memory that was promised and is not there ends a process otherwise. */
#include "real/blas_room.h"

#include <glib.h>
#include <pthread.h>
#include <sys/mman.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint32_t most; /* Threads that there was room for. */

static bool try_room(uint32_t thread_count)
{
    const size_t size_bytes = thread_count * GW_BLAS_AREA_BYTES;
    void *areas = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return areas != MAP_FAILED && munmap(areas, size_bytes) == 0;
}

bool gw_blas_has_room(uint32_t thread_count)
{
    pthread_mutex_lock(&mutex);
    const bool has_room = thread_count <= most || try_room(thread_count - most);
    most = has_room ? MAX(most, thread_count) : most;
    pthread_mutex_unlock(&mutex);
    return has_room;
}
