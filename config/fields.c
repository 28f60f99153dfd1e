#include "config/fields.h"

#include "base/dur.h"
#include "base/size.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define WORD_TEXT(name, text) text,
static const char *const compat_words[] = {CFG_COMPAT_WORDS(WORD_TEXT) NULL};
static const char *const jit_words[] = {CFG_JIT_WORDS(WORD_TEXT) NULL};
static const char *const policy_words[] = {CFG_POLICY_WORDS(WORD_TEXT) NULL};
static const char *const startup_words[] = {CFG_STARTUP_WORDS(WORD_TEXT) NULL};
static const char *const level_words[] = {CFG_LEVEL_WORDS(WORD_TEXT) NULL};
static const char *const format_words[] = {CFG_FORMAT_WORDS(WORD_TEXT) NULL};
static const char *const print_words[] = {CFG_PRINT_WORDS(WORD_TEXT) NULL};

static bool is_env_pattern(const char *s) {
    return s[0] != '\0' &&
           s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_*")] == '\0';
}

static bool is_not_empty(const char *s) {
    return s[0] != '\0';
}

/* sun_path has 108 bytes, a NUL among them. */
static bool is_socket_path(const char *s) {
    return strlen(s) <= 107;
}

static bool is_address(const char *s) {
    const char *colon = strrchr(s, ':');
    if (colon == NULL || (s[0] == '[' ? colon == s || colon[-1] != ']' : strchr(s, ':') != colon))
        return false;
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
        return false;
    int port = 0;
    for (const char *p = colon + 1; *p != '\0'; p++)
        port = port * 10 + (*p - '0');
    return port <= 65535 && s[strcspn(s, " \t\n/")] == '\0';
}

#define TOP .base = BASE_SETTINGS, .scopes = SCOPE_BIT(SCOPE_FILE)
#define SETTING(p, member, t)                                                                                \
    TOP, .path = p, .type = FIELD_##t, .offset = offsetof(struct cfg_settings, member)

#define ANY_ENTRY .base = BASE_ENTRY, .scopes = SCOPE_BIT(SCOPE_FILE) - 1
#define HOST(p, member, t)                                                                                   \
    .base = BASE_HOST, .scopes = SCOPE_BIT(CFG_KIND_HOST), .path = p, .type = FIELD_##t,                     \
    .offset = offsetof(struct cfg_host, member)
#define CODE_KINDS (RUN_KINDS | SCOPE_BIT(CFG_KIND_LIBRARY))
#define RUN_KINDS (SCOPE_BIT(CFG_KIND_PROCESS) | SCOPE_BIT(CFG_KIND_FUNCTION))
#define CODE(s, p, member, t)                                                                                \
    .base = BASE_CODE, .scopes = s, .path = p, .type = FIELD_##t, .offset = offsetof(struct cfg_code, member)
#define SERVICE(p, member, t)                                                                                \
    .base = BASE_SERVICE, .scopes = SCOPE_BIT(CFG_KIND_SERVICE), .path = p, .type = FIELD_##t,               \
    .offset = offsetof(struct cfg_service, member)
#define IGNORED(s, p, h) .base = BASE_ENTRY, .scopes = s, .path = p, .type = FIELD_IGNORED, .help = h

#define DAY (24 * DUR_HOUR)
#define COUNT_MAX 1000000000
#define BYTES_MAX ((int64_t)1 << 50)
#define SPAWN .reload = CFG_RELOAD_SPAWN
#define LIVE .reload = CFG_RELOAD_LIVE
#define DAEMON .reload = CFG_RELOAD_DAEMON

/* `r`: when a change takes effect. The same fields in a host and in a service. */
#define LIFECYCLE(K, r)                                                                                      \
    {K("lifecycle.auto_start", lifecycle.auto_start, BOOL), .def = "false", r,                               \
     .help = "started with the daemon"},                                                                     \
        {K("lifecycle.requires", lifecycle.requires, REFS), r,                                               \
         .kinds = SCOPE_BIT(CFG_KIND_SERVICE) | SCOPE_BIT(CFG_KIND_HOST),                                    \
         .help = "services and hosts that must run first; a service's own host is implied"},                 \
        {K("lifecycle.depends_on", lifecycle.requires, REFS), r, .alias_of = "lifecycle.requires",           \
         .kinds = SCOPE_BIT(CFG_KIND_SERVICE) | SCOPE_BIT(CFG_KIND_HOST),                                    \
         .help = "another name of requires"},                                                                \
        {K("lifecycle.startup", lifecycle.startup, ENUM), .def = "required", r, .words = startup_words,      \
         .help = "whether failing to start stops the boot (required) or not (optional)"},                    \
        {K("lifecycle.start_timeout", lifecycle.start_timeout, DURATION), .def = "10s", r, .max = DAY,       \
         .help = "how long a start may take; 0: for ever"},                                                  \
        {K("lifecycle.stop_timeout", lifecycle.stop_timeout, DURATION), .def = "10s", r, .max = DAY,         \
         .help = "how long a process may take to end by itself before it is terminated"},                    \
        {K("lifecycle.stable_threshold", lifecycle.stable_threshold, DURATION), .def = "5s", r, .max = DAY,  \
         .help = "after running that long the count of attempts begins anew"},                               \
        {K("lifecycle.restart.initial_delay", lifecycle.restart.initial_delay, DURATION), .def = "1s", r,    \
         .max = DAY, .help = "wait before the first restart"},                                               \
        {K("lifecycle.restart.max_delay", lifecycle.restart.max_delay, DURATION), .def = "90s", r,           \
         .max = DAY, .help = "longest wait before a restart"},                                               \
        {K("lifecycle.restart.backoff_factor", lifecycle.restart.backoff_factor, DOUBLE),                    \
         .def = "2.0",                                                                                       \
         r,                                                                                                  \
         .min = 1,                                                                                           \
         .max = 100,                                                                                         \
         .help = "each wait is that many times the one before"},                                             \
        {K("lifecycle.restart.jitter", lifecycle.restart.jitter, DOUBLE), .def = "0.1", r, .max = 1,         \
         .help = "part of a wait that is random, either way"},                                               \
    {                                                                                                        \
        K("lifecycle.restart.max_attempts", lifecycle.restart.max_attempts, INT),                            \
            .def = "0", r, .max = COUNT_MAX, .help = "restarts before giving up; 0: never gives up"          \
    }

/* Order is the order of printing; fields of one group stand together. */
const struct field cfg_fields[] = {
    {TOP, .path = "version", .type = FIELD_SPECIAL, .help = "version of the format: \"1.0\""},
    {TOP, .path = "include", .type = FIELD_SPECIAL,
     .help = "list of files, globs and folders (searched for *.yaml, *.yml) to read as well, relative to "
             "this file"},
    {TOP, .path = "namespace", .type = FIELD_SPECIAL, .help = "namespace of the file's entries"},
    {SETTING("runtime.workers", runtime.workers, INT), .def = "0", .max = 1024, LIVE, .flags = FIELD_MAIN,
     .help = "workers of a host that does not say; 0: one per CPU the daemon may use"},
    {SETTING("runtime.compat", runtime.compat, ENUM), .def = "seed", .words = compat_words, SPAWN,
     .flags = FIELD_MAIN, .help = "dialect of the Lua API: seed, or wippy for programs written for Wippy"},
    {SETTING("runtime.env", runtime.env, STRINGS), LIVE, .flags = FIELD_MAIN, .allows = is_env_pattern,
     .allowed = "a name of letters, digits and _, with * for any run of them",
     .help = "environment variables that programs may read"},
    {SETTING("log.level", log.level, ENUM), .def = "info", .words = level_words, LIVE,
     .help = "least severe events that are logged"},
    {SETTING("log.format", log.format, ENUM), .def = "auto", .words = format_words, LIVE,
     .help = "auto: text on a terminal, journal fields under systemd, else logfmt"},
    {SETTING("log.print", log.print, ENUM), .def = "stdout", .words = print_words, LIVE,
     .help = "where print goes"},
    {SETTING("control.socket", control.socket, STRING), .def = "/run/troupe/control.sock", DAEMON,
     .allows = is_socket_path, .allowed = "a path of at most 107 bytes",
     .help = "socket that the troupe tool talks to; \"\": none"},
    {SETTING("control.mode", control.mode, MODE), .def = "0660", .max = 0777, DAEMON,
     .help = "file mode of the control socket"},
    {SETTING("control.group", control.group, STRING), DAEMON, .allows = is_not_empty,
     .allowed = "a group's name", .help = "group of the control socket; absent: the daemon's own"},
    {SETTING("metrics.listen", metrics.listen, STRING), DAEMON, .allows = is_address,
     .allowed = "an address and a port such as 127.0.0.1:9464, [::1]:9464 or :9464",
     .help = "address that metrics are served at; absent: none"},
    {SETTING("shutdown.timeout", shutdown.timeout, DURATION), .def = "30s", .max = DAY, LIVE,
     .help = "how long stopping everything may take"},
    {TOP, .path = "entries", .type = FIELD_SPECIAL, .help = "list of the entries"},

    {ANY_ENTRY, .path = "name", .type = FIELD_SPECIAL, .flags = FIELD_REQUIRED,
     .help = "name within the namespace; the entry's id is namespace:name"},
    {ANY_ENTRY, .path = "namespace", .type = FIELD_SPECIAL, .help = "namespace, if not the file's"},
    {ANY_ENTRY, .path = "kind", .type = FIELD_SPECIAL, .flags = FIELD_REQUIRED, .help = "kind of the entry"},
    {ANY_ENTRY, .path = "meta", .type = FIELD_OBJECT, .offset = offsetof(struct cfg_entry, meta), LIVE,
     .help = "anything that describes the entry"},

    {HOST("host.workers", workers, INT), .def = "0", .max = 1024, LIVE,
     .help = "threads that run the host's processes; 0: as runtime.workers says"},
    {HOST("host.max_processes", max_processes, INT), .def = "0", .max = COUNT_MAX, LIVE,
     .help = "most processes at a time; 0: no limit"},
    {HOST("host.process_memory", process_memory, SIZE), .def = "64MiB", .min = 64 * 1024, .max = BYTES_MAX,
     SPAWN, .flags = FIELD_OR_ZERO, .help = "most memory of one process; 0: no limit"},
    {HOST("host.memory", memory, SIZE), .def = "0", .min = 1024 * 1024, .max = BYTES_MAX, LIVE,
     .flags = FIELD_OR_ZERO, .help = "most memory of all the host's processes together; 0: no limit"},
    {HOST("host.mailbox_messages", mailbox_messages, INT), .def = "0", .max = COUNT_MAX, LIVE,
     .help = "most messages waiting in one mailbox; 0: no limit"},
    {HOST("host.mailbox_bytes", mailbox_bytes, SIZE), .def = "256MiB", .min = 1024, .max = BYTES_MAX, LIVE,
     .flags = FIELD_OR_ZERO, .help = "most bytes of messages waiting in one mailbox; 0: no limit"},
    {HOST("host.mailbox_policy", mailbox_policy, ENUM), .def = "reject", .words = policy_words, LIVE,
     .help = "at the mailbox's limit: reject the message (the sender is told) or kill the receiver"},
    {HOST("host.time_slice", time_slice, DURATION), .def = "1ms", .min = 100 * DUR_US, .max = 10 * DUR_SEC,
     LIVE, .help = "how long a process runs before others get their turn"},
    {HOST("host.max_run_time", max_run_time, DURATION), .def = "0", .min = DUR_MS, .max = 365 * DAY, LIVE,
     .flags = FIELD_OR_ZERO, .help = "longest time a process may run without waiting; 0: no limit"},
    {HOST("host.jit", jit, ENUM), .def = "auto", .words = jit_words, SPAWN, .flags = FIELD_SWITCH,
     .help = "compile Lua to machine code: on, off, or auto for as many states as there is room for"},
    {HOST("host.compat", compat, ENUM), .words = compat_words, SPAWN,
     .help = "dialect of the host's processes; absent: as runtime.compat says"},
    {HOST("host.max_timers", max_timers, INT), .def = "100000", .max = COUNT_MAX, LIVE,
     .help = "most timers of one process; 0: no limit"},
    {HOST("host.max_coroutines", max_coroutines, INT), .def = "0", .max = COUNT_MAX, LIVE,
     .help = "most coroutines of coroutine.spawn in one process; 0: as many as its memory holds"},
    {IGNORED(SCOPE_BIT(CFG_KIND_HOST), "host.queue_size", "the queues of a host have no fixed size")},
    {IGNORED(SCOPE_BIT(CFG_KIND_HOST), "host.local_queue_size", "the queues of a host have no fixed size")},
    LIFECYCLE(HOST, .reload = CFG_RELOAD_LIVE),
    {IGNORED(SCOPE_BIT(CFG_KIND_HOST), "lifecycle.security", "there are no security policies")},

    {CODE(CODE_KINDS, "source", source, SOURCE), SPAWN, .flags = FIELD_REQUIRED,
     .help = "the Lua text, or file:// and the name of its file, relative to the YAML file"},
    {CODE(RUN_KINDS, "method", method, STRING), .def = "main", SPAWN, .allows = is_not_empty,
     .allowed = "the name of a function", .help = "which of the functions that the source returns is called"},
    {IGNORED(SCOPE_BIT(CFG_KIND_LIBRARY), "method", "a library is what its source returns")},
    {CODE(CODE_KINDS, "modules", modules, STRINGS), SPAWN, .allows = is_not_empty,
     .allowed = "a module's name", .help = "built-in modules that require may load; absent: all"},
    {CODE(CODE_KINDS, "imports", imports, IMPORTS), SPAWN, .kinds = SCOPE_BIT(CFG_KIND_LIBRARY),
     .help = "libraries, by the name that require knows them under"},
    {CODE(RUN_KINDS, "compat", compat, ENUM), .words = compat_words, SPAWN,
     .help = "dialect of the Lua API; absent: as the host says"},
    {CODE(SCOPE_BIT(CFG_KIND_FUNCTION), "host", host, REF), .kinds = SCOPE_BIT(CFG_KIND_HOST), SPAWN,
     .help = "host that calls run on; absent: meta.default_host, else the caller's"},
    {IGNORED(SCOPE_BIT(CFG_KIND_FUNCTION), "pool",
             "calls run as processes, states are pooled by themselves")},

    {SERVICE("process", process, REF), .kinds = SCOPE_BIT(CFG_KIND_PROCESS), .reload = CFG_RELOAD_SERVICE,
     .flags = FIELD_REQUIRED, .help = "what runs"},
    {SERVICE("host", host, REF), .kinds = SCOPE_BIT(CFG_KIND_HOST), .reload = CFG_RELOAD_SERVICE,
     .flags = FIELD_REQUIRED, .help = "where it runs"},
    {SERVICE("input", input, LIST), .reload = CFG_RELOAD_SERVICE, .help = "arguments of the process"},
    LIFECYCLE(SERVICE, .reload = CFG_RELOAD_SERVICE),
    {IGNORED(SCOPE_BIT(CFG_KIND_SERVICE), "lifecycle.security", "there are no security policies")},
};

const size_t cfg_field_count = sizeof cfg_fields / sizeof cfg_fields[0];

const struct field *field_find(unsigned scope, const char *path) {
    for (size_t i = 0; i < cfg_field_count; i++)
        if ((cfg_fields[i].scopes & SCOPE_BIT(scope)) && strcmp(cfg_fields[i].path, path) == 0)
            return &cfg_fields[i];
    return NULL;
}

bool field_is_group(unsigned scope, const char *path) {
    size_t n = strlen(path);
    for (size_t i = 0; i < cfg_field_count; i++)
        if ((cfg_fields[i].scopes & SCOPE_BIT(scope)) && strncmp(cfg_fields[i].path, path, n) == 0 &&
            cfg_fields[i].path[n] == '.')
            return true;
    return false;
}

const char *field_type_like(enum field_type type) {
#define LIKE(name, text, like) like,
    static const char *const likes[] = {FIELD_TYPES(LIKE)};
#undef LIKE
    return likes[type];
}

static void number(const struct field *f, int64_t v, char *buf, size_t cap) {
    if (f->type == FIELD_SIZE)
        size_format(v, buf, cap);
    else if (f->type == FIELD_DURATION)
        dur_format(v, buf, cap);
    else
        snprintf(buf, cap, f->type == FIELD_MODE ? "%04" PRIo64 : "%" PRId64, v);
}

/* Appends "a, b or c". */
static void list(char *buf, size_t cap, const char *const *words, size_t n) {
    size_t at = strlen(buf);
    for (size_t i = 0; i < n && at < cap; i++)
        at += (size_t)snprintf(buf + at, cap - at, "%s%s",
                               i == 0       ? ""
                               : i + 1 == n ? " or "
                                            : ", ",
                               words[i]);
}

const char *field_allowed(const struct field *f, char *buf, size_t cap) {
    char low[SIZE_TEXT_MAX], high[SIZE_TEXT_MAX];
    size_t n = 0;
    const char *kinds[CFG_KIND_COUNT];
    buf[0] = '\0';
    switch (f->type) {
    case FIELD_INT:
    case FIELD_SIZE:
    case FIELD_DURATION:
    case FIELD_DOUBLE:
    case FIELD_MODE:
        number(f, f->min, low, sizeof low);
        number(f, f->max, high, sizeof high);
        snprintf(buf, cap, "%s%s to %s", f->flags & FIELD_OR_ZERO ? "0 or " : "", low, high);
        break;
    case FIELD_ENUM:
        while (f->words[n] != NULL)
            n++;
        list(buf, cap, f->words, n);
        break;
    case FIELD_REF:
    case FIELD_REFS:
    case FIELD_IMPORTS:
        for (unsigned k = 0; k < CFG_KIND_OTHER; k++)
            if (f->kinds & SCOPE_BIT(k))
                kinds[n++] = cfg_kind_word((enum cfg_kind)k);
        snprintf(buf, cap, "id of ");
        list(buf, cap, kinds, n);
        break;
    case FIELD_STRING:
    case FIELD_STRINGS:
        if (f->allowed != NULL)
            snprintf(buf, cap, "%s", f->allowed);
        break;
    default:
        break;
    }
    return buf;
}

const char *cfg_kind_word(enum cfg_kind kind) {
#define KIND_WORD(name, word) word,
    static const char *const words[] = {CFG_KINDS(KIND_WORD) NULL};
#undef KIND_WORD
    return words[kind];
}

const char *cfg_reload_text(enum cfg_reload when) {
#define RELOAD_TEXT(name, text) text,
    static const char *const texts[] = {CFG_RELOADS(RELOAD_TEXT)};
#undef RELOAD_TEXT
    return texts[when];
}

void cfg_fields_dump(FILE *out) {
#define TYPE_TEXT(name, text, like) text,
    static const char *const types[] = {FIELD_TYPES(TYPE_TEXT)};
#undef TYPE_TEXT
    fprintf(out, "where\tpath\ttype\tdefault\tallowed\treload\thelp\n");
    for (unsigned scope = 0; scope <= SCOPE_FILE; scope++) {
        const char *where = scope == SCOPE_FILE ? "file" : cfg_kind_word((enum cfg_kind)scope);
        if (where == NULL) /* fields of a kind that is not known are those of every kind */
            continue;
        for (size_t i = 0; i < cfg_field_count; i++) {
            const struct field *f = &cfg_fields[i];
            char allowed[256];
            if (f->scopes & SCOPE_BIT(scope))
                fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", where, f->path, types[f->type],
                        f->def != NULL ? f->def : "", field_allowed(f, allowed, sizeof allowed),
                        f->type == FIELD_SPECIAL || f->type == FIELD_IGNORED ? ""
                                                                             : cfg_reload_text(f->reload),
                        f->help);
        }
    }
}
