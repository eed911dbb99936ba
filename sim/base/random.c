/* SPDX-License-Identifier: Apache-2.0 */
/* xoshiro256** 1.0 and SplitMix64, after the authors' public-domain reference code.  The four
 * words of state come from SplitMix64, which never gives four zeros in a row. */
#include "base/random.h"

#include <stddef.h>

#include "base/check.h"

#define GOLDEN_GAMMA UINT64_C(0x9e3779b97f4a7c15) /* SplitMix64's increment. */

/* SplitMix64's output function: every bit of the answer depends on every bit of `word`. */
static uint64_t mix_word(uint64_t word)
{
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; name[i] != '\0'; i++) {
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t rotate_left(uint64_t word, uint32_t count)
{
    return (word << count) | (word >> (64 - count));
}

void gw_random_init(gw_random *random, uint64_t seed, const char *name)
{
    gw_check(name != NULL);
    /* The seed is mixed before the name is added: seed 1 of one stream is not seed 2 of another. */
    uint64_t state = mix_word(seed + GOLDEN_GAMMA) + hash_name(name);
    for (size_t i = 0; i < 4; i++) {
        state += GOLDEN_GAMMA;
        random->state[i] = mix_word(state);
    }
}

uint64_t gw_random_next(gw_random *random)
{
    uint64_t *s = random->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double gw_random_uniform(gw_random *random)
{
    return (double)(gw_random_next(random) >> 11) * 0x1.0p-53;
}

/* Lemire, "Fast random integer generation in an interval", 2019: the high half of a 128-bit
 * product, drawn again in the few cases that would favour some answers. */
uint64_t gw_random_below(gw_random *random, uint64_t bound)
{
    gw_check(bound > 0);
    const uint64_t threshold = (0 - bound) % bound; /* 2^64 mod bound. */
    unsigned __int128 product;
    do {
        product = (unsigned __int128)gw_random_next(random) * bound;
    } while ((uint64_t)product < threshold);
    return (uint64_t)(product >> 64);
}

uint64_t gw_random_at(uint64_t seed, uint64_t index)
{
    return mix_word(mix_word(seed + GOLDEN_GAMMA) + GOLDEN_GAMMA * (index + 1));
}

#define WORDS_PER_NORMAL 3 /* Of four uniforms of 16 bits each. */

double gw_random_normal_at(uint64_t seed, uint64_t index)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < WORDS_PER_NORMAL; i++) {
        const uint64_t word = gw_random_at(seed, index * WORDS_PER_NORMAL + i);
        sum += (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
    }
    /* Each stands for the middle of its 2^-16. */
    return ((double)sum + 4 * WORDS_PER_NORMAL * 0.5) * 0x1.0p-16 - 2 * WORDS_PER_NORMAL;
}
