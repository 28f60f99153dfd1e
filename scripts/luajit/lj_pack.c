/*
 * Tables as bytes: luaJIT_pack and luaJIT_unpack, compiled as a part of LuaJIT. See luajit_troupe.h for what they promise.
 *
 * Packed form: a tag byte and what the tag says follows; numbers in native byte order, unaligned.
 *
 *   NIL (holes only) FALSE TRUE
 *   NUMBER  8 bytes
 *   LONG    u32 length, bytes of string
 *   SHORT+n n bytes of string (n < 128)
 *   ARRAY   u32 n, n values
 *   RECORD  u8 n, u16 bytes of names, u32 hash of names, the names (u8 length, bytes), n values
 *   TABLE   u32 a, u32 p, a array values, p pairs of key and value
 *
 * The names of a record stand in an order that depends on themselves only, not on the state that packed it: so all senders
 * of the same kind of record share one entry of the receiver's cache.
 */
#define lj_pack_c
#define LUA_CORE

#include "lj_gc.h"
#include "lj_obj.h"
#include "lj_same.h"
#include "lj_state.h"
#include "lj_str.h"
#include "lj_tab.h"
#include "luajit_troupe.h"

enum {
    TP_NIL,
    TP_FALSE,
    TP_TRUE,
    TP_NUMBER,
    TP_LONG,
    TP_ARRAY = LUAJIT_PACK_FIRST,
    TP_RECORD,
    TP_TABLE = LUAJIT_PACK_LAST,
    TP_SHORT = 0x80
};

enum {
    TP_SHORT_MAX = 127,
    TP_SCALAR = 9,     /* bytes of the longest scalar */
    TP_ARRAY_HEAD = 5, /* of a table before its values, the tag included */
    TP_RECORD_HEAD = 8,
    TP_TABLE_HEAD = 9,
    TP_NAMES_MAX = 32,    /* names of a record */
    TP_NAMES_BYTES = 512, /* their bytes */
    TP_NAME_MAX = 255,    /* bytes of one */
    TP_HOLE_MAX = 8,      /* nils in a row in an array */
    TP_DEPTH = 32,        /* C recursion */
    TP_BYTES = 1 << 16,   /* no collector runs while one is unpacked */
    TP_SEEN = 1024,       /* slots of the set of tables met: half of them are used at most */
    TP_CACHE = 16         /* records that a state remembers; a power of two */
};

static LJ_AINLINE void tp_put32(char *to, uint32_t v) {
    memcpy(to, &v, sizeof v);
}

static LJ_AINLINE uint32_t tp_get32(const char *from) {
    uint32_t v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* A few bytes: two overlapping moves instead of a call. */
static LJ_AINLINE void tp_copy(char *to, const char *from, size_t n) {
    if (n > 16) {
        memcpy(to, from, n);
    } else if (n >= 8) {
        uint64_t a, b;
        memcpy(&a, from, 8);
        memcpy(&b, from + n - 8, 8);
        memcpy(to, &a, 8);
        memcpy(to + n - 8, &b, 8);
    } else if (n >= 4) {
        uint32_t a = tp_get32(from), b = tp_get32(from + n - 4);
        tp_put32(to, a);
        tp_put32(to + n - 4, b);
    } else if (n > 0) {
        char a = from[0], b = from[n >> 1], c = from[n - 1];
        to[0] = a;
        to[n >> 1] = b;
        to[n - 1] = c;
    }
}

/* --- what a state remembers of records ----------------------------------------------------------------------------- */

/*
 * A cache is an array of TP_CACHE entries, each with two places where it may stand: [1 + 2 i] a string, [2 + 2 i] a table. A number
 * instead of the string: something with this mark was met once.
 */

/* The cache registry[slot]; NULL: none yet. The first record only leaves a mark. */
static GCtab *tp_cache(lua_State *L, int slot) {
    GCtab *registry = tabV(registry(L)), *cache;
    TValue *o = lj_tab_setint(L, registry, slot);
    if (LJ_LIKELY(tvistab(o)))
        return tabV(o);
    if (!tvistrue(o)) {
        setboolV(o, 1);
        return NULL;
    }
    cache = lj_tab_new(L, 2 * TP_CACHE + 1, 0);
    settabV(L, o, cache);
    lj_gc_anybarriert(L, registry);
    return cache;
}

/*
 * Whether something that belongs to entry i was met before: then this entry is free for it. A table that stands here gives way to
 * the other place, whose own goes.
 */
static int tp_met_before(lua_State *L, GCtab *cache, uint32_t i, uint32_t mark) {
    TValue *a = tvref(cache->array), *here = &a[1 + 2 * i], *there = &a[1 + 2 * (i ^ 1)];
    if (tvisnum(here) && numV(here) == (lua_Number)mark)
        return 1;
    if (tvisstr(here)) {
        copyTV(L, there, here);
        copyTV(L, there + 1, here + 1);
    }
    setnumV(here, (lua_Number)mark);
    setnilV(here + 1);
    return 0;
}

static void tp_keep(lua_State *L, GCtab *cache, uint32_t i, GCstr *s, GCtab *t) {
    TValue *a = tvref(cache->array);
    setstrV(L, &a[1 + 2 * i], s);
    settabV(L, &a[2 + 2 * i], t);
    lj_gc_anybarriert(L, cache);
}

/* --- packing ------------------------------------------------------------------------------------------------------- */

/* The tables met: a table met twice is no tree. Emptied by counting the generation up. */
static __thread struct {
    const GCtab *table;
    uint32_t generation;
} tp_seen[TP_SEEN];
static __thread uint32_t tp_generation;

struct tp_put {
    lua_State *L;
    GCtab *cache; /* NULL: none */
    const char *end;
    uint32_t generation;
    int depth, tables;
};

static char *tp_put_table(struct tp_put *p, char *w, const GCtab *t);

/* Whether the table is a new one, and there may be one more. */
static int tp_first_time(struct tp_put *p, const GCtab *t) {
    uint32_t i = (uint32_t)((((uintptr_t)t >> 4) * U64x(9e3779b9, 7f4a7c15)) >> 40);
    for (;; i++) {
        i &= TP_SEEN - 1;
        if (tp_seen[i].generation != p->generation)
            break;
        if (tp_seen[i].table == t)
            return 0;
    }
    tp_seen[i].table = t;
    tp_seen[i].generation = p->generation;
    return ++p->tables <= TP_SEEN / 2;
}

/* All of these return where what they wrote ends; NULL: it cannot be packed. */
static LJ_AINLINE char *tp_put_value(struct tp_put *p, char *w, cTValue *o) {
    if (LJ_UNLIKELY(p->end - w < TP_SCALAR))
        return NULL;
    if (tvisnumber(o)) {
        lua_Number n = numberVnum(o);
        *w = TP_NUMBER;
        memcpy(w + 1, &n, 8);
        return w + 9;
    }
    if (tvisstr(o)) {
        const GCstr *s = strV(o);
        if (LJ_LIKELY(s->len <= TP_SHORT_MAX)) {
            if (p->end - w <= (ptrdiff_t)s->len)
                return NULL;
            *w = (char)(TP_SHORT + s->len);
            tp_copy(w + 1, strdata(s), s->len);
            return w + 1 + s->len;
        }
        if (p->end - w < 5 + (ptrdiff_t)s->len)
            return NULL;
        *w = TP_LONG;
        tp_put32(w + 1, s->len);
        memcpy(w + 5, strdata(s), s->len);
        return w + 5 + s->len;
    }
    if (tvistab(o))
        return tp_put_table(p, w, tabV(o));
    if (tvisbool(o) || tvisnil(o)) {
        *w = (char)(tvisnil(o) ? TP_NIL : tvistrue(o) ? TP_TRUE : TP_FALSE);
        return w + 1;
    }
    return NULL;
}

/* How many of the array part's values have to be written; -1: not as an array. */
static int32_t tp_array_length(const GCtab *t) {
    uint32_t n = t->asize, i, hole = 0;
    cTValue *a = tvref(t->array);
    if (n == 0)
        return 0;
    if (!tvisnil(&a[0])) /* the key 0 */
        return -1;
    while (--n > 0 && tvisnil(&a[n]))
        ;
    for (i = 1; i < n; i++) {
        hole = tvisnil(&a[i]) ? hole + 1 : 0;
        if (LJ_UNLIKELY(hole > TP_HOLE_MAX))
            return -1;
    }
    return (int32_t)n;
}

static char *tp_put_array(struct tp_put *p, char *w, const GCtab *t, int32_t n) {
    cTValue *a = tvref(t->array);
    int32_t i;
    for (i = 1; w && i <= n; i++)
        w = tp_put_value(p, w, &a[i]);
    return w;
}

/* A name as its place in a record's order: depends on nothing but its bytes. Strings are padded with zeros to words. */
static LJ_AINLINE uint32_t tp_name_rank(const GCstr *s) {
    uint32_t h = tp_get32(strdata(s)) ^ (s->len << 24);
    h = (h ^ (h >> 15)) * 0x85ebca6bu + tp_get32(strdata(s) + ((s->len >> 1) & ~3u));
    h = (h ^ (h >> 13)) * 0xc2b2ae35u + tp_get32(strdata(s) + (s->len & ~3u));
    return h ^ (h >> 16);
}

/*
 * In the cache of shapes: all of a record's bytes but its values, followed by the places of their nodes, as one string; and a table
 * that has the same keys in the same nodes, so that comparing addresses is enough.
 */

static int tp_same_shape(const GCtab *t, const GCtab *of) {
    const Node *a = noderef(t->node), *b = noderef(of->node);
    uint32_t i;
    if (t->hmask != of->hmask)
        return 0;
    for (i = 0; i <= t->hmask; i++)
        if (tvisnil(&a[i].val) ? !tvisnil(&b[i].val) : tvisnil(&b[i].val) || a[i].key.u64 != b[i].key.u64)
            return 0;
    return 1;
}

/* What a table's shape is looked up by, its last key; NULL: it has none, or no name. */
static LJ_AINLINE const GCstr *tp_shape_key(const GCtab *t) {
    const Node *node = noderef(t->node), *last = node + t->hmask;
    while (last > node && tvisnil(&last->val))
        last--;
    return !tvisnil(&last->val) && tvisstr(&last->key) ? strV(&last->key) : NULL;
}

/* NULL: it is not known. */
static LJ_AINLINE const GCstr *tp_shape(const GCtab *cache, const GCtab *t, const GCstr *key) {
    cTValue *a = tvref(cache->array);
    uint32_t i = key->sid & (TP_CACHE - 1), way;
    for (way = 0; way < 2; way++, i ^= 1)
        if (tvisstr(&a[1 + 2 * i]) && tp_same_shape(t, tabV(&a[2 + 2 * i])))
            return strV(&a[1 + 2 * i]);
    return NULL;
}

struct tp_name {
    uint32_t rank;
    const Node *node;
};

/* The record `t`, whose first `len` bytes stand at head, is known from its second time on. */
static void tp_learn(struct tp_put *p, const GCtab *t, const char *head, uint32_t len, const struct tp_name *names,
                     uint32_t n) {
    const GCstr *key = tp_shape_key(t);
    char shape[TP_RECORD_HEAD + TP_NAMES_BYTES + TP_NAMES_MAX];
    GCtab *of;
    uint32_t i;
    if (t->asize > 0 || t->hmask > 255 || !tp_met_before(p->L, p->cache, key->sid & (TP_CACHE - 1), key->sid ^ t->hmask))
        return;
    memcpy(shape, head, len);
    for (i = 0; i < n; i++)
        shape[len + i] = (char)(names[i].node - noderef(t->node));
    of = lj_tab_dup(p->L, t);
    for (i = 0; i <= of->hmask; i++)
        if (!tvisnil(&noderef(of->node)[i].val))
            setboolV(&noderef(of->node)[i].val, 1);
    tp_keep(p->L, p->cache, key->sid & (TP_CACHE - 1), lj_str_new(p->L, shape, len + n), of);
}

/* The pairs of a table whose keys are all short strings; NULL with *other set: not as a record, nothing was packed yet. */
static char *tp_put_unknown(struct tp_put *p, char *w, const GCtab *t, int *other) {
    struct tp_name names[TP_NAMES_MAX], x;
    const Node *node = noderef(t->node), *last = node + t->hmask;
    char *head = w, *limit;
    uint32_t n = 0, i, j, hash = 0;
    *other = 1;
    for (; node <= last; node++) {
        if (tvisnil(&node->val))
            continue;
        if (n == TP_NAMES_MAX || !tvisstr(&node->key) || strV(&node->key)->len - 1 >= TP_NAME_MAX)
            return NULL;
        x.rank = tp_name_rank(strV(&node->key));
        x.node = node;
        hash += x.rank;
        for (i = n++; i > 0 && names[i - 1].rank > x.rank; i--)
            names[i] = names[i - 1];
        names[i] = x;
    }
    if (n == 0 || p->end - w < TP_RECORD_HEAD)
        return NULL;
    w += TP_RECORD_HEAD;
    limit = w + TP_NAMES_BYTES;
    if (limit > p->end)
        limit = (char *)p->end;
    for (j = 0; j < n; j++) {
        const GCstr *s = strV(&names[j].node->key);
        if (limit - w <= (ptrdiff_t)s->len)
            return NULL;
        *w = (char)s->len;
        tp_copy(w + 1, strdata(s), s->len);
        w += 1 + s->len;
    }
    *other = 0;
    i = (uint32_t)(w - head) - TP_RECORD_HEAD;
    head[0] = TP_RECORD;
    head[1] = (char)n;
    head[2] = (char)i;
    head[3] = (char)(i >> 8);
    tp_put32(head + 4, hash);
    if (p->cache)
        tp_learn(p, t, head, (uint32_t)(w - head), names, n);
    for (j = 0; w && j < n; j++)
        w = tp_put_value(p, w, &names[j].node->val);
    return w;
}

static char *tp_put_record(struct tp_put *p, char *w, const GCtab *t, int *other) {
    const GCstr *key = p->cache ? tp_shape_key(t) : NULL, *shape = key ? tp_shape(p->cache, t, key) : NULL;
    const unsigned char *places;
    const Node *node = noderef(t->node);
    uint32_t i, n, len;
    if (!shape)
        return tp_put_unknown(p, w, t, other);
    *other = 0;
    n = (unsigned char)strdata(shape)[1];
    len = shape->len - n;
    if (p->end - w < (ptrdiff_t)len)
        return NULL;
    memcpy(w, strdata(shape), len);
    w += len;
    places = (const unsigned char *)strdata(shape) + len;
    for (i = 0; w && i < n; i++)
        w = tp_put_value(p, w, &node[places[i]].val);
    return w;
}

static char *tp_put_pairs(struct tp_put *p, char *w, const GCtab *t, uint32_t *n) {
    const Node *node = noderef(t->node), *last = node + t->hmask;
    for (; w && t->hmask > 0 && node <= last; node++) {
        if (tvisnil(&node->val))
            continue;
        if (tvistab(&node->key))
            return NULL;
        w = tp_put_value(p, w, &node->key);
        if (w)
            w = tp_put_value(p, w, &node->val);
        ++*n;
    }
    return w;
}

static char *tp_put_table(struct tp_put *p, char *w, const GCtab *t) {
    int32_t values = tp_array_length(t);
    uint32_t pairs = 0;
    char *head = w;
    int other = 1;
    if (values < 0 || p->depth == TP_DEPTH || !tp_first_time(p, t))
        return NULL;
    p->depth++;
    if (t->hmask == 0) {
        if (p->end - w < TP_ARRAY_HEAD)
            return NULL;
        *w = TP_ARRAY;
        tp_put32(w + 1, (uint32_t)values);
        w = tp_put_array(p, w + TP_ARRAY_HEAD, t, values);
        p->depth--;
        return w;
    }
    if (values == 0) {
        w = tp_put_record(p, w, t, &other);
        if (!w && other)
            w = head;
    }
    if (other) {
        if (p->end - w < TP_TABLE_HEAD)
            return NULL;
        w = tp_put_pairs(p, tp_put_array(p, w + TP_TABLE_HEAD, t, values), t, &pairs);
        *head = TP_TABLE;
        tp_put32(head + 1, (uint32_t)values);
        tp_put32(head + 5, pairs);
    }
    p->depth--;
    return w;
}

LUA_API size_t luaJIT_pack(lua_State *L, int slot, int idx, char *to, size_t cap) {
    cTValue *o = idx > 0 ? L->base + idx - 1 : L->top + idx;
    struct tp_put p = {L, NULL, to + (cap < TP_BYTES ? cap : TP_BYTES), 0, 0, 0};
    char *w;
    if (!tvistab(o))
        return 0;
    p.cache = tp_cache(L, slot);
    if (++tp_generation == 0) {
        memset(tp_seen, 0, sizeof tp_seen);
        tp_generation = 1;
    }
    p.generation = tp_generation;
    w = tp_put_table(&p, to, tabV(o));
    return w ? (size_t)(w - to) : 0;
}

/* --- unpacking ----------------------------------------------------------------------------------------------------- */

/*
 * No collector runs between the first allocation and the push of the result, so that nothing needs an anchor meanwhile and no
 * new object a barrier.
 */
struct tp_get {
    lua_State *L;
    const char *end;
    GCtab *cache; /* NULL: none */
    int depth;
};

static const char *tp_get_table(struct tp_get *g, const char *p, TValue *o);

/* Reads the value at p. All of these return where what they read ends; NULL: invalid. */
static LJ_AINLINE const char *tp_get_value(struct tp_get *g, const char *p, TValue *o) {
    unsigned tag;
    if (LJ_UNLIKELY(p >= g->end))
        return NULL;
    tag = (unsigned char)*p++;
    if (tag == TP_NUMBER) {
        if (g->end - p < 8)
            return NULL;
        memcpy(&o->n, p, 8);
        if (LJ_UNLIKELY(o->n != o->n)) /* any other bits are those of no number */
            o->u64 = (int64_t)o->u64 < 0 ? U64x(fff80000, 00000000) : U64x(7ff80000, 00000000);
        return p + 8;
    }
    if (tag >= TP_SHORT) {
        uint32_t len = tag - TP_SHORT;
        if (g->end - p < (ptrdiff_t)len)
            return NULL;
        setstrV(g->L, o, lj_str_new(g->L, p, len));
        return p + len;
    }
    if (tag - TP_ARRAY <= TP_TABLE - TP_ARRAY)
        return tp_get_table(g, p - 1, o);
    if (tag <= TP_TRUE) {
        if (tag == TP_NIL)
            setnilV(o);
        else
            setboolV(o, tag == TP_TRUE);
        return p;
    }
    if (tag == TP_LONG && g->end - p >= 4) {
        uint32_t len = tp_get32(p);
        p += 4;
        if (g->end - p < (ptrdiff_t)len)
            return NULL;
        setstrV(g->L, o, lj_str_new(g->L, p, len));
        return p + len;
    }
    return NULL;
}

static const char *tp_get_array(struct tp_get *g, const char *p, GCtab *t, uint32_t n) {
    TValue *a = tvref(t->array);
    uint32_t i;
    for (i = 1; p && i <= n; i++)
        p = tp_get_value(g, p, &a[i]);
    return p;
}

/* Sets a field of a new table; NULL: the key is none. */
static TValue *tp_field(struct tp_get *g, GCtab *t, cTValue *key) {
    if (tvisnil(key) || tvistab(key) || (tvisnum(key) && key->n != key->n))
        return NULL;
    return lj_tab_set(g->L, t, key);
}

/* In the cache: the names and the places of their nodes as one string, and the template. */

/* The template for these names; NULL: there is none. *places: for each name the index of its node. */
static LJ_AINLINE GCtab *tp_template(GCtab *cache, uint32_t hash, const char *names, uint32_t bytes,
                                     uint32_t n, const unsigned char **places) {
    TValue *a = tvref(cache->array);
    uint32_t i = hash & (TP_CACHE - 1), way;
    for (way = 0; way < 2; way++, i ^= 1) {
        cTValue *key = &a[1 + 2 * i];
        if (tvisstr(key) && strV(key)->len == bytes + n && same_bytes(strdata(strV(key)), names, bytes)) {
            *places = (const unsigned char *)strdata(strV(key)) + bytes;
            return tabV(&a[2 + 2 * i]);
        }
    }
    return NULL;
}

/* Makes `t`, a record of these n names whose values are all set, into the template of the next ones. */
static void tp_remember(struct tp_get *g, uint32_t hash, const char *names, uint32_t bytes, uint32_t n) {
    lua_State *L = g->L;
    GCtab *t;
    TValue *to;
    uint32_t i = hash & (TP_CACHE - 1), j, b;
    char key[TP_NAMES_BYTES + TP_NAMES_MAX];
    if (!tp_met_before(L, g->cache, i, hash))
        return;
    t = lj_tab_new(L, 0, hsize2hbits(n));
    for (j = b = 0; j < n; j++) {
        uint32_t len = (unsigned char)names[b];
        to = lj_tab_setstr(L, t, lj_str_new(L, names + b + 1, len));
        if (!tvisnil(to)) /* the same name twice: nothing that luaJIT_pack wrote */
            return;
        setboolV(to, 1);
        b += 1 + len;
    }
    memcpy(key, names, bytes);
    for (j = b = 0; j < n; j++) {
        uint32_t len = (unsigned char)names[b];
        cTValue *at = lj_tab_getstr(t, lj_str_new(L, names + b + 1, len));
        key[bytes + j] = (char)((const Node *)at - noderef(t->node));
        b += 1 + len;
    }
    tp_keep(L, g->cache, i, lj_str_new(L, key, bytes + n), t);
}

static const char *tp_get_record(struct tp_get *g, const char *p, TValue *o) {
    uint32_t n = (unsigned char)p[1], bytes = (unsigned char)p[2] | (uint32_t)(unsigned char)p[3] << 8;
    uint32_t hash = tp_get32(p + 4), i;
    const char *names = p + TP_RECORD_HEAD, *name = names, *names_end;
    const unsigned char *places;
    GCtab *t;
    if (n - 1 >= TP_NAMES_MAX || bytes < 2 * n || bytes > TP_NAMES_BYTES || (ptrdiff_t)(bytes + n) > g->end - names)
        return NULL;
    names_end = p = names + bytes;
    t = g->cache ? tp_template(g->cache, hash, names, bytes, n, &places) : NULL;
    if (LJ_LIKELY(t != NULL)) {
        Node *node;
        t = lj_tab_dup(g->L, t);
        node = noderef(t->node);
        for (i = 0; p && i < n; i++)
            p = tp_get_value(g, p, &node[places[i]].val);
        settabV(g->L, o, t);
        return p;
    }
    t = lj_tab_new(g->L, 0, hsize2hbits(n));
    t->nomm = 0; /* a name may be that of a metamethod; lj_tab_setstr does not look */
    for (i = 0; i < n; i++) {
        uint32_t len;
        TValue v;
        if (name == names_end || (len = (unsigned char)*name) >= (uint32_t)(names_end - name))
            return NULL;
        p = tp_get_value(g, p, &v);
        if (!p)
            return NULL;
        copyTV(g->L, lj_tab_setstr(g->L, t, lj_str_new(g->L, name + 1, len)), &v);
        name += 1 + len;
    }
    if (name != names_end)
        return NULL;
    if (g->cache)
        tp_remember(g, hash, names, bytes, n);
    settabV(g->L, o, t);
    return p;
}

static const char *tp_get_table(struct tp_get *g, const char *p, TValue *o) {
    GCtab *t;
    unsigned tag = (unsigned char)*p;
    uint32_t values, pairs = 0;
    if (g->depth == TP_DEPTH || g->end - p < TP_ARRAY_HEAD || (tag != TP_ARRAY && g->end - p < TP_TABLE_HEAD))
        return NULL;
    g->depth++;
    if (tag == TP_RECORD) { /* one name and its value at least: longer than TP_TABLE_HEAD */
        p = tp_get_record(g, p, o);
        g->depth--;
        return p;
    }
    values = tp_get32(p + 1);
    p += TP_ARRAY_HEAD;
    if (tag == TP_TABLE) {
        pairs = tp_get32(p);
        p += 4;
    }
    if ((uint64_t)values + 2 * (uint64_t)pairs > (uint64_t)(g->end - p))
        return NULL;
    t = lj_tab_new(g->L, values ? values + 1 : 0, hsize2hbits(pairs));
    p = tp_get_array(g, p, t, values);
    for (; p && pairs > 0; pairs--) {
        TValue k, v, *to;
        p = tp_get_value(g, p, &k);
        if (p)
            p = tp_get_value(g, p, &v);
        if (!p || tvisnil(&v) || !(to = tp_field(g, t, &k)))
            return NULL;
        copyTV(g->L, to, &v);
    }
    settabV(g->L, o, t);
    g->depth--;
    return p;
}

LUA_API size_t luaJIT_unpack(lua_State *L, int slot, const char *data, size_t len) {
    struct tp_get g = {L, data + len, NULL, 0};
    const char *end;
    TValue o;
    if (len == 0 || (unsigned char)*data - LUAJIT_PACK_FIRST > LUAJIT_PACK_LAST - LUAJIT_PACK_FIRST ||
        len > TP_BYTES)
        return 0;
    lj_gc_check(L);
    g.cache = tp_cache(L, slot);
    end = tp_get_table(&g, data, &o);
    if (!end)
        return 0;
    copyTV(L, L->top, &o);
    incr_top(L);
    return (size_t)(end - data);
}
