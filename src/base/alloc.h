/*
 * The only door to the heap: our own C code allocates with these and with nothing else, so that one switch lets
 * any allocation fail (see below). In a normal build each is the malloc family's function itself (jemalloc).
 *
 * NULL means out of memory; every caller handles it. Memory is the caller's until mem_free, which takes NULL too.
 * Memory that a library allocated goes back to that library (or to free() where it says so), not to mem_free.
 * Any thread, any time; not from signal handlers.
 */
#ifndef TROUPE_BASE_ALLOC_H
#define TROUPE_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef TROUPE_FAULT

/*
 * Fault injection: the n-th allocation of the whole program from now on fails (n = 1: the next one), those after it
 * succeed again. 0 disarms. Any thread; arm from one thread at a time.
 */
void mem_fault_arm(long n);

/* Allocations (failed ones included) since the last mem_fault_arm: tells a test how many n there are to try. */
long mem_fault_count(void);

/* Blocks that were allocated and not freed: the same before and after something that leaks nothing. */
long mem_fault_live(void);

/* Used by the wrappers below: whether the allocation about to be made must fail; what was made, or freed. */
bool mem_fault_now(void);
void *mem_fault_made(void *ptr);
void mem_fault_freed(const void *ptr);

#else

static inline bool mem_fault_now(void) {
    return false;
}

static inline void *mem_fault_made(void *ptr) {
    return ptr;
}

static inline void mem_fault_freed(const void *ptr) {
}

#endif

/* `size` bytes, not cleared. */
static inline void *mem_alloc(size_t size) {
    return mem_fault_now() ? NULL : mem_fault_made(malloc(size));
}

/* An array of `count` elements of `size` bytes, all zero; NULL also when the product overflows. */
static inline void *mem_calloc(size_t count, size_t size) {
    return mem_fault_now() ? NULL : mem_fault_made(calloc(count, size));
}

/* `ptr` (NULL: nothing yet) resized to `size` > 0 bytes; on NULL the old memory is still there and still owned. */
static inline void *mem_realloc(void *ptr, size_t size) {
    if (mem_fault_now())
        return NULL;
    void *p = realloc(ptr, size);
    return ptr ? p : mem_fault_made(p);
}

/* `size` bytes, not cleared, at a multiple of `align` (a power of two); `size` must be a multiple of `align`. */
static inline void *mem_alloc_aligned(size_t align, size_t size) {
    return mem_fault_now() ? NULL : mem_fault_made(aligned_alloc(align, size));
}

static inline void mem_free(void *ptr) {
    mem_fault_freed(ptr);
    free(ptr);
}

/* mem_free for who knows the size that was asked for: spares jemalloc a look-up. */
#ifdef TROUPE_JEMALLOC
void sdallocx(void *ptr, size_t size, int flags);
static inline void mem_free_sized(void *ptr, size_t size) {
    if (ptr)
        sdallocx(ptr, size, 0);
}
#else
static inline void mem_free_sized(void *ptr, size_t size) {
    mem_free(ptr);
}
#endif

/* A copy of a C string. */
char *mem_strdup(const char *s);

/* A NUL-terminated copy of `len` bytes, which may contain anything. */
char *mem_strndup(const char *s, size_t len);

#endif
