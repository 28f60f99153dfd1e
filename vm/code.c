#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/cdata.h"
#include "vm/entry.h"
#include "vm/image.h"
#include "vm/pool.h"
#include "vm/types_strip.h"
#include "vm/vm_impl.h"

struct reader {
    const char *data;
    size_t len;
};

static const char *read_all(lua_State *L, void *ud, size_t *size) {
    struct reader *r = ud;
    *size = r->len;
    r->len = 0;
    return *size ? r->data : NULL;
}

struct writer {
    char *data;
    size_t len, cap;
    bool failed;
};

static int write_some(lua_State *L, const void *data, size_t n, void *ud) {
    struct writer *w = ud;
    if (w->len + n > w->cap) {
        size_t cap = (w->len + n) * 2;
        char *grown = mem_realloc(w->data, cap);
        if (!grown) {
            w->failed = true;
            return 1;
        }
        w->data = grown;
        w->cap = cap;
    }
    memcpy(w->data + w->len, data, n);
    w->len += n;
    return 0;
}

/* The line in "chunk:12: message", 0 when there is none. */
static int line_of(const char *message) {
    for (const char *c = message; (c = strchr(c, ':')); c++) {
        char *end;
        long n = strtol(c + 1, &end, 10);
        if (end != c + 1 && *end == ':')
            return (int)n;
    }
    return 0;
}

static bool load(lua_State *L, const char *source, size_t len, const char *chunk_name) {
    struct reader r = {source, len};
    return lua_load(L, read_all, &r, chunk_name) == 0;
}

#ifdef LUAJIT_PLAIN
static int is_no_import(void *ud, const char *name) {
    const struct vm_entry_def *def = ud;
    for (size_t i = 0; i < def->import_count; i++)
        if (strcmp(def->imports[i].alias, name) == 0)
            return 0;
    return 1;
}

/* An import's top level may do anything; a built-in module comes, or is missing, each time again. */
static bool is_plain(lua_State *L, const struct vm_entry_def *def) {
    return luaJIT_plain(L, -1, is_no_import, (void *)def);
}
#else
static bool is_plain(lua_State *L, const struct vm_entry_def *def) {
    return false;
}
#endif

struct compiled {
    const struct vm_entry_def *def;
    struct writer w;
    bool plain; /* entry.h */
};

/* Compiles to bytecode in `out`, which may be NULL; source only, no bytecode is accepted. */
static bool compile(const char *source, size_t len, const char *chunk_name, enum vm_compat compat,
                    struct compiled *out, char *err, size_t cap, int *line) {
    *line = 0;
    if (len && source[0] == LUA_SIGNATURE[0]) {
        snprintf(err, cap, "%s: bytecode is not accepted, only Lua source", chunk_name + 1);
        return false;
    }
    if (len && source[0] == '#') { /* as luaL_loadfile does: a first line for the shell; its newline stays */
        const char *nl = memchr(source, '\n', len);
        size_t skip = nl ? (size_t)(nl - source) : len;
        source += skip;
        len -= skip;
    }
    lua_State *L = luaL_newstate();
    if (!L || lua_cpcall(L, cdata_open, NULL) != 0) {
        snprintf(err, cap, "%s: not enough memory to compile", chunk_name + 1);
        if (L)
            lua_close(L);
        return false;
    }
    char *plain = NULL;
    bool ok = false;
    if (compat != VM_COMPAT_WIPPY)
        ok = load(L, source, len, chunk_name);
    if (!ok && compat != VM_COMPAT_SEED && (plain = types_strip(source, len))) {
        /* Where the dialect is decided by the host, a source that is good Lua is taken as such. */
        lua_settop(L, 0);
        ok = load(L, plain, len, chunk_name);
    }
    mem_free(plain);
    if (ok && out) {
        out->plain = is_plain(L, out->def);
        ok = lua_dump(L, write_some, &out->w) == 0 && !out->w.failed;
        if (!ok)
            snprintf(err, cap, "%s: not enough memory to compile", chunk_name + 1);
    } else if (!ok) {
        const char *why = lua_tostring(L, -1);
        snprintf(err, cap, "%s", why ? why : "unknown error");
        *line = line_of(err);
    }
    lua_close(L);
    return ok;
}

bool vm_check_source(const char *source, size_t len, const char *chunk_name, enum vm_compat compat, char *err,
                     size_t cap, int *line) {
    return compile(source, len, chunk_name, compat, NULL, err, cap, line);
}

/* --- ids ---------------------------------------------------------------------------------------------------------- */

struct id {
    UT_hash_handle hh;
    char text[];
};

static struct {
    pthread_mutex_t lock;
    struct id *ids;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The one text for that id; there are no more than entries were ever named. NULL without memory. */
static const char *intern(const char *text) {
    size_t len = strlen(text);
    struct id *id;
    pthread_mutex_lock(&known.lock);
    HASH_FIND(hh, known.ids, text, len, id);
    if (!id && (id = mem_alloc(sizeof *id + len + 1))) {
        memcpy(id->text, text, len + 1);
        HASH_ADD_KEYPTR(hh, known.ids, id->text, len, id);
    }
    pthread_mutex_unlock(&known.lock);
    return id ? id->text : NULL;
}

/* --- sets --------------------------------------------------------------------------------------------------------- */

struct vm_code *vm_code_new(void) {
    struct vm_code *c = mem_calloc(1, sizeof *c);
    if (c)
        atomic_init(&c->refs, 1);
    return c;
}

struct ventry *ventry_hold(struct ventry *e) {
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void ventry_release(struct ventry *e) {
    /* acq_rel: the last holder sees all that the others did */
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < e->module_count; i++)
        mem_free(e->modules[i]);
    for (size_t i = 0; i < e->import_count; i++) {
        mem_free(e->imports[i].alias);
        mem_free(e->imports[i].id);
    }
    pthread_mutex_destroy(&e->pool_lock);
    mem_free(e->modules);
    mem_free(e->imports);
    mem_free(e->method);
    mem_free(e->chunk_name);
    mem_free(e->bytecode);
    mem_free(e->default_host);
    image_free(atomic_load_explicit(&e->image, memory_order_relaxed));
    image_free(e->first_image);
    mem_free(e);
}

static bool copy_lists(struct ventry *e, const struct vm_entry_def *def) {
    e->modules = mem_calloc(def->module_count + 1, sizeof *e->modules);
    e->imports = mem_calloc(def->import_count + 1, sizeof *e->imports);
    if (!e->modules || !e->imports)
        return false;
    for (; e->module_count < def->module_count; e->module_count++)
        if (!(e->modules[e->module_count] = mem_strdup(def->modules[e->module_count])))
            return false;
    for (; e->import_count < def->import_count; e->import_count++) {
        struct vimport *i = &e->imports[e->import_count];
        i->alias = mem_strdup(def->imports[e->import_count].alias);
        i->id = mem_strdup(def->imports[e->import_count].id);
        if (!i->alias || !i->id) {
            e->import_count++;
            return false;
        }
    }
    return true;
}

bool vm_code_add(struct vm_code *c, const struct vm_entry_def *def, char *err, size_t cap, int *line) {
    static atomic_uint serial;
    struct compiled out = {.def = def};
    if (def->kind != VM_OTHER &&
        !compile(def->source, def->source_len, def->chunk_name, def->compat, &out, err, cap, line)) {
        mem_free(out.w.data);
        return false;
    }
    struct ventry *e = mem_calloc(1, sizeof *e);
    if (!e) {
        mem_free(out.w.data);
        snprintf(err, cap, "%s: not enough memory", def->id);
        return false;
    }
    pthread_mutex_init(&e->pool_lock, NULL);
    atomic_init(&e->refs, 1);
    e->serial = atomic_fetch_add_explicit(&serial, 1, memory_order_relaxed);
    e->bytecode = out.w.data;
    e->bytecode_len = out.w.len;
    e->plain = out.plain;
    e->kind = def->kind;
    e->compat = def->compat;
    e->limited = def->limited;
    e->script = def->script;
    e->id = intern(def->id);
    e->method = mem_strdup(def->method);
    e->chunk_name = mem_strdup(def->chunk_name);
    e->default_host = def->default_host ? mem_strdup(def->default_host) : NULL;
    if (!e->id || !e->method || !e->chunk_name || (def->default_host && !e->default_host) ||
        !copy_lists(e, def)) {
        ventry_release(e);
        snprintf(err, cap, "%s: not enough memory", def->id);
        return false;
    }
    e->id_len = strlen(e->id);
    HASH_ADD_KEYPTR(hh, c->entries, e->id, e->id_len, e);
    return true;
}

void vm_code_free(struct vm_code *c) {
    struct ventry *e, *next;
    HASH_ITER (hh, c->entries, e, next) {
        HASH_DEL(c->entries, e);
        ventry_release(e);
    }
    mem_free(c);
}

void vm_code_release(struct vm_code *c) {
    /* acq_rel: the last holder sees all that the others did */
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        vm_code_free(c);
}

void vm_install(struct vm *vm, struct vm_code *c) {
    struct vm_code *old = atomic_load_explicit(&vm->code, memory_order_relaxed);
    struct ventry *e, *next;
    if (old)
        HASH_ITER (hh, old->entries, e, next) {
            pool_retire(vm, e);
        }
    pthread_mutex_lock(&vm->code_lock);
    /* release, both: partner is pool_code, magazine_of */
    atomic_store_explicit(&vm->code, c, memory_order_release);
    atomic_fetch_add_explicit(&vm->generation, 1, memory_order_release);
    pthread_mutex_unlock(&vm->code_lock);
    vm_code_release(old);
}
