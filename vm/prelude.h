/*
 * The Lua prelude: every vm/lua/NAME.lua, compiled to bytecode when Troupe is built (scripts/embed-lua writes
 * build/gen/prelude.c). Immutable static data, readable from any thread. The bytecode fits only the LuaJIT that the
 * program is linked with; it keeps its debug information, so that tracebacks have lines.
 */
#ifndef TROUPE_VM_PRELUDE_H
#define TROUPE_VM_PRELUDE_H

#include <stddef.h>

struct prelude_chunk {
    const char *name; /* NAME: the file's name without directory and ".lua" */
    const unsigned char *bytes;
    size_t len;
};

/* In order of name; ends with an element whose name is NULL. */
extern const struct prelude_chunk prelude_chunks[];

#endif
