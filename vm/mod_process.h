/*
 * mod_process: the module `process`. Internal to vm.
 */
#ifndef VM_MOD_PROCESS_H
#define VM_MOD_PROCESS_H

#include "vm/lib.h"
#include "vm/vstate.h"

extern const struct vlib vlib_process, vlib_registry, vlib_event;

struct spawn_more;
struct spawn_request;
enum spawned;

/* This thread's buffer for encoding; empty it before use, and expect nothing of it after a call of anything else. */
struct codec_buf *process_scratch(void);

/* Reads entry, host and arguments, which follow stack index `base`, and starts the process. false: *results values to
 * return are on the stack. `more` may be NULL. */
bool process_start(lua_State *L, const char *what, struct spawn_request *r, int base,
                   const struct spawn_more *more, enum spawned *s, struct pid *pid, int *results);

/* The same as a function of the module: `return process_spawn_from(...)`. */
int process_spawn_from(lua_State *L, const char *what, bool monitor, bool link, bool exec, int base,
                       const struct spawn_more *more);

/* `return process_wait_info(L, vs, pid)`: blocks until a REPLY_INFO of `pid` comes. */
int process_wait_info(lua_State *L, struct vstate *vs, struct pid pid);

/* Encodes what stands behind `from` as arguments into the scratch buffer; false: two results are on the stack. */
bool process_read_args(lua_State *L, const char *what, int from, struct vm_args *args);

/* The full id of an entry's reference at idx, which it replaces on the stack. */
const char *process_full_id(lua_State *L, struct vstate *vs, int idx, size_t *len);

/* The time is over that a task waits for another process; false: no memory, try again. Touches no Lua. */
bool process_wait_over(struct vstate *vs, struct task *t);

/* Pushes what a task that waited for another process is resumed with; frees its message. */
int reply_push(lua_State *co, struct vstate *vs, struct task *t);

#endif
