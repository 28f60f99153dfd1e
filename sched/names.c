#include "sched/names.h"

#include <string.h>

#include "base/alloc.h"
#include "sched/node.h"
#include "sched/os.h"
#include "sched/proc.h"

typedef _Atomic(struct name_entry *) entry_link;

bool names_init(struct names *n) {
    pthread_mutex_init(&n->lock, NULL); /* with default attributes it has nothing to fail at */
    n->buckets = mem_calloc(NAMES_BUCKETS, sizeof n->buckets[0]);
    return n->buckets != NULL;
}

void names_destroy(struct names *n) {
    for (size_t i = 0; n->buckets && i < NAMES_BUCKETS; i++) {
        struct name_entry *e = atomic_load_explicit(&n->buckets[i], memory_order_relaxed), *next;
        for (; e; e = next) {
            next = atomic_load_explicit(&e->next, memory_order_relaxed);
            mem_free(e);
        }
    }
    mem_free(n->buckets);
    pthread_mutex_destroy(&n->lock);
}

struct place {
    entry_link *link; /* points to the entry, or is the NULL at the end of its chain */
    struct name_entry *entry;
};

/*
 * Under the lock, or inside an epoch. Without the lock only `entry` means anything: the link may be changed at any moment, and
 * reading it again could give the neighbour.
 */
static struct place find(struct names *n, const char *name, size_t len) {
    uint32_t hash = msg_hash(name, len);
    struct place at = {.link = &n->buckets[hash & (NAMES_BUCKETS - 1)]};
    for (;;) {
        /* acquire: partner is the release in insert */
        struct name_entry *e = at.entry = atomic_load_explicit(at.link, memory_order_acquire);
        if (!e || (e->hash == hash && e->len == len && memcmp(e->text, name, len) == 0))
            return at;
        det_point("names: find");
        at.link = &e->next;
    }
}

static void entry_release(struct epoch_item *i, void *owner) {
    mem_free((char *)i - offsetof(struct name_entry, retire));
}

/* Under the lock. */
static void unlink_entry(struct place at) {
    at.entry->linked = false;
    /* release: readers reach what follows the entry as before; partner: find */
    atomic_store_explicit(at.link, atomic_load_explicit(&at.entry->next, memory_order_relaxed),
                          memory_order_release);
}

static void retire_entry(struct sched_thread *t, struct name_entry *e) {
    epoch_retire(&t->reader, &e->retire, entry_release);
}

/* Inside an epoch: the process of `pid`, NULL when it has ended. */
static struct proc *holder(struct sched_thread *t, struct pid pid) {
    struct proc *p = pidtab_get(&t->node->pids, pid);
    return p && pid_eq(p->pid, pid) ? p : NULL;
}

/* Under the lock, inside an epoch: who has registered `e` may register another one. */
static void uncount(struct sched_thread *t, const struct name_entry *e) {
    struct proc *giver = holder(t, e->giver);
    if (giver)
        giver->names_given--;
}

/* Under the lock: takes `e` out of its holder's list. */
static void disown(struct proc *p, struct name_entry *e) {
    struct name_entry **own = &p->names;
    while (*own != e)
        own = &(*own)->next_own;
    *own = e->next_own;
}

/*
 * Under the lock, inside an epoch. The holder of an entry that is found may have hidden its pid and wait for our lock
 * to release its names: such an entry is taken out of the table here and left for its holder to retire.
 */
static enum name_status insert(struct sched_thread *t, struct names *n, struct name_entry *fresh,
                               struct proc *giver) {
    struct proc *p = holder(t, fresh->pid);
    if (!p)
        return NAME_NO_PROCESS;
    det_point("names: holder lives");
    struct place at = find(n, fresh->text, fresh->len);
    if (at.entry && holder(t, at.entry->pid))
        return pid_eq(at.entry->pid, fresh->pid) ? NAME_OK : NAME_TAKEN;
    if (giver && giver->names_given >= NAMES_EACH_MAX)
        return NAME_TOO_MANY;
    if (at.entry)
        unlink_entry(at);
    while ((at.entry = atomic_load_explicit(at.link, memory_order_relaxed)))
        at.link = &at.entry->next;
    at.entry = fresh;
    fresh->linked = true;
    fresh->next_own = p->names;
    p->names = fresh;
    atomic_store_explicit(at.link, fresh, memory_order_release); /* partner: find */
    det_point("names: linked");
    /* Dekker with an ending process, which hides its pid, then reads `named`: one of us sees the other. */
    atomic_store_explicit(&p->named, true, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    det_point("names: announced");
    if (holder(t, fresh->pid)) {
        if (giver) {
            fresh->giver = giver->pid;
            giver->names_given++;
        }
        return NAME_OK;
    }
    disown(p, fresh);
    unlink_entry(at);
    return NAME_NO_PROCESS;
}

enum name_status names_register(struct sched_thread *t, const char *name, size_t len, struct pid pid,
                                struct proc *giver) {
    struct names *n = &t->node->names;
    if (len == 0 || len > NAME_MAX_BYTES || name[0] == '{')
        return NAME_INVALID;
    struct name_entry *fresh = mem_alloc(sizeof *fresh + len);
    if (!fresh)
        return NAME_NO_MEMORY;
    *fresh = (struct name_entry){.pid = pid, .hash = msg_hash(name, len), .len = (uint16_t)len};
    memcpy(fresh->text, name, len);

    os_lock(&n->lock);
    epoch_enter(&t->reader);
    enum name_status status = insert(t, n, fresh, giver);
    bool kept = fresh->linked; /* once the lock is gone, so may the entry be */
    epoch_leave(&t->reader);
    os_unlock(&n->lock);
    if (!kept)
        retire_entry(t, fresh); /* a reader may have met it */
    return status;
}

struct pid names_lookup(struct sched_thread *t, const char *name, size_t len) {
    struct pid pid = {0};
    epoch_enter(&t->reader);
    struct name_entry *e = find(&t->node->names, name, len).entry;
    if (e && holder(t, e->pid))
        pid = e->pid;
    epoch_leave(&t->reader);
    return pid;
}

enum name_status names_unregister(struct sched_thread *t, const char *name, size_t len) {
    struct names *n = &t->node->names;
    enum name_status status = NAME_NOT_FOUND;
    struct name_entry *gone = NULL;
    os_lock(&n->lock);
    epoch_enter(&t->reader);
    struct place at = find(n, name, len);
    struct proc *p = at.entry ? holder(t, at.entry->pid) : NULL;
    if (p) {
        disown(p, at.entry);
        unlink_entry(at);
        uncount(t, at.entry);
        gone = at.entry;
        status = NAME_OK;
    }
    epoch_leave(&t->reader);
    os_unlock(&n->lock);
    if (gone)
        retire_entry(t, gone);
    return status;
}

void names_release(struct sched_thread *t, struct proc *p) {
    struct names *n = &t->node->names;
    atomic_thread_fence(memory_order_seq_cst); /* partner: insert */
    det_point("names: hidden");
    if (!atomic_load_explicit(&p->named, memory_order_seq_cst))
        return;
    os_lock(&n->lock);
    epoch_enter(&t->reader);
    struct name_entry *list = p->names;
    p->names = NULL;
    for (struct name_entry *e = list; e; e = e->next_own) {
        uncount(t, e);
        if (e->linked)
            unlink_entry(find(n, e->text, e->len));
    }
    epoch_leave(&t->reader);
    os_unlock(&n->lock);
    while (list) {
        struct name_entry *next = list->next_own;
        retire_entry(t, list);
        list = next;
    }
}

void names_each(struct sched_thread *t, void (*fn)(const char *name, size_t len, struct pid pid, void *ud),
                void *ud) {
    struct names *n = &t->node->names;
    for (size_t i = 0; i < NAMES_BUCKETS; i++) {
        epoch_enter(&t->reader);
        struct name_entry *e =
            atomic_load_explicit(&n->buckets[i], memory_order_acquire); /* partner: insert */
        for (; e; e = atomic_load_explicit(&e->next, memory_order_acquire))
            if (holder(t, e->pid))
                fn(e->text, e->len, e->pid, ud);
        epoch_leave(&t->reader);
    }
}
