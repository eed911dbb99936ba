/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this process has room for OpenBLAS, which does not fail where it has none: it asks for
 * its work areas again and again, for ever (driver/others/memory.c of version 0.3.21). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a thread's first matrix product takes of a process's addresses: BUFFER_SIZE of OpenBLAS
 * 0.3.21 (common_x86_64.h and common_arm64.h: 32 << 22). */
#define GW_BLAS_AREA_BYTES (UINT64_C(32) << 22)

/* Asked before the first product of a process: may so many threads compute at once?  The answer is
 * kept; a later question of fewer or as many has it, too.  By any thread. */
bool gw_blas_has_room(uint32_t thread_count);
