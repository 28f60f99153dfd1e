/*
 * lj_index: a name looked up along tables that are each other's __index, as methods and the functions of modules are.
 * scripts/build-luajit puts this into lj_meta.c, in front of what lj_meta_tget was there: whatever else there is to an index is
 * left to that.
 *
 * Metatables of the runtime's own objects and modules are sealed (luaJIT_seal): what is found behind them stays as it is, and alive, as
 * long as the state. The last such finds are remembered. Not for the few instructions: a look-up goes through six to eight
 * cache lines of a state, this through one.
 */
#ifndef LJ_INDEX_H
#define LJ_INDEX_H

/* NULL: there is no such key. */
static LJ_AINLINE cTValue *index_find(const GCtab *t, const GCstr *name, uint64_t key)
{
  Node *n = noderef(t->node);
  if (t->hmask)
    n = hashstr(t, name);
  do {
    if (n->key.u64 == key)
      return &n->val;
  } while ((n = nextnode(n)));
  return NULL;
}

/* What is remembered of a name lies in one of two places. */
static LJ_AINLINE IndexMemo *index_memo(global_State *g, const GCtab *mt, const GCstr *name)
{
  uintptr_t at = (uintptr_t)name, by = (uintptr_t)mt;
  return &g->memo[(at >> 3 ^ at >> 6 ^ by >> 3) & (INDEX_MEMOS-2)];
}

static LJ_AINLINE int index_is(const IndexMemo *memo, const GCtab *mt, uint64_t key)
{
  return gcref(memo->meta) == obj2gco(mt) && memo->name == key;
}

/* The rest: what o has at `k`. NULL: a function has to be called for it. */
static LJ_NOINLINE cTValue *index_slowly(lua_State *L, cTValue *o, cTValue *k)
{
  global_State *g = G(L);
  const GCstr *name = strV(k);
  IndexMemo *memo = NULL;
  GCtab *sealed = NULL;
  int loop;
  for (loop = 0; loop < LJ_MAX_IDXCHAIN; loop++) {
    TValue index;
    cTValue *next;
    GCtab *mt;
    if (LJ_LIKELY(tvistab(o))) {
      GCtab *t = tabV(o);
      cTValue *v = index_find(t, name, k->u64);
      if (v && !tvisnil(v)) {
	if (sealed) {
	  memo[1] = memo[0];
	  setgcref(memo->meta, obj2gco(sealed));
	  memo->name = k->u64;
	  memo->value = *v;
	}
	return v;
      }
      mt = tabref(t->metatable);
      if (!mt || (mt->nomm & (1u<<MM_index)))
	return niltv(L);
    } else {
      mt = tvisudata(o) ? tabref(udataV(o)->metatable) : tabref(basemt_obj(g, o));
      if (!mt)
	break;
    }
    sealed = NULL;
    if (loop == 0) {
      memo = index_memo(g, mt, name);
      if ((mt->nomm & (INDEX_SEALED | 1u<<MM_index)) == INDEX_SEALED) /* not: an empty table, which has all bits */
	sealed = mt;
    }
    setstrV(L, &index, mmname_str(g, MM_index));
    next = index_find(mt, strV(&index), index.u64);
    if (next && tvisfunc(next)) {
      L->top = mmcall(L, lj_cont_ra, next, o, k);
      return NULL;
    }
    if (!next || !tvistab(next))
      break;
    o = next;
  }
  return meta_tget(L, o, k);
}

cTValue *lj_meta_tget(lua_State *L, cTValue *o, cTValue *k)
{
  if (LJ_LIKELY(tvisstr(k))) {
    const IndexMemo *memo;
    GCtab *mt = NULL;
    if (tvistab(o)) {
      cTValue *v = index_find(tabV(o), strV(k), k->u64);
      if (v && !tvisnil(v))
	return v;
      mt = tabref(tabV(o)->metatable);
    } else {
      mt = tvisudata(o) ? tabref(udataV(o)->metatable) : tabref(basemt_obj(G(L), o));
    }
    memo = index_memo(G(L), mt, strV(k)); /* nothing is remembered of no metatable: a name is never 0 */
    if (LJ_LIKELY(index_is(memo, mt, k->u64)))
      return &memo->value;
    if (index_is(++memo, mt, k->u64))
      return &memo->value;
    return index_slowly(L, o, k);
  }
  return meta_tget(L, o, k);
}

#endif
