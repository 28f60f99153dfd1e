#include "src/control_proto.h"

#include <stdarg.h>
#include <string.h>

#include "base/dur.h"
#include "base/version.h"
#include "config/suggest.h"

#define ARGS(...)                                                                                            \
    (const struct control_arg[]) {                                                                           \
        __VA_ARGS__ __VA_OPT__(, ) {                                                                         \
            0                                                                                                \
        }                                                                                                    \
    }
#define PID                                                                                                  \
    { "pid", CONTROL_STR, true, "a process: its pid or a registered name" }
#define SERVICE                                                                                              \
    { "service", CONTROL_STR, true, "the id of a service" }
#define WAIT                                                                                                 \
    { "wait", CONTROL_DUR, false, "how long to wait for that; default 30s, \"0s\": not at all" }
#define FOR(fallback)                                                                                        \
    { "for", CONTROL_DUR, false, "for how long; default " fallback }
#define OF(what)                                                                                             \
    { "of", CONTROL_STR, false, what }

const struct control_op control_ops[CONTROL_OP_COUNT] = {
    [CONTROL_OP_PING] =
        {.help = "Whether the daemon is well: an error of the kind Unavailable if a worker is stuck.",
         .args = ARGS(),
         .result = "version, pid, state (starting, running, stopping), uptime (seconds), processes"},
    [CONTROL_OP_PS] = {.help = "Processes and their figures.",
                       .args = ARGS(
                           {"host", CONTROL_STR, false, "only those of this host"},
                           {"entry", CONTROL_STR, false, "only those that run this entry"},
                           {"sort", CONTROL_STR, false,
                            "a column; numbers are sorted from the largest down; default: by pid"},
                           {"reverse", CONTROL_BOOL, false, "the other way round"},
                           {"limit", CONTROL_INT, false, "at most so many, the first ones; default: all"},
                           {"rates", CONTROL_BOOL, false,
                            "with what changed per second since this connection's last request with rates"}),
                       .data = "columns: names, once; rows: arrays of values, in the order of the columns",
                       .result =
                           "processes (all that there are), matched, shown, memory (bytes of all states), "
                           "interval (seconds that the rates are of; null: the first request)"},
    [CONTROL_OP_INFO] =
        {.help = "Everything about one process; of one that failed lately, its crash report.",
         .args = ARGS(PID),
         .result =
             "pid, entry, host, state, mailbox, mailbox_bytes, memory, reductions, started (Unix "
             "seconds), parent, links, monitors, watchers (at most 100 of "
             "each, and their number as links_count …), names, traps_links, tasks, queues, received; or "
             "pid, state \"ended\", crash: entry, host, at (Unix seconds), age, "
             "how, kind, reason, stack, memory, mailbox, topics"},
    [CONTROL_OP_HOSTS] = {.help = "Hosts: workers, processes, queues, counters and limits.",
                          .args = ARGS(),
                          .result = "hosts: an array of objects"},
    [CONTROL_OP_SERVICES] =
        {.help = "Services and their states.",
         .args = ARGS(),
         .result = "services: an array of objects: id, state, final, pid, since (seconds in that "
                   "state), restart_in (seconds), attempts, restarts, reason"},
    [CONTROL_OP_NAMES] = {.help = "Registered names.",
                          .args = ARGS(),
                          .data = "names: arrays [name, pid]",
                          .result = "names: how many"},
    [CONTROL_OP_SPAWN] =
        {.help = "Starts a process; answers when its main runs, or why it does not.",
         .args = ARGS(
             {"entry", CONTROL_STR, true, "the id of a process.lua or function.lua entry"},
             {"host", CONTROL_STR, false, "the id of a host; default: the entry's, else the only one"},
             {"args", CONTROL_LIST, false, "arguments of its main"},
             {"wait", CONTROL_DUR, false, "wait that long for its end, and answer with what it returned"}),
         .result = "pid; with wait: pid, value"},
    [CONTROL_OP_SEND] = {.help = "Sends a message.",
                         .args = ARGS(PID, {"topic", CONTROL_STR, true, "its topic"},
                                      {"payload", CONTROL_ANY, false,
                                       "its payload; default: null, which arrives as nil"}),
                         .result = "pid"},
    [CONTROL_OP_CALL] =
        {.help = "Sends a message in the name of a process made for that, and waits for the first message "
                 "that comes back to it.",
         .args = ARGS(PID, {"topic", CONTROL_STR, true, "its topic"},
                      {"payload", CONTROL_ANY, false, "its payload; default: null"},
                      {"wait", CONTROL_DUR, false, "how long to wait for the answer; default 5s"}),
         .result = "from, topic, value"},
    [CONTROL_OP_CANCEL] = {.help = "Asks a process to end: it gets a CANCEL event.",
                           .args = ARGS(PID, {"reason", CONTROL_STR, false,
                                              "the event's reason; default: \"canceled\""}),
                           .result = "pid"},
    [CONTROL_OP_KILL] = {.help = "Ends a process, whatever it does.", .args = ARGS(PID), .result = "pid"},
    [CONTROL_OP_STACK] =
        {.help = "What a process is doing: the Lua stack of each of its coroutines.",
         .args = ARGS(PID),
         .result = "pid, entry, tasks: an array of objects: state, on (what it waits for), frames: an "
                   "array of objects: function, source, line"},
    [CONTROL_OP_PROFILE] =
        {.help = "Where processor time goes: samples of the Lua stacks that run. One at a time.",
         .args = ARGS(OF("only this process or entry"), FOR("5s, at most 10m"),
                      {"rate", CONTROL_INT, false, "samples a second; default 99, at most 1000"}),
         .data = "stacks: arrays [folded, count]; folded is \"entry;outermost;…;innermost\"",
         .result = "samples, lost (too many different stacks), idle (times that no Lua code ran)"},
    [CONTROL_OP_TRACE] =
        {.help = "Messages, spawns and exits as they happen.",
         .args = ARGS(OF("only what this process, name or entry does or gets; default: everything"),
                      FOR("10s, at most 1h"),
                      {"max", CONTROL_INT, false, "at most so many events; default 1000"}),
         .data = "events: an array of objects: at (Unix seconds), event, from, from_entry, to, to_entry, "
                 "topic, bytes, outcome, reason",
         .result = "events (how many), lost (came too fast)"},
    [CONTROL_OP_START] = {.help = "Starts a service and those that it requires.",
                          .args = ARGS(SERVICE, WAIT),
                          .result = "service, state"},
    [CONTROL_OP_STOP] = {.help = "Stops a service and those that require it.",
                         .args = ARGS(SERVICE, WAIT),
                         .result = "service, state"},
    [CONTROL_OP_RESTART] = {.help = "Stops a service and starts it again, it alone.",
                            .args = ARGS(SERVICE, WAIT),
                            .result = "service, state"},
    [CONTROL_OP_RELOAD] =
        {.help = "Reads the configuration again, and waits for the services that it starts, restarts or "
                 "removes. A bad one changes nothing.",
         .args = ARGS(WAIT),
         .result =
             "changes: an array of objects, one for each entry and effect: name, change (added, changed, "
             "removed), fields, effect (when these fields take effect); "
             "services (those waited for): an array of objects: service, state, settled (false: the "
             "wait was over before), reason (of its last failure; null: none)"},
    [CONTROL_OP_SHUTDOWN] = {.help = "Stops the daemon, as SIGTERM does.",
                             .args = ARGS(),
                             .result = "nothing"},
    [CONTROL_OP_LOG_LEVEL] = {.help = "Which events are logged from now on, until the next reload.",
                              .args = ARGS({"level", CONTROL_STR, true, "debug, info, warn or error"}),
                              .result = "level"},
};

const char *control_op_word(enum control_opcode op) {
#define X(name, word) word,
    static const char *const words[] = {CONTROL_OPS(X)};
#undef X
    return words[op];
}

static const char *type_word(enum control_type type) {
#define X(name, word) word,
    static const char *const words[] = {CONTROL_TYPES(X)};
#undef X
    return words[type];
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct reader {
    struct control_request *r;
    enum errkind *kind;
    char *err;
    size_t cap;
};

__attribute__((format(printf, 2, 3))) static bool bad(const struct reader *rd, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(rd->err, rd->cap, fmt, ap);
    va_end(ap);
    *rd->kind = ERRKIND_INVALID;
    return false;
}

/* The id comes back in every answer: it is kept as text. */
static bool read_id(const struct reader *rd, const json_t *id) {
    if (!id || json_is_null(id))
        return true;
    if (!json_is_string(id) && !json_is_integer(id))
        return bad(rd, "id: must be a string or an integer");
    char text[CONTROL_ID_MAX];
    size_t n = json_dumpb(id, text, sizeof text, JSON_ENCODE_ANY | JSON_COMPACT);
    if (n >= sizeof text)
        return bad(rd, "id: longer than %d characters", CONTROL_ID_MAX - 1);
    memcpy(rd->r->id, text, n);
    rd->r->id[n] = '\0';
    return true;
}

static bool read_op(const struct reader *rd, const json_t *op) {
    struct suggest near;
    if (!json_is_string(op))
        return bad(rd, "op: must be a string");
    const char *word = json_string_value(op);
    suggest_begin(&near, word);
    for (int i = 0; i < CONTROL_OP_COUNT; i++) {
        if (strcmp(control_op_word((enum control_opcode)i), word) == 0) {
            rd->r->op = (enum control_opcode)i;
            return true;
        }
        suggest_consider(&near, control_op_word((enum control_opcode)i));
    }
    if (near.best)
        return bad(rd, "op %.64s: unknown; did you mean %s?", word, near.best);
    return bad(rd, "op %.64s: unknown", word);
}

static bool fits(const struct control_arg *a, const json_t *v) {
    int64_t ns;
    switch (a->type) {
    case CONTROL_STR:
        return json_is_string(v);
    case CONTROL_INT:
        return json_is_integer(v) && json_integer_value(v) >= 0;
    case CONTROL_BOOL:
        return json_is_boolean(v);
    case CONTROL_DUR:
        return json_is_string(v) && dur_parse(json_string_value(v), json_string_length(v), &ns) && ns >= 0;
    case CONTROL_LIST:
        return json_is_array(v);
    case CONTROL_ANY:
        return true;
    }
    return false;
}

static const struct control_arg *find_arg(const struct control_op *op, const char *name) {
    for (const struct control_arg *a = op->args; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

static bool read_args(const struct reader *rd, json_t *args) {
    const struct control_op *op = &control_ops[rd->r->op];
    const char *word = control_op_word(rd->r->op), *key;
    json_t *value;
    if (args && !json_is_object(args))
        return bad(rd, "args: must be an object");
    rd->r->args = args;
    json_object_foreach (args, key, value) {
        const struct control_arg *a = find_arg(op, key);
        if (!a)
            return bad(rd, "%s: argument %.64s: unknown", word, key);
        if (!fits(a, value))
            return bad(rd, "%s: argument %s: must be %s %s", word, key,
                       strchr("aeiou", type_word(a->type)[0]) ? "an" : "a", type_word(a->type));
    }
    for (const struct control_arg *a = op->args; a->name; a++)
        if (a->required && !json_object_get(args, a->name))
            return bad(rd, "%s: argument %s: missing", word, a->name);
    return true;
}

static bool read_request(const struct reader *rd, json_t *root) {
    const char *key;
    json_t *value;
    if (!json_is_object(root))
        return bad(rd, "request: must be an object");
    if (!read_id(rd, json_object_get(root, "id")))
        return false;
    const json_t *v = json_object_get(root, "v");
    if (v && !(json_is_integer(v) && json_integer_value(v) == CONTROL_VERSION))
        return bad(rd, "v: this daemon speaks version %d", CONTROL_VERSION);
    json_object_foreach (root, key, value) {
        if (strcmp(key, "v") != 0 && strcmp(key, "id") != 0 && strcmp(key, "op") != 0 &&
            strcmp(key, "args") != 0)
            return bad(rd, "request: field %.64s: unknown", key);
    }
    return read_op(rd, json_object_get(root, "op")) && read_args(rd, json_object_get(root, "args"));
}

bool control_parse(const char *line, size_t len, struct control_request *r, enum errkind *kind, char *err,
                   size_t cap) {
    json_error_t e;
    const struct reader rd = {r, kind, err, cap};
    memset(r, 0, sizeof *r);
    strcpy(r->id, "null");
    r->root = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!r->root) {
        bad(&rd, "request: no JSON: column %d: %s", e.column, e.text);
        if (json_error_code(&e) == json_error_out_of_memory)
            *kind = ERRKIND_RATE_LIMITED;
        return false;
    }
    if (read_request(&rd, r->root))
        return true;
    control_request_free(r);
    return false;
}

void control_request_free(struct control_request *r) {
    json_decref(r->root);
    r->root = r->args = NULL;
}

json_t *control_any(const struct control_request *r, const char *name) {
    return json_object_get(r->args, name);
}

const char *control_str(const struct control_request *r, const char *name) {
    return json_string_value(control_any(r, name));
}

int64_t control_int(const struct control_request *r, const char *name, int64_t fallback) {
    const json_t *v = control_any(r, name);
    return v ? json_integer_value(v) : fallback;
}

bool control_bool(const struct control_request *r, const char *name) {
    return json_is_true(control_any(r, name));
}

int64_t control_dur(const struct control_request *r, const char *name, int64_t fallback_ns) {
    const json_t *v = control_any(r, name);
    int64_t ns = fallback_ns;
    if (v)
        dur_parse(json_string_value(v), json_string_length(v), &ns);
    return ns;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

void control_put_hello(struct text *out, long pid) {
    text_printf(out, "{\"hello\":\"troupe\",\"v\":%d,\"version\":\"%s\",\"pid\":%ld}\n", CONTROL_VERSION,
                TROUPE_VERSION, pid);
}

void control_put_error(struct text *out, const char *id, enum errkind kind, const char *message) {
    text_printf(out, "{\"id\":%s,\"ok\":false,\"error\":{\"kind\":\"%s\",\"message\":", id,
                errkind_text(kind));
    text_json(out, message, strlen(message));
    text_str(out, "}}\n");
}

void control_begin_result(struct text *out, const char *id) {
    text_printf(out, "{\"id\":%s,\"ok\":true,\"result\":", id);
}

void control_begin_data(struct text *out, const char *id) {
    text_printf(out, "{\"id\":%s,\"data\":", id);
}

void control_end_line(struct text *out) {
    text_str(out, "}\n");
}

void control_dump(FILE *out) {
    for (int i = 0; i < CONTROL_OP_COUNT; i++) {
        const struct control_op *op = &control_ops[i];
        const char *word = control_op_word((enum control_opcode)i);
        fprintf(out, "%s\t\t%s\t%s\t%s\n", word, op->help, op->data ? op->data : "", op->result);
        for (const struct control_arg *a = op->args; a->name; a++)
            fprintf(out, "%s\t%s\t%s\t%s\t%s\n", word, a->name, type_word(a->type),
                    a->required ? "required" : "", a->help);
    }
}
