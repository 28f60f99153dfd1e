/*
 * A hash table from byte strings to pointers, in an arena: it is never freed by itself. Keys are not copied and must
 * live as long as the table. One thread at a time while it changes; then any thread may read.
 */
#ifndef TROUPE_CONFIG_STRMAP_H
#define TROUPE_CONFIG_STRMAP_H

#include "config/arena.h"

#include <stddef.h>

struct strmap_node;

/* Zeroed: empty. */
struct strmap {
    struct strmap_node *head;
};

/* The value of a key; NULL when it has none. */
void *strmap_get(const struct strmap *m, const char *key, size_t len);

/* Where the value of a key is kept, NULL at first. Inside arena_run. */
void **strmap_slot(struct arena *a, struct strmap *m, const char *key, size_t len);

#endif
