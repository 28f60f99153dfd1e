#include "vm/cstack.h"

#include <luajit.h>
#include <pthread.h>
#include <stddef.h>

/* Between two looks: the compiler of traces, the codec and JSON at their greatest depth, a buffer or two. */
#define RESERVE (256 * 1024)

#ifdef LUAJIT_CSTACK_FLOOR
#define stack_floor luaJIT_cstack_floor
#else
static _Thread_local char *stack_floor;
#endif

static __attribute__((cold, noinline)) void find_floor(void) {
    pthread_attr_t attr;
    void *base;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    if (pthread_attr_getstack(&attr, &base, &size) == 0 && size > RESERVE)
        stack_floor = (char *)base + RESERVE;
    pthread_attr_destroy(&attr);
}

void cstack_enter(void) {
    if (!stack_floor)
        find_floor();
}

bool cstack_low(void) {
    return (char *)__builtin_frame_address(0) < stack_floor;
}
