#include "vm/types_strip.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/alloc.h"

/* The stripped text with runs of blanks made one, so that a case shows what is left. */
static void check(const char *source, const char *left) {
    char *plain = types_strip(source, strlen(source));
    cr_assert_not_null(plain);
    cr_assert_eq(strlen(plain), strlen(source));
    char squeezed[1024];
    size_t n = 0;
    for (const char *p = plain; *p; p++)
        if (*p != ' ' || (n > 0 && squeezed[n - 1] != ' '))
            squeezed[n++] = *p;
    while (n > 0 && squeezed[n - 1] == ' ')
        n--;
    squeezed[n] = '\0';
    cr_expect_str_eq(squeezed, left, "%s\n  gives   %s\n  wanted  %s", source, squeezed, left);
    mem_free(plain);
}

Test(types_strip, locals) {
    check("local x: number = 1", "local x = 1");
    check("local a: string?, b: {[string]: number}, c = f()", "local a , b , c = f()");
    check("local x: number", "local x");
    check("local u: Array<Map<string, number>>= {}", "local u = {}");
    check("local f: (a: number, string) -> (boolean, error?) = g", "local f = g");
    check("local f: fun(a: number): string = g", "local f = g");
    check("local s: \"a\" | \"b\" | nil = 'a'", "local s = 'a'");
    check("local l: string[] = {}", "local l = {}");
    check("local n: integer @min(0) @max(10) = 1", "local n = 1");
    check("for i: number = 1, 3 do end", "for i = 1, 3 do end");
    check("for k: string, v: any in pairs(t) do end", "for k , v in pairs(t) do end");
}

Test(types_strip, functions) {
    check("function f(a: string): number return 1 end", "function f(a ) return 1 end");
    check("function m.a:b<T>(x: T, y?: T, ...: any): (T, error) end", "function m.a:b (x , y , ... ) end");
    check("local function f<T>(a: T) end", "local function f (a ) end");
    check("call(function(a: {x: number}): nil end)", "call(function(a ) end)");
}

Test(types_strip, casts_and_declarations) {
    check("return (v :: any):upper()", "return (v ):upper()");
    check("local x = f() :: string, 2", "local x = f() , 2");
    check("local b = (n :: number) < 3", "local b = (n ) < 3");
    check("type Point = { x: number, y: number }", "");
    check("export type Maybe<T> = T | nil", "");
    check("type F = (number) -> string\nlocal a = 1", "\nlocal a = 1");
}

Test(types_strip, leaves_the_rest_alone) {
    static const char *const same[] = {
        "goto done ::done:: x()",
        "do ::a:: end",
        "t:m(1) t.x:y()",
        "local type = type(x) type = 1",
        "type(x)",
        "x.type = y",
        "s = [[local x: number]]",
        "-- local x: number",
        "local a = b and c:d()",
        "local t = { a = 1, ['b'] = x:y() }",
        "a = b ? c",
        "local x: = 1",
        "local x: (",
        "f\n::label::\ng()",
        "print(\"local x: number\")",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        check(same[i], same[i]);
}

Test(types_strip, keeps_lines) {
    const char *source = "type T = {\n  a: number,\n}\nlocal x: T = y";
    char *plain = types_strip(source, strlen(source));
    cr_expect_str_eq(plain + strlen("type T = {\n  a: number,\n}\n"), "local x    = y");
    int lines = 0;
    for (const char *p = plain; *p; p++)
        lines += *p == '\n';
    cr_expect_eq(lines, 3);
    mem_free(plain);
}
