/* The list of built-in modules. A module is one line here and one `const struct vlib` in its own file. */
#include "vm/lib.h"

#define MODULES(X)                                                                                           \
    X(string)                                                                                                \
    X(string_wippy)                                                                                          \
    X(table)                                                                                                 \
    X(math)                                                                                                  \
    X(bit)                                                                                                   \
    X(os)                                                                                                    \
    X(coroutine)                                                                                             \
    X(process)                                                                                               \
    X(registry)                                                                                              \
    X(event)                                                                                                 \
    X(channel)                                                                                               \
    X(time)                                                                                                  \
    X(errors)                                                                                                \
    X(json)                                                                                                  \
    X(hash)                                                                                                  \
    X(base64)                                                                                                \
    X(uuid)                                                                                                  \
    X(test)                                                                                                  \
    X(env)                                                                                                   \
    X(logger)                                                                                                \
    X(ctx)                                                                                                   \
    X(funcs)                                                                                                 \
    X(events)                                                                                                \
    X(payload)                                                                                               \
    X(payload_format)

#define DECLARE(name) extern const struct vlib vlib_##name;
MODULES(DECLARE)

#define LIST(name) &vlib_##name,
const struct vlib *const vlib_all[] = {MODULES(LIST) 0};
_Static_assert(sizeof vlib_all / sizeof *vlib_all <= 65, "vm/life.c has a bit for each");
