/* What the tool makes a running daemon do: start, stop, restart, reload, shutdown, log-level; and ping. */
#include <string.h>

#include "src/client.h"
#include "src/exitcode.h"
#include "src/log_format.h"
#include "src/start.h"
#include "src/table.h"
#include "src/verb.h"

static const char *str(const json_t *object, const char *key) {
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

/* --- services ----------------------------------------------------------------------------------------------------- */

enum { SERVICE_WAIT, SERVICE_SOCKET, SERVICE_HELP };

#define OPTION_WAIT                                                                                          \
    { "wait", 'w', "DURATION", false, "how long to wait until that is done (30s); 0s: not at all" }

static const struct option_def service_defs[] = {
    [SERVICE_WAIT] = OPTION_WAIT, [SERVICE_SOCKET] = OPTION_SOCKET, [SERVICE_HELP] = OPTION_HELP};

#define SERVICE_SYNTAX(name, text)                                                                           \
    const struct options_syntax verb_##name##_syntax = {.command = TOOL " " #name,                           \
                                                        .args = "SERVICE...",                                \
                                                        .args_min = 1,                                       \
                                                        .args_max = OPTIONS_ARGS_MAX,                        \
                                                        .summary = text,                                     \
                                                        .options = service_defs,                             \
                                                        .count =                                             \
                                                            sizeof service_defs / sizeof service_defs[0]}

SERVICE_SYNTAX(start, "Starts services, and those that they require.");
SERVICE_SYNTAX(stop, "Stops services, and those that require them.");
SERVICE_SYNTAX(restart, "Stops services and starts them again.");

static int order(const struct options *o, const char *op) {
    const char *wait = options_value(o, SERVICE_WAIT);
    int status;
    if (wait && !verb_duration("--wait", wait))
        return EXIT_CODE_USAGE;
    struct client *c = client_open(options_value(o, SERVICE_SOCKET), &status);
    if (!c)
        return status;
    status = EXIT_CODE_OK;
    for (size_t i = 0; i < o->args_n && status != EXIT_CODE_NO_DAEMON; i++) {
        int one =
            client_ask(c, op, json_pack("{s:s,s:s*}", "service", o->args[i], "wait", wait), NULL, NULL, NULL);
        if (one)
            status = one;
    }
    client_close(c);
    return status;
}

int verb_start(const struct options *o) {
    return order(o, "start");
}
int verb_stop(const struct options *o) {
    return order(o, "stop");
}
int verb_restart(const struct options *o) {
    return order(o, "restart");
}

/* --- the daemon --------------------------------------------------------------------------------------------------- */

enum { RELOAD_WAIT, RELOAD_JSON, RELOAD_SOCKET, RELOAD_HELP };

static const struct option_def reload_defs[] = {[RELOAD_WAIT] = OPTION_WAIT,
                                                [RELOAD_JSON] = OPTION_JSON,
                                                [RELOAD_SOCKET] = OPTION_SOCKET,
                                                [RELOAD_HELP] = OPTION_HELP};

const struct options_syntax verb_reload_syntax = {
    .command = TOOL " reload",
    .args = "",
    .summary =
        "Has the daemon read its configuration again, shows what changed, and returns when the services that "
        "this starts, restarts or removes run, or have ended. A bad one changes nothing.",
    .options = reload_defs,
    .count = sizeof reload_defs / sizeof reload_defs[0]};

static int print_changes(const json_t *changes) {
    static const struct table_column columns[] = {{"NAME", false, true},
                                                  {"CHANGE", false, false},
                                                  {"FIELDS", false, true},
                                                  {"TAKES EFFECT", false, true}};
    if (!json_array_size(changes)) {
        printf("nothing has changed\n");
        return start_flush(TOOL);
    }
    struct table *t = table_open(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *c = json_array_get(changes, i);
        table_put(t, str(c, "name"));
        table_put(t, str(c, "change"));
        table_put(t, str(c, "fields"));
        table_put(t, str(c, "effect"));
    }
    if (table_close(t, stdout))
        return start_flush(TOOL);
    start_complain(TOOL, "not enough memory");
    return EXIT_CODE_INTERNAL;
}

/* Complains of services that do not run, though they should. */
static int judge_services(const json_t *services) {
    int status = EXIT_CODE_OK;
    for (size_t i = 0; i < json_array_size(services); i++) {
        const json_t *s = json_array_get(services, i);
        const char *id = str(s, "service"), *state = str(s, "state"), *reason = str(s, "reason");
        if (json_is_false(json_object_get(s, "settled")))
            start_complain(TOOL, "service %s: still %s; the order stands", id, state);
        else if (strcmp(state, "failed") == 0 || (strcmp(state, "exited") == 0 && *reason))
            start_complain(TOOL, "service %s: %s: %s", id, state, reason);
        else
            continue;
        status = EXIT_CODE_FAILED;
    }
    return status;
}

int verb_reload(const struct options *o) {
    const char *wait = options_value(o, RELOAD_WAIT);
    if (wait && !verb_duration("--wait", wait))
        return EXIT_CODE_USAGE;
    json_t *result = NULL;
    int status = client_once(options_value(o, RELOAD_SOCKET), "reload", json_pack("{s:s*}", "wait", wait),
                             NULL, NULL, &result);
    if (status == EXIT_CODE_OK)
        status = options_given(o, RELOAD_JSON) ? client_print_json(result)
                                               : print_changes(json_object_get(result, "changes"));
    if (status == EXIT_CODE_OK)
        status = judge_services(json_object_get(result, "services"));
    json_decref(result);
    return status;
}

enum { SHUTDOWN_WAIT, SHUTDOWN_SOCKET, SHUTDOWN_HELP };

static const struct option_def shutdown_defs[] = {
    [SHUTDOWN_WAIT] = {"wait", 'w', NULL, false, "return only when the daemon has gone"},
    [SHUTDOWN_SOCKET] = OPTION_SOCKET,
    [SHUTDOWN_HELP] = OPTION_HELP};

const struct options_syntax verb_shutdown_syntax = {.command = TOOL " shutdown",
                                                    .args = "",
                                                    .summary = "Stops the daemon, as SIGTERM does.",
                                                    .options = shutdown_defs,
                                                    .count = sizeof shutdown_defs / sizeof shutdown_defs[0]};

int verb_shutdown(const struct options *o) {
    int status;
    struct client *c = client_open(options_value(o, SHUTDOWN_SOCKET), &status);
    if (!c)
        return status;
    status = client_ask(c, "shutdown", json_object(), NULL, NULL, NULL);
    if (status == EXIT_CODE_OK && options_given(o, SHUTDOWN_WAIT))
        status = client_wait_gone(c);
    client_close(c);
    return status;
}

enum { LEVEL_SOCKET, LEVEL_HELP };

static const struct option_def level_defs[] = {[LEVEL_SOCKET] = OPTION_SOCKET, [LEVEL_HELP] = OPTION_HELP};

const struct options_syntax verb_log_level_syntax = {
    .command = TOOL " log-level",
    .args = "debug|info|warn|error",
    .args_min = 1,
    .args_max = 1,
    .summary = "Sets which events the daemon logs, until the next reload.",
    .options = level_defs,
    .count = sizeof level_defs / sizeof level_defs[0]};

int verb_log_level(const struct options *o) {
    static const enum cfg_level levels[] = {CFG_LEVEL_DEBUG, CFG_LEVEL_INFO, CFG_LEVEL_WARN, CFG_LEVEL_ERROR};
    bool known = false;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        known |= strcmp(o->args[0], log_level_text(levels[i])) == 0;
    if (!known) {
        start_complain(TOOL, "%s: must be debug, info, warn or error", o->args[0]);
        return EXIT_CODE_USAGE;
    }
    return client_once(options_value(o, LEVEL_SOCKET), "log-level", json_pack("{s:s}", "level", o->args[0]),
                       NULL, NULL, NULL);
}

enum { PING_JSON, PING_SOCKET, PING_HELP };

static const struct option_def ping_defs[] = {
    [PING_JSON] = OPTION_JSON, [PING_SOCKET] = OPTION_SOCKET, [PING_HELP] = OPTION_HELP};

const struct options_syntax verb_ping_syntax = {
    .command = TOOL " ping",
    .args = "",
    .summary = "Exit status 0 if the daemon is well, 1 if a worker is stuck, 69 if it does not answer.",
    .options = ping_defs,
    .count = sizeof ping_defs / sizeof ping_defs[0]};

int verb_ping(const struct options *o) {
    json_t *result = NULL;
    char buf[TABLE_SHORT];
    int status = client_once(options_value(o, PING_SOCKET), "ping", json_object(), NULL, NULL, &result);
    if (status == EXIT_CODE_OK && options_given(o, PING_JSON)) {
        status = client_print_json(result);
    } else if (status == EXIT_CODE_OK) {
        printf("%s, version %s, pid %" JSON_INTEGER_FORMAT ", up %s, %" JSON_INTEGER_FORMAT " processes\n",
               str(result, "state"), str(result, "version"),
               json_integer_value(json_object_get(result, "pid")),
               table_span(json_number_value(json_object_get(result, "uptime")), buf),
               json_integer_value(json_object_get(result, "processes")));
        status = start_flush(TOOL);
    }
    json_decref(result);
    return status;
}
