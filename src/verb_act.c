/* What the tool does to processes of a running daemon: spawn, send, call, cancel, kill. */
#include <string.h>

#include "src/client.h"
#include "src/exitcode.h"
#include "src/start.h"
#include "src/table.h"
#include "src/verb.h"

/* JSON text; NULL, after a complaint: it is none. */
static json_t *read_json(const char *what, const char *text) {
    json_error_t e;
    json_t *v = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (!v)
        start_complain(TOOL, "%s %s: no JSON: column %d: %s (a string needs quotes: '\"text\"')", what, text,
                       e.column, e.text);
    return v;
}

/* What a program returned: text as it is, everything else as JSON. */
static void print_value(const json_t *v) {
    if (json_is_string(v))
        table_text(stdout, json_string_value(v));
    else
        client_dump(v, 0);
    putchar('\n');
}

/* --- spawn -------------------------------------------------------------------------------------------------------- */

enum { SPAWN_HOST, SPAWN_WAIT, SPAWN_VALUES, SPAWN_JSON, SPAWN_SOCKET, SPAWN_HELP };

static const struct option_def spawn_defs[] = {
    [SPAWN_HOST] = {"host", 'H', "HOST", false,
                    "where it runs; else where its entry says, else on the only host"},
    [SPAWN_WAIT] = {"wait", 'w', "DURATION", false, "wait that long for its end, and print what it returned"},
    [SPAWN_VALUES] = {"values", 'v', NULL, false, "the arguments are JSON values, not strings"},
    [SPAWN_JSON] = OPTION_JSON,
    [SPAWN_SOCKET] = OPTION_SOCKET,
    [SPAWN_HELP] = OPTION_HELP};

const struct options_syntax verb_spawn_syntax = {
    .command = TOOL " spawn",
    .args = "ENTRY [ARGS...]",
    .args_min = 1,
    .args_max = OPTIONS_ARGS_MAX,
    .summary = "Starts a process, and prints its pid once its main runs. What follows -- are arguments.",
    .options = spawn_defs,
    .count = sizeof spawn_defs / sizeof spawn_defs[0]};

static json_t *spawn_arguments(const struct options *o) {
    json_t *list = json_array();
    for (size_t i = 1; i < o->args_n; i++) {
        json_t *v =
            options_given(o, SPAWN_VALUES) ? read_json("argument", o->args[i]) : json_string(o->args[i]);
        if (json_array_append_new(list, v) != 0) {
            if (!options_given(o, SPAWN_VALUES))
                start_complain(TOOL, "argument %zu: not UTF-8", i);
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int verb_spawn(const struct options *o) {
    const char *wait = options_value(o, SPAWN_WAIT);
    json_t *list = spawn_arguments(o), *result = NULL;
    if (!list)
        return EXIT_CODE_USAGE;
    if (wait && !verb_duration("--wait", wait)) {
        json_decref(list);
        return EXIT_CODE_USAGE;
    }
    json_t *args = json_pack("{s:s,s:o,s:s*,s:s*}", "entry", o->args[0], "args", list, "host",
                             options_value(o, SPAWN_HOST), "wait", wait);
    int status = client_once(options_value(o, SPAWN_SOCKET), "spawn", args, NULL, NULL, &result);
    if (status == EXIT_CODE_OK) {
        if (options_given(o, SPAWN_JSON))
            status = client_print_json(result);
        else
            print_value(json_object_get(result, wait ? "value" : "pid"));
    }
    json_decref(result);
    return status ? status : start_flush(TOOL);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

enum { SEND_JSON, SEND_SOCKET, SEND_HELP, CALL_WAIT };

static const struct option_def send_defs[] = {
    [SEND_JSON] = OPTION_JSON, [SEND_SOCKET] = OPTION_SOCKET, [SEND_HELP] = OPTION_HELP};

const struct options_syntax verb_send_syntax = {.command = TOOL " send",
                                                .args = "PID|NAME TOPIC [JSON]",
                                                .args_min = 2,
                                                .args_max = 3,
                                                .summary = "Sends a message.",
                                                .options = send_defs,
                                                .count = sizeof send_defs / sizeof send_defs[0]};

static const struct option_def call_defs[] = {
    [SEND_JSON] = OPTION_JSON,
    [SEND_SOCKET] = OPTION_SOCKET,
    [SEND_HELP] = OPTION_HELP,
    [CALL_WAIT] = {"wait", 'w', "DURATION", false, "how long to wait for the answer (5s)"}};

const struct options_syntax verb_call_syntax = {
    .command = TOOL " call",
    .args = "PID|NAME TOPIC [JSON]",
    .args_min = 2,
    .args_max = 3,
    .summary = "Sends a message, waits for the first one that comes back, and prints its payload.",
    .options = call_defs,
    .count = sizeof call_defs / sizeof call_defs[0]};

/* NULL: the payload is none. */
static json_t *message_args(const struct options *o, const char *wait) {
    json_t *payload = o->args_n > 2 ? read_json("payload", o->args[2]) : json_null();
    return payload ? json_pack("{s:s,s:s,s:o,s:s*}", "pid", o->args[0], "topic", o->args[1], "payload",
                               payload, "wait", wait)
                   : NULL;
}

static int message(const struct options *o, const char *op, const char *wait) {
    json_t *args = message_args(o, wait), *result = NULL;
    if (!args)
        return EXIT_CODE_USAGE;
    int status = client_once(options_value(o, SEND_SOCKET), op, args, NULL, NULL, &result);
    if (status == EXIT_CODE_OK && options_given(o, SEND_JSON))
        status = client_print_json(result);
    else if (status == EXIT_CODE_OK && json_object_get(result, "topic"))
        print_value(json_object_get(result, "value"));
    json_decref(result);
    return status ? status : start_flush(TOOL);
}

int verb_send(const struct options *o) {
    return message(o, "send", NULL);
}

int verb_call(const struct options *o) {
    const char *wait = options_value(o, CALL_WAIT);
    return wait && !verb_duration("--wait", wait) ? EXIT_CODE_USAGE : message(o, "call", wait);
}

/* --- ending ------------------------------------------------------------------------------------------------------- */

enum { END_SOCKET, END_HELP, END_REASON };

static const struct option_def cancel_defs[] = {
    [END_SOCKET] = OPTION_SOCKET,
    [END_HELP] = OPTION_HELP,
    [END_REASON] = {"reason", 'r', "TEXT", false, "the reason that the event carries"}};

const struct options_syntax verb_cancel_syntax = {.command = TOOL " cancel",
                                                  .args = "PID|NAME...",
                                                  .args_min = 1,
                                                  .args_max = OPTIONS_ARGS_MAX,
                                                  .summary =
                                                      "Asks processes to end: each gets a CANCEL event.",
                                                  .options = cancel_defs,
                                                  .count = sizeof cancel_defs / sizeof cancel_defs[0]};

const struct options_syntax verb_kill_syntax = {.command = TOOL " kill",
                                                .args = "PID|NAME...",
                                                .args_min = 1,
                                                .args_max = OPTIONS_ARGS_MAX,
                                                .summary = "Ends processes, whatever they do.",
                                                .options = cancel_defs,
                                                .count = END_REASON};

/* All of them, also when one is not there. */
static int end_all(const struct options *o, const char *op, const char *reason) {
    int status;
    struct client *c = client_open(options_value(o, END_SOCKET), &status);
    if (!c)
        return status;
    status = EXIT_CODE_OK;
    for (size_t i = 0; i < o->args_n && status != EXIT_CODE_NO_DAEMON; i++) {
        int one =
            client_ask(c, op, json_pack("{s:s,s:s*}", "pid", o->args[i], "reason", reason), NULL, NULL, NULL);
        if (one)
            status = one;
    }
    client_close(c);
    return status;
}

int verb_cancel(const struct options *o) {
    return end_all(o, "cancel", options_value(o, END_REASON));
}

int verb_kill(const struct options *o) {
    return end_all(o, "kill", NULL);
}
