#include "vm/strlib.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vm/env.h"
#include "vm/errobj.h"
#include "vm/preempt.h"
#include "vm/strmatch.h"
#include "vm/task.h"

/* Steps between two looks at the clock: 20 to 100 µs. */
#define CHUNK 20000

enum kind { KIND_FIND, KIND_MATCH, KIND_GMATCH, KIND_GSUB, KIND_STEP };

/* Environment table of a search that is an object. */
enum { ENV_SUBJECT = 1, ENV_PATTERN, ENV_FRAMES, ENV_REPLACEMENT, ENV_OUT };

/* A search: on the C stack as long as it lasts less than a slice, else a VTYPE_SEARCH. */
struct search {
    struct vhead head;
    uint8_t kind;
    bool is_object;
    bool waits;         /* a task has yielded in the midst of it */
    lua_Integer n, max; /* gsub: matches so far and at most; gmatch: whether there was one, -1: no more */
    const char *rep;
    size_t rep_len;
    const char *at; /* gsub: what comes before is in the output */
    luaL_Buffer *b; /* gsub: the output, or the memory below */
    char *out;
    size_t out_len, out_cap;
    struct strm m;
};

/* --- objects ------------------------------------------------------------------------------------------------------ */

static struct search *new_object(lua_State *L, int subject, int pattern) {
    struct search *o = vtype_new(L, VTYPE_SEARCH, sizeof *o);
    lua_createtable(L, ENV_OUT, 0);
    lua_pushvalue(L, subject);
    lua_rawseti(L, -2, ENV_SUBJECT);
    lua_pushvalue(L, pattern);
    lua_rawseti(L, -2, ENV_PATTERN);
    lua_setfenv(L, -2);
    o->is_object = true;
    return o;
}

/* Pops what is on top of the stack into the environment of the object at idx. */
static void keep(lua_State *L, int idx, int key) {
    lua_getfenv(L, idx);
    lua_insert(L, -2);
    lua_rawseti(L, -2, key);
    lua_settop(L, -2);
}

/* The search on the C stack becomes an object, pushed. Its arguments stand in their places. */
static struct search *to_object(lua_State *L, struct search *s, int frames) {
    if (s->b) {
        luaL_pushresult(s->b);
        s->b = NULL;
    } else {
        lua_pushliteral(L, "");
    }
    int text = lua_gettop(L);
    struct search *o = new_object(L, 1, 2);
    struct vhead head = o->head;
    *o = *s;
    o->head = head;
    o->is_object = true;
    strm_moved(&o->m, &s->m);
    int at = lua_gettop(L);
    if (frames) {
        lua_pushvalue(L, frames);
        keep(L, at, ENV_FRAMES);
    }
    if (s->kind == KIND_GSUB) {
        lua_pushvalue(L, 3);
        keep(L, at, ENV_REPLACEMENT);
        size_t len = lua_objlen(L, text);
        o->out_cap = len + 256;
        o->out = lua_newuserdata(L, o->out_cap);
        o->out_len = len;
        memcpy(o->out, lua_tostring(L, text), len);
        keep(L, at, ENV_OUT);
    }
    return o;
}

/* --- output ------------------------------------------------------------------------------------------------------- */

/* idx: the object, when the output is its own memory. */
static void put(lua_State *L, struct search *s, int idx, const char *text, size_t len) {
    if (s->b) {
        luaL_addlstring(s->b, text, len);
        return;
    }
    if (s->out_len + len > s->out_cap) {
        size_t cap = (s->out_len + len) * 2 + 256;
        char *grown = lua_newuserdata(L, cap);
        if (s->out_len)
            memcpy(grown, s->out, s->out_len);
        s->out = grown;
        s->out_cap = cap;
        keep(L, idx, ENV_OUT);
    }
    memcpy(s->out + s->out_len, text, len);
    s->out_len += len;
}

static bool wrong(struct search *s, const char *why) {
    s->m.error = why;
    return false;
}

static bool put_capture(lua_State *L, struct search *s, int idx, int i) {
    const struct strm *m = &s->m;
    if (i >= m->level) {
        if (i)
            return wrong(s, "invalid capture index");
        put(L, s, idx, m->start, (size_t)(m->s - m->start));
        return true;
    }
    ptrdiff_t len = m->capture[i].len;
    if (len == STRM_UNFINISHED)
        return wrong(s, "unfinished capture");
    if (len == STRM_POSITION) {
        char number[24];
        int n = snprintf(number, sizeof number, "%td", m->capture[i].init - m->src + 1);
        put(L, s, idx, number, (size_t)n);
    } else {
        put(L, s, idx, m->capture[i].init, (size_t)len);
    }
    return true;
}

/* The replacement text with its %1 filled in. */
static bool put_replacement(lua_State *L, struct search *s, int idx) {
    for (size_t i = 0; i < s->rep_len; i++) {
        const char *from = s->rep + i, *esc = memchr(from, '%', s->rep_len - i);
        size_t plain = esc ? (size_t)(esc - from) : s->rep_len - i;
        if (plain)
            put(L, s, idx, from, plain);
        i += plain;
        if (!esc)
            break;
        i++;
        char c = s->rep[i]; /* at the very end: the string's NUL, as LuaJIT has it */
        if (c == '0')
            put(L, s, idx, s->m.start, (size_t)(s->m.s - s->m.start));
        else if (c > '0' && c <= '9') {
            if (!put_capture(L, s, idx, c - '1'))
                return false;
        } else {
            put(L, s, idx, &c, 1);
        }
    }
    return true;
}

/* --- results ------------------------------------------------------------------------------------------------------ */

/* Pushes the captures; whole: the match itself when there are none. -1: s->m.error. */
static int push_captures(lua_State *L, struct search *s, bool whole) {
    const struct strm *m = &s->m;
    int n = m->level == 0 && whole ? 1 : m->level;
    luaL_checkstack(L, n + 4, "too many captures");
    for (int i = 0; i < n; i++) {
        ptrdiff_t len = i < m->level ? m->capture[i].len : 0;
        if (i >= m->level) {
            lua_pushlstring(L, m->start, (size_t)(m->s - m->start));
        } else if (len == STRM_UNFINISHED) {
            wrong(s, "unfinished capture");
            return -1;
        } else if (len == STRM_POSITION) {
            lua_pushinteger(L, m->capture[i].init - m->src + 1);
        } else {
            lua_pushlstring(L, m->capture[i].init, (size_t)len);
        }
    }
    return n;
}

enum outcome { DONE, PAUSED, WRONG };

/* After a match (or none) of gsub: what stands between is copied. true: another try at m.start. */
static bool gsub_advance(lua_State *L, struct search *s, int idx, bool found) {
    struct strm *m = &s->m;
    if (found && m->s > m->start) {
        s->at = m->s;
    } else if (m->start < m->src_end) {
        s->at = m->start + 1;
        put(L, s, idx, m->start, 1);
    } else {
        return false;
    }
    if (m->anchored || s->n >= s->max)
        return false;
    strm_restart(m, s->at);
    return true;
}

static int gsub_result(lua_State *L, struct search *s, int idx) {
    put(L, s, idx, s->at, (size_t)(s->m.src_end - s->at));
    if (s->b)
        luaL_pushresult(s->b);
    else
        lua_pushlstring(L, s->out_len ? s->out : "", s->out_len);
    lua_pushinteger(L, s->n);
    return 2;
}

/*
 * Works on the search until it is done, or `budget` is used up. DONE: *results values are pushed. idx: the object, if it is one.
 */
static enum outcome work(lua_State *L, struct search *s, int idx, int64_t *budget, int *results) {
    struct strm *m = &s->m;
    bool by_step = s->kind == KIND_GSUB || s->kind == KIND_STEP;
    for (;;) {
        enum strm_result r = by_step && s->n >= s->max ? STRM_FAILED : strm_run(m, by_step, budget);
        if (r == STRM_MORE)
            return PAUSED;
        if (r == STRM_BAD)
            return WRONG;
        bool found = r == STRM_FOUND;
        switch ((enum kind)s->kind) {
        case KIND_FIND:
        case KIND_MATCH:
        case KIND_GMATCH: {
            if (!found) {
                s->n = -1;
                *results = s->kind == KIND_GMATCH ? 0 : 1;
                lua_pushnil(L);
                return DONE;
            }
            int at = 0;
            if (s->kind == KIND_FIND) {
                luaL_checkstack(L, 4, "find");
                lua_pushinteger(L, m->start - m->src + 1);
                lua_pushinteger(L, m->s - m->src);
                at = 2;
            }
            int n = push_captures(L, s, s->kind != KIND_FIND);
            if (n < 0)
                return WRONG;
            *results = n + at;
            return DONE;
        }
        case KIND_GSUB:
            if (s->n >= s->max) {
                *results = gsub_result(L, s, idx);
                return DONE;
            }
            if (found) {
                s->n++;
                *budget -= (int64_t)s->rep_len;
                if (!put_replacement(L, s, idx))
                    return WRONG;
            }
            if (!gsub_advance(L, s, idx, found)) {
                *results = gsub_result(L, s, idx);
                return DONE;
            }
            break;
        case KIND_STEP:
            if (s->n >= s->max) {
                lua_pushboolean(L, 0);
                *results = 1;
                return DONE;
            }
            if (found) {
                s->n++;
                lua_pushboolean(L, 1);
                int n = push_captures(L, s, true);
                *results = n + 1;
                return n < 0 ? WRONG : DONE;
            }
            if (!gsub_advance(L, s, idx, false)) {
                s->max = 0; /* the end: says so from now on */
                lua_pushboolean(L, 0);
                *results = 1;
                return DONE;
            }
            break;
        }
    }
}

/* --- running, pausing, going on ------------------------------------------------------------------------------------ */

/* From a C function of the library. frames: index of the frames' memory, 0: none; idx: that of the object, 0: none yet. */
static int search_run(lua_State *L, struct search *s, int frames, int idx) {
    int results;
    for (;;) {
        int64_t budget = CHUNK;
        switch (work(L, s, idx, &budget, &results)) {
        case DONE:
            return results;
        case WRONG:
            return env_raise(L, "%s", s->m.error);
        case PAUSED:
            break;
        }
        struct vstate *vs = vstate_of(L);
        if (!worker_must_yield(sched_self->worker))
            continue;
        if (!vs->current || !lua_isyieldable(L)) {
            preempt_put_off(L, vs);
            continue;
        }
        int slot = task_hold(L, vs, vs->current);
        if (idx)
            lua_pushvalue(L, idx);
        else
            s = to_object(L, s, frames);
        s->waits = true;
        anchor_push(L, vs);
        lua_insert(L, -2);
        lua_rawseti(L, -2, slot);
        return task_block(L, vs, TASK_MATCH);
    }
}

/* The object that the task waits for, pushed. */
static struct search *waiting(lua_State *L, struct vstate *vs, struct task *t) {
    luaL_checkstack(L, 8, "search");
    anchor_push(L, vs);
    lua_rawgeti(L, -1, t->hold);
    lua_replace(L, -2);
    return lua_touserdata(L, -1);
}

static void forget(lua_State *L, struct vstate *vs, struct task *t) {
    anchor_push(L, vs);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, t->hold);
    lua_settop(L, -2);
}

/* What work left on L above the object at idx becomes all there is; the count of results. */
static int settle(lua_State *L, struct vstate *vs, struct task *t, struct search *s, int idx, enum outcome o,
                  int results) {
    if (o == WRONG) {
        t->raise = s->m.error;
        results = 0;
        lua_settop(L, idx);
    }
    s->waits = false;
    forget(L, vs, t);
    if (s->kind == KIND_GMATCH && !results)
        lua_settop(L, idx);
    lua_remove(L, idx);
    return results;
}

int strlib_continue(lua_State *co, struct vstate *vs, struct task *t) {
    struct search *s = waiting(co, vs, t);
    int idx = lua_gettop(co), results = 0;
    struct worker *w = sched_self->worker;
    do {
        int64_t budget = CHUNK;
        enum outcome o = work(co, s, idx, &budget, &results);
        if (o != PAUSED)
            return settle(co, vs, t, s, idx, o, results);
    } while (!worker_must_yield(w));
    lua_settop(co, idx - 1);
    return -1;
}

int strlib_finish(lua_State *L, struct vstate *vs, struct task *t) {
    struct search *s = waiting(L, vs, t);
    int idx = lua_gettop(L), results = 0;
    for (;;) {
        int64_t budget = CHUNK;
        enum outcome o = work(L, s, idx, &budget, &results);
        if (o != PAUSED)
            return settle(L, vs, t, s, idx, o, results);
        if (worker_must_yield(sched_self->worker))
            preempt_put_off(L, vs);
    }
}

/* --- the library ---------------------------------------------------------------------------------------------------- */

/* Memory for the frames of a long pattern, pushed; NULL and nothing pushed for a short one. */
static struct strm_frame *push_frames(lua_State *L, size_t pattern_len) {
    size_t n = strm_frames_needed(pattern_len);
    return n <= STRM_FRAMES ? NULL : lua_newuserdata(L, n * sizeof(struct strm_frame));
}

static bool has_specials(const char *p, size_t len) {
    for (size_t i = 0; i < len; i++)
        switch (p[i]) {
        case '^':
        case '$':
        case '*':
        case '+':
        case '?':
        case '.':
        case '(':
        case '[':
        case '%':
        case '-':
            return true;
        }
    return false;
}

static int search_args(lua_State *L, bool find) {
    size_t len, plen;
    const char *text = luaL_checklstring(L, 1, &len), *pattern = luaL_checklstring(L, 2, &plen);
    lua_Integer start = luaL_optinteger(L, 3, 1);
    start = start < 0 ? start + (lua_Integer)len : start - 1;
    size_t at = start < 0 ? 0 : (size_t)start;
    if (at > len)
        at = len;
    if (find && (lua_toboolean(L, 4) || !has_specials(pattern, plen))) {
        const char *found = memmem(text + at, len - at, pattern, plen);
        if (!found) {
            lua_pushnil(L);
            return 1;
        }
        lua_pushinteger(L, found - text + 1);
        lua_pushinteger(L, found - text + (ptrdiff_t)plen);
        return 2;
    }
    lua_settop(L, 2);
    struct strm_frame *frames = push_frames(L, plen);
    struct search s;
    memset(&s, 0, offsetof(struct search, m));
    s.kind = find ? KIND_FIND : KIND_MATCH;
    strm_begin(&s.m, text, len, pattern, at, frames);
    return search_run(L, &s, frames ? 3 : 0, 0);
}

static int string_find(lua_State *L) {
    return search_args(L, true);
}

static int string_match(lua_State *L) {
    return search_args(L, false);
}

static int gmatch_next(lua_State *L) {
    struct search *s = lua_touserdata(L, lua_upvalueindex(1));
    struct strm *m = &s->m;
    if (s->waits)
        return luaL_error(L, "this iterator of gmatch is in use by another coroutine");
    if (s->n > 0) { /* a match before: from its end on, and past it when it was empty */
        const char *next = m->s + (m->s == m->start);
        if (next > m->src_end)
            return 0;
        strm_restart(m, next);
    } else if (s->n < 0) {
        return 0;
    }
    s->n = 1;
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    return search_run(L, s, 0, 1);
}

static int string_gmatch(lua_State *L) {
    size_t len, plen;
    const char *text = luaL_checklstring(L, 1, &len), *pattern = luaL_checklstring(L, 2, &plen);
    lua_settop(L, 2);
    struct search *s = new_object(L, 1, 2);
    struct strm_frame *frames = push_frames(L, plen);
    if (frames)
        keep(L, 3, ENV_FRAMES);
    s->kind = KIND_GMATCH;
    strm_begin(&s->m, text, len, pattern, 0, frames);
    if (s->m.anchored) { /* here a ^ is no anchor */
        s->m.anchored = false;
        s->m.pat = pattern;
        strm_restart(&s->m, text);
    }
    lua_pushcclosure(L, gmatch_next, 1);
    return 1;
}

static void gsub_begin(lua_State *L, struct search *s, struct strm_frame *frames) {
    size_t len;
    const char *text = lua_tolstring(L, 1, &len);
    s->at = text;
    s->max = luaL_optinteger(L, 4, (lua_Integer)len + 1);
    strm_begin(&s->m, text, len, lua_tostring(L, 2), 0, frames);
}

/* gsub(s, pattern, text[, n]) */
static int gsub_text(lua_State *L) {
    size_t plen;
    luaL_checkstring(L, 1);
    luaL_checklstring(L, 2, &plen);
    int type = lua_type(L, 3);
    if (type != LUA_TNUMBER && type != LUA_TSTRING)
        return luaL_argerror(L, 3, "string/function/table expected");
    luaL_optinteger(L, 4, 0);
    lua_settop(L, 4);
    struct strm_frame *frames = push_frames(L, plen);
    struct search s;
    luaL_Buffer b;
    memset(&s, 0, offsetof(struct search, m));
    s.kind = KIND_GSUB;
    s.rep = lua_tolstring(L, 3, &s.rep_len);
    gsub_begin(L, &s, frames);
    luaL_buffinit(L, &b);
    s.b = &b;
    return search_run(L, &s, frames ? 5 : 0, 0);
}

/* --- for gsub with a function or a table: vm/lua/string.lua --------------------------------------------------------- */

static void check_arg(lua_State *L, int idx, bool ok, const char *expected) {
    if (!ok)
        env_raise(L, "bad argument #%d to 'gsub' (%s expected, got %s)", idx, expected, vtype_word(L, idx));
}

/* begin(s, pattern, repl, n) -> the search */
static int step_begin(lua_State *L) {
    size_t plen;
    check_arg(L, 1, lua_isstring(L, 1), "string");
    check_arg(L, 2, lua_isstring(L, 2), "string");
    check_arg(L, 4, lua_isnoneornil(L, 4) || lua_isnumber(L, 4), "number");
    lua_tolstring(L, 2, &plen);
    lua_settop(L, 4);
    struct search *s = new_object(L, 1, 2);
    struct strm_frame *frames = push_frames(L, plen);
    if (frames)
        keep(L, 5, ENV_FRAMES);
    s->kind = KIND_STEP;
    gsub_begin(L, s, frames);
    return 1;
}

/* step(search) -> true, captures…; or false */
static int step_next(lua_State *L) {
    struct search *s = lua_touserdata(L, 1);
    return search_run(L, s, 0, 1);
}

/* put(search, value): the replacement of the match. false: of a wrong type. */
static int step_put(lua_State *L) {
    struct search *s = lua_touserdata(L, 1);
    int type = lua_type(L, 2);
    const struct failure *f = vstate_of(L)->wippy ? errobj_failure(L, 2) : NULL;
    if (f) {
        put(L, s, 1, f->message, f->message_len);
    } else if (!lua_toboolean(L, 2)) {
        put(L, s, 1, s->m.start, (size_t)(s->m.s - s->m.start));
    } else if (type == LUA_TSTRING || type == LUA_TNUMBER) {
        size_t len;
        const char *text = lua_tolstring(L, 2, &len);
        put(L, s, 1, text, len);
    } else {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (!gsub_advance(L, s, 1, true))
        s->max = 0;
    lua_pushboolean(L, 1);
    return 1;
}

/* finish(search) -> text, n */
static int step_finish(lua_State *L) {
    return gsub_result(L, lua_touserdata(L, 1), 1);
}

const luaL_Reg strlib_funcs[] = {
    {"find", string_find}, {"match", string_match}, {"gmatch", string_gmatch}, {NULL, NULL}};

bool strlib_push_late(lua_State *L, const char *key) {
    static const lua_CFunction parts[] = {gsub_text, step_begin, step_next, step_put, step_finish};
    if (strcmp(key, "gsub") != 0)
        return false;
    env_push_prelude(L, "string");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        lua_pushcclosure(L, parts[i], 0);
    env_push_real(L, "_base");
    lua_call(L, (int)(sizeof parts / sizeof parts[0]) + 1, 1);
    return true;
}

const struct vtype_desc vtype_desc_SEARCH = {NULL, NULL};
