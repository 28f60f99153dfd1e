#include "config/arena.h"

#include "base/alloc.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)32 * 1024)

/* Larger than this gets a chunk of its own, so that little of a chunk is ever wasted. */
#define LARGE (CHUNK_SIZE / 4)

struct arena_chunk {
    struct arena_chunk *next;
    alignas(max_align_t) char data[];
};

bool arena_run(struct arena_guard *guard, void (*fn)(void *ud), void *ud) {
    if (setjmp(guard->out) != 0)
        return false;
    fn(ud);
    return true;
}

void arena_init(struct arena *a, struct arena_guard *guard) {
    *a = (struct arena){.guard = guard};
}

void arena_free(struct arena *a) {
    for (struct arena_chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        mem_free(c);
    }
    a->chunks = NULL;
    a->free = a->end = NULL;
}

static char *new_chunk(struct arena *a, size_t size) {
    struct arena_chunk *c = size < SIZE_MAX - sizeof(struct arena_chunk) ? mem_alloc(sizeof *c + size) : NULL;
    if (c == NULL)
        return NULL;
    c->next = a->chunks;
    a->chunks = c;
    return c->data;
}

void *arena_try_alloc(struct arena *a, size_t size) {
    /* each allocation counts for fault injection, not only those that need a chunk */
    if (size > SIZE_MAX / 2 || mem_fault_now())
        return NULL;
    size = size == 0 ? 1 : size; /* nothing has an address too: NULL means that there is no memory */
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    char *p;
    if (size > LARGE) {
        p = new_chunk(a, size);
        if (p == NULL)
            return NULL;
    } else {
        if ((size_t)(a->end - a->free) < size) {
            char *chunk = new_chunk(a, CHUNK_SIZE);
            if (chunk == NULL)
                return NULL;
            a->free = chunk;
            a->end = chunk + CHUNK_SIZE;
        }
        p = a->free;
        a->free += size;
    }
    return memset(p, 0, size);
}

void arena_fail(struct arena *a) {
    longjmp(a->guard->out, 1);
}

void *arena_alloc(struct arena *a, size_t size) {
    void *p = arena_try_alloc(a, size);
    if (p == NULL)
        arena_fail(a);
    return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        arena_fail(a);
    return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    char *copy = arena_alloc(a, n + 1);
    if (n > 0)
        memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

void *arena_grow(struct arena *a, const void *array, size_t n, size_t *cap, size_t size) {
    size_t room = *cap < 4 ? 4 : *cap * 2;
    void *copy = arena_calloc(a, room, size);
    if (n > 0)
        memcpy(copy, array, n * size);
    *cap = room;
    return copy;
}
