/* Only run when encoding has failed: puts what is wrong, and where, into words. */
#include <ctype.h>
#include <lua.h>
#include <stdio.h>

#include "vm/codec_fmt.h"
#include "vm/state.h"

enum { KEY_MAX = 40 }; /* bytes shown of one key */

struct text {
    char *at, *end; /* end: the place of the last NUL */
    bool cut;
};

static void add(struct text *t, const char *s, size_t len) {
    size_t room = (size_t)(t->end - t->at);
    if (len > room) {
        t->cut = true;
        len = room;
    }
    memcpy(t->at, s, len);
    t->at += len;
}

static void add_word(struct text *t, const char *s) {
    add(t, s, strlen(s));
}

static bool is_name(const char *s, size_t len) {
    if (len == 0 || len > KEY_MAX || isdigit((unsigned char)s[0]))
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] >= 0x80 || (!isalnum((unsigned char)s[i]) && s[i] != '_'))
            return false;
    }
    return true;
}

static void add_string_key(struct text *t, const char *s, size_t len) {
    if (is_name(s, len)) {
        add_word(t, ".");
        add(t, s, len);
        return;
    }
    add_word(t, "[\"");
    for (size_t i = 0; i < len && i < KEY_MAX; i++) {
        unsigned char c = (unsigned char)s[i];
        char escape[8];
        if (c == '"' || c == '\\')
            snprintf(escape, sizeof escape, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            snprintf(escape, sizeof escape, "\\%03u", (unsigned)c);
        else
            snprintf(escape, sizeof escape, "%c", c);
        add_word(t, escape);
    }
    add_word(t, len > KEY_MAX ? "...\"]" : "\"]");
}

/* The step from a table to the value at the key in stack slot `idx`. */
static void add_step(struct text *t, lua_State *L, int idx) {
    char number[32];
    size_t len;
    const char *s;
    switch (lua_type(L, idx)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, idx, &len);
        add_string_key(t, s, len);
        return;
    case LUA_TNUMBER:
        snprintf(number, sizeof number, "[%.14g]", lua_tonumber(L, idx));
        add_word(t, number);
        return;
    case LUA_TBOOLEAN:
        add_word(t, lua_toboolean(L, idx) ? "[true]" : "[false]");
        return;
    default:
        add_word(t, "[");
        add_word(t, vtype_word(L, idx));
        add_word(t, "]");
    }
}

/* "a function", "an executor": what cannot cross. */
static void add_noun(struct text *t, lua_State *L, int idx) {
    const char *word;
    switch (lua_type(L, idx)) {
    case LUA_TTHREAD:
        word = "coroutine";
        break;
    case LUA_TLIGHTUSERDATA:
        word = "light userdata value";
        break;
    case LUA_TUSERDATA:
        word = vtype_word(L, idx);
        break;
    case LUA_TFUNCTION:
        word = "function";
        break;
    default: /* the one type that Lua 5.1 has no name for */
        word = "cdata value";
    }
    add_word(t, strchr("aeio", word[0]) ? "an " : "a ");
    add_word(t, word);
}

static void finish(struct text *path, const char *reason, size_t reason_len) {
    if (path->cut) {
        char *mark = path->at - 3;
        memcpy(mark, "...", 3);
    }
    memcpy(path->at, reason, reason_len);
    path->at[reason_len] = '\0';
}

void codec_explain(lua_State *L, const char *root, int nth, int base, const struct codec_frame *frames,
                   int depth, enum codec_fault fault, char *why, size_t cap) {
    char reason[128];
    struct text r = {reason, reason + sizeof reason - 1, false};
    switch (fault) {
    case FAULT_VALUE:
        add_word(&r, ": ");
        add_noun(&r, L, -1);
        add_word(&r, " cannot be sent");
        break;
    case FAULT_KEY:
        add_word(&r, ": a key that is ");
        add_noun(&r, L, -2);
        add_word(&r, " cannot be sent");
        break;
    case FAULT_INNER:
        add_word(&r, cap > 0 ? why : "");
        break;
    case FAULT_DEPTH:
        snprintf(reason, sizeof reason, ": nested deeper than %d tables", CODEC_DEPTH);
        r.at = reason + strlen(reason);
        depth = 0;
        break;
    case FAULT_STACK:
        add_word(&r, ": too many values on the Lua stack");
        depth = 0;
        break;
    }
    size_t reason_len = (size_t)(r.at - reason);
    if (cap < reason_len + 8) {
        if (cap > 0 && fault != FAULT_INNER)
            snprintf(why, cap, "%.*s", (int)reason_len - 2, reason + 2);
        return;
    }

    struct text path = {why, why + cap - 1 - reason_len, false};
    add_word(&path, root);
    if (nth > 0) {
        char step[16];
        snprintf(step, sizeof step, "[%d]", nth);
        add_word(&path, step);
    }
    int table = base;
    for (int i = 0; i < depth; i++) {
        /* The last table's own key is part of the path only when its value is at fault. */
        if (frames[i].phase == PHASE_KEY) {
            add_word(&path, "<key>");
            table += 3;
        } else {
            if (i < depth - 1 || fault == FAULT_VALUE || fault == FAULT_INNER)
                add_step(&path, L, table + 1);
            table += 2;
        }
    }
    finish(&path, reason, reason_len);
}

void codec_explain_size(const char *root, enum codec_status status, size_t limit, char *why, size_t cap) {
    if (status == CODEC_TOO_LARGE)
        snprintf(why, cap, "%s: larger than %zu bytes", root, limit);
    else
        snprintf(why, cap, "%s: not enough memory", root);
}
