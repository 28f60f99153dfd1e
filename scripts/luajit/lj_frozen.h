/*
 * lj_frozen: strings that many states share, see luaJIT_freeze in luajit_troupe.h. scripts/build-luajit puts this into lj_str.c, in front
 * of lj_str_new, which asks here first: a string that is among them has no other object in any state that shares them.
 *
 * Nothing is ever written to a frozen object. It is black and has no white, so no collector marks it; it is on no list of a state's
 * objects, so none sweeps it.
 */
#ifndef LJ_FROZEN_H
#define LJ_FROZEN_H

__thread const FrozenStrings *lj_frozen_strings __attribute__((tls_model("initial-exec")));

/* NULL: the state has to look among its own. */
static LJ_AINLINE GCstr *frozen_string(const FrozenStrings *f, StrHash hash, const char *str, MSize len)
{
  GCobj *o;
  if (!f || !(f->seen[(hash & (FROZEN_SEEN-1)) >> 5] >> (hash & 31) & 1))
    return NULL;
  for (o = gcref(f->tab[hash & f->mask]); o; o = gcnext(o)) {
    GCstr *s = gco2str(o);
    if (s->hash == hash && s->len == len && same_bytes(str, strdata(s), len))
      return s;
  }
  return NULL;
}

#endif
