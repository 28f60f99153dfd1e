/*
 * lj_lazyjit: tables of the trace compiler that LuaJIT has inside jit_State, in memory of their own: a state that never
 * compiles a trace does not have them. scripts/build-luajit puts this into lj_trace.c and lj_record.c.
 */
#ifndef LJ_LAZYJIT_H
#define LJ_LAZYJIT_H

#include "lj_gc.h"
#include "lj_jit.h"

#define JIT_PENALTY_SIZE (PENALTY_SLOTS * sizeof(HotPenalty))
#define JIT_SLOTS_SIZE ((LJ_MAX_JSLOTS + LJ_STACK_EXTRA) * sizeof(TRef))

/* Before a trace gets its number; raises without memory. */
static LJ_AINLINE void lazyjit_open(jit_State *J)
{
  if (LJ_UNLIKELY(!J->penalty)) {
    J->penalty = (HotPenalty *)lj_mem_new(J->L, JIT_PENALTY_SIZE + JIT_SLOTS_SIZE);
    memset(J->penalty, 0, JIT_PENALTY_SIZE);
    J->slot = (TRef *)((char *)J->penalty + JIT_PENALTY_SIZE);
  }
}

static LJ_AINLINE void lazyjit_close(global_State *g, jit_State *J)
{
  if (J->penalty)
    lj_mem_free(g, J->penalty, JIT_PENALTY_SIZE + JIT_SLOTS_SIZE);
}

#endif
