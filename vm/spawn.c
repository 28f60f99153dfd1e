#include "vm/spawn.h"

#include <string.h>

#include "base/alloc.h"
#include "sched/names.h"
#include "sched/os.h"
#include "sched/tune.h"
#include "vm/cstack.h"
#include "vm/errobj.h"
#include "vm/inbox.h"
#include "vm/life.h"
#include "vm/message.h"
#include "vm/newborn.h"
#include "vm/pool.h"
#include "vm/require.h"
#include "vm/spawner.h"
#include "vm/task.h"
#include "vm/upgrade.h"
#include "vm/vm_impl.h"
#include "vm/wippy.h"

#define TRACE_LEVELS_MAX (64u * 1024)

/* --- error values ------------------------------------------------------------------------------------------------- */

static struct failure *with_how(const struct failure *f, enum exit_how how, const char *stack,
                                size_t stack_len) {
    if (f->stack_len) {
        stack = f->stack;
        stack_len = f->stack_len;
    }
    struct failure *g = failure_new(f->kind, how, f->retryable, f->message, f->message_len, stack, stack_len,
                                    f->details, f->details_len);
    return g ? g : failure_format(f->kind, how, "not enough memory");
}

/*
 * An error that LuaJIT itself raises (a nil value is indexed) leaves no line for the innermost function; the message begins
 * with it. Returns how much of the traceback comes before that line, and the line (":12"), empty when there is nothing to add.
 */
static size_t line_of_error(const char *trace, const char *message, const char **line, size_t *len) {
    static const char head[] = "stack traceback:\n\t";
    const char *file = trace + sizeof head - 1;
    const char *end = strncmp(trace, head, sizeof head - 1) == 0 ? strstr(file, ": in ") : NULL;
    *len = 0;
    if (!end || !message || strncmp(message, file, (size_t)(end - file)) != 0)
        return 0;
    *line = message + (end - file);
    size_t digits = **line == ':' ? strspn(*line + 1, "0123456789") : 0;
    if (digits && (*line)[1 + digits] == ':')
        *len = 1 + digits;
    return (size_t)(end - trace);
}

/* Coroutines inside one another that a traceback goes through, and the levels of each that are the prelude's. */
#define TRACE_CHAIN 16
#define TRACE_UNWRAP 1 /* unwrap in vm/lua/coroutine.lua, below `error` */

/* The coroutine whose error coroutine.wrap has passed on to `co`, which it ended; NULL: none. */
static lua_State *error_came_from(lua_State *co) {
    lua_Debug ar;
    if (!lua_getstack(co, TRACE_UNWRAP, &ar) || !lua_getinfo(co, "S", &ar) ||
        strcmp(ar.short_src, "vm/lua/coroutine.lua") != 0)
        return NULL;
    const char *name = lua_getlocal(co, &ar, 1);
    lua_State *inner = name && strcmp(name, "co") == 0 ? lua_tothread(co, -1) : NULL;
    if (name)
        lua_settop(co, -2);
    return inner && lua_status(inner) > LUA_YIELD ? inner : NULL;
}

static void put_trace(struct codec_buf *b, const char *text, size_t len) {
    size_t room = TRACE_LEVELS_MAX - b->len;
    codec_buf_put(b, text, len < room ? len : room);
}

/*
 * Runs protected: building the traceback takes memory. args: the coroutine as light userdata; the text goes to vs->args:
 * first where the error was raised, then what had resumed that, and so on.
 */
static int make_traceback(lua_State *L) {
    lua_State *chain[TRACE_CHAIN] = {lua_touserdata(L, 1)}, *co = chain[0];
    struct vstate *vs = vstate_of(L);
    int n = 1;
    while (n < TRACE_CHAIN && (co = error_came_from(chain[n - 1])))
        chain[n++] = co;
    co = chain[n - 1];
    if (!require_push_trace(L, co))
        luaL_traceback(L, co, NULL, 0);
    const char *text = lua_tostring(L, -1), *line = "";
    size_t len = strlen(text), line_len;
    size_t before =
        line_of_error(text, lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : NULL, &line, &line_len);
    vs->args.len = 0;
    if (line_len && before < len) {
        put_trace(&vs->args, text, before);
        put_trace(&vs->args, line, line_len);
        text += before;
        len -= before;
    }
    put_trace(&vs->args, text, len);
    for (n--; n > 0; n--) {
        luaL_traceback(L, chain[n - 1], NULL, TRACE_UNWRAP + 1);
        text = strchr(lua_tostring(L, -1), '\n'); /* after the heading */
        if (text)
            put_trace(&vs->args, text, strlen(text));
    }
    return 0;
}

struct failure *spawn_failure_from(lua_State *co, struct vstate *vs, enum exit_how how) {
    codec_scratch_recover();
    const char *stack = "";
    size_t stack_len = 0;
    size_t mark = vs->memory_mark;
    vs->memory_mark = SIZE_MAX;
    vs->args.len = 0;
    if (lua_cpcall(vs->L, make_traceback, co) == 0) {
        stack = vs->args.data;
        stack_len = vs->args.len;
    } else {
        lua_settop(vs->L, 0);
    }
    vs->memory_mark = mark;
    struct failure *f = errobj_failure(co, -1);
    if (f)
        return with_how(f, how, stack, stack_len);
    enum errkind kind = how == EXIT_START ? ERRKIND_INTERNAL : ERRKIND_UNKNOWN;
    int type = lua_type(co, -1);
    if (type == LUA_TSTRING || type == LUA_TNUMBER) {
        size_t len;
        char number[40];
        const char *text;
        if (type == LUA_TSTRING) {
            text = lua_tolstring(co, -1, &len);
        } else {
            len = (size_t)snprintf(number, sizeof number, "%.14g", lua_tonumber(co, -1));
            text = number;
        }
        f = failure_new(kind, how, RETRY_UNKNOWN, text, len, stack, stack_len, NULL, 0);
    } else {
        char text[64];
        int n = snprintf(text, sizeof text, "(error object is a %s value)", lua_typename(co, type));
        f = failure_new(kind, how, RETRY_UNKNOWN, text, (size_t)n, stack, stack_len, NULL, 0);
    }
    return f ? f : failure_format(kind, how, "not enough memory");
}

/* Runs protected, as make_traceback: where each coroutine of the process waits. */
static int make_tracebacks(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    vs->args.len = 0;
    for (struct task *t = &vs->main; t; t = t == &vs->main ? vs->tasks : t->all_next) {
        if (!t->co) /* there was no memory to begin it */
            continue;
        luaL_traceback(L, t->co, NULL, 0);
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        if (vs->args.len)
            put_trace(&vs->args, "\n", 1);
        put_trace(&vs->args, text, len);
        lua_settop(L, -2);
    }
    return 0;
}

struct failure *spawn_deadlock(struct vstate *vs) {
    static const char message[] = "deadlock: all coroutines blocked";
    size_t mark = vs->memory_mark;
    vs->memory_mark = SIZE_MAX;
    bool ok = lua_cpcall(vs->L, make_tracebacks, NULL) == 0;
    vs->memory_mark = mark;
    lua_settop(vs->L, 0);
    struct failure *f = failure_new(ERRKIND_UNKNOWN, EXIT_RAISED, RETRY_UNKNOWN, message, sizeof message - 1,
                                    vs->args.data, ok ? vs->args.len : 0, NULL, 0);
    vs->args.len = 0;
    return f ? f : failure_format(ERRKIND_UNKNOWN, EXIT_RAISED, "%s", message);
}

/* --- the end of the file's top level, and of main -------------------------------------------------------------------- */

static bool start_failed(struct proc *p, struct failure *f) {
    p->failure = f;
    return false;
}

/* MSG_REPLY's failure is released with it. */
static void reply_release(struct msg *m) {
    failure_release(m->u.ptr);
    mem_free(m);
}

static void tell_starter(struct vstate *vs, struct failure *f) {
    if (pid_none(vs->starter))
        return;
    struct msg *m = msg_signal(MSG_REPLY, vs->proc->pid);
    /* Who is never told waits for ever: memory may be back in a moment. */
    for (int tries = 0; !m && tries < EXIT_NOTE_TRIES; tries++) {
        os_yield();
        m = msg_signal(MSG_REPLY, vs->proc->pid);
    }
    if (m) {
        m->aux = REPLY_STARTED;
        m->u.ptr = failure_hold(f);
        m->release = reply_release;
        if (proc_post(sched_self, vs->starter, m) != SEND_OK)
            msg_free(m);
    }
    vs->starter = (struct pid){0};
}

bool spawn_prepare_main(struct proc *p) {
    struct vstate *vs = p->data;
    lua_State *co = vs->main.co;
    const struct ventry *e = vs->entry;
    int type = lua_gettop(co) ? lua_type(co, 1) : LUA_TNIL;
    if (type != LUA_TTABLE && type != LUA_TFUNCTION)
        return start_failed(
            p, failure_format(ERRKIND_INTERNAL, EXIT_START,
                              "entry %s: the file returns a %s value, not a table with the method '%s'",
                              e->id, lua_typename(co, type), e->method));
    lua_settop(co, 1);
    if (type == LUA_TTABLE) {
        stack_push_slot(co, REG_METHOD);
        lua_rawget(co, 1);
        if (lua_type(co, -1) != LUA_TFUNCTION)
            return start_failed(p,
                                failure_format(ERRKIND_INTERNAL, EXIT_START,
                                               "entry %s: the file returns a table without the method '%s'",
                                               e->id, e->method));
        lua_replace(co, 1);
    }
    stack_check(co, (int)vs->arg_count + 8, "arguments");
    const char *data = vs->args.data;
    size_t left = vs->args.len;
    for (unsigned i = 0; i < vs->arg_count; i++) {
        size_t used = codec_decode_next(co, data, left);
        if (!used)
            return start_failed(p, failure_format(ERRKIND_INTERNAL, EXIT_START,
                                                  "entry %s: argument %u is damaged", e->id, i + 1));
        data += used;
        left -= used;
    }
    vs->main.nargs = (int)vs->arg_count;
    vs->args.len = 0;
    if (vs->args.cap > 4096)
        codec_buf_free(&vs->args);
    vs->top_level = false;
    tell_starter(vs, NULL);
    return true;
}

void spawn_main_returned(struct proc *p, lua_State *co, int n) {
    struct vstate *vs = p->data;
    struct failure *f = n >= 2 ? errobj_failure(co, 2) : NULL;
    if (f) {
        p->failure = with_how(f, EXIT_RETURNED, "", 0);
        return;
    }
    if (n >= 2 && lua_type(co, 2) == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(co, 2, &len);
        p->failure = failure_new(ERRKIND_UNKNOWN, EXIT_RETURNED, RETRY_UNKNOWN, text, len, "", 0, NULL, 0);
        if (!p->failure)
            p->failure = failure_format(ERRKIND_UNKNOWN, EXIT_RETURNED, "not enough memory");
        return;
    }
    if (n == 0 || lua_type(co, 1) == LUA_TNIL)
        return;
    message_unfold(co, 1, 1);
    if (vs->wippy)
        wippy_unwrap(co, 1, 1);
    char why[256];
    struct codec_buf *b = &vs->args;
    b->len = 0;
    enum codec_status s = codec_encode(co, 1, "result", MSG_DATA_MAX, b, why, sizeof why);
    if (s != CODEC_OK) {
        if (s == CODEC_NO_MEMORY)
            snprintf(why, sizeof why, "result: not enough memory");
        p->failure = failure_format(ERRKIND_INVALID, EXIT_RAISED, "%s", why);
        return;
    }
    p->result = b->data;
    p->result_len = (uint32_t)b->len;
    p->flags |= PROC_RESULT_BORROWED;
}

/* --- behaviour ---------------------------------------------------------------------------------------------------------- */

static void report(struct proc *p, struct vstate *vs) {
    const struct vm_hooks *hooks = &vs->vm->hooks;
    if (!hooks->failed || !p->failure || (vs->top_level && !vs->upgraded))
        return;
    char topics[VSTATE_TOPICS * (VSTATE_TOPIC_MAX + 2)] = "";
    size_t at = 0;
    for (unsigned i = VSTATE_TOPICS; i-- > 0;) {
        const char *topic = inbox_topic_seen(vs, i);
        if (topic[0])
            at += (size_t)snprintf(topics + at, sizeof topics - at, "%s%s", at ? ", " : "", topic);
    }
    hooks->failed(p, vs->entry->id, p->failure, topics);
}

static void behaviour_ending(struct proc *p) {
    struct vstate *vs = p->data;
    if (vs->top_level)
        tell_starter(vs, p->failure);
    report(p, vs);
}

static void behaviour_close(struct proc *p) {
    struct vstate *vs = p->data;
    p->data = NULL;
    upgrade_forget(vs);
    life_end(vs);
}

const struct behaviour spawn_behaviour = {.name = "lua",
                                          .deliver = inbox_deliver,
                                          .step = task_step,
                                          .ending = behaviour_ending,
                                          .close = behaviour_close};

/* --- birth ---------------------------------------------------------------------------------------------------------------- */

static enum spawned failed(struct failure **f, struct failure *why) {
    *f = why;
    return SPAWN_FAILED;
}

static struct failure *refusal(const struct spawn_request *r, enum spawn_status status) {
    const struct host *h = r->host;
    switch (status) {
    case SPAWN_LIMIT:
        return failure_format(ERRKIND_RATE_LIMITED, EXIT_START,
                              "host %s is full: %llu processes (max_processes)", h->id,
                              (unsigned long long)h->limits.max_processes);
    case SPAWN_STOPPED:
        return failure_format(ERRKIND_UNAVAILABLE, EXIT_START, "host %s is not running", h->id);
    default:
        return failure_format(ERRKIND_RATE_LIMITED, EXIT_START, "not enough memory for a process of %s",
                              r->entry->id);
    }
}

static void abort_start(struct proc *p, struct proc *parent, struct failure *why) {
    struct sched_thread *t = sched_self;
    struct proc *current = t->current;
    t->current = parent;
    proc_abort(t, p, why);
    t->current = current;
}

/* Runs the top level at once, in this thread, as if the new process had been scheduled. */
static enum start start_now(struct proc *p) {
    struct sched_thread *t = sched_self;
    struct proc *parent = t->current;
    t->current = p;
    t->nested++;
    struct vstate *vs = p->data;
    vs->starting_in = parent;
    enum start s = task_start_now(p);
    vs->starting_in = NULL;
    t->nested--;
    t->current = parent;
    return s;
}

#define NESTED_MAX 3 /* a top level that spawns runs inside its spawner's; deeper, it is scheduled instead */

static unsigned dialect(const struct spawn_request *r) {
    return ventry_is_wippy(r->entry, r->host->user) ? 2 : 1;
}

static struct spawn how_of(const struct spawn_request *r, const struct behaviour *behaviour, void *data) {
    return (struct spawn){.host = r->host,
                          .behaviour = behaviour,
                          .data = data,
                          .label = r->entry->id,
                          .parent = r->parent,
                          .monitor = r->monitor,
                          .link = r->link,
                          .flags = r->flags};
}

static enum spawned spawn_newborn(struct vm *vm, const struct spawn_request *r, struct pid *pid,
                                  struct failure **f) {
    struct sched_thread *t = sched_self;
    struct spawn how = how_of(r, &newborn_behaviour, newborn_new(vm, r));
    enum spawn_status status = SPAWN_NO_MEMORY;
    struct proc *p = how.data ? proc_new(t, &how, &status) : NULL;
    if (!p) {
        if (how.data)
            newborn_free(how.data);
        return failed(f, refusal(r, status));
    }
    *pid = p->pid;
    proc_account(p, r->args.len);
    proc_start(t, p);
    return SPAWNED;
}

enum spawned spawn_process(struct vm *vm, const struct spawn_request *r, struct pid *pid,
                           struct failure **f) {
    struct sched_thread *t = sched_self;
    /* Who asked for `later` is told when main begins, which takes a state that knows whom to tell. */
    if (r->entry->plain && !r->more && !r->later && t->worker &&
        atomic_load_explicit(&r->entry->proven, memory_order_relaxed) & dialect(r))
        return spawn_newborn(vm, r, pid, f);
    struct vstate *vs = pool_take(vm, r->entry);
    if (!vs)
        return failed(f, refusal(r, SPAWN_NO_MEMORY));
    struct spawn how = how_of(r, &spawn_behaviour, vs);
    enum spawn_status status;
    struct proc *p = proc_new(t, &how, &status);
    if (!p) {
        pool_give(vs);
        return failed(f, refusal(r, status));
    }
    *pid = p->pid;
    life_begin(vs, p);
    vs->arg_count = r->args.count;
    if (r->args.len && !codec_buf_put(&vs->args, r->args.data, r->args.len)) {
        abort_start(p, r->parent, refusal(r, SPAWN_NO_MEMORY));
        return failed(f, refusal(r, SPAWN_NO_MEMORY));
    }
    if (r->context)
        context_give(vs, context_hold(r->context));
    if (r->more) {
        struct failure *why = spawner_prepare(r->more, p);
        if (why) {
            abort_start(p, r->parent, failure_hold(why));
            return failed(f, why);
        }
    }
    if (!t->worker || r->later || t->nested >= NESTED_MAX || cstack_low()) {
        vs->starter = r->parent ? r->parent->pid : (struct pid){0};
        task_ready(vs, &vs->main, WAKE_START);
        proc_start(t, p);
        return SPAWNED_LATER;
    }
    if (r->parent)
        vs->starter = (struct pid){0};
    switch (start_now(p)) {
    case START_DONE:
        if (r->entry->plain && !(atomic_load_explicit(&r->entry->proven, memory_order_relaxed) & dialect(r)))
            atomic_fetch_or_explicit(&r->entry->proven, dialect(r), memory_order_relaxed);
        proc_start(t, p);
        return SPAWNED;
    case START_LATER:
        vs->starter = r->parent ? r->parent->pid : (struct pid){0};
        proc_start(t, p);
        return SPAWNED_LATER;
    case START_FAILED:
        break;
    }
    *f = failure_hold(p->failure);
    abort_start(p, r->parent, failure_hold(p->failure));
    return SPAWN_FAILED;
}

struct pid vm_spawn(struct vm *vm, const char *entry, struct host *host, struct proc *parent, bool monitor,
                    const struct vm_args *args, struct failure **f) {
    struct pid pid = {0};
    struct spawn_request r = {
        .host = host, .parent = parent, .monitor = monitor, .later = true, .args = *args};
    r.entry = ventry_find(vm, entry, strlen(entry));
    if (!r.entry || r.entry->kind == VM_LIBRARY || r.entry->kind == VM_OTHER) {
        *f = failure_format(r.entry ? ERRKIND_INVALID : ERRKIND_NOT_FOUND, EXIT_START,
                            r.entry ? "entry %s is no process" : "entry not found: %s", entry);
        return pid;
    }
    if (spawn_process(vm, &r, &pid, f) == SPAWN_FAILED)
        return (struct pid){0};
    return pid;
}
