/*
 * lj_same: whether two runs of `n` > 0 bytes are the same, for the few bytes of most strings. scripts/build-luajit puts this into
 * lj_str.c, where each string that is made is compared with the one that it may be.
 */
#ifndef LJ_SAME_H
#define LJ_SAME_H

#include "lj_def.h"

static LJ_AINLINE uint64_t same_word(const char *p)
{
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* Words at a time, the last one overlapping the one before. */
static LJ_AINLINE int same_bytes(const char *a, const char *b, MSize n)
{
  MSize i;
  if (n < 4)
    return a[0] == b[0] && a[n >> 1] == b[n >> 1] && a[n - 1] == b[n - 1];
  if (n < 8)
    return lj_getu32(a) == lj_getu32(b) && lj_getu32(a + n - 4) == lj_getu32(b + n - 4);
  if (n > 64)
    return memcmp(a, b, n) == 0;
  for (i = 0; i + 8 < n; i += 8)
    if (same_word(a + i) != same_word(b + i))
      return 0;
  return same_word(a + n - 8) == same_word(b + n - 8);
}

#endif
