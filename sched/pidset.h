/*
 * pidset: a small set of pids (links, monitors). Owned by one process, used by the worker that runs it.
 *
 * Up to PIDSET_INLINE members need no memory of their own; beyond that open addressing with linear probing, so that a
 * supervisor of 100,000 processes removes one in constant time.
 */
#ifndef SCHED_PIDSET_H
#define SCHED_PIDSET_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/pid.h"

#define PIDSET_INLINE 2

struct pidset {
    uint32_t n;
    uint32_t cap; /* 0: members are in `few` */
    union {
        struct pid few[PIDSET_INLINE];
        struct pid *table; /* cap entries, a power of two; none = free */
    } u;
};

/* A zeroed pidset is an empty one. The pid that is none cannot be a member: nobody may add it. */
void pidset_clear(struct pidset *s); /* empties it and frees its memory */
bool pidset_has(const struct pidset *s, struct pid p);

enum pidset_add { PIDSET_ADDED, PIDSET_PRESENT, PIDSET_NO_MEMORY };
enum pidset_add pidset_add(struct pidset *s, struct pid p);

bool pidset_remove(struct pidset *s, struct pid p); /* whether it was there */

/* Walks the members: start with *at = 0; false at the end. The set must not change meanwhile. */
bool pidset_next(const struct pidset *s, uint32_t *at, struct pid *p);

#endif
