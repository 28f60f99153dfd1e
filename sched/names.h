/*
 * names: the node-wide registry, name -> pid.
 *
 * Looking up takes no lock (a hash table of immutable entries, read inside an epoch); registering and releasing do.
 * A name belongs to its process and goes with it.
 *
 *               lookup         register            unregister        release (at a process' end)
 *   lookup      any threads    old or new          old or none       old or none
 *   the others exclude each other by one lock, never held while anything else is called
 */
#ifndef SCHED_NAMES_H
#define SCHED_NAMES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "sched/epoch.h"
#include "sched/pid.h"
#include "sched/tune.h"

#define NAME_MAX_BYTES 255
#define NAMES_EACH_MAX 65536 /* that one process has given, to itself or to others, and that are held */

struct proc;
struct sched_thread;

struct name_entry {
    _Atomic(struct name_entry *) next; /* in its bucket; as the bucket itself */
    struct name_entry *next_own;       /* in the list of its process; under the lock */
    struct pid pid;
    struct pid giver; /* whose number of names it counts for; none: nobody's */
    struct epoch_item retire;
    uint32_t hash;
    uint16_t len;
    bool linked; /* still in its bucket; under the lock */
    char text[];
};

struct names {
    _Atomic(struct name_entry *) *buckets; /* release when an entry is linked, acquire by lookup */
    pthread_mutex_t lock;
};

enum name_status {
    NAME_OK,
    NAME_TAKEN,
    NAME_NO_PROCESS,
    NAME_NOT_FOUND,
    NAME_INVALID,
    NAME_NO_MEMORY,
    NAME_TOO_MANY
};

bool names_init(struct names *n);
void names_destroy(struct names *n); /* no thread uses it any more; also after names_init failed */

/* Gives `name` to `pid`. Again by the same pid: NAME_OK. NAME_INVALID: "", longer than NAME_MAX_BYTES, or begins with "{".
 * `giver`: inside which this runs, or that has not begun; as long as it lives, a name counts for it until it is released.
 * NAME_TOO_MANY: these are NAMES_EACH_MAX. NULL: it counts for nobody. */
enum name_status names_register(struct sched_thread *t, const char *name, size_t len, struct pid pid,
                                struct proc *giver);

/* Its holder, or none. Any attached thread; enters an epoch itself. */
struct pid names_lookup(struct sched_thread *t, const char *name, size_t len);

/* Takes the name away, from whoever holds it. NAME_NOT_FOUND when nobody does. */
enum name_status names_unregister(struct sched_thread *t, const char *name, size_t len);

/* Releases all names of `p`, which no longer resolves. Inside p. */
void names_release(struct sched_thread *t, struct proc *p);

/* Calls fn for every name, inside an epoch: fn must not call back, nor block. Takes no lock; what is registered meanwhile may be
 * missing. Any attached thread. */
void names_each(struct sched_thread *t, void (*fn)(const char *name, size_t len, struct pid pid, void *ud),
                void *ud);

#endif
