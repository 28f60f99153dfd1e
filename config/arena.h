/*
 * Memory that is released all at once, and one place that deals with running out of it.
 *
 * Loading a configuration makes thousands of small objects that live and die together; an arena frees them with one
 * call. An allocation never returns NULL: when there is no memory it leaves the function run by arena_run, which
 * then returns false. So code inside arena_run holds nothing but arena memory at the moment of an allocation
 * (descriptors and library objects are released first, or noted where the caller of arena_run finds them).
 * One thread at a time.
 */
#ifndef TROUPE_CONFIG_ARENA_H
#define TROUPE_CONFIG_ARENA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

/* Where to go when memory runs out; shared by the arenas of one operation. */
struct arena_guard {
    jmp_buf out;
};

struct arena_chunk;

struct arena {
    struct arena_guard *guard;
    struct arena_chunk *chunks; /* newest first */
    char *free, *end;           /* unused part of the newest small chunk */
};

/* Runs `fn(ud)`; false when it was left because memory ran out. */
bool arena_run(struct arena_guard *guard, void (*fn)(void *ud), void *ud);

/* An empty arena; allocations are allowed only while `guard` is in arena_run. */
void arena_init(struct arena *a, struct arena_guard *guard);

/* Frees all memory of the arena. */
void arena_free(struct arena *a);

/* `size` bytes, all zero, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);

/* The same for `count` elements; a product that overflows counts as out of memory. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* The same as arena_alloc, but NULL when there is no memory: for callers that hold something else. */
void *arena_try_alloc(struct arena *a, size_t size);

/* Leaves arena_run as a failed allocation does. */
_Noreturn void arena_fail(struct arena *a);

/* NUL-terminated copies. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);

/* What sprintf would write. */
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *fmt, ...);

/*
 * Adds an element (all zero) to a list, a struct with `v` (array), `n` (elements) and `cap` (room); the value is a
 * pointer to it, good until the next one is added.
 */
#define ARENA_PUSH(arena, list)                                                                              \
    ((list)->n < (list)->cap                                                                                 \
         ? (void)0                                                                                           \
         : (void)((list)->v = arena_grow((arena), (list)->v, (list)->n, &(list)->cap, sizeof *(list)->v)),   \
     &(list)->v[(list)->n++])

/* A larger copy of an array of `n` elements; `*cap` gets the new room. */
void *arena_grow(struct arena *a, const void *array, size_t n, size_t *cap, size_t size);

#endif
