#include "vm/info.h"

#include <string.h>

#include "base/alloc.h"
#include "sched/names.h"
#include "vm/entry.h"
#include "vm/errobj.h"
#include "vm/mod_process.h"
#include "vm/newborn.h"
#include "vm/spawn.h"
#include "vm/task.h"

/* What travels; behind it pids of links, pids of monitored ones, names (each NUL-terminated), entry, host. */
struct figures {
    struct pid pid;
    uint64_t mailbox, memory, reductions;
    int64_t started_ns;
    uint32_t links, monitors, names;
    bool running;
};

static bool put_set(struct codec_buf *b, const struct pidset *s) {
    struct pid pid;
    bool ok = true;
    for (uint32_t at = 0; ok && pidset_next(s, &at, &pid);)
        ok = codec_buf_put(b, &pid, sizeof pid);
    return ok;
}

static bool put_names(struct codec_buf *b, struct proc *p, uint32_t *n) {
    struct names *names = &p->host->node->names;
    bool ok = true;
    *n = 0;
    pthread_mutex_lock(&names->lock);
    for (struct name_entry *e = p->names; e && ok; e = e->next_own, ++*n)
        ok = codec_buf_put(b, e->text, e->len) && codec_buf_put(b, "", 1);
    pthread_mutex_unlock(&names->lock);
    return ok;
}

/* Inside `p`. */
static bool gather(struct proc *p, bool running, struct codec_buf *b) {
    const char *label = atomic_load_explicit(&p->label, memory_order_relaxed);
    struct figures f = {.pid = p->pid,
                        .mailbox = mbox_count(mbox_load(&p->mbox)),
                        .memory = atomic_load_explicit(&p->memory, memory_order_relaxed),
                        .reductions = atomic_load_explicit(&p->reductions, memory_order_relaxed),
                        .started_ns = p->started_ns,
                        .links = p->links.n,
                        .monitors = p->monitors.n,
                        .running = running};
    size_t at = b->len;
    if (!label)
        label = "";
    bool ok = codec_buf_put(b, &f, sizeof f) && put_set(b, &p->links) && put_set(b, &p->monitors) &&
              put_names(b, p, &f.names) && codec_buf_put(b, label, strlen(label) + 1) &&
              codec_buf_put(b, p->host->id, p->host->id_len + 1);
    if (ok)
        memcpy(b->data + at, &f, sizeof f);
    return ok;
}

static void set_text(lua_State *L, const char *key, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, double n) {
    lua_pushnumber(L, n);
    lua_setfield(L, -2, key);
}

static void push_pid_text(lua_State *L, struct pid pid) {
    char text[PID_TEXT_MAX];
    size_t len = node_pid_text(vstate_of(L)->vm_node, pid, text);
    lua_pushlstring(L, text, len);
}

static const char *set_pids(lua_State *L, const char *key, const char *at, uint32_t n) {
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++, at += sizeof(struct pid)) {
        struct pid pid;
        memcpy(&pid, at, sizeof pid);
        push_pid_text(L, pid);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, key);
    return at;
}

void info_push(lua_State *L, const char *data) {
    struct figures f;
    memcpy(&f, data, sizeof f);
    data += sizeof f;
    lua_createtable(L, 0, 11);
    push_pid_text(L, f.pid);
    lua_setfield(L, -2, "pid");
    set_text(L, "state", f.running ? "running" : "waiting");
    set_number(L, "mailbox", (double)f.mailbox);
    set_number(L, "memory", (double)f.memory);
    set_number(L, "reductions", (double)f.reductions);
    set_number(L, "started_at", (double)f.started_ns / 1e9);
    data = set_pids(L, "links", data, f.links);
    data = set_pids(L, "monitors", data, f.monitors);
    lua_createtable(L, (int)f.names, 0);
    for (uint32_t i = 1; i <= f.names; i++) {
        lua_pushstring(L, data);
        data += lua_objlen(L, -1) + 1;
        lua_rawseti(L, -2, (int)i);
    }
    lua_setfield(L, -2, "names");
    set_text(L, "entry", data);
    set_text(L, "host", data + strlen(data) + 1);
}

/* --- another process ------------------------------------------------------------------------------------------------ */

static void release_failure(struct msg *m) {
    failure_release(m->u.ptr);
    mem_free(m);
}

/* On the target's worker. The node's `bytes` hold the pid that was asked for. */
static void answer(struct proc *target, struct msg *call) {
    struct pid asked, asker = call->from;
    memcpy(&asked, call->bytes, sizeof asked);
    msg_free(call);
    struct codec_buf b = {0};
    const struct vstate *inside = target ? newborn_vstate(target) : NULL;
    bool waiting = inside && !inside->ready;
    bool ok = target && gather(target, !waiting, &b);
    struct msg *m = msg_new(MSG_REPLY, 0, ok ? b.len : 0);
    if (m) {
        m->from = asked;
        m->aux = REPLY_INFO;
        m->release = release_failure;
        m->u.ptr = NULL;
        if (ok)
            memcpy(msg_data(m), b.data, b.len);
        else
            m->u.ptr = failure_format(target ? ERRKIND_RATE_LIMITED : ERRKIND_NOT_FOUND, EXIT_RETURNED,
                                      target ? "info: not enough memory" : "info: process not found");
        if (proc_post(sched_self, asker, m) != SEND_OK)
            msg_free(m);
    }
    codec_buf_free(&b);
}

int info_process(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    struct proc *self = vs->proc;
    struct pid pid = self->pid;
    const char *text = "";
    if (!lua_isnoneornil(L, 1)) {
        size_t len;
        text = luaL_checklstring(L, 1, &len);
        pid = proc_lookup(sched_self, text, len);
        if (pid_none(pid) || !proc_alive(sched_self, pid))
            return errobj_nil(L, ERRKIND_NOT_FOUND, "info: %s: %s",
                              text[0] == '{' ? "process not found" : "name not registered", text);
    }
    if (pid_eq(pid, self->pid)) {
        struct codec_buf *b = process_scratch();
        b->len = 0;
        vm_account(vs);
        if (!gather(self, true, b))
            return luaL_error(L, "not enough memory");
        info_push(L, b->data);
        return 1;
    }
    task_check_block(L);
    struct msg *call = msg_new(SIG_CALL, 0, sizeof pid);
    if (!call)
        return luaL_error(L, "not enough memory");
    call->from = self->pid;
    call->u.call = answer;
    memcpy(call->bytes, &pid, sizeof pid);
    if (proc_post(sched_self, pid, call) != SEND_OK) {
        msg_free(call);
        return errobj_nil(L, ERRKIND_NOT_FOUND, "info: process not found: %s", text);
    }
    return process_wait_info(L, vs, pid);
}

/* --- all processes ---------------------------------------------------------------------------------------------------- */

static bool list_one(struct proc *p, void *ud) {
    return p->system || proc_state(p) == PROC_ENDED || codec_buf_put(ud, &p->pid, sizeof p->pid);
}

int info_list(lua_State *L) {
    struct codec_buf *b = process_scratch();
    b->len = 0;
    proc_each(sched_self, list_one, b);
    uint32_t n = (uint32_t)(b->len / sizeof(struct pid));
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct pid pid;
        memcpy(&pid, b->data + i * sizeof pid, sizeof pid);
        push_pid_text(L, pid);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}
