/*
 * control_proto: the language of the control socket: lines of JSON, checked against one table of operations.
 *
 *   daemon   {"hello":"troupe","v":1,"version":"0.1.0","pid":4711}             once, when a client connects
 *   client   {"v":1,"id":7,"op":"info","args":{"pid":"{app:processes|0x00001}"}}
 *   daemon   {"id":7,"ok":true,"result":{…}}
 *         or {"id":7,"ok":false,"error":{"kind":"NotFound","message":"…: process not found"}}
 *
 * Some operations answer with lines {"id":7,"data":{…}} before that last one. Requests may follow one another without
 * waiting; the answers carry the request's id and may come in another order. "v" may be left out; another version than 1 is
 * refused. The manual page troupe-control(7) is made from the table.
 *
 * Pure functions; any thread.
 */
#ifndef SRC_CONTROL_PROTO_H
#define SRC_CONTROL_PROTO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/errkind.h"
#include "src/text.h"

#define CONTROL_VERSION 1
#define CONTROL_LINE_MAX ((size_t)1 << 20) /* of a request, its newline included */
#define CONTROL_ID_MAX 64                  /* of a request's id as JSON */

/* type, word in the manual */
#define CONTROL_TYPES(X)                                                                                     \
    X(STR, "string")                                                                                         \
    X(INT, "integer")                                                                                        \
    X(BOOL, "boolean")                                                                                       \
    X(DUR, "duration") /* a string such as "1.5s" */                                                         \
    X(LIST, "array")                                                                                         \
    X(ANY, "any value")

enum control_type {
#define X(name, word) CONTROL_##name,
    CONTROL_TYPES(X)
#undef X
};

struct control_arg {
    const char *name;
    enum control_type type;
    bool required;
    const char *help;
};

/* name, word */
#define CONTROL_OPS(X)                                                                                       \
    X(PING, "ping")                                                                                          \
    X(PS, "ps")                                                                                              \
    X(INFO, "info")                                                                                          \
    X(HOSTS, "hosts")                                                                                        \
    X(SERVICES, "services")                                                                                  \
    X(NAMES, "names")                                                                                        \
    X(SPAWN, "spawn")                                                                                        \
    X(SEND, "send")                                                                                          \
    X(CALL, "call")                                                                                          \
    X(CANCEL, "cancel")                                                                                      \
    X(KILL, "kill")                                                                                          \
    X(STACK, "stack")                                                                                        \
    X(PROFILE, "profile")                                                                                    \
    X(TRACE, "trace")                                                                                        \
    X(START, "start")                                                                                        \
    X(STOP, "stop")                                                                                          \
    X(RESTART, "restart")                                                                                    \
    X(RELOAD, "reload")                                                                                      \
    X(SHUTDOWN, "shutdown")                                                                                  \
    X(LOG_LEVEL, "log-level")

enum control_opcode {
#define X(name, word) CONTROL_OP_##name,
    CONTROL_OPS(X)
#undef X
        CONTROL_OP_COUNT
};

struct control_op {
    const char *help;
    const struct control_arg *args; /* ends with a name NULL */
    const char *data;               /* what lines before the last one carry; NULL: there are none */
    const char *result;             /* what the last one carries */
};

extern const struct control_op control_ops[CONTROL_OP_COUNT];

/* Its name in requests. */
const char *control_op_word(enum control_opcode op);

struct control_request {
    char id[CONTROL_ID_MAX]; /* as JSON: "7", "\"a\"", "null" */
    enum control_opcode op;
    json_t *root;
    json_t *args; /* in root; an object that has what the table asks for, and nothing else; NULL: {} */
};

/*
 * Reads one line (without its newline). false: *kind and `err` say what is wrong with it, r->id is the request's if it has a
 * proper one, and there is nothing to free.
 */
bool control_parse(const char *line, size_t len, struct control_request *r, enum errkind *kind, char *err,
                   size_t cap);
void control_request_free(struct control_request *r);

/* Arguments of a request that was read. A string: NULL when it is not there. */
const char *control_str(const struct control_request *r, const char *name);
int64_t control_int(const struct control_request *r, const char *name, int64_t fallback);
bool control_bool(const struct control_request *r, const char *name);
int64_t control_dur(const struct control_request *r, const char *name, int64_t fallback_ns);
json_t *control_any(const struct control_request *r, const char *name);

/* Lines of answers, whole. `text` is any bytes. */
void control_put_hello(struct text *out, long pid);
void control_put_error(struct text *out, const char *id, enum errkind kind, const char *message);

/* {"id":7,"ok":true,"result": and }; {"id":7,"data": and } */
void control_begin_result(struct text *out, const char *id);
void control_begin_data(struct text *out, const char *id);
void control_end_line(struct text *out);

/* The table as tab-separated lines: op, "", help, data, result; then for each argument: op, name, type, required, help. */
void control_dump(FILE *out);

#endif
