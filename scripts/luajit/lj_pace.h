/*
 * lj_pace: when the collector's next cycle begins. scripts/build-luajit puts this into lj_gc.c.
 *
 * With the usual pause of 200 % a small state, and most of ours are small, begins a cycle whenever it has made some 20 kB of
 * objects: then all that is alive and each chain of strings is looked at for a few dozen dead objects. A state whose cycles
 * follow each other within a few milliseconds may let PACE_MOST bytes become garbage before the next one; how many states can
 * be that quick at once is bounded by the processors, so that this memory is, too. A state with a smaller pause, because
 * its memory is limited or its program says so, gets no such room, and one with PACE_LARGE bytes alive needs none.
 */
#ifndef LJ_PACE_H
#define LJ_PACE_H

#include "lj_coarse.h"
#include "lj_obj.h"

#define PACE_SOON_MS 10
#define PACE_FIRST (16 * 1024)
#define PACE_MOST (128 * 1024)
#define PACE_LARGE (64 * 1024)

/* A cycle of a state with room is done in fewer and larger steps, less of which is lost to beginning and ending them. */
#define PACE_STEP(g) ((g)->gc.room ? 4 : 1)

/* And its string table, which has to grow for what is garbage, too, is made smaller only when it is far too large. */
#define PACE_SHRINK(g) ((g)->gc.room ? 4 : 2)

/* Chains of strings that are swept in one go: a power of two, and no table has fewer. */
#define PACE_CHAINS 16

/* The next chains; what they begin with is fetched meanwhile: it was used long ago. */
static void pace_sweepstr(global_State *g)
{
  GCRef *chain = &g->str.tab[g->gc.sweepstr];
  MSize i;
  for (i = 0; i < PACE_CHAINS; i++)
    __builtin_prefetch((void *)(gcrefu(chain[i]) & ~(uintptr_t)1));
  for (i = 0; i < PACE_CHAINS; i++)
    if (gcrefu(chain[i]) > 1)
      gc_sweepstr(g, &chain[i]);
  g->gc.sweepstr += PACE_CHAINS;
}

/* A cycle has ended. */
static void pace_next(global_State *g)
{
  GCSize room = 0;
  uint32_t ms = coarse_ms();
  if (ms - g->gc.ended <= PACE_SOON_MS && g->gc.pause >= LUAI_GCPAUSE && g->gc.estimate < PACE_LARGE) {
    room = g->gc.room ? 2 * g->gc.room : PACE_FIRST;
    if (room > PACE_MOST)
      room = PACE_MOST;
  }
  g->gc.ended = ms;
  g->gc.room = room;
  g->gc.threshold = (g->gc.estimate / 100) * g->gc.pause;
  if (g->gc.threshold < g->gc.estimate + room)
    g->gc.threshold = g->gc.estimate + room;
}

#endif
