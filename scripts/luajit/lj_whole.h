/*
 * Text of whole numbers, and pieces of strings, for table.concat, tostring and the like. Numbers are doubles here, most of them
 * whole: those need no generator of digits. Included by lj_strfmt.h. Any thread; no memory is taken.
 */
#ifndef LJ_WHOLE_H
#define LJ_WHOLE_H

#include <string.h>

#include "lj_obj.h"

/* Whether %.14g would write n as the integer *k. */
static LJ_AINLINE int whole_is(lua_Number n, int32_t *k)
{
  TValue t;
  t.n = n;
  *k = lj_num2int(n);
  return (lua_Number)*k == n && (*k || !t.u32.hi);
}

/* The four digits of u < 10000 as characters, the first in the lowest byte. */
static LJ_AINLINE uint32_t whole_four(uint32_t u)
{
  uint32_t hundreds = (u * 5243) >> 19;                     /* u / 100, exact below 43698 */
  uint32_t two = hundreds | (u - hundreds * 100) << 16;     /* 0..99 in each half */
  uint32_t tens = ((two * 103) >> 10) & 0x000f000f;         /* each half / 10, exact below 179 */
  return (tens | (two - tens * 10) << 8) | 0x30303030;
}

static LJ_AINLINE char *whole_put(char *p, uint32_t chars)
{
#if LJ_BE
  chars = lj_bswap(chars);
#endif
  memcpy(p, &chars, 4);
  return p + 4;
}

/* Without leading zeros; u < 10000. Writes four bytes, of which those behind the result mean nothing. */
static LJ_AINLINE char *whole_put_short(char *p, uint32_t u)
{
  int zeros = 3 - (u > 9) - (u > 99) - (u > 999);
  whole_put(p, whole_four(u) >> 8 * zeros);
  return p + 4 - zeros;
}

/* Writes k in decimal, at most 11 bytes, for which there has to be room; returns where the text ends. */
static LJ_AINLINE char *whole_write(char *p, int32_t k)
{
  uint32_t u = (uint32_t)k;
  if (k < 0) {
    u = ~u + 1u;
    *p++ = '-';
  }
  if (LJ_LIKELY(u < 10000))
    return whole_put_short(p, u);
  if (u < 100000000)
    return whole_put(whole_put_short(p, u / 10000), whole_four(u % 10000));
  p = whole_put_short(p, u / 100000000);
  u %= 100000000;
  return whole_put(whole_put(p, whole_four(u / 10000)), whole_four(u % 10000));
}

/* Copies a string of n < 4 bytes: its text is padded to four. There has to be room for four; returns where the n bytes end. */
static LJ_AINLINE char *whole_put_tiny(char *p, const GCstr *s)
{
  memcpy(p, strdata(s), 4);
  return p + s->len;
}

#endif
