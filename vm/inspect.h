/*
 * inspect: what a Lua process is doing: its coroutines with their stacks, and what waits in its queues.
 *
 * Nothing of the process is changed and no Lua value is made: a look cannot fail, and cannot make it fail.
 */
#ifndef VM_INSPECT_H
#define VM_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lua_State;
struct proc;

#define VM_FRAMES_MAX 200 /* of one stack, innermost first; what is further out is left out */

struct vm_frame {
    const char *function; /* "handle", "main chunk", "function at line 12" */
    const char *source;   /* "worker.lua", "[C]" */
    int line;             /* the current one; 0: unknown */
    int defined;          /* the line where the function begins; 0: none */
};

struct vm_task {
    bool main;         /* the one that began with the process */
    const char *state; /* "running", "ready", "receive", "send", "select", "sleep", "process", "upgrade" */
    const char *on;    /* what it waits for: "topic jobs", "inbox", "events", "channel"; "" */
};

struct vm_queue {
    const char *what;  /* "topic", "inbox", "events", "unclaimed" (nobody listens yet) */
    const char *topic; /* of a topic; "" */
    size_t topic_len;
    uint32_t len;
};

struct vm_inspector {
    void (*task)(void *ud, const struct vm_task *t);   /* then its frames */
    void (*frame)(void *ud, const struct vm_frame *f); /* from the innermost out */
    void (*queue)(void *ud, const struct vm_queue *q);
    void (*received)(
        void *ud,
        const char
            *topic); /* the last topics of messages, the latest first, those that follow each other once */
};

/* Inside `p` (in a SIG_CALL). false: it is no Lua process. */
bool vm_inspect(struct proc *p, const struct vm_inspector *v, void *ud);

/* The frame at `level` of a stack, 0 the innermost, texts in `buf`; false: there is none. On the state's worker. */
struct vm_frame_buf {
    char function[96], source[72];
};
bool vm_frame_at(struct lua_State *co, int level, struct vm_frame *f, struct vm_frame_buf *buf);

#endif
