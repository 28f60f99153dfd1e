/* What the tool shows of a running daemon: ps, info, hosts, services, names. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "src/client.h"
#include "src/exitcode.h"
#include "src/procs.h"
#include "src/rows.h"
#include "src/start.h"
#include "src/table.h"
#include "src/verb.h"

static const char *str(const json_t *object, const char *key) {
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

static double num(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static int close_table(struct table *t) {
    if (!table_close(t, stdout)) {
        start_complain(TOOL, "not enough memory");
        return EXIT_CODE_INTERNAL;
    }
    return start_flush(TOOL);
}

/* --- ps ----------------------------------------------------------------------------------------------------------- */

enum { PS_HOST, PS_ENTRY, PS_SORT, PS_REVERSE, PS_LIMIT, PS_JSON, PS_SOCKET, PS_HELP };

static const struct option_def ps_defs[] = {
    [PS_HOST] = {"host", 'H', "HOST", false, "only those of this host"},
    [PS_ENTRY] = {"entry", 'e', "ENTRY", false, "only those that run this entry"},
    [PS_SORT] = {"sort", 's', "pid|entry|state|mailbox|memory|reductions|age", false,
                 "by this column (pid); numbers downwards"},
    [PS_REVERSE] = {"reverse", 'r', NULL, false, "the other way round"},
    [PS_LIMIT] = {"limit", 'n', "N", false, "only the first N"},
    [PS_JSON] = OPTION_JSON,
    [PS_SOCKET] = OPTION_SOCKET,
    [PS_HELP] = OPTION_HELP};

const struct options_syntax verb_ps_syntax = {.command = TOOL " ps",
                                              .args = "",
                                              .summary = "Lists processes and their figures.",
                                              .options = ps_defs,
                                              .count = sizeof ps_defs / sizeof ps_defs[0]};

static const struct table_column ps_columns[] = {
    {"PID", false, true},    {"ENTRY", false, true},      {"STATE", false, false}, {"MAILBOX", true, false},
    {"MEMORY", true, false}, {"REDUCTIONS", true, false}, {"AGE", true, false}};

#define PS_COLUMNS (sizeof ps_columns / sizeof ps_columns[0])

static void put_row(void *ud, const struct rows_cell *cells, size_t n) {
    struct table *t = ud;
    char buf[TABLE_SHORT];
    for (size_t i = 0; i < PS_COLUMNS && i < n; i++) {
        if (i == PROCS_MEMORY)
            table_put(t, table_bytes(strtoull(cells[i].s, NULL, 10), buf));
        else if (i == PROCS_AGE)
            table_put(t, table_span(strtod(cells[i].s, NULL), buf));
        else
            table_putn(t, cells[i].s, cells[i].len);
    }
}

static bool take_rows(void *ud, const char *line, size_t len) {
    return rows_read(line, len, put_row, ud);
}

/* What take_rows did not take. */
static bool put_rows(void *ud, const json_t *data) {
    const json_t *rows = json_object_get(data, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct rows_cell cells[PS_COLUMNS];
        char numbers[PS_COLUMNS][24];
        for (size_t k = 0; k < PS_COLUMNS; k++) {
            const json_t *v = json_array_get(json_array_get(rows, i), k);
            snprintf(numbers[k], sizeof numbers[k], "%.0f", json_number_value(v));
            const char *text = json_is_string(v) ? json_string_value(v) : numbers[k];
            cells[k] = (struct rows_cell){text, strlen(text), json_is_string(v)};
        }
        put_row(ud, cells, PS_COLUMNS);
    }
    return true;
}

/* With --json each row is an object. */
struct row_objects {
    json_t *columns; /* names; NULL: nothing has been printed */
    bool any;
};

static bool print_rows(void *ud, const json_t *data) {
    struct row_objects *r = ud;
    const json_t *rows = json_object_get(data, "rows");
    if (json_object_get(data, "columns")) {
        r->columns = json_incref(json_object_get(data, "columns"));
        printf("{\n  \"processes\": [");
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        printf("%s\n    {", r->any ? "," : "");
        r->any = true;
        for (size_t k = 0; k < json_array_size(r->columns); k++) {
            printf("%s\"%s\": ", k ? ", " : "", json_string_value(json_array_get(r->columns, k)));
            client_dump(json_array_get(json_array_get(rows, i), k), 0);
        }
        putchar('}');
    }
    return true;
}

static json_t *ps_args(const struct options *o) {
    const char *limit = options_value(o, PS_LIMIT);
    json_t *args = json_pack("{s:s*,s:s*,s:s*}", "host", options_value(o, PS_HOST), "entry",
                             options_value(o, PS_ENTRY), "sort", options_value(o, PS_SORT));
    if (options_given(o, PS_REVERSE))
        json_object_set_new(args, "reverse", json_true());
    if (limit)
        json_object_set_new(args, "limit", json_integer(verb_number(limit)));
    return args;
}

static int ps_json(const struct options *o) {
    struct row_objects r = {0};
    json_t *result = NULL;
    int status = client_once(options_value(o, PS_SOCKET), "ps", ps_args(o), print_rows, &r, &result);
    if (status == EXIT_CODE_OK)
        printf("%s],\n  \"total\": %.0f,\n  \"matched\": %.0f,\n  \"memory\": %.0f\n}\n", r.any ? "\n  " : "",
               num(result, "processes"), num(result, "matched"), num(result, "memory"));
    json_decref(result);
    json_decref(r.columns);
    int flushed = start_flush(TOOL);
    return status ? status : flushed;
}

int verb_ps(const struct options *o) {
    const char *limit = options_value(o, PS_LIMIT), *sort = options_value(o, PS_SORT);
    if (sort && procs_column_find(sort) >= PROCS_RATE) {
        start_complain(TOOL, "--sort %s: there is no such column; see " TOOL " ps --help", sort);
        return EXIT_CODE_USAGE;
    }
    if (limit && verb_number(limit) < 0) {
        start_complain(TOOL, "--limit %s: must be a number", limit);
        return EXIT_CODE_USAGE;
    }
    if (options_given(o, PS_JSON))
        return ps_json(o);
    int status;
    struct client *c = client_open(options_value(o, PS_SOCKET), &status);
    if (!c)
        return status;
    struct table *t = table_open(ps_columns, PS_COLUMNS);
    client_take_lines(c, take_rows);
    status = client_ask(c, "ps", ps_args(o), put_rows, t, NULL);
    client_close(c);
    if (status == EXIT_CODE_OK)
        return close_table(t);
    table_drop(t);
    return status;
}

/* --- info --------------------------------------------------------------------------------------------------------- */

enum { INFO_JSON, INFO_SOCKET, INFO_HELP };

static const struct option_def info_defs[] = {
    [INFO_JSON] = OPTION_JSON, [INFO_SOCKET] = OPTION_SOCKET, [INFO_HELP] = OPTION_HELP};

const struct options_syntax verb_info_syntax = {
    .command = TOOL " info",
    .args = "PID|NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Shows everything about one process; of one that failed lately, its crash report.",
    .options = info_defs,
    .count = sizeof info_defs / sizeof info_defs[0]};

static void line(const char *title, const char *text) {
    printf("%-12s ", title);
    table_text(stdout, text);
    putchar('\n');
}

static void show_bytes(const json_t *info, const char *title, const char *key) {
    char buf[TABLE_SHORT], text[64];
    double n = num(info, key);
    snprintf(text, sizeof text, "%s (%.0f bytes)", table_bytes((uint64_t)n, buf), n);
    line(title, text);
}

static void show_number(const json_t *info, const char *title, const char *key) {
    printf("%-12s %.0f\n", title, num(info, key));
}

static void show_list(const json_t *info, const char *title, const char *key) {
    const json_t *list = json_object_get(info, key);
    char count_key[32];
    snprintf(count_key, sizeof count_key, "%s_count", key);
    size_t n = json_array_size(list), all = (size_t)num(info, count_key);
    for (size_t i = 0; i < n; i++)
        line(i ? "" : title, json_string_value(json_array_get(list, i)));
    if (all > n)
        printf("%-12s … and %zu more\n", "", all - n);
}

static void show_time(const char *title, double unix_seconds, double age) {
    char buf[TABLE_SHORT], text[64];
    time_t t = (time_t)unix_seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    snprintf(text + n, sizeof text - n, " (%s ago)", table_span(age, buf));
    line(title, text);
}

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void show_tasks(const json_t *info) {
    const json_t *tasks = json_object_get(info, "tasks");
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const json_t *t = json_array_get(tasks, i), *frame = json_array_get(json_object_get(t, "frames"), 0);
        char text[512];
        int n =
            snprintf(text, sizeof text, "%s%s%s", str(t, "state"), str(t, "on")[0] ? ": " : "", str(t, "on"));
        if (frame && n > 0 && (size_t)n < sizeof text)
            snprintf(text + n, sizeof text - (size_t)n, ", in %s (%s:%.0f)", str(frame, "function"),
                     str(frame, "source"), num(frame, "line"));
        line(json_is_true(json_object_get(t, "main")) ? "main" : "coroutine", text);
    }
}

static void show_queues(const json_t *info) {
    const json_t *queues = json_object_get(info, "queues");
    for (size_t i = 0; i < json_array_size(queues); i++) {
        const json_t *q = json_array_get(queues, i);
        char text[512];
        snprintf(text, sizeof text, "%s%s%s: %.0f messages", str(q, "queue"), str(q, "topic")[0] ? " " : "",
                 str(q, "topic"), num(q, "messages"));
        line(i ? "" : "queues", text);
    }
}

static void show_alive(const json_t *info) {
    line("pid", str(info, "pid"));
    line("entry", str(info, "entry"));
    line("host", str(info, "host"));
    line("state", str(info, "state"));
    show_time("started", num(info, "started"), now() - num(info, "started"));
    show_number(info, "mailbox", "mailbox");
    show_bytes(info, "in mailbox", "mailbox_bytes");
    show_bytes(info, "memory", "memory");
    show_number(info, "reductions", "reductions");
    if (str(info, "parent")[0])
        line("parent", str(info, "parent"));
    show_list(info, "names", "names");
    show_list(info, "links", "links");
    line("traps links", json_is_true(json_object_get(info, "traps_links")) ? "yes" : "no");
    show_list(info, "monitors", "monitors");
    show_list(info, "watched by", "watchers");
    show_tasks(info);
    show_queues(info);
    show_list(info, "received", "received");
}

/* Text of several lines, indented. */
static void show_lines(const char *text) {
    while (*text) {
        size_t n = strcspn(text, "\n");
        char one[512];
        snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one - 1), text);
        for (char *c = one; *c; c++)
            if (*c == '\t')
                *c = ' ';
        fputs("  ", stdout);
        table_text(stdout, one);
        putchar('\n');
        text += n + (text[n] == '\n');
    }
}

static void show_crash(const json_t *info) {
    const json_t *crash = json_object_get(info, "crash");
    char buf[TABLE_SHORT], text[64];
    line("pid", str(info, "pid"));
    line("entry", str(crash, "entry"));
    line("host", str(crash, "host"));
    line("state", "ended");
    show_time("failed", num(crash, "at"), now() - num(crash, "at"));
    snprintf(text, sizeof text, "%s", table_span(num(crash, "age"), buf));
    line("age", text);
    line("how", str(crash, "how"));
    if (str(crash, "kind")[0])
        line("kind", str(crash, "kind"));
    line("reason", str(crash, "reason"));
    show_number(crash, "mailbox", "mailbox");
    show_bytes(crash, "memory", "memory");
    if (str(crash, "topics")[0])
        line("received", str(crash, "topics"));
    show_lines(str(crash, "stack"));
}

int verb_info(const struct options *o) {
    json_t *info = NULL;
    int status = client_once(options_value(o, INFO_SOCKET), "info", json_pack("{s:s}", "pid", o->args[0]),
                             NULL, NULL, &info);
    if (status == EXIT_CODE_OK && options_given(o, INFO_JSON)) {
        status = client_print_json(info);
    } else if (status == EXIT_CODE_OK) {
        if (json_object_get(info, "crash"))
            show_crash(info);
        else
            show_alive(info);
        status = start_flush(TOOL);
    }
    json_decref(info);
    return status;
}

/* --- lists that come in one piece --------------------------------------------------------------------------------- */

enum { LIST_JSON, LIST_SOCKET, LIST_HELP };

static const struct option_def list_defs[] = {
    [LIST_JSON] = OPTION_JSON, [LIST_SOCKET] = OPTION_SOCKET, [LIST_HELP] = OPTION_HELP};

#define LIST_SYNTAX(name, text)                                                                              \
    const struct options_syntax verb_##name##_syntax = {.command = TOOL " " #name,                           \
                                                        .args = "",                                          \
                                                        .summary = text,                                     \
                                                        .options = list_defs,                                \
                                                        .count = sizeof list_defs / sizeof list_defs[0]}

LIST_SYNTAX(hosts, "Lists hosts: workers, processes, queues, counters.");
LIST_SYNTAX(services, "Lists services and their states.");
LIST_SYNTAX(names, "Lists registered names.");

struct list {
    const char *op, *key;
    const struct table_column *columns;
    size_t n;
    void (*put)(struct table *t, const json_t *row);
};

static int show(const struct options *o, const struct list *l) {
    json_t *result = NULL;
    int status = client_once(options_value(o, LIST_SOCKET), l->op, json_object(), NULL, NULL, &result);
    if (status == EXIT_CODE_OK && options_given(o, LIST_JSON)) {
        status = client_print_json(result);
    } else if (status == EXIT_CODE_OK) {
        const json_t *rows = json_object_get(result, l->key);
        struct table *t = table_open(l->columns, l->n);
        for (size_t i = 0; i < json_array_size(rows); i++)
            l->put(t, json_array_get(rows, i));
        status = close_table(t);
    }
    json_decref(result);
    return status;
}

static void put_host(struct table *t, const json_t *h) {
    char buf[TABLE_SHORT];
    table_put(t, str(h, "host"));
    table_put(t, json_is_true(json_object_get(h, "accepting")) ? "open" : "closed");
    table_printf(t, "%.0f", num(h, "workers"));
    table_printf(t, "%.0f", num(h, "processes"));
    table_printf(t, "%.0f", num(h, "queue"));
    table_put(t, table_bytes((uint64_t)num(h, "memory"), buf));
    table_put(t, table_count((uint64_t)num(h, "spawned"), buf));
    table_put(t, table_count((uint64_t)num(h, "messages"), buf));
    table_put(t, table_span(num(h, "busy_seconds"), buf));
}

int verb_hosts(const struct options *o) {
    static const struct table_column columns[] = {
        {"HOST", false, true},      {"STATE", false, false}, {"WORKERS", true, false},
        {"PROCESSES", true, false}, {"QUEUE", true, false},  {"MEMORY", true, false},
        {"SPAWNED", true, false},   {"MSGS", true, false},   {"BUSY", true, false}};
    return show(o, &(struct list){"hosts", "hosts", columns, sizeof columns / sizeof columns[0], put_host});
}

static void put_service(struct table *t, const json_t *s) {
    char buf[TABLE_SHORT];
    const json_t *since = json_object_get(s, "since"), *again = json_object_get(s, "restart_in");
    table_put(t, str(s, "id"));
    table_put(t, json_is_true(json_object_get(s, "final")) ? "failed for good" : str(s, "state"));
    table_put(t, json_is_number(since) ? table_span(json_number_value(since), buf) : "-");
    table_put(t, str(s, "pid")[0] ? str(s, "pid") : "-");
    table_printf(t, "%.0f", num(s, "restarts"));
    if (json_is_number(again))
        table_printf(t, "again in %s: %s", table_span(json_number_value(again), buf), str(s, "reason"));
    else
        table_put(t, strcmp(str(s, "state"), "running") == 0 ? "" : str(s, "reason"));
}

int verb_services(const struct options *o) {
    static const struct table_column columns[] = {{"SERVICE", false, true},  {"STATE", false, false},
                                                  {"FOR", true, false},      {"PROCESS", false, true},
                                                  {"RESTARTS", true, false}, {"REASON", false, true}};
    return show(
        o, &(struct list){"services", "services", columns, sizeof columns / sizeof columns[0], put_service});
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static const struct table_column name_columns[] = {{"NAME", false, true}, {"PROCESS", false, true}};

static bool put_names(void *ud, const json_t *data) {
    const json_t *names = json_object_get(data, "names");
    for (size_t i = 0; i < json_array_size(names); i++) {
        table_put(ud, json_string_value(json_array_get(json_array_get(names, i), 0)));
        table_put(ud, json_string_value(json_array_get(json_array_get(names, i), 1)));
    }
    return true;
}

static bool keep_names(void *ud, const json_t *data) {
    const json_t *names = json_object_get(data, "names");
    for (size_t i = 0; i < json_array_size(names); i++)
        json_object_set(ud, json_string_value(json_array_get(json_array_get(names, i), 0)),
                        json_array_get(json_array_get(names, i), 1));
    return true;
}

int verb_names(const struct options *o) {
    const char *socket = options_value(o, LIST_SOCKET);
    int status;
    if (options_given(o, LIST_JSON)) {
        json_t *all = json_object();
        status = client_once(socket, "names", json_object(), keep_names, all, NULL);
        if (status == EXIT_CODE_OK)
            status = client_print_json(all);
        json_decref(all);
        return status;
    }
    struct table *t = table_open(name_columns, 2);
    status = client_once(socket, "names", json_object(), put_names, t, NULL);
    if (status == EXIT_CODE_OK)
        return close_table(t);
    table_drop(t);
    return status;
}
