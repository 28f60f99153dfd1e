/*
 * types_strip: takes gradual type annotations out of Lua source, for the wippy dialect.
 *
 *   local x: number = 1              for i: number = 1, 3 do          for k: string, v: any in pairs(t) do
 *   function f<T>(a: T, b: string?, ...: any): (T, string)            local y = v :: any
 *   type Point = { x: number, y: number }                             export type Maybe<T> = T | nil
 *
 * Types: names with dots and generic arguments, literals, tables, functions ((a: T) -> U, fun(a: T): U), typeof(e), unions and intersections,
 * `?`, `[]`, `@annotations`. An annotation is overwritten by blanks, line breaks stay: every other byte keeps its line and column.
 * What is no annotation is left as it is, for the compiler to judge. A label is told from a cast by what surrounds it: `::name::`
 * is a label where no value stands before it on its line.
 *
 * Pure; any thread; any bytes.
 */
#ifndef VM_TYPES_STRIP_H
#define VM_TYPES_STRIP_H

#include <stddef.h>

/* A copy of the source without annotations, of the same length and NUL-terminated, from mem_alloc; NULL without memory. */
char *types_strip(const char *source, size_t len);

#endif
