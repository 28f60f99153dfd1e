#include "base/alloc.h"

#include <string.h>

#ifdef TROUPE_FAULT

#include <stdatomic.h>

/*
 * Relaxed everywhere: the counters order nothing, they only count. A test that arms in one thread and allocates in
 * another has synchronised the two by other means already.
 */
static _Atomic long fail_at;
static _Atomic long made;
static _Atomic long live;

void mem_fault_arm(long n) {
    atomic_store_explicit(&made, 0, memory_order_relaxed);    /* partner: mem_fault_now, mem_fault_count */
    atomic_store_explicit(&fail_at, n, memory_order_relaxed); /* partner: mem_fault_now */
}

long mem_fault_count(void) {
    return atomic_load_explicit(&made, memory_order_relaxed); /* partner: mem_fault_now */
}

bool mem_fault_now(void) {
    long n = atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1; /* partner: mem_fault_arm */
    return n == atomic_load_explicit(&fail_at, memory_order_relaxed);       /* partner: mem_fault_arm */
}

long mem_fault_live(void) {
    return atomic_load_explicit(&live, memory_order_relaxed); /* partners: mem_fault_made, mem_fault_freed */
}

void *mem_fault_made(void *ptr) {
    if (ptr)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return ptr;
}

void mem_fault_freed(const void *ptr) {
    if (ptr)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

#endif

char *mem_strndup(const char *s, size_t len) {
    char *copy = len < (size_t)-1 ? mem_alloc(len + 1) : NULL;
    if (copy == NULL)
        return NULL;
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *s) {
    return mem_strndup(s, strlen(s));
}
