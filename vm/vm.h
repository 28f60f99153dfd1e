/*
 * vm: runs Lua entries as processes of the scheduler. What src/ needs to know of it.
 *
 * One vm per node. vm_create before any host, vm_destroy after node_destroy has ended all processes. Functions are
 * called by the owner thread except where said.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "sched/node.h"

struct vm;

/* --- code --------------------------------------------------------------------------------------------------- */

enum vm_entry_kind {
    VM_PROCESS,
    VM_FUNCTION,
    VM_LIBRARY,
    VM_OTHER /* no code: only so that errors can say so */
};

struct vm_import_def {
    const char *alias;
    const char *id; /* of a library entry */
};

enum vm_compat { VM_COMPAT_INHERIT = -1, VM_COMPAT_SEED, VM_COMPAT_WIPPY };

/* One piece of code, as configured. Everything is copied. */
struct vm_entry_def {
    const char *id; /* "ns:name" */
    enum vm_entry_kind kind;
    const char *method;     /* "main" */
    const char *chunk_name; /* as Lua wants it: "@file.lua" or "=ns:name" */
    const char *source;
    size_t source_len;
    enum vm_compat compat;
    bool limited; /* only `modules` may be required */
    const char *const *modules;
    size_t module_count;
    const struct vm_import_def *imports;
    size_t import_count;
    const char *default_host; /* meta.default_host or host; NULL */
    bool script;              /* a file run by its name: nothing could declare imports for it */
};

struct vm_code; /* a set of entries, immutable once installed */

/* Compiles `def` and adds it to a set that is not installed yet. false: `err` (cut at cap) says why, and *line, if
 * it is a syntax error, where (0 otherwise). Any thread; uses a scratch state of its own. */
struct vm_code *vm_code_new(void);
bool vm_code_add(struct vm_code *c, const struct vm_entry_def *def, char *err, size_t cap, int *line);
void vm_code_free(struct vm_code *c); /* a set that was never installed */

/* Only compiles. Any thread. */
bool vm_check_source(const char *source, size_t len, const char *chunk_name, enum vm_compat compat, char *err,
                     size_t cap, int *line);

/* Makes `c` what spawns use from now on (taken over); running processes keep what they run. What was installed before goes
 * when nobody uses it any more. */
void vm_install(struct vm *vm, struct vm_code *c);

/* --- life --------------------------------------------------------------------------------------------------- */

enum vm_jit { VM_JIT_OFF, VM_JIT_ON, VM_JIT_AUTO };

/* What the vm wants to know of a host; attached as host->user. */
struct vm_host {
    enum vm_jit jit;
    enum vm_compat compat;
    uint32_t max_timers;     /* per process; 0: no limit */
    uint32_t max_coroutines; /* per process, coroutine.spawn; 0: no limit */
};

enum vm_level { VM_LOG_DEBUG, VM_LOG_INFO, VM_LOG_WARN, VM_LOG_ERROR };

/* One field of an event of the module logger. */
struct vm_field {
    const char *key;
    enum { VM_FIELD_TEXT, VM_FIELD_NUMBER, VM_FIELD_BOOL, VM_FIELD_JSON } type;
    const char *text; /* TEXT, JSON: `len` bytes */
    size_t len;
    double number;
    bool flag;
};

/* One event of the module logger. */
struct vm_event {
    enum vm_level level;
    const char *logger; /* name, "" without one */
    const char *entry;
    const char *src; /* "file.lua:12"; "" when unknown */
    const char *message;
    size_t message_len;
    const struct vm_field *fields;
    size_t field_count;
};

struct vm_hooks {
    /* One whole line (with its newline) that a process printed. Worker thread; must not block for long. */
    void (*print)(struct proc *p, const char *line, size_t len);
    /* A process failed: the crash report's material. Worker thread. */
    void (*failed)(struct proc *p, const char *entry, const struct failure *f, const char *topics);
    /* An event of the module logger. Worker thread; must not block. NULL: none is written. */
    void (*log)(struct proc *p, const struct vm_event *e);
    /* Whether events of that level are written at all. Worker thread; NULL: all. */
    bool (*log_enabled)(enum vm_level level);
    /* For `troupe test`: takes what processes have printed that are no tests (at most `cap` bytes; returns how many). Worker thread. NULL otherwise. */
    size_t (*take_prints)(char *buf, size_t cap);
    /* Whether env.get and os.getenv may read that name. Any thread. */
    bool (*env_allowed)(const char *name);
};

struct vm *vm_create(struct node *n, const struct vm_hooks *hooks); /* NULL without memory */
void vm_destroy(struct vm *vm);

/* To be put into node_hooks.preempt / worker_started / worker_ended / worker_idle, and a good idle_ns. */
void vm_preempt(void *running);
void vm_worker_started(struct worker *w);
void vm_worker_ended(struct worker *w);
int64_t vm_worker_idle(struct worker *w);
#define VM_IDLE_NS (10 * CLOCK_NS_PER_SEC)

/* Whether Lua is compiled to machine code at all: not where the kernel forbids it. Found out by vm_create. */
bool vm_compiles(const struct vm *vm);

/* In how many states it may be at present, pooled ones included. Any thread. */
uint64_t vm_jit_states(const struct vm *vm);

/* true when compiled loops of the LuaJIT we run with can be interrupted; found out by vm_create. */
bool vm_preempts_compiled(const struct vm *vm);

/* How many events of the module events found no room with a subscriber, each counted for each of them. Any thread. */
uint64_t vm_events_dropped(const struct vm *vm);

/* --- processes ------------------------------------------------------------------------------------------------ */

/* Encoded arguments: values one after the other, as codec_encode wrote them. */
struct vm_args {
    const char *data;
    size_t len;
    unsigned count;
};

/* The aux of the MSG_REPLY that the parent of a vm_spawn gets. */
enum { VM_REPLY_STARTED = 1, VM_REPLY_INFO, VM_REPLY_BUS };

/*
 * Starts `entry` on `host` from outside Lua (supervisor, tool). `parent` may be NULL; else this runs inside it. The arguments
 * are copied. Returns the pid; none on failure, and then *f (a reference for the caller) says why. Nothing of the process
 * has run then: the parent gets a MSG_REPLY with aux VM_REPLY_STARTED when main begins (u.ptr NULL) or when the file's
 * top level failed (u.ptr: the failure, freed with the node; EXIT follows to a monitor). Any attached thread.
 */
struct pid vm_spawn(struct vm *vm, const char *entry, struct host *host, struct proc *parent, bool monitor,
                    const struct vm_args *args, struct failure **f);

#endif
