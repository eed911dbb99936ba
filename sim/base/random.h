/* SPDX-License-Identifier: Apache-2.0 */
/* Random streams by (seed, name): a new consumer opens a stream of its own name and does not
 * disturb the others.  xoshiro256** seeded by SplitMix64 of the seed and a hash of the name
 * (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). */
#pragma once

#include <stdint.h>

typedef struct {
    uint64_t state[4];
} gw_random;

void gw_random_init(gw_random *random, uint64_t seed, const char *name);
uint64_t gw_random_next(gw_random *random);
/* Uniform in [0, 1), 53 bits. */
double gw_random_uniform(gw_random *random);
/* Uniform in [0, bound), without bias; `bound` is not 0. */
uint64_t gw_random_below(gw_random *random, uint64_t bound);

/* Stateless: 64 well-mixed bits for element `index` of the stream `seed`, the same whatever the
 * sharding that asks for it. */
uint64_t gw_random_at(uint64_t seed, uint64_t index);

/* Stateless: element `index` of the normal variates of `seed`, as the sum of twelve uniform ones
 * less six (docs/MODEL.md, "Devices that differ"): mean 0, variance 1, never beyond 6, and no
 * logarithm, so that it is the same on every machine.  Takes gw_random_at() of 3 index to 3 index +
 * 2; `index` is below 2^62. */
double gw_random_normal_at(uint64_t seed, uint64_t index);
