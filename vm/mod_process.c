#include "vm/mod_process.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "sched/names.h"
#include "vm/call.h"
#include "vm/codec_scalar.h"
#include "vm/entry.h"
#include "vm/errobj.h"
#include "vm/inbox.h"
#include "vm/info.h"
#include "vm/message.h"
#include "vm/preempt.h"
#include "vm/spawn.h"
#include "vm/spawner.h"
#include "vm/task.h"
#include "vm/timer.h"
#include "vm/upgrade.h"
#include "vm/vm_impl.h"
#include "vm/wippy.h"

#define WHY 256

static void push_pid(lua_State *L, struct vstate *vs, struct pid pid) {
    char text[PID_TEXT_MAX];
    size_t len = node_pid_text(vs->vm_node, pid, text);
    lua_pushlstring(L, text, len);
}

static int process_pid(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    push_pid(L, vs, vs->proc->pid);
    return 1;
}

static int process_id(lua_State *L) {
    lua_pushstring(L, vstate_of(L)->entry->id);
    return 1;
}

/* false, error: nobody of that name or pid. */
static int no_such_process(lua_State *L, const char *what, const char *dest) {
    return errobj_false(L, ERRKIND_NOT_FOUND, "%s: %s: %s", what,
                        dest[0] == '{' ? "process not found" : "name not registered", dest);
}

/* --- send ------------------------------------------------------------------------------------------------------------ */

static int unsendable(lua_State *L, enum codec_status status, const char *why) {
    switch (status) {
    case CODEC_NO_MEMORY:
        return errobj_false(L, ERRKIND_RATE_LIMITED, "send: not enough memory for the message");
    case CODEC_TOO_LARGE:
        return errobj_false(L, ERRKIND_INVALID, "send: the message has more than %u bytes", MSG_DATA_MAX);
    default:
        return errobj_false(L, ERRKIND_INVALID, "send: %s", why);
    }
}

/* Each thread's buffer for values that are not encoded straight into a message. */
static _Thread_local struct codec_buf scratch;

struct codec_buf *process_scratch(void) {
    return &scratch;
}

static void scratch_trim(void) {
    if (scratch.cap > 1 << 20)
        codec_buf_free(&scratch);
}

static struct msg *user_message(struct vstate *vs, const char *topic, size_t topic_len, size_t data_len) {
    struct msg *m = msg_new(MSG_USER, topic_len, data_len);
    if (!m)
        return NULL;
    m->from = vs->proc->pid;
    m->topic_hash = msg_hash(topic, topic_len);
    copy_bytes(m->bytes, topic, topic_len);
    return m;
}

/* For all but one scalar. */
static __attribute__((noinline)) struct msg *encode_message(lua_State *L, struct vstate *vs,
                                                            const char *topic, size_t topic_len, int first,
                                                            int *results) {
    int n = lua_gettop(L) - first + 1;
    struct msg *m = NULL;
    if (n == 0) { /* no payload: no bytes, and nil at the other end */
        m = user_message(vs, topic, topic_len, 0);
    } else {
        char why[WHY];
        scratch.len = 0;
        message_unfold(L, first, first + n - 1);
        if (vs->wippy)
            wippy_unwrap(L, first, first + n - 1);
        enum codec_status s =
            n == 1 && codec_pack(L, first, MSG_DATA_MAX, &scratch)
                ? CODEC_OK
                : codec_encode_n(L, first, n, "payload", MSG_DATA_MAX, &scratch, why, sizeof why);
        if (s != CODEC_OK) {
            *results = unsendable(L, s, why);
            return NULL;
        }
        m = user_message(vs, topic, topic_len, scratch.len);
        if (m)
            memcpy(msg_data(m), scratch.data, scratch.len);
        scratch_trim();
    }
    if (!m)
        *results = unsendable(L, CODEC_NO_MEMORY, "");
    return m;
}

/* The message for what stands from `first` on; NULL: the results to return are on the stack. */
static inline struct msg *make_message(lua_State *L, struct vstate *vs, const char *topic, size_t topic_len,
                                       int first, int *results) {
    struct codec_scalar scalar;
    size_t size = lua_gettop(L) == first ? codec_scalar_size(L, first, &scalar) : 0;
    if (!size)
        return encode_message(L, vs, topic, topic_len, first, results);
    struct msg *m = size > MSG_DATA_MAX ? NULL : user_message(vs, topic, topic_len, size);
    if (m)
        codec_scalar_put(&scalar, msg_data(m));
    else
        *results = unsendable(L, size > MSG_DATA_MAX ? CODEC_TOO_LARGE : CODEC_NO_MEMORY, "");
    return m;
}

/* The destination at 1, which is not the one of before. */
static __attribute__((noinline)) struct pid find_destination(lua_State *L, struct vstate *vs,
                                                             const char *dest, size_t len) {
    struct pid to = proc_lookup(sched_self, dest, len);
    bool again = dest == vs->dest_text;
    vs->dest_text = dest;
    vs->dest = (struct pid){0};
    if (again && dest[0] == '{' && !pid_none(to)) {
        lua_pushvalue(L, 1);
        stack_pop_slot(L, REG_DEST);
        vs->dest = to;
    }
    return to;
}

static int process_send(lua_State *L) {
    struct vstate *vs = vstate_of(L);
    size_t dest_len, topic_len;
    const char *dest = stack_check_string(L, 1, &dest_len);
    const char *topic = stack_check_string(L, 2, &topic_len);
    if (topic_len == 0 || topic[0] == '@')
        return topic_len
                 ? errobj_false(L, ERRKIND_INVALID,
                                "send: topic \"%s\" is reserved: topics that begin with @ are the runtime's",
                                topic)
                 : errobj_false(L, ERRKIND_INVALID, "send: the topic is empty");
    if (topic_len > MSG_TOPIC_MAX)
        return errobj_false(L, ERRKIND_INVALID, "send: the topic has %zu bytes, more than %d", topic_len,
                            MSG_TOPIC_MAX);
    struct pid to =
        dest == vs->dest_text && !pid_none(vs->dest) ? vs->dest : find_destination(L, vs, dest, dest_len);
    if (pid_none(to))
        return no_such_process(L, "send", dest);
    int results;
    struct msg *m = make_message(L, vs, topic, topic_len, 3, &results);
    if (!m)
        return results;
    proc_reduce(vs->proc, 1);
    switch (proc_post(sched_self, to, m)) {
    case SEND_OK:
        lua_pushboolean(L, 1);
        return 1;
    case SEND_FULL:
        msg_free(m);
        return errobj_false(L, ERRKIND_RATE_LIMITED, "send: mailbox full: %s", dest);
    default:
        msg_free(m);
        return no_such_process(L, "send", dest);
    }
}

/* --- spawn --------------------------------------------------------------------------------------------------------------- */

/* The full id of a reference, on the stack: without a namespace it is in the caller's own. */
static const char *full_id(lua_State *L, struct vstate *vs, int idx, size_t *len) {
    const char *id = luaL_checklstring(L, idx, len);
    if (memchr(id, ':', *len))
        return id;
    const char *own = vs->entry->id, *colon = strchr(own, ':');
    if (!colon)
        return id;
    lua_pushlstring(L, own, (size_t)(colon - own) + 1);
    lua_pushvalue(L, idx);
    lua_concat(L, 2);
    lua_replace(L, idx);
    return lua_tolstring(L, idx, len);
}

/* Reads entry and host, which follow base; false: the results to return are on the stack. */
static bool read_target(lua_State *L, struct vstate *vs, const char *what, int base,
                        struct spawn_request *r) {
    size_t entry_len, host_len;
    const char *entry = full_id(L, vs, base + 1, &entry_len);
    const char *host = full_id(L, vs, base + 2, &host_len);
    r->host = node_host(vs->vm_node, host, host_len);
    if (!r->host) {
        bool known = ventry_find(vs->vm, host, host_len) != NULL;
        errobj_nil(L, known ? ERRKIND_INVALID : ERRKIND_NOT_FOUND, "%s: %s: %s", what,
                   known ? "the entry is no host" : "host not found", host);
        return false;
    }
    r->entry = ventry_find(vs->vm, entry, entry_len);
    if (!r->entry) {
        bool is_host = node_host(vs->vm_node, entry, entry_len) != NULL;
        errobj_nil(L, is_host ? ERRKIND_INVALID : ERRKIND_NOT_FOUND, "%s: %s: %s", what,
                   is_host ? "the entry is no process" : "entry not found", entry);
        return false;
    }
    if (r->entry->kind == VM_LIBRARY || r->entry->kind == VM_OTHER) {
        errobj_nil(L, ERRKIND_INVALID, "%s: the entry is no process: %s", what, entry);
        return false;
    }
    return true;
}

/* Encodes the arguments behind those; false: the results to return are on the stack. */
static bool read_args(lua_State *L, const char *what, int base, struct vm_args *args) {
    int n = lua_gettop(L);
    scratch.len = 0;
    message_unfold(L, base + 3, n);
    if (vstate_of(L)->wippy)
        wippy_unwrap(L, base + 3, n);
    for (int i = base + 3; i <= n; i++) {
        char why[WHY];
        size_t before = scratch.len;
        enum codec_status s = codec_encode(L, i, "argument", MSG_DATA_MAX, &scratch, why, sizeof why);
        if (s != CODEC_OK) {
            char root[24]; /* once more, for a message that says which */
            snprintf(root, sizeof root, "argument %d", i - base - 2);
            scratch.len = before;
            codec_encode(L, i, root, MSG_DATA_MAX, &scratch, why, sizeof why);
            errobj_nil(L, s == CODEC_NO_MEMORY ? ERRKIND_RATE_LIMITED : ERRKIND_INVALID, "%s: %s", what,
                       s == CODEC_BAD_VALUE ? why : "the arguments are too large");
            return false;
        }
    }
    *args = (struct vm_args){scratch.data, scratch.len, n > base + 2 ? (unsigned)(n - base - 2) : 0};
    return true;
}

/* WAIT_END: of a process that was started for that, unless the task's call has joined others already. */
static int wait_for(lua_State *L, struct vstate *vs, struct pid pid, enum wait_kind what,
                    int64_t timeout_ns) {
    struct task *t = vs->current;
    t->timed = timeout_ns > 0 && vtimer_limit_wait(L, vs, t, timeout_ns);
    t->wait_pid = pid;
    t->wait_what = what;
    if (what == WAIT_END && !t->call.link)
        call_begin(vs, &t->call, pid);
    return task_block(L, vs, TASK_WAIT_PROC);
}

bool process_start(lua_State *L, const char *what, struct spawn_request *r, int base,
                   const struct spawn_more *more, enum spawned *s, struct pid *pid, int *results) {
    struct vstate *vs = vstate_of(L);
    struct failure *f = NULL;
    *results = 2;
    if (!read_target(L, vs, what, base, r) || !read_args(L, what, base, &r->args))
        return false;
    r->context = vs->context;
    r->more = more;
    *s = spawn_process(vs->vm, r, pid, &f);
    scratch_trim();
    if (*s != SPAWN_FAILED)
        return true;
    lua_pushnil(L);
    errobj_push(L, f);
    return false;
}

int process_wait_info(lua_State *L, struct vstate *vs, struct pid pid) {
    return wait_for(L, vs, pid, WAIT_INFO, 0);
}

bool process_read_args(lua_State *L, const char *what, int from, struct vm_args *args) {
    return read_args(L, what, from - 2, args);
}

const char *process_full_id(lua_State *L, struct vstate *vs, int idx, size_t *len) {
    return full_id(L, vs, idx, len);
}

/* A spawner with the name of a living process: that one instead of a new one. */
static int use_existing(lua_State *L, struct vstate *vs, const char *what, struct pid pid, bool monitor,
                        bool link, bool exec) {
    enum relation_status s = REL_OK;
    if (link)
        s = proc_link(vs->proc, pid);
    if (s == REL_OK && exec)
        s = call_join(vs, &vs->current->call, pid);
    else if (s == REL_OK && monitor)
        s = call_monitor(vs, pid);
    if (s == REL_NOT_FOUND)
        return errobj_nil(L, ERRKIND_NOT_FOUND, "%s: the process of that name has just ended", what);
    if (s == REL_NO_MEMORY)
        return errobj_nil(L, ERRKIND_RATE_LIMITED, "%s: not enough memory", what);
    if (exec)
        return wait_for(L, vs, pid, WAIT_END, 0);
    push_pid(L, vs, pid);
    return 1;
}

/* The process that a spawner means is there, but not all messages for it have found room. */
static int not_posted(lua_State *L, struct vstate *vs, const char *what, struct pid pid,
                      enum send_status sent) {
    char text[PID_TEXT_MAX];
    node_pid_text(vs->vm_node, pid, text);
    if (sent == SEND_FULL)
        return errobj_nil(L, ERRKIND_RATE_LIMITED, "%s: mailbox full: %s: not all messages were sent", what,
                          text);
    return errobj_nil(L, ERRKIND_NOT_FOUND, "%s: process not found: %s", what, text);
}

/* Nobody can wait for the start of this process, which was to be told of. */
static void abandon(struct vstate *vs, struct pid pid) {
    proc_unmonitor(vs->proc, pid);
    proc_unlink(vs->proc, pid);
    proc_kill(
        sched_self, pid,
        failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "spawned where nobody could wait for its start"));
}

int process_spawn_from(lua_State *L, const char *what, bool monitor, bool link, bool exec, int base,
                       const struct spawn_more *more) {
    struct vstate *vs = vstate_of(L);
    struct spawn_request r = {
        .parent = vs->proc, .monitor = monitor, .link = link, .flags = exec ? PROC_AWAITED : 0};
    struct pid pid;
    enum spawned s;
    enum send_status sent;
    int results;
    if (exec)
        task_check_block(L);
    if (more && !pid_none(pid = spawner_find(more, &sent)))
        return sent == SEND_OK ? use_existing(L, vs, what, pid, monitor, link, exec)
                               : not_posted(L, vs, what, pid, sent);
    if (!process_start(L, what, &r, base, more, &s, &pid, &results))
        return results;
    int64_t timeout = more ? more->timeout_ns : 0;
    if (exec)
        return wait_for(L, vs, pid, WAIT_END, timeout);
    if (s == SPAWNED_LATER) {
        if (!vs->current || !lua_isyieldable(L))
            abandon(vs, pid);
        task_check_block(L);
        return wait_for(L, vs, pid, WAIT_START, timeout);
    }
    push_pid(L, vs, pid);
    return 1;
}

bool process_wait_over(struct vstate *vs, struct task *t) {
    if (pid_none(t->wait_pid))
        return true; /* the answer came first */
    struct msg *m = msg_event(MSG_EXIT, 0);
    if (!m)
        return false;
    call_end(vs, &t->call);
    proc_cancel(sched_self, t->wait_pid, vs->proc->pid, "timeout", 7);
    m->from = t->wait_pid;
    m->u.failure = failure_format(ERRKIND_TIMEOUT, EXIT_RETURNED, "call: no answer within the timeout");
    t->msg = m;
    t->timed = false;
    t->wait_pid = (struct pid){0};
    task_ready(vs, t, WAKE_REPLY);
    return true;
}

static int spawn(lua_State *L, const char *what, bool monitor, bool link, bool exec) {
    return process_spawn_from(L, what, monitor, link, exec, 0, NULL);
}

static int process_spawn(lua_State *L) {
    return spawn(L, "spawn", false, false, false);
}
static int process_spawn_monitored(lua_State *L) {
    return spawn(L, "spawn_monitored", true, false, false);
}
static int process_spawn_linked(lua_State *L) {
    return spawn(L, "spawn_linked", false, true, false);
}
static int process_spawn_linked_monitored(lua_State *L) {
    return spawn(L, "spawn_linked_monitored", true, true, false);
}
static int process_exec(lua_State *L) {
    return spawn(L, "exec", true, false, true);
}

int reply_push(lua_State *co, struct vstate *vs, struct task *t) {
    struct msg *m = t->msg;
    t->msg = NULL;
    task_stop_timing(t);
    vs->in_hand = m;
    int n = 1;
    struct failure *f = m->u.ptr; /* both kinds keep their failure there */
    if (f) {
        lua_pushnil(co);
        errobj_push(co, failure_hold(f));
        n = 2;
    } else if (m->kind == MSG_REPLY && m->aux == REPLY_STARTED) {
        push_pid(co, vs, m->from);
    } else if (m->kind == MSG_REPLY) {
        luaL_checkstack(co, 8, "info");
        info_push(co, msg_data(m));
    } else if (m->data_len == 0 || !codec_decode(co, msg_data(m), m->data_len)) {
        lua_pushnil(co);
    }
    vs->in_hand = NULL;
    vstate_consumed(vs, m);
    return n;
}

/* --- ending others ------------------------------------------------------------------------------------------------------- */

static int sent(lua_State *L, enum send_status s, const char *what, const char *dest) {
    if (s == SEND_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (s == SEND_FULL)
        return errobj_false(L, ERRKIND_RATE_LIMITED, "%s: %s: not enough memory", what, dest);
    return no_such_process(L, what, dest);
}

/* The order to end is in the process' own mailbox: nothing more of it runs. */
static int end_here(lua_State *L, struct vstate *vs) {
    proc_poll(vs->proc);
    if (!lua_isyieldable(L)) {
        preempt_put_off(L, vs);
        return 0;
    }
    vs->blocked = true;
    return lua_yield(L, 0);
}

static int process_terminate(lua_State *L) {
    size_t len;
    const char *dest = luaL_checklstring(L, 1, &len);
    struct pid to = proc_lookup(sched_self, dest, len);
    if (pid_none(to))
        return no_such_process(L, "terminate", dest);
    struct failure *f = failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "process terminated");
    enum send_status s = proc_kill(sched_self, to, f);
    struct vstate *vs = vstate_of(L);
    return s == SEND_OK && pid_eq(to, vs->proc->pid) ? end_here(L, vs) : sent(L, s, "terminate", dest);
}

#define CANCEL_REASON_MAX 65535

static int process_cancel(lua_State *L) {
    size_t len, reason_len;
    const char *dest = luaL_checklstring(L, 1, &len);
    const char *reason = luaL_optlstring(L, 2, "", &reason_len);
    struct pid to = proc_lookup(sched_self, dest, len);
    if (pid_none(to))
        return no_such_process(L, "cancel", dest);
    if (reason_len > CANCEL_REASON_MAX)
        return errobj_false(L, ERRKIND_INVALID, "cancel: the reason has %zu bytes, more than %d", reason_len,
                            CANCEL_REASON_MAX);
    enum send_status s = proc_cancel_limited(sched_self, to, vstate_of(L)->proc->pid, reason, reason_len);
    if (s == SEND_FULL)
        return errobj_false(L, ERRKIND_RATE_LIMITED, "cancel: %s has %d CANCEL events waiting already", dest,
                            CANCELS_WAITING_MAX);
    return sent(L, s, "cancel", dest);
}

/* --- relations ------------------------------------------------------------------------------------------------------------- */

static int related(lua_State *L, enum relation_status s, const char *what, const char *dest) {
    switch (s) {
    case REL_OK:
        lua_pushboolean(L, 1);
        return 1;
    case REL_EXISTS:
        return errobj_false(L, ERRKIND_ALREADY_EXISTS, "%s: already monitoring: %s", what, dest);
    case REL_NO_MEMORY:
        return errobj_false(L, ERRKIND_RATE_LIMITED, "%s: %s: not enough memory", what, dest);
    default:
        return no_such_process(L, what, dest);
    }
}

static int process_monitor(lua_State *L) {
    size_t len;
    const char *dest = luaL_checklstring(L, 1, &len);
    struct pid to = proc_lookup(sched_self, dest, len);
    if (pid_none(to))
        return no_such_process(L, "monitor", dest);
    return related(L, call_monitor(vstate_of(L), to), "monitor", dest);
}

static int process_link(lua_State *L) {
    size_t len;
    const char *dest = luaL_checklstring(L, 1, &len);
    struct pid to = proc_lookup(sched_self, dest, len);
    if (pid_none(to))
        return no_such_process(L, "link", dest);
    return related(L, proc_link(vstate_of(L)->proc, to), "link", dest);
}

/* Of something that is gone there is no relation left: true, as for what never was one. */
static int process_unmonitor(lua_State *L) {
    size_t len;
    const char *dest = luaL_checklstring(L, 1, &len);
    struct vstate *vs = vstate_of(L);
    struct pid to = proc_lookup(sched_self, dest, len);
    if (!pid_none(to)) {
        proc_poll(vs->proc);
        inbox_forget_exit(vs, to);
        call_unmonitor(vs, to);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int process_unlink(lua_State *L) {
    size_t len;
    const char *dest = luaL_checklstring(L, 1, &len);
    struct pid to = proc_lookup(sched_self, dest, len);
    if (!pid_none(to))
        proc_unlink(vstate_of(L)->proc, to);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- options ---------------------------------------------------------------------------------------------------------------- */

static int process_set_options(lua_State *L) {
    struct proc *p = vstate_of(L)->proc;
    if (lua_type(L, 1) != LUA_TTABLE)
        return errobj_false(L, ERRKIND_INVALID, "set_options: a table expected, got %s", luaL_typename(L, 1));
    int trap = -1;
    lua_settop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "trap_links") != 0) {
            lua_pushvalue(L, 2);
            const char *key = lua_tostring(L, -1);
            return errobj_false(L, ERRKIND_INVALID, "set_options: unknown option: %s",
                                key ? key : luaL_typename(L, 2));
        }
        if (lua_type(L, 3) != LUA_TBOOLEAN)
            return errobj_false(L, ERRKIND_INVALID, "set_options: trap_links must be a boolean, got %s",
                                luaL_typename(L, 3));
        trap = lua_toboolean(L, 3);
        lua_settop(L, 2);
    }
    if (trap == 1)
        p->flags |= PROC_TRAP_LINKS;
    else if (trap == 0)
        p->flags &= ~(uint32_t)PROC_TRAP_LINKS;
    lua_pushboolean(L, 1);
    return 1;
}

static int process_get_options(lua_State *L) {
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, (vstate_of(L)->proc->flags & PROC_TRAP_LINKS) != 0);
    lua_setfield(L, -2, "trap_links");
    return 1;
}

/* --- registry ----------------------------------------------------------------------------------------------------------------- */

static int registry_register(lua_State *L) {
    size_t len, pid_len;
    const char *name = luaL_checklstring(L, 1, &len);
    struct vstate *vs = vstate_of(L);
    struct pid pid = vs->proc->pid;
    const char *text = NULL;
    if (!lua_isnoneornil(L, 2)) {
        text = luaL_checklstring(L, 2, &pid_len);
        pid = proc_lookup(sched_self, text, pid_len);
    }
    switch (pid_none(pid) ? NAME_NO_PROCESS : names_register(sched_self, name, len, pid, vs->proc)) {
    case NAME_OK:
        lua_pushboolean(L, 1);
        return 1;
    case NAME_TOO_MANY:
        return errobj_false(L, ERRKIND_RATE_LIMITED,
                            "register: %s: %d names that this process has registered are held", name,
                            NAMES_EACH_MAX);
    case NAME_TAKEN:
        return errobj_false(L, ERRKIND_ALREADY_EXISTS, "register: name already registered: %s", name);
    case NAME_INVALID:
        if (len == 0)
            return errobj_false(L, ERRKIND_INVALID, "register: the name is empty");
        if (len > NAME_MAX_BYTES)
            return errobj_false(L, ERRKIND_INVALID, "register: the name has %zu bytes, more than %d", len,
                                NAME_MAX_BYTES);
        return errobj_false(L, ERRKIND_INVALID, "register: a name may not begin with \"{\": %s", name);
    case NAME_NO_MEMORY:
        return errobj_false(L, ERRKIND_RATE_LIMITED, "register: %s: not enough memory", name);
    default:
        return no_such_process(L, "register", text ? text : name);
    }
}

static int registry_lookup(lua_State *L) {
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    struct pid pid = names_lookup(sched_self, name, len);
    if (pid_none(pid))
        return errobj_nil(L, ERRKIND_NOT_FOUND, "lookup: name not registered: %s", name);
    push_pid(L, vstate_of(L), pid);
    return 1;
}

static int registry_unregister(lua_State *L) {
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, names_unregister(sched_self, name, len) == NAME_OK);
    return 1;
}

/* --- the modules -------------------------------------------------------------------------------------------------------------- */

static const struct vlib_value event_kinds[] = {{"EXIT", .text = EVENT_EXIT},
                                                {"LINK_DOWN", .text = EVENT_LINK_DOWN},
                                                {"CANCEL", .text = EVENT_CANCEL},
                                                {0}};

static const luaL_Reg process_funcs[] = {{"pid", process_pid},
                                         {"id", process_id},
                                         {"send", process_send},
                                         {"listen", inbox_listen},
                                         {"unlisten", inbox_unlisten},
                                         {"inbox", inbox_inbox},
                                         {"events", inbox_events},
                                         {"spawn", process_spawn},
                                         {"spawn_monitored", process_spawn_monitored},
                                         {"spawn_linked", process_spawn_linked},
                                         {"spawn_linked_monitored", process_spawn_linked_monitored},
                                         {"exec", process_exec},
                                         {"with_context", spawner_with_context},
                                         {"with_options", spawner_with_options},
                                         {"info", info_process},
                                         {"list", info_list},
                                         {"upgrade", upgrade_process},
                                         {"terminate", process_terminate},
                                         {"cancel", process_cancel},
                                         {"monitor", process_monitor},
                                         {"unmonitor", process_unmonitor},
                                         {"link", process_link},
                                         {"unlink", process_unlink},
                                         {"set_options", process_set_options},
                                         {"get_options", process_get_options},
                                         {NULL, NULL}};
static const luaL_Reg registry_funcs[] = {{"register", registry_register},
                                          {"lookup", registry_lookup},
                                          {"unregister", registry_unregister},
                                          {NULL, NULL}};

const struct vlib vlib_process = {"process", process_funcs, NULL, VLIB_GLOBAL | VLIB_ALWAYS, NULL};
const struct vlib vlib_registry = {"process.registry", registry_funcs, NULL, VLIB_SUB, NULL};
const struct vlib vlib_event = {"process.event", NULL, NULL, VLIB_SUB, event_kinds};
