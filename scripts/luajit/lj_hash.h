/*
 * lj_hash: the hash that strings are interned by. scripts/build-luajit puts this into lj_str.c, in place of LuaJIT's own.
 *
 * That one looks at 16 bytes: of pids, which begin and end alike, at three digits that differ. Processes of a program that
 * spawns others again and again got chains of 32 strings and, for each of these, the slower second hash. This looks at all of
 * up to 48 bytes, in as much time: two words at a time are multiplied, and both halves of the product folded (Wang Yi, wyhash).
 */
#ifndef LJ_HASH_H
#define LJ_HASH_H

#include "lj_same.h"

static LJ_AINLINE uint64_t hash_fold(uint64_t a, uint64_t b)
{
  __uint128_t product = (__uint128_t)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* len > 0. Odd constants with as many ones as zeros. */
static StrHash hash_sparse_def(uint64_t seed, const char *str, MSize len)
{
  const uint64_t k = U64x(a0761d64,78bd642f), l = U64x(e7037ed1,a0b428db);
  uint64_t a, b, h = seed ^ len * l;
  if (len > 16) {
    if (len > 32)
      h = hash_fold(same_word(str + (len >> 1) - 8) ^ l, same_word(str + (len >> 1)) ^ h);
    h = hash_fold(same_word(str) ^ k, same_word(str + 8) ^ h);
    a = same_word(str + len - 16);
    b = same_word(str + len - 8);
  } else if (len >= 8) {
    a = same_word(str);
    b = same_word(str + len - 8);
  } else if (len >= 4) {
    a = lj_getu32(str);
    b = lj_getu32(str + len - 4);
  } else {
    a = (uint64_t)(uint8_t)str[0] << 16 | (uint64_t)(uint8_t)str[len >> 1] << 8 | (uint8_t)str[len - 1];
    b = 0;
  }
  h = hash_fold(a ^ k, b ^ h);
  return (StrHash)(h ^ h >> 32);
}

#endif
