/*
 * jsondec: JSON text (RFC 8259, UTF-8) as Lua values.
 *
 * Objects and arrays become tables, null nil; of two equal keys the last one counts; numbers are read to the nearest double. Tables are built
 * as the text is read, in the state's own memory: what a text may cost is limited by the process's memory limit.
 *
 * Runs on the worker of the state; raises when it is out of memory, without a leak.
 */
#ifndef VM_JSONDEC_H
#define VM_JSONDEC_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* The most arrays and objects inside one another. */
#define JSONDEC_DEPTH 1000

/*
 * For JSONDEC_EXACT, which tells apart what Lua does not: null, [] and {} become light userdata with these addresses. Never to be
 * seen by programs.
 */
extern const char jsondec_null, jsondec_empty_array, jsondec_empty_object;

enum { JSONDEC_EXACT = 1 };

struct jsondec_fault {
    const char *what;    /* static text: "expected ':'" */
    size_t line, column; /* from 1; columns count characters */
};

/*
 * Pushes the value that the text at `text`, all `len` bytes, stands for; text[len] must be readable and 0, as in Lua's strings. On failure
 * false, nothing pushed, and *fault says what and where.
 */
bool jsondec_value(lua_State *L, const char *text, size_t len, unsigned flags, struct jsondec_fault *fault);

#endif
