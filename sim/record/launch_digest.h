/* SPDX-License-Identifier: Apache-2.0 */
/* The launch digest says which launches every device got, in which order, and nothing of when:
 * the same decisions give the same digest in every world, simulated or real.
 *     chain of a device: 0, and for each gang put on its queue, in order,
 *                        chain = mix(mix(chain ^ (instance << 32 | node)) ^ run)
 *     digest:            0, and for each device, in order of index, digest = mix(digest ^ chain)
 * with SplitMix64's finaliser as mix(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t gw_launch_digest_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static inline uint64_t gw_launch_digest_chain(uint64_t chain, uint32_t instance, uint32_t node,
                                              uint32_t run)
{
    return gw_launch_digest_mix(gw_launch_digest_mix(chain ^ ((uint64_t)instance << 32 | node)) ^
                                run);
}

/* What stands for the node in the chain: which of its functions it ran counts too. */
static inline uint32_t gw_launch_digest_node(uint32_t node, bool is_otherwise)
{
    return node | (is_otherwise ? UINT32_C(1) << 31 : 0);
}

static inline uint64_t gw_launch_digest_of(const uint64_t *chains, uint32_t device_count)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < device_count; i++) {
        digest = gw_launch_digest_mix(digest ^ chains[i]);
    }
    return digest;
}
