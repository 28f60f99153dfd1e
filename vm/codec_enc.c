/*
 * The encoder walks the table with lua_next alone: LuaJIT visits the array part first and in order, so that counting along
 * tells array values from pairs without asking for the length, and no key is visited twice.
 */
#include <lua.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "vm/codec_fmt.h"
#include "vm/state.h"
#include "vm/vstate.h"

/* One run of codec_encode or codec_encode_n. */
struct enc {
    lua_State *L;
    struct codec_buf *b;
    struct codec_scratch *s;
    size_t start; /* b->len when it began */
    size_t limit; /* the most bytes that b may hold in the end */
    char *end;    /* end of the bytes that may be written now */
    int depth;
    enum codec_status status;
    enum codec_fault fault;
    char *why;
    size_t cap;
};

/* A hole of up to this many elements inside an array is written as nils. */
enum { HOLE_MAX = 8 };

/* Room that codec_pack makes. A value that needs more is encoded, which makes the buffer larger: the next one fits. */
enum { PACK_ROOM = 4096 };

/* Bytes that a fault inside an object may say, so that there is room for the path to the object. */
enum { INNER_WHY = 128 };

/* Lua stack slots that one table needs at most: itself, key, value, the key again; some tables' worth are asked for at once. */
enum { SLOTS_PER_TABLE = 4, TABLES_PER_CHECK = 4 };

/* --- room in the buffer ------------------------------------------------------------------------------------------ */

static bool fail(struct enc *e, enum codec_status status) {
    e->status = status;
    return false;
}

/* Makes room for n more bytes behind `used`; sets e->end. */
static bool grow(struct enc *e, size_t used, size_t n) {
    if (n > e->limit - used)
        return fail(e, CODEC_TOO_LARGE);
    struct codec_buf *b = e->b;
    if (n > b->cap - used) {
        size_t cap = b->cap < 128 ? 128 : b->cap;
        while (cap - used < n)
            cap += cap / 2;
        char *data = mem_realloc(b->data, cap);
        if (!data)
            return fail(e, CODEC_NO_MEMORY);
        b->data = data;
        b->cap = cap;
    }
    e->end = b->data + (b->cap < e->limit ? b->cap : e->limit);
    return true;
}

/* Room for n bytes at w; NULL when there is none. */
static inline char *need(struct enc *e, char *w, size_t n) {
    if (__builtin_expect((size_t)(e->end - w) >= n, 1))
        return w;
    size_t used = (size_t)(w - e->b->data);
    return grow(e, used, n) ? e->b->data + used : NULL;
}

/* --- values that hold no others ---------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) char *put_string(struct enc *e, char *w, const char *s,
                                                              size_t len) {
    if (__builtin_expect(len <= SHORT_MAX, 1)) {
        w = need(e, w, 1 + len);
        if (!w)
            return NULL;
        *w = (char)(TAG_SHORT + len);
        copy_bytes(w + 1, s, len);
        return w + 1 + len;
    }
    w = need(e, w, LONG_HEAD + len);
    if (!w)
        return NULL;
    *w = TAG_LONG;
    put_u32(w + 1, (uint32_t)len);
    memcpy(w + LONG_HEAD, s, len);
    return w + LONG_HEAD + len;
}

static __attribute__((noinline)) char *put_ext(struct enc *e, char *w, int idx) {
    if (idx < 0)
        idx += lua_gettop(e->L) + 1; /* put may push */
    const struct vhead *head = lua_touserdata(e->L, idx);
    const struct codec_ext *ext = head->type < VTYPE_COUNT ? codec_exts[head->type] : NULL;
    if (!ext) {
        fail(e, CODEC_BAD_VALUE);
        return NULL;
    }
    w = need(e, w, EXT_HEAD);
    if (!w)
        return NULL;
    struct codec_buf *b = e->b;
    size_t at = (size_t)(w - b->data);
    b->len = at + EXT_HEAD;
    enum codec_status s = b->len < e->limit ? ext->put(e->L, idx, e->limit - b->len, b, e->why,
                                                       e->cap < INNER_WHY ? e->cap : INNER_WHY)
                                            : CODEC_TOO_LARGE;
    if (s != CODEC_OK) {
        e->fault = FAULT_INNER;
        fail(e, s);
        return NULL;
    }
    if (b->len > e->limit) {
        fail(e, CODEC_TOO_LARGE);
        return NULL;
    }
    w = b->data + at;
    w[0] = TAG_EXT;
    w[1] = (char)head->type;
    put_u32(w + 2, (uint32_t)(b->len - at - EXT_HEAD));
    e->end = b->data + (b->cap < e->limit ? b->cap : e->limit);
    return b->data + b->len;
}

/* Any value but a table; NULL when it cannot be sent or there is no room. */
static inline __attribute__((always_inline)) char *put_simple(struct enc *e, char *w, int type, int idx) {
    size_t len;
    const char *s;
    switch (type) {
    case LUA_TSTRING:
        s = lua_tolstring(e->L, idx, &len);
        return put_string(e, w, s, len);
    case LUA_TNUMBER:
        w = need(e, w, NUMBER_SIZE);
        return w ? put_number(w, lua_tonumber(e->L, idx)) : NULL;
    case LUA_TBOOLEAN:
        w = need(e, w, 1);
        if (w)
            *w++ = (char)(lua_toboolean(e->L, idx) ? TAG_TRUE : TAG_FALSE);
        return w;
    case LUA_TNIL:
        w = need(e, w, 1);
        if (w)
            *w++ = TAG_NIL;
        return w;
    case LUA_TUSERDATA:
        return put_ext(e, w, idx);
    default:
        fail(e, CODEC_BAD_VALUE);
        return NULL;
    }
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

/* Writes a reference to a table met before, and marks that one. */
static char *put_ref(struct enc *e, char *w, uint32_t offset) {
    w = need(e, w, REF_SIZE);
    if (!w)
        return NULL;
    char *value = e->b->data + e->start;
    value[offset] |= TABLE_SHARED;
    value[0] |= TABLE_ROOT;
    *w = TAG_REF;
    put_u32(w + 1, offset);
    return w + REF_SIZE;
}

/*
 * The key at -2 is the number `key`; `values` array values stand in the buffer. How many nils have to be written for it to
 * be the next array value, or -1 when it is better a pair.
 */
static inline int hole_before(double key, uint32_t values) {
    double hole = key - 1 - values;
    return hole >= 0 && hole <= HOLE_MAX && hole == (int)hole ? (int)hole : -1;
}

/* Stack for the next tables; raises when the state is out of memory. */
static bool more_stack(struct enc *e) {
    if (lua_checkstack(e->L, (TABLES_PER_CHECK + 1) * SLOTS_PER_TABLE))
        return true;
    e->fault = FAULT_STACK;
    return fail(e, CODEC_BAD_VALUE);
}

/*
 * Encodes the table on top of the stack, and all below it, at w. Returns where it ended, the stack as before; NULL on
 * failure, the stack as it was then.
 */
static char *put_table(struct enc *e, char *w) {
    lua_State *const L = e->L;
    struct codec_scratch *const s = e->s;
    struct codec_frame *f = s->frames;
    uint32_t values, pairs;

enter:;
    const void *table = lua_topointer(L, -1);
    struct codec_seen *slot = codec_seen_slot(s, table);
    uint32_t offset = (uint32_t)((size_t)(w - e->b->data) - e->start);
    if (slot->generation == s->generation) {
        w = put_ref(e, w, slot->offset);
        if (!w)
            return NULL;
        goto leave;
    }
    slot->table = table;
    slot->generation = s->generation;
    slot->offset = offset;
    if (__builtin_expect(++s->used > s->mask / 2, 0) && !codec_seen_grow(s)) {
        fail(e, CODEC_NO_MEMORY);
        return NULL;
    }
    if (__builtin_expect(e->depth == CODEC_DEPTH, 0)) {
        e->fault = FAULT_DEPTH;
        fail(e, CODEC_BAD_VALUE);
        return NULL;
    }
    f++;
    if (__builtin_expect(++e->depth % TABLES_PER_CHECK == 0, 0) && !more_stack(e))
        return NULL;
    w = need(e, w, TABLE_HEAD);
    if (!w)
        return NULL;
    *w = TAG_TABLE;
    w += TABLE_HEAD;
    f->head = offset;
    f->phase = PHASE_ARRAY;
    values = pairs = 0;
    lua_pushnil(L);

next:
    if (!lua_next(L, -2)) {
        char *head = e->b->data + e->start + f->head;
        put_u32(head + 1, values);
        put_u32(head + 5, pairs);
        e->depth--;
        f--;
        goto leave;
    }
    int type = lua_type(L, -2);
    if (type == LUA_TSTRING) {
        size_t len;
        const char *key = lua_tolstring(L, -2, &len);
        w = put_string(e, w, key, len);
    } else if (type == LUA_TNUMBER) {
        double key = lua_tonumber(L, -2);
        int hole = f->phase == PHASE_ARRAY ? hole_before(key, values) : -1;
        if (hole >= 0) {
            if (hole > 0) {
                w = need(e, w, (size_t)hole);
                if (!w)
                    return NULL;
                memset(w, TAG_NIL, (size_t)hole);
                w += hole;
            }
            values += (uint32_t)hole + 1;
            goto value;
        }
        w = need(e, w, NUMBER_SIZE);
        if (w)
            w = put_number(w, key);
    } else if (type == LUA_TTABLE) {
        f->phase = PHASE_KEY;
        f->values = values;
        f->pairs = pairs + 1;
        lua_pushvalue(L, -2);
        goto enter;
    } else {
        e->fault = FAULT_KEY;
        w = put_simple(e, w, type, -2);
        if (w)
            e->fault = FAULT_VALUE;
        else if (e->fault == FAULT_INNER)
            f->phase = PHASE_KEY;
    }
    if (!w)
        return NULL;
    f->phase = PHASE_PAIRS;
    pairs++;

value:
    type = lua_type(L, -1);
    if (type == LUA_TTABLE) {
        f->values = values;
        f->pairs = pairs;
        goto enter;
    }
    w = put_simple(e, w, type, -1);
    if (!w)
        return NULL;
    lua_settop(L, -2);
    goto next;

leave:
    /* The table on top of the stack is done: it was a value of the frame's, or a key, or the first of all. */
    if (f == s->frames)
        return w;
    values = f->values;
    pairs = f->pairs;
    lua_settop(L, -2);
    if (f->phase == PHASE_KEY) {
        f->phase = PHASE_PAIRS;
        goto value;
    }
    goto next;
}

/* --- the entrances ------------------------------------------------------------------------------------------- */

bool codec_pack(lua_State *L, int idx, size_t limit, struct codec_buf *b) {
#if OWN_LUAJIT
    if (lua_type(L, idx) != LUA_TTABLE || !codec_buf_reserve(b, PACK_ROOM))
        return false;
    size_t room = b->cap - b->len;
    size_t n = luaJIT_pack(L, REG_SHAPES, idx, b->data + b->len, limit && limit < room ? limit : room);
    b->len += n;
    return n > 0;
#else
    return false;
#endif
}

static bool begin(struct enc *e, lua_State *L, size_t limit, struct codec_buf *b, char *why, size_t cap) {
    if (limit == 0 || limit > UINT32_MAX) /* offsets have 32 bits */
        limit = UINT32_MAX;
    e->L = L;
    e->b = b;
    e->s = NULL;
    e->start = b->len;
    e->limit = limit > SIZE_MAX - b->len ? SIZE_MAX : b->len + limit;
    e->depth = 0;
    e->status = CODEC_OK;
    e->fault = FAULT_VALUE;
    e->why = why;
    e->cap = cap;
    if (!b->data)
        return grow(e, 0, 1);
    e->end = b->data + (b->cap < e->limit ? b->cap : e->limit);
    return true;
}

/* What only values with tables in them need. */
static bool begin_tables(struct enc *e) {
    struct codec_scratch *s = codec_scratch();
    if (!s)
        return fail(e, CODEC_NO_MEMORY);
    codec_seen_trim(s);
    e->s = s;
    s->used = 0;
    if (++s->generation == 0) {
        memset(s->seen, 0, ((size_t)s->mask + 1) * sizeof *s->seen);
        memset(s->first, 0, sizeof s->first);
        s->generation = 1;
    }
    return true;
}

/* Encodes the value on top of the stack, which is of this type. */
static char *put_any(struct enc *e, char *w, int type) {
    if (type != LUA_TTABLE)
        return put_simple(e, w, type, -1);
    return e->s || begin_tables(e) ? put_table(e, w) : NULL;
}

/* Explains, and undoes what was done to stack and buffer. */
static enum codec_status give_up(struct enc *e, const char *root, int nth, int top) {
    if (e->status == CODEC_BAD_VALUE)
        codec_explain(e->L, root, nth, top + 1, e->s ? e->s->frames + 1 : NULL, e->depth, e->fault, e->why,
                      e->cap);
    else
        codec_explain_size(root, e->status, e->limit - e->start, e->why, e->cap);
    lua_settop(e->L, top);
    e->b->len = e->start;
    return e->status;
}

enum codec_status codec_encode(lua_State *L, int idx, const char *root, size_t limit, struct codec_buf *b,
                               char *why, size_t cap) {
    struct enc e;
    if (!begin(&e, L, limit, b, why, cap))
        return give_up(&e, root, 0, lua_gettop(L));
    char *w = b->data + b->len;
    int type = lua_type(L, idx);
    if (type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL) {
        w = put_simple(&e, w, type, idx);
        if (!w)
            return give_up(&e, root, 0, lua_gettop(L));
    } else {
        int top = lua_gettop(L);
        w = more_stack(&e) ? (lua_pushvalue(L, idx), put_any(&e, w, type)) : NULL;
        if (!w)
            return give_up(&e, root, 0, top);
        lua_settop(L, top);
    }
    b->len = (size_t)(w - b->data);
    return CODEC_OK;
}

enum codec_status codec_encode_n(lua_State *L, int first, int n, const char *root, size_t limit,
                                 struct codec_buf *b, char *why, size_t cap) {
    struct enc e;
    int top = lua_gettop(L);
    if (n == 1)
        return codec_encode(L, first, root, limit, b, why, cap);
    if (!begin(&e, L, limit, b, why, cap))
        return give_up(&e, root, 0, top);
    if (n == 0) {
        char *w = need(&e, b->data + b->len, 1);
        if (!w)
            return give_up(&e, root, 0, top);
        *w = TAG_NIL;
        b->len++;
        return CODEC_OK;
    }
    if (first < 0)
        first += top + 1;
    char *w = more_stack(&e) ? need(&e, b->data + b->len, TABLE_HEAD) : NULL;
    if (!w)
        return give_up(&e, root, 0, top);
    *w = TAG_TABLE;
    put_u32(w + 1, (uint32_t)n);
    put_u32(w + 5, 0);
    w += TABLE_HEAD;
    for (int i = 0; i < n; i++) {
        lua_pushvalue(L, first + i);
        w = put_any(&e, w, lua_type(L, -1));
        if (!w)
            return give_up(&e, root, i + 1, top);
        lua_settop(L, top);
    }
    b->len = (size_t)(w - b->data);
    return CODEC_OK;
}
