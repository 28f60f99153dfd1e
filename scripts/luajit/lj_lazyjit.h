/*
 * lj_lazyjit: tables of the trace compiler that LuaJIT has inside jit_State, in memory of their own: a state that never
 * compiles a trace does not have them. scripts/build-luajit makes lj_jit.h include this at its end.
 */
#ifndef LJ_LAZYJIT_H
#define LJ_LAZYJIT_H

#include "lj_gc.h"

typedef struct LazyJit {
  HotPenalty penalty[PENALTY_SLOTS];
  BPropEntry bpropcache[BPROP_SLOTS];
  MCode *exitstubgroup[LJ_MAX_EXITSTUBGR];
  TRef slot[LJ_MAX_JSLOTS+LJ_STACK_EXTRA];
  IRRef1 chain[IR__MAX];
} LazyJit;

/* What sizeof(J->table) was. */
#define LAZYJIT_SIZE(table) sizeof(((LazyJit *)0)->table)

/* Before a trace gets its number; raises without memory. */
static LJ_AINLINE void lazyjit_open(jit_State *J)
{
  if (LJ_UNLIKELY(!J->penalty)) {
    LazyJit *lazy = lj_mem_newt(J->L, sizeof(LazyJit), LazyJit);
    memset(lazy, 0, sizeof(LazyJit));
    J->penalty = lazy->penalty;
    J->bpropcache = lazy->bpropcache;
    J->exitstubgroup = lazy->exitstubgroup;
    J->slot = lazy->slot;
    J->chain = lazy->chain;
  }
}

static LJ_AINLINE void lazyjit_close(global_State *g, jit_State *J)
{
  if (J->penalty)
    lj_mem_free(g, J->penalty, sizeof(LazyJit));
}

#endif
