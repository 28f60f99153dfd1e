/*
 * failure: why a process ended, or why an operation on one did not succeed.
 *
 * A failure is immutable once published and reference counted, so that one value can travel to every
 * monitor and link of a process without a copy. Any thread may hold, read and release one.
 *
 * sched knows nothing of Lua: `details` is an opaque block that the vm's codec writes and reads.
 */
#ifndef SCHED_FAILURE_H
#define SCHED_FAILURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errkind.h"

/* How a process came to its end; the supervisor's restart rule depends on it. */
#define EXIT_HOW_MAP(X)                                                                                      \
    X(NORMAL, "normal", "main returned")                                                                     \
    X(RETURNED, "returned", "main returned an error value")                                                  \
    X(RAISED, "raised", "an uncaught error")                                                                 \
    X(TERMINATED, "terminated", "process.terminate or a stopping daemon")                                    \
    X(LINKED, "linked", "a linked process failed")                                                           \
    X(LIMIT, "limit", "a limit was exceeded")                                                                \
    X(START, "start", "the code could not be started")

enum exit_how {
#define X(name, text, help) EXIT_##name,
    EXIT_HOW_MAP(X)
#undef X
        EXIT_HOW_COUNT
};

/* The word used in logs and metrics for `how`; never NULL. */
const char *exit_how_text(enum exit_how how);

enum retry { RETRY_UNKNOWN = 0, RETRY_NO = 1, RETRY_YES = 2 };

struct failure {
    atomic_uint refs;
    enum errkind kind;
    enum exit_how how;
    enum retry retryable;
    uint32_t message_len;
    uint32_t stack_len;
    uint32_t details_len;
    uint32_t
        context_len; /* bytes at the start of the message that errors.wrap put there ("context: "); 0 from here */
    const char *message; /* NUL-terminated besides its length; may hold any byte */
    const char *stack;   /* traceback, "" when there is none */
    const char *details; /* encoded value, NULL when there is none */
};

/* Longer messages and tracebacks are cut and end in a mark. */
#define FAILURE_TEXT_MAX (64 * 1024)

static inline size_t failure_size(const struct failure *f) {
    return sizeof *f + f->message_len + f->stack_len + f->details_len;
}

/*
 * A new failure with one reference, or NULL without memory (or when the details are longer than a uint32_t tells).
 * Everything given is copied, into one block; message, stack and details may be NULL when their length is 0.
 */
struct failure *failure_new(enum errkind kind, enum exit_how how, enum retry retryable, const char *message,
                            size_t message_len, const char *stack, size_t stack_len, const char *details,
                            size_t details_len);

/*
 * The same with a formatted message and nothing else. Never returns NULL: without memory it returns a static
 * "not enough memory" failure whose reference count is pinned.
 */
struct failure *failure_format(enum errkind kind, enum exit_how how, const char *fmt, ...)
    __attribute__((cold, format(printf, 3, 4)));

struct failure *failure_hold(struct failure *f); /* NULL is allowed and returned */
void failure_release(struct failure *f);         /* NULL is allowed */

#endif
