/* Additions of Troupe to LuaJIT but for packing (lj_pack.c), compiled as a part of it. See luajit_troupe.h for what they promise. */
#define lj_troupe_c
#define LUA_CORE

#include "lj_gc.h"
#include "lj_jit.h"
#include "lj_lex.h"
#include "lj_meta.h"
#include "lj_obj.h"
#include "lj_prng.h"
#include "lj_state.h"
#include "lj_str.h"
#include "lj_tab.h"
#include "luajit_troupe.h"

/* --- objects without a finaliser ------------------------------------------------------------------------------------- */

LUA_API void *luaJIT_newplain(lua_State *L, int slot, size_t size) {
    cTValue *meta = lj_tab_getint(tabV(registry(L)), slot);
    GCudata *ud;
    if (!meta || !tvistab(meta) || size > LJ_MAX_UDATA)
        return NULL;
    lj_gc_check(L);
    /* On the list of all objects, not on that of userdata, which is searched for finalisers. */
    ud = (GCudata *)lj_mem_newgco(L, (GCSize)(sizeof(GCudata) + size));
    ud->gct = ~LJ_TUDATA;
    ud->udtype = UDTYPE_USERDATA;
    ud->len = (MSize)size;
    setgcref(ud->metatable, obj2gco(tabV(meta)));
    setgcref(ud->env, obj2gco(tabref(L->env)));
    setudataV(L, L->top, ud);
    incr_top(L);
    return uddata(ud);
}

/* --- arguments -------------------------------------------------------------------------------------------------------- */

static LJ_AINLINE cTValue *tp_arg(lua_State *L, int arg) {
    cTValue *o = L->base + arg - 1;
    return LJ_LIKELY(o < L->top) ? o : niltv(L);
}

LUA_API const char *luaJIT_string(lua_State *L, int arg, size_t *len) {
    cTValue *o = tp_arg(L, arg);
    if (LJ_UNLIKELY(!tvisstr(o)))
        return NULL;
    *len = strV(o)->len;
    return strVdata(o);
}

LUA_API int luaJIT_number(lua_State *L, int arg, double *number) {
    cTValue *o = tp_arg(L, arg);
    if (!tvisnum(o))
        return 0;
    *number = numV(o);
    return 1;
}

LUA_API void *luaJIT_userdata(lua_State *L, int arg) {
    cTValue *o = tp_arg(L, arg);
    return LJ_LIKELY(tvisudata(o)) ? uddata(udataV(o)) : NULL;
}

LUA_API void luaJIT_pushslot(lua_State *L, int slot) {
    cTValue *v = lj_tab_getint(tabV(registry(L)), slot);
    copyTV(L, L->top, v ? v : niltv(L));
    incr_top(L);
}

LUA_API void luaJIT_popslot(lua_State *L, int slot) {
    GCtab *t = tabV(registry(L));
    TValue *to = lj_tab_setint(L, t, slot); /* may be out of memory: the value is still on the stack then */
    L->top--;
    copyTV(L, to, L->top);
    lj_gc_anybarriert(L, t);
}

LUA_API int luaJIT_slots(lua_State *L, int n) {
    return tvref(L->maxstack) - L->top > n;
}

/* --- sealed metatables --------------------------------------------------------------------------------------------- */

LUA_API void luaJIT_seal(lua_State *L) {
    tabV(L->top - 1)->nomm |= INDEX_SEALED;
}

/* --- what states share ----------------------------------------------------------------------------------------------- */

#define TP_FROZEN (LJ_GC_FIXED | LJ_GC_BLACK)

static int tp_freeze(global_State *g, GCobj *o);

static int tp_freeze_value(global_State *g, cTValue *v) {
    return !tvislightud(v) && (!tvisgcv(v) || tp_freeze(g, gcV(v)));
}

/* Metamethods that a table does not have are noted at the first look; here, for nobody must write to it later. */
static int tp_freeze_table(global_State *g, GCtab *t) {
    const Node *n = noderef(t->node);
    int ok = !gcref(t->metatable) || tp_freeze(g, gcref(t->metatable));
    for (uint32_t i = 0; ok && i < t->asize; i++)
        ok = tp_freeze_value(g, arrayslot(t, i));
    for (uint32_t i = 0; ok && i <= t->hmask; i++)
        ok = tvisnil(&n[i].val) || (tp_freeze_value(g, &n[i].key) && tp_freeze_value(g, &n[i].val));
    for (uint32_t mm = 0; mm <= MM_FAST; mm++) {
        cTValue *v = lj_tab_getstr(t, mmname_str(g, mm));
        if (!v || tvisnil(v))
            t->nomm |= (uint8_t)(1u << mm);
    }
    return ok;
}

static int tp_freeze_function(global_State *g, GCfunc *f) {
    int ok = iscfunc(f) || isffunc(f);
    ok = ok && tp_freeze(g, gcref(f->c.env));
    for (uint32_t i = 0; ok && i < f->c.nupvalues; i++)
        ok = tp_freeze_value(g, &f->c.upvalue[i]);
    return ok;
}

static int tp_freeze(global_State *g, GCobj *o) {
    if ((o->gch.marked & (LJ_GC_COLORS | LJ_GC_FIXED)) == TP_FROZEN)
        return 1;
    o->gch.marked = TP_FROZEN;
    switch (o->gch.gct) {
    case ~LJ_TSTR:
        return o != obj2gco(&g->strempty); /* each state has its own */
    case ~LJ_TTAB:
        return tp_freeze_table(g, gco2tab(o));
    case ~LJ_TFUNC:
        return tp_freeze_function(g, gco2func(o));
    default:
        return 0;
    }
}

LUA_API int luaJIT_freeze(lua_State *L) {
    int ok = tp_freeze_value(G(L), L->top - 1);
    L->top--;
    return ok;
}

LUA_API int luaJIT_share(lua_State *L) {
    global_State *g = G(L);
    FrozenStrings *f = lj_mem_newt(L, sizeof *f, FrozenStrings);
    lj_lex_init(L);
    memset(f, 0, sizeof *f);
    f->tab = g->str.tab;
    f->mask = g->str.mask;
    f->seed = g->str.seed;
    for (MSize i = 0; i <= f->mask && !g->str.second; i++)
        for (GCobj *o = gcref(f->tab[i]); o; o = gcnext(o)) {
            StrHash hash = gco2str(o)->hash;
            o->gch.marked = TP_FROZEN;
            f->seen[(hash & (FROZEN_SEEN - 1)) >> 5] |= 1u << (hash & 31);
        }
    g->str.frozen = f;
    return !g->str.second;
}

LUA_API void luaJIT_library(lua_State *library) {
    lj_frozen_strings = library ? G(library)->str.frozen : NULL;
}

LUA_API void luaJIT_pushshared(lua_State *L, lua_State *library, int slot) {
    cTValue *v = lj_tab_getint(tabV(registry(library)), slot);
    copyTV(L, L->top, v ? v : niltv(L));
    incr_top(L);
}

/* --- the collector's pace ------------------------------------------------------------------------------------------- */

LUA_API size_t luaJIT_room(lua_State *L) {
    return G(L)->gc.room;
}

/* --- copies of states -------------------------------------------------------------------------------------------------- */

__thread const uint64_t *luaJIT_seed;

int lj_troupe_seed(PRNGState *prng) {
    if (!luaJIT_seed)
        return lj_prng_seed_secure(prng);
    memcpy(prng->u, luaJIT_seed, sizeof prng->u);
    lj_prng_condition(prng);
    return 1;
}

/* By what is hashed: strings and numbers lie by their value, everything else by its address. */
static int tp_lies_by_address(const GCtab *t) {
    const Node *n = noderef(t->node);
    for (uint32_t i = 0; i <= t->hmask; i++)
        if (tvisgcv(&n[i].key) && !tvisstr(&n[i].key))
            return 1;
    return 0;
}

static void tp_settle_stack(lua_State *L) {
    for (TValue *o = L->top, *end = tvref(L->stack) + L->stacksize; o < end; o++)
        setnilV(o);
}

static int tp_has_code(global_State *g) {
    return G2J(g)->sizetrace != 0 || G2J(g)->szallmcarea != 0;
}

LUA_API int luaJIT_settle(lua_State *L) {
    global_State *g = G(L);
    if (mainthread(g) != L || tp_has_code(g) || mref(g->ctype_state, CTState) ||
        gcref(mainthread(g)->nextgc) || gcref(g->gc.mmudata))
        return 0;
    memset(g->memo, 0, sizeof g->memo); /* which lie by addresses */
    for (GCobj *o = gcref(g->gc.root); o; o = gcref(o->gch.nextgc)) {
        if (o->gch.gct == ~LJ_TUDATA || (o->gch.gct == ~LJ_TTAB && tp_lies_by_address(gco2tab(o))))
            return 0;
        if (o->gch.gct == ~LJ_TTHREAD)
            tp_settle_stack(gco2th(o));
    }
    return 1;
}

LUA_API void luaJIT_vary(lua_State *L, uint64_t with) {
    global_State *g = G(L);
    for (int i = 0; i < 4; i++)
        g->prng.u[i] ^= with * 0x9e3779b97f4a7c15u << i; /* 2^64 over the golden ratio: spreads small changes */
    lj_prng_condition(&g->prng);
    G2J(g)->prng = g->prng;
}

LUA_API int luaJIT_only_memory(lua_State *L) {
    global_State *g = G(L);
    if (tp_has_code(g) || mref(g->ctype_state, CTState) || gcref(g->gc.mmudata))
        return 0;
    for (GCobj *o = gcref(mainthread(g)->nextgc); o; o = gcref(o->gch.nextgc)) {
        GCtab *meta = tabref(gco2ud(o)->metatable);
        if (meta && lj_meta_fastg(g, meta, MM_gc))
            return 0;
    }
    return 1;
}
