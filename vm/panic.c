#include "vm/panic.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local struct panic *innermost;

void panic_enter(struct panic *p) {
    p->outer = innermost;
    innermost = p;
}

void panic_leave(struct panic *p) {
    innermost = p->outer;
}

int panic_function(lua_State *L) {
    if (innermost)
        longjmp(innermost->jump, 1);
    fputs("troupe: internal error: a Lua error outside of any frame\n", stderr);
    abort();
}
