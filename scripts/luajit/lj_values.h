/*
 * lj_values: how many of the slots first..last of an array are not nil, four at a time and without branches: each table that
 * grows is looked through for its new size. scripts/build-luajit puts this into lj_tab.c.
 */
#ifndef LJ_VALUES_H
#define LJ_VALUES_H

#include "lj_obj.h"

#if LJ_TARGET_X64 && LJ_GC64
#include <emmintrin.h>

/* The upper half of a value has all bits set in nil only: of a type's number, inverted, some bit is clear, and so in a NaN. */
static LJ_AINLINE uint32_t values_in(const TValue *array, uint32_t first, uint32_t last)
{
  const __m128i ones = _mm_set1_epi32(-1);
  __m128i nils = _mm_setzero_si128();
  uint32_t i = first, part[4];
  for (; i + 3 <= last; i += 4) {
    __m128 a = _mm_loadu_ps((const float *)(array + i)), b = _mm_loadu_ps((const float *)(array + i + 2));
    __m128i upper = _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
    nils = _mm_sub_epi32(nils, _mm_cmpeq_epi32(upper, ones));
  }
  _mm_storeu_si128((__m128i *)part, nils);
  part[0] = i - first - (part[0] + part[1] + part[2] + part[3]);
  for (; i <= last; i++)
    part[0] += !tvisnil(&array[i]);
  return part[0];
}
#else
static LJ_AINLINE uint32_t values_in(const TValue *array, uint32_t first, uint32_t last)
{
  uint32_t n = 0;
  for (; first <= last; first++)
    n += !tvisnil(&array[first]);
  return n;
}
#endif

#endif
