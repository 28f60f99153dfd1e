/*
 * lj_coarse: the time in ms, of a clock that takes a few nanoseconds to read and moves every few milliseconds. For differences: it
 * wraps. scripts/build-luajit puts this beside lj_areas.h and lj_pace.h, which use it.
 */
#ifndef LJ_COARSE_H
#define LJ_COARSE_H

#include <time.h>

#include "lj_def.h"

static LJ_AINLINE uint32_t coarse_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint32_t)now.tv_sec * 1000 + (uint32_t)now.tv_nsec / 1000000;
}

#endif
