/*
 * vstate: the inside of a Lua process. Internal to vm.
 *
 * One LuaJIT state holds one process at a time. Whatever the process can reach hangs on four things that are new for
 * every process: its environment table, its anchor table (objects that C refers to), its table of loaded
 * modules, and its coroutines. The rest (libraries, the entry's compiled chunk with its traces, metatables) stays
 * when the state is recycled and cannot be written to by user code.
 *
 * Used by the worker that runs the process only.
 */
#ifndef VM_VSTATE_H
#define VM_VSTATE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/host.h"
#include "sched/msg.h"
#include "sched/node.h"
#include "sched/proc.h"
#include "vm/block.h"
#include "vm/codec.h"
#include "vm/state.h"
#include "vm/vm.h"

/* Strings that stay interned in every state, so that nobody hashes them for each event. */
#define WORD_MAP(X)                                                                                          \
    X(KIND, "kind")                                                                                          \
    X(FROM, "from")                                                                                          \
    X(AT, "at")                                                                                              \
    X(RESULT, "result")                                                                                      \
    X(ERROR, "error")                                                                                        \
    X(CHANNEL, "channel")                                                                                    \
    X(VALUE, "value")                                                                                        \
    X(OK, "ok")                                                                                              \
    X(EXIT, "pid.exit")

enum word {
#define WORD_ENUM(name, text) WORD_##name,
    WORD_MAP(WORD_ENUM)
#undef WORD_ENUM
        WORD_COUNT
};

/* Fixed places in the registry's array part; types come first (vm/vtype.c). */
enum registry_slot {
    REG_BASE = VTYPE_COUNT, /* table behind every environment: base functions */
    REG_NATIVE,             /* LuaJIT's whole base library, for the prelude */
    REG_NUMBER_META,        /* metatable of numbers */
    REG_ENV_META,           /* metatable of environments */
    REG_CHUNK,              /* the entry's chunk */
    REG_MAIN,               /* the main coroutine */
    REG_LIBS,               /* real module tables, by index in vlib_all */
    REG_LIB_METAS,          /* metatables of their proxies */
    REG_OWN_LIBS,           /* both for VLIB_OWN and VLIB_LATE; false until there is one */
    REG_OWN_LIB_METAS,
    REG_REQUIRE, /* `require` of the entry, or false */
    REG_ENV,     /* this process' environment */
    REG_ANCHOR,  /* this process' anchor table, or false */
    REG_LOADED,  /* this process' modules: name -> value, or false */
    REG_METHOD,  /* the name of the entry's method */
    REG_DEST,    /* the string at vs->dest_text when vs->dest is set, or false */
    REG_RECORDS, /* luaJIT_unpack's own: records by the names in them */
    REG_SHAPES,  /* luaJIT_pack's own: the names of records by their nodes */
    REG_WORDS,   /* strings that the runtime itself uses: enum word, from here on */
    REG_WORDS_END = REG_WORDS + WORD_COUNT,
    REG_LAST = REG_WORDS_END
};

/* Why a coroutine of the process does not run: name, what inspectors call it. MATCH: in the midst of a search (vm/strlib.h);
 * FAILED: with an error, its stack is as it was then. */
#define TASK_STATES(X)                                                                                       \
    X(READY, "ready")                                                                                        \
    X(RECEIVE, "receive")                                                                                    \
    X(SEND, "send")                                                                                          \
    X(SELECT, "select")                                                                                      \
    X(SLEEP, "sleep")                                                                                        \
    X(WAIT_PROC, "process")                                                                                  \
    X(UPGRADE, "upgrade")                                                                                    \
    X(MATCH, "ready")                                                                                        \
    X(DEAD, "ended")                                                                                         \
    X(FAILED, "ended")

enum task_state {
#define X(name, word) TASK_##name,
    TASK_STATES(X)
#undef X
};

/* What a ready task is resumed with. */
enum wake_kind {
    WAKE_START,   /* first run: `nargs` values are on its stack */
    WAKE_NOTHING, /* no values */
    WAKE_MSG,     /* the element made of `msg` arrived at `chan` */
    WAKE_VALUE,   /* a value handed over by a sender stands in the anchor's slot of the task */
    WAKE_CLOSED,  /* the channel was closed: nil, false for a receiver, an error for a sender */
    WAKE_SENT,    /* a blocked send went through */
    WAKE_MATCH,   /* its search goes on */
    WAKE_REPLY,   /* `msg` is a reply of the kind that the task waits for */
    WAKE_ANEW     /* what had arrived at `chan` was taken back: the receive or select begins anew */
};

/* Beside the first of the three slots that anchor_take gives. */
enum { ANCHOR_CO = 1, ANCHOR_CHAN = 2, ANCHOR_STRIDE = 3 };

/* What a task in TASK_WAIT_PROC waits for: that the process runs its main, its end, or what process.info tells of it. */
enum wait_kind { WAIT_START, WAIT_END, WAIT_INFO };

enum strings { STRINGS_PLAIN, STRINGS_WIPPY, STRINGS_PATCHED };

struct chan;
struct more;
struct task;
struct vcontext;
struct vfuture;
struct vsub;

/* A task's place in a channel's queue. */
struct waiter {
    struct waiter *next, **link;
    struct task *task;
    struct chan *chan;
    uint16_t index; /* 1-based case of a select, 0: a plain receive or send */
    bool send;
    bool queued;
};

/* vm/call.h */
struct vcall {
    struct vcall *next, **link; /* in vs->calls; link NULL: it does not wait */
    struct pid pid;
    struct vfuture *future; /* whose it is; NULL: a task's */
    bool asked;             /* the program monitors `pid`, too: the same in all calls that wait for it */
};

/* What each message touches comes first: struct vstate says why. */
struct task {
    enum task_state state;
    enum wake_kind wake;
    lua_State *co;
    struct chan *wake_chan;
    struct msg *msg;
    const char *raise; /* it is resumed with this error instead of values */
    struct task *next; /* in one list: ready, or cut */
    int hold; /* its slots in the anchor table: value or cases; + ANCHOR_CO; + ANCHOR_CHAN. 0: none yet */
    uint16_t wake_index;
    uint16_t many_n;
    struct waiter one; /* plain receive and send */
    uint16_t many_cap;
    bool timed;          /* the sleep timer limits the wait for wait_pid */
    int nargs;           /* WAKE_START */
    struct waiter *many; /* select: `many_n` of them, from mem_alloc */
    struct task *all_next, **all_link;
    struct pid wait_pid;      /* TASK_WAIT_PROC: who has to answer */
    enum wait_kind wait_what; /* and what of it is the answer */
    struct vcall call;        /* waits while it is WAIT_END that has to come */
    struct vtimer *sleep;
};

/* Kinds of channels: where their elements come from. */
enum chan_kind { CHAN_LOCAL, CHAN_TOPIC, CHAN_INBOX, CHAN_EVENTS, CHAN_TIMER, CHAN_FUTURE, CHAN_EXTERN };

struct msgq {
    struct msg *first, *last;
    uint32_t n;
};

/* VTYPE_CHANNEL. What each message touches comes first. */
struct chan {
    struct vhead head;
    uint8_t kind; /* enum chan_kind */
    bool closed;
    bool full_messages; /* elements are message objects */
    bool has_table;     /* it has an environment table of its own */
    int anchor;         /* slot in the anchor table that keeps it alive, 0: none */
    struct waiter *receivers, **receivers_end;
    /* CHAN_TOPIC */
    uint32_t topic_hash;
    uint16_t topic_len;
    const char *topic; /* behind the struct; NULL: it is not, or no longer, listened to */
    struct chan *next_topic;
    struct msgq queue; /* elements not decoded yet */
    struct waiter *senders, **senders_end;
    uint32_t cap;          /* CHAN_LOCAL */
    uint32_t first, count; /* CHAN_LOCAL: ring of values in the environment table, from CHAN_VALUES on */
    union {
        struct vtimer *timer;   /* CHAN_TIMER: what feeds it; NULL: nothing any more */
        struct vfuture *future; /* CHAN_FUTURE */
    };
};

/* Keys in a channel's environment table. */
enum { CHAN_CASE = 1, CHAN_VALUES = 2 };

struct ventry;

/* vm/tidy.h */
struct tidy {
    size_t above;   /* more memory than this is worth a look when the process waits */
    uint32_t turns; /* vs->turns when the timer was set */
    bool timed;     /* it is set */
    bool running;   /* the collector is at work */
    uint8_t cycles; /* that it has finished */
};

struct tidy_timer {
    int64_t wait_ns;
    struct vtimer *timer; /* NULL: not needed so far */
};

#define VSTATE_TOPICS 4
#define VSTATE_TOPIC_MAX 24

/*
 * A thousand processes that send to each other have left the caches whenever one of them runs: how many cache lines a message
 * touches is what it takes then. The fields for that stand in the middle, on both sides of `proc`, in four lines.
 */
struct vstate {
    lua_State *L; /* the state's main thread; never runs user code */
    size_t memory_limit;
    size_t
        memory_mark; /* the next figure at which there is something to do: half the limit, then the limit; SIZE_MAX: none */
    struct vm *vm;
    struct ventry *entry;
    struct vstate *next; /* in a pool */
    size_t baseline;     /* memory when it was new */
    size_t foreign,
        foreign_kept; /* of `memory`, what lies outside: vm/heap.h; and that after the last collection for it */
    struct codec_buf args; /* arguments, then the result; the memory is reused */
    struct more *more;     /* a second block, or NULL: vm/heap.c */
    uint32_t outside;      /* pieces of memory that do not lie in a block */
    struct block block;
    size_t memory_then; /* when over_memory was set */
    uint32_t ticks;     /* dispatches during which the coarse clock moved */
    size_t memory;
    struct node *vm_node;
    uint32_t steps;  /* dispatches */
    uint32_t kept;   /* bytes of pieces outside of the blocks that were freed and are kept: vm/heap.c */
    uint8_t strings; /* enum strings: whose methods all strings have */
    bool jit_on;
    bool env_clean;     /* REG_ENV is the chunk's environment and empty: as good as a new one */
    bool dirty;         /* never recycle */
    bool pictured;      /* it is made for a picture: its second block, too, is to begin with zeros */
    bool oversized;     /* pieces outside of the blocks may be larger than they are said to be: vm/heap.c */
    bool refuse_memory; /* the next request, once: the process has to end, see vm/preempt.c */

    /* From here on everything is the process', and zero when it begins. */
    struct proc *proc;
    size_t charged; /* bytes outside of the state that count as its memory: heap_charge */
    struct task *current;
    struct task *ready, **ready_end;
    /* Whom it sent to the last time: the text of the pid as LuaJIT's string. `dest` is none until that has been so twice in a
     * row: from then on REG_DEST keeps the string, and no other one can have this address. */
    const char *dest_text;
    struct pid dest;
    struct chan *topics;
    struct chan
        *topic_last;     /* where the last MSG_USER went; NULL: not, or no longer, to a topic of its own */
    uint64_t arrived;    /* MSG_USER so far; what each queue of them is in the order of */
    struct msg *in_hand; /* being turned into a Lua value */
    uint32_t turns;      /* how often it was run */
    bool wippy, over_memory, over_host /* the host's limit, not its own */;
    bool pressed;                /* the collector works hard, see vm/heap.c */
    bool preempted, blocked;     /* what just yielded was interrupted; was a blocking call */
    bool top_level;              /* its file runs, main has not begun */
    bool upgrade_now, upgraded;  /* `upgrade` is to take over; this one took over */
    volatile sig_atomic_t armed; /* the hook is set; by the preempt signal in this thread */
    struct tidy tidy;
    struct task main;

    struct chan *inbox, *events;
    struct msgq unclaimed; /* messages that nobody listens for yet */
    /* A ring of the last topics of MSG_USER, one for those that follow each other; begins at topic_at - 1, "": none. */
    char topics_seen[VSTATE_TOPICS][VSTATE_TOPIC_MAX];
    unsigned topic_at;
    struct tidy_timer tidy_timer;
    struct task *tasks; /* all but main */
    struct msgq early_events;
    volatile sig_atomic_t
        hook_changes; /* the hook is being set or taken away: the signal's handler keeps away */
    uint32_t timers, bus_subs, live_tasks;
    int anchor_next, anchor_free;
    unsigned arg_count;
    enum step start_step;      /* what task_start_now saw */
    struct proc *starting_in;  /* the spawner, while the top level runs inside its spawn */
    struct task *cut;          /* interrupted before their first blocking call, inside what spawned them */
    struct vtimer *timer_list; /* all of this process */
    struct pid starter;        /* whom to tell how the top level went; none: nobody waits */
    struct vcontext *context;  /* NULL: none; vm/spawner.h */
    struct vcall *calls;       /* those that wait */
    struct vsub *subs;         /* on the bus */
    struct vstate *upgrade;    /* the state that takes the process over when this step ends */
};

_Static_assert(offsetof(struct vstate, memory) % 64 == 0, "a cache line begins there");
_Static_assert(offsetof(struct vstate, main.many_cap) == offsetof(struct vstate, memory) + 256, "four lines");

/* --- small helpers shared by the files of vm ----------------------------------------------------------------- */

static inline void msgq_add(struct msgq *q, struct msg *m) {
    m->next = NULL;
    if (q->last)
        q->last->next = m;
    else
        q->first = m;
    q->last = m;
    q->n++;
}

static inline struct msg *msgq_take(struct msgq *q) {
    struct msg *m = q->first;
    if (m) {
        q->first = m->next;
        if (!q->first)
            q->last = NULL;
        q->n--;
    }
    return m;
}

/* Moves all of `from` into `to`; both are, and stay, in the order of arrival (MSG_USER only). */
static inline void msgq_merge(struct msgq *to, struct msgq *from) {
    struct msgq merged = {0};
    while (to->first && from->first)
        msgq_add(&merged, msgq_take(from->first->u.order < to->first->u.order ? from : to));
    while (to->first)
        msgq_add(&merged, msgq_take(to));
    while (from->first)
        msgq_add(&merged, msgq_take(from));
    *to = merged;
}

static inline void vstate_push_word(lua_State *L, enum word w) {
    stack_push_slot(L, REG_WORDS + (int)w);
}

/* table[word] = the value on top of the stack, which is popped; the table is below it. */
static inline void vstate_set_word(lua_State *L, enum word w) {
    vstate_push_word(L, w);
    lua_insert(L, -2);
    lua_rawset(L, -3);
}

/* Publishes the memory figure. */
static inline void vm_account(struct vstate *vs) {
    size_t bytes = vs->memory + vs->charged;
    if (bytes != atomic_load_explicit(&vs->proc->memory, memory_order_relaxed))
        proc_account(vs->proc, bytes);
}

/* Of these no mailbox counts anything: vm/heap.h, heap_hold. */
static inline bool vstate_holds(const struct msg *m) {
    return m->kind != MSG_USER && (m->kind == MSG_EXIT || m->kind == MSG_LINK_DOWN ||
                                   (m->kind == MSG_REPLY && m->aux != VM_REPLY_BUS));
}

/* A message is used up: off the books of the process, or of its mailbox, and freed. */
static inline void vstate_consumed(struct vstate *vs, struct msg *m) {
    if (!vstate_holds(m))
        proc_consumed(vs->proc, m);
    else
        vs->charged -= (size_t)m->charge * MSG_CHARGE_UNIT;
    msg_free(m);
}

#endif
