/* What the tool shows of a running daemon as it happens: trace, stack, profile. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "base/alloc.h"
#include "src/client.h"
#include "src/exitcode.h"
#include "src/start.h"
#include "src/table.h"
#include "src/verb.h"

static const char *str(const json_t *object, const char *key) {
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

/* Options that are numbers and spans; false, after a complaint: one is none. */
static bool check_bounds(const char *span, const char *number_name, const char *number) {
    if (span && !verb_duration("--for", span))
        return false;
    if (!number || verb_number(number) >= 0)
        return true;
    start_complain(TOOL, "--%s %s: must be a number", number_name, number);
    return false;
}

static json_t *bounds(const struct options *o, const char *span, const char *number_name,
                      const char *number) {
    json_t *args = json_pack("{s:s*,s:s*}", "of", o->args_n ? o->args[0] : NULL, "for", span);
    if (number)
        json_object_set_new(args, number_name, json_integer(verb_number(number)));
    return args;
}

/* --- trace -------------------------------------------------------------------------------------------------------- */

enum { TRACE_FOR, TRACE_MAX_EVENTS, TRACE_JSON, TRACE_SOCKET, TRACE_HELP };

static const struct option_def trace_defs[] = {
    [TRACE_FOR] = {"for", 'f', "DURATION", false, "for how long (10s, at most 1h)"},
    [TRACE_MAX_EVENTS] = {"max", 'n', "N", false, "at most N events (1000)"},
    [TRACE_JSON] = {"json", 'j', NULL, false, "print each event as a line of JSON"},
    [TRACE_SOCKET] = OPTION_SOCKET,
    [TRACE_HELP] = OPTION_HELP};

const struct options_syntax verb_trace_syntax = {
    .command = TOOL " trace",
    .args = "[PID|NAME|ENTRY]",
    .args_max = 1,
    .summary = "Shows messages, spawns and exits as they happen: of one process or entry, or all.",
    .options = trace_defs,
    .count = sizeof trace_defs / sizeof trace_defs[0]};

static void print_side(const json_t *e, const char *key, const char *before) {
    char entry_key[32];
    const char *pid = str(e, key);
    if (!pid[0])
        return;
    snprintf(entry_key, sizeof entry_key, "%s_entry", key);
    printf("%s", before);
    table_text(stdout, pid);
    if (str(e, entry_key)[0]) {
        putchar(' ');
        table_text(stdout, str(e, entry_key));
    }
}

static void print_event(const json_t *e) {
    double at = json_number_value(json_object_get(e, "at"));
    time_t t = (time_t)at;
    struct tm tm;
    char clock[16];
    gmtime_r(&t, &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    printf("%s.%06.0f %-10s", clock, (at - (double)t) * 1e6 < 999999 ? (at - (double)t) * 1e6 : 999999,
           str(e, "event"));
    print_side(e, "from", " ");
    print_side(e, "to", " -> ");
    if (json_object_get(e, "topic")) {
        fputs(" topic ", stdout);
        table_text(stdout, str(e, "topic"));
    }
    if (json_object_get(e, "bytes"))
        printf(", %" JSON_INTEGER_FORMAT " bytes", json_integer_value(json_object_get(e, "bytes")));
    if (str(e, "outcome")[0])
        printf(", %s", str(e, "outcome"));
    if (str(e, "reason")[0]) {
        fputs(": ", stdout);
        table_text(stdout, str(e, "reason"));
    }
    putchar('\n');
}

static bool on_events(void *ud, const json_t *data) {
    const bool *json = ud;
    const json_t *events = json_object_get(data, "events");
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (*json) {
            client_dump(e, JSON_COMPACT);
            putchar('\n');
        } else {
            print_event(e);
        }
    }
    return fflush(stdout) == 0;
}

int verb_trace(const struct options *o) {
    const char *span = options_value(o, TRACE_FOR), *max = options_value(o, TRACE_MAX_EVENTS);
    bool json = options_given(o, TRACE_JSON);
    json_t *result = NULL;
    if (!check_bounds(span, "max", max))
        return EXIT_CODE_USAGE;
    int status = client_once(options_value(o, TRACE_SOCKET), "trace", bounds(o, span, "max", max), on_events,
                             &json, &result);
    json_int_t lost = json_integer_value(json_object_get(result, "lost"));
    if (lost)
        start_complain(TOOL, "trace: %" JSON_INTEGER_FORMAT " events came too fast and were lost", lost);
    json_decref(result);
    int flushed = start_flush(TOOL);
    return status ? status : flushed;
}

/* --- stack -------------------------------------------------------------------------------------------------------- */

enum { STACK_JSON, STACK_SOCKET, STACK_HELP };

static const struct option_def stack_defs[] = {
    [STACK_JSON] = OPTION_JSON, [STACK_SOCKET] = OPTION_SOCKET, [STACK_HELP] = OPTION_HELP};

const struct options_syntax verb_stack_syntax = {
    .command = TOOL " stack",
    .args = "PID|NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Shows what a process is doing: the Lua stack of each of its coroutines.",
    .options = stack_defs,
    .count = sizeof stack_defs / sizeof stack_defs[0]};

static void print_task(const json_t *t) {
    const json_t *frames = json_object_get(t, "frames");
    printf("%s, %s%s", json_is_true(json_object_get(t, "main")) ? "main" : "coroutine", str(t, "state"),
           str(t, "on")[0] ? ": " : "");
    table_text(stdout, str(t, "on"));
    putchar('\n');
    for (size_t i = 0; i < json_array_size(frames); i++) {
        const json_t *f = json_array_get(frames, i);
        json_int_t line = json_integer_value(json_object_get(f, "line"));
        fputs("  ", stdout);
        table_text(stdout, str(f, "source"));
        if (line)
            printf(":%" JSON_INTEGER_FORMAT, line);
        fputs(": ", stdout);
        table_text(stdout, str(f, "function"));
        putchar('\n');
    }
}

int verb_stack(const struct options *o) {
    json_t *result = NULL;
    int status = client_once(options_value(o, STACK_SOCKET), "stack", json_pack("{s:s}", "pid", o->args[0]),
                             NULL, NULL, &result);
    if (status == EXIT_CODE_OK && options_given(o, STACK_JSON)) {
        status = client_print_json(result);
    } else if (status == EXIT_CODE_OK) {
        const json_t *tasks = json_object_get(result, "tasks");
        table_text(stdout, str(result, "pid"));
        putchar(' ');
        table_text(stdout, str(result, "entry"));
        putchar('\n');
        for (size_t i = 0; i < json_array_size(tasks); i++)
            print_task(json_array_get(tasks, i));
        status = start_flush(TOOL);
    }
    json_decref(result);
    return status;
}

/* --- profile ------------------------------------------------------------------------------------------------------ */

enum { PROFILE_FOR, PROFILE_RATE, PROFILE_FOLD, PROFILE_JSON, PROFILE_SOCKET, PROFILE_HELP };

static const struct option_def profile_defs[] = {
    [PROFILE_FOR] = {"for", 'f', "DURATION", false, "for how long (5s, at most 10m)"},
    [PROFILE_RATE] = {"rate", 'r', "N", false, "samples a second (99, at most 1000)"},
    [PROFILE_FOLD] = {"fold", 0, NULL, false,
                      "print folded stacks, as programs that draw flame graphs read them"},
    [PROFILE_JSON] = OPTION_JSON,
    [PROFILE_SOCKET] = OPTION_SOCKET,
    [PROFILE_HELP] = OPTION_HELP};

const struct options_syntax verb_profile_syntax = {
    .command = TOOL " profile",
    .args = "[PID|NAME|ENTRY]",
    .args_max = 1,
    .summary = "Shows which Lua functions take processor time: of one process or entry, or all.",
    .options = profile_defs,
    .count = sizeof profile_defs / sizeof profile_defs[0]};

struct function {
    UT_hash_handle hh;
    uint64_t self, total;
    uint64_t last; /* the stack it was counted in last: recursion counts once */
    char name[];
};

struct profile {
    bool fold;
    json_t *stacks;             /* with --json: folded -> samples */
    struct function *functions; /* else */
    uint64_t stack;
    bool failed;
};

static struct function *function_of(struct profile *p, const char *name, size_t len) {
    struct function *f;
    HASH_FIND(hh, p->functions, name, len, f);
    if (f)
        return f;
    f = mem_calloc(1, sizeof *f + len + 1);
    if (!f) {
        p->failed = true;
        return NULL;
    }
    memcpy(f->name, name, len);
    HASH_ADD_KEYPTR(hh, p->functions, f->name, len, f);
    return f;
}

static void count_functions(struct profile *p, const char *folded, uint64_t samples) {
    p->stack++;
    while (*folded) {
        size_t len = strcspn(folded, ";");
        struct function *f = function_of(p, folded, len);
        folded += len;
        if (!f)
            return;
        if (f->last != p->stack)
            f->total += samples;
        f->last = p->stack;
        if (!*folded)
            f->self += samples;
        else
            folded++;
    }
}

static bool on_stacks(void *ud, const json_t *data) {
    struct profile *p = ud;
    const json_t *stacks = json_object_get(data, "stacks");
    for (size_t i = 0; i < json_array_size(stacks); i++) {
        const char *folded = json_string_value(json_array_get(json_array_get(stacks, i), 0));
        json_int_t n = json_integer_value(json_array_get(json_array_get(stacks, i), 1));
        if (p->fold) {
            table_text(stdout, folded);
            printf(" %" JSON_INTEGER_FORMAT "\n", n);
        } else if (p->stacks) {
            json_object_set_new(p->stacks, folded, json_integer(n));
        } else {
            count_functions(p, folded, (uint64_t)n);
        }
    }
    return true;
}

static int by_self(const struct function *a, const struct function *b) {
    if (a->self != b->self)
        return a->self < b->self ? 1 : -1;
    return a->total != b->total ? (a->total < b->total ? 1 : -1) : strcmp(a->name, b->name);
}

static int print_functions(struct profile *p, const json_t *result) {
    static const struct table_column columns[] = {
        {"SELF", true, false}, {"TOTAL", true, false}, {"SAMPLES", true, false}, {"FUNCTION", false, true}};
    double all = json_number_value(json_object_get(result, "samples"));
    struct table *t = table_open(columns, sizeof columns / sizeof columns[0]);
    HASH_SORT(p->functions, by_self);
    for (struct function *f = p->functions; f; f = f->hh.next) {
        table_printf(t, "%.1f%%", 100 * (double)f->self / all);
        table_printf(t, "%.1f%%", 100 * (double)f->total / all);
        table_printf(t, "%" PRIu64, f->self);
        table_put(t, f->name);
    }
    if (!table_close(t, stdout) || p->failed) {
        start_complain(TOOL, "not enough memory");
        return EXIT_CODE_INTERNAL;
    }
    return EXIT_CODE_OK;
}

static void profile_free(struct profile *p) {
    struct function *f = p->functions, *next;
    HASH_CLEAR(hh, p->functions);
    for (; f; f = next) {
        next = f->hh.next;
        mem_free(f);
    }
    json_decref(p->stacks);
}

static int print_profile(struct profile *p, json_t *result) {
    if (p->stacks) {
        json_object_set(result, "stacks", p->stacks);
        return client_print_json(result);
    }
    return p->fold ? EXIT_CODE_OK : print_functions(p, result);
}

int verb_profile(const struct options *o) {
    const char *span = options_value(o, PROFILE_FOR), *rate = options_value(o, PROFILE_RATE);
    struct profile p = {.fold = options_given(o, PROFILE_FOLD)};
    json_t *result = NULL;
    if (!check_bounds(span, "rate", rate))
        return EXIT_CODE_USAGE;
    if (options_given(o, PROFILE_JSON))
        p.stacks = json_object();
    int status = client_once(options_value(o, PROFILE_SOCKET), "profile", bounds(o, span, "rate", rate),
                             on_stacks, &p, &result);
    if (status == EXIT_CODE_OK)
        status = print_profile(&p, result);
    json_decref(result);
    profile_free(&p);
    int flushed = start_flush(TOOL);
    return status ? status : flushed;
}
