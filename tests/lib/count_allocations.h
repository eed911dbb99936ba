/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the allocator by the program that includes this, counted where COUNTS_ALLOCATIONS is
 * defined here: the C library is glibc, and no sanitizer has an allocator of its own. */
#pragma once

#include <stdint.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif

#if defined(__GLIBC__) && !defined(HAS_SANITIZER)
#define COUNTS_ALLOCATIONS 1

extern void *__libc_malloc(size_t size_bytes);
extern void *__libc_calloc(size_t count, size_t size_bytes);
extern void *__libc_realloc(void *old, size_t size_bytes);
static uint64_t allocation_count;

void *malloc(size_t size_bytes)
{
    allocation_count++;
    return __libc_malloc(size_bytes);
}
void *calloc(size_t count, size_t size_bytes)
{
    allocation_count++;
    return __libc_calloc(count, size_bytes);
}
void *realloc(void *old, size_t size_bytes)
{
    allocation_count++;
    return __libc_realloc(old, size_bytes);
}
#endif
