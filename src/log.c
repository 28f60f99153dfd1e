#include "src/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/clock.h"
#include "src/repeats.h"

#define EVENTS_LIMIT ((size_t)1 << 20)
#define PRINT_LIMIT ((size_t)4 << 20)
/* Drops are told that often at most, and each one is: they are not among what is held back as repeats. */
#define LOST_EVERY DUR_SEC
/* Small enough that a slow reader's progress is noticed, large enough to be cheap. */
#define WRITE_BYTES ((size_t)16 * 1024)
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct file_sink {
    int fd;
    const char *name;
};

static struct file_sink std_out = {STDOUT_FILENO, "standard output"};
static struct file_sink std_err = {STDERR_FILENO, "standard error"};

static struct {
    const char *program;
    int64_t patience_ns;
    void (*print_failed)(int error);
    /* Set while only the main thread knows of them, or never changed back; release by log_open and log_set, acquire by
     * whoever logs. */
    _Atomic(struct outlet *) err, out, journal;
    _Atomic int level, format, print; /* relaxed: each holds by itself */
    _Atomic uint64_t dropped;         /* relaxed: a figure */
    pthread_mutex_t lock;             /* guards what follows */
    struct repeats repeats;
    uint64_t lost[2];    /* dropped and not told yet: enum lost */
    int64_t lost_due_ns; /* not to be told before */
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct outlet *outlet_of(_Atomic(struct outlet *) *place) {
    /* acquire: partner is log_open, log_set */
    return atomic_load_explicit(place, memory_order_acquire);
}

/* --- sinks ------------------------------------------------------------------------------------------------------ */

static ssize_t file_write(void *ud, const char *data, size_t len) {
    const struct file_sink *sink = ud;
    if (len > WRITE_BYTES) {
        /* Whole lines, if there are ends of lines. */
        const char *nl = memrchr(data, '\n', WRITE_BYTES);
        len = nl ? (size_t)(nl + 1 - data) : WRITE_BYTES;
    }
    ssize_t n = write(sink->fd, data, len);
    if (n < 0 && errno == EAGAIN) { /* somebody else made it non-blocking: it is shared */
        struct pollfd p = {.fd = sink->fd, .events = POLLOUT};
        poll(&p, 1, -1);
        errno = EINTR;
    }
    return n;
}

static ssize_t journal_write(void *ud, const char *data, size_t len) {
    struct iovec fields[LOG_JOURNAL_FIELDS_MAX];
    size_t n, used = log_journal_split(data, len, fields, &n);
    int r = sd_journal_sendv(fields, (int)n);
    if (r < 0) {
        errno = -r;
        return -1;
    }
    return (ssize_t)used;
}

/* In the outlet's thread: what was printed is lost. */
static void print_failed(void *ud, int error) {
    const struct file_sink *sink = ud;
    if (the.print_failed)
        the.print_failed(error);
    if (outlet_of(&the.out) != outlet_of(&the.err))
        log_error("print cannot be written", LOG_STR("to", sink->name), LOG_STR("reason", strerror(error)));
}

/* `lost`: as in outlet_put. */
static bool put(struct outlet *o, const char *data, size_t len, int64_t patience_ns, uint64_t *lost) {
    bool taken = outlet_put(o, data, len, patience_ns, lost);
    if (!taken)
        atomic_fetch_add_explicit(&the.dropped, 1, memory_order_relaxed);
    return taken;
}

uint64_t log_dropped(void) {
    return atomic_load_explicit(&the.dropped, memory_order_relaxed);
}

/* --- events --------------------------------------------------------------------------------------------------------- */

enum lost { LOST_EVENTS, LOST_PRINT };

static void note_lost(enum lost what, uint64_t count);

/* false: there was no room for it. */
static bool put_record(const struct log_record *r) {
    enum cfg_format format = (enum cfg_format)atomic_load_explicit(&the.format, memory_order_relaxed);
    struct outlet *o = outlet_of(format == CFG_FORMAT_JOURNAL ? &the.journal : &the.err);
    if (!o)
        return false;
    struct text line;
    uint64_t lost = 0;
    text_open(&line);
    if (format == CFG_FORMAT_JOURNAL)
        log_format_journal(r, the.program, &line);
    else
        log_format_line(r, format, &line);
    bool taken = !line.failed && put(o, line.s, line.len, 0, &lost);
    text_close(&line);
    if (lost)
        note_lost(LOST_EVENTS, lost);
    return taken;
}

static void put_summary(const struct repeat *over) {
    const struct log_who who = {.entry = over->entry[0] ? over->entry : NULL};
    const struct log_field fields[] = {LOG_INT("repeated", over->held), {0}};
    put_record(&(struct log_record){.ts = clock_wall_ns(),
                                    .level = (enum cfg_level)over->level,
                                    .msg = over->msg,
                                    .msg_len = strlen(over->msg),
                                    .who = &who,
                                    .fields = fields});
}

static void call_for(int64_t when) {
    struct outlet *o = outlet_of(&the.err);
    if (when != INT64_MAX && o)
        outlet_call_at(o, when);
}

static void put_lost(enum lost what, uint64_t count) {
    static const char *const msgs[] = {[LOST_EVENTS] = "lines were dropped: the log is slow",
                                       [LOST_PRINT] = "lines of print were dropped: their reader is slow"};
    const struct log_field fields[] = {LOG_INT("count", count), {0}};
    if (!count || !log_enabled(CFG_LEVEL_WARN) ||
        put_record(&(struct log_record){.ts = clock_wall_ns(),
                                        .level = CFG_LEVEL_WARN,
                                        .msg = msgs[what],
                                        .msg_len = strlen(msgs[what]),
                                        .fields = fields}))
        return;
    pthread_mutex_lock(&the.lock);
    the.lost[what] += count; /* to be told another time */
    pthread_mutex_unlock(&the.lock);
}

static void tell_lost(int64_t now) {
    uint64_t events = 0, print = 0;
    pthread_mutex_lock(&the.lock);
    bool any = the.lost[LOST_EVENTS] || the.lost[LOST_PRINT];
    int64_t due = the.lost_due_ns;
    if (any && now >= due) {
        events = the.lost[LOST_EVENTS];
        print = the.lost[LOST_PRINT];
        the.lost[LOST_EVENTS] = the.lost[LOST_PRINT] = 0;
        the.lost_due_ns = clock_mono_ns() + LOST_EVERY;
    }
    pthread_mutex_unlock(&the.lock);
    if (any && now < due)
        call_for(due);
    put_lost(LOST_EVENTS, events);
    put_lost(LOST_PRINT, print);
}

static void note_lost(enum lost what, uint64_t count) {
    pthread_mutex_lock(&the.lock);
    the.lost[what] += count;
    pthread_mutex_unlock(&the.lock);
    tell_lost(clock_mono_ns());
}

static void tell_repeats(int64_t now) {
    for (;;) {
        struct repeat over;
        pthread_mutex_lock(&the.lock);
        bool any = repeats_over(&the.repeats, now, &over);
        int64_t next = repeats_next(&the.repeats);
        pthread_mutex_unlock(&the.lock);
        if (!any) {
            call_for(next);
            return;
        }
        put_summary(&over);
    }
}

/* In the thread of the outlet `err`: what waited for its time may have to be told. */
static void tell_due(void *ud, int64_t now) {
    tell_repeats(now);
    tell_lost(now);
}

static bool admit(enum cfg_level level, const struct log_who *who, const char *msg, size_t msg_len,
                  const struct log_field *about) {
    const char *entry = who ? who->entry : NULL;
    uint64_t key = repeats_key(REPEATS_KEY, msg, msg_len);
    key = repeats_key(key, entry, log_len(entry));
    if (about && about->key && about->type == LOG_TYPE_STR)
        key = repeats_key(key, about->s, about->s ? about->n : 0);
    struct repeat over;
    pthread_mutex_lock(&the.lock);
    bool ok = repeats_admit(&the.repeats, key, (int)level, msg, msg_len, entry, clock_mono_ns(), &over);
    int64_t next = ok ? INT64_MAX : repeats_next(&the.repeats);
    pthread_mutex_unlock(&the.lock);
    if (over.held)
        put_summary(&over);
    call_for(next);
    return ok;
}

bool log_enabled(enum cfg_level level) {
    return (int)level >= atomic_load_explicit(&the.level, memory_order_relaxed) && outlet_of(&the.err);
}

static void event(enum cfg_level level, const struct log_who *who, const char *msg, size_t msg_len,
                  const struct log_field *fields, bool rarely) {
    if (!log_enabled(level) || (rarely && !admit(level, who, msg, msg_len, fields)))
        return;
    put_record(&(struct log_record){
        .ts = clock_wall_ns(), .level = level, .msg = msg, .msg_len = msg_len, .who = who, .fields = fields});
}

void log_event(enum cfg_level level, const struct log_who *who, const char *msg, size_t msg_len,
               const struct log_field *fields) {
    event(level, who, msg, msg_len, fields, level >= CFG_LEVEL_WARN);
}

void log_event_rarely(enum cfg_level level, const struct log_who *who, const char *msg, size_t msg_len,
                      const struct log_field *fields) {
    event(level, who, msg, msg_len, fields, true);
}

bool log_print_is_event(void) {
    return atomic_load_explicit(&the.print, memory_order_relaxed) == CFG_PRINT_LOG;
}

void log_print(const struct log_who *who, const char *line, size_t len) {
    enum cfg_print print = (enum cfg_print)atomic_load_explicit(&the.print, memory_order_relaxed);
    if (print == CFG_PRINT_LOG) {
        log_event(CFG_LEVEL_INFO, who, line, len && line[len - 1] == '\n' ? len - 1 : len, NULL);
        return;
    }
    struct outlet *o = outlet_of(print == CFG_PRINT_STDERR ? &the.err : &the.out);
    uint64_t lost = 0;
    if (o)
        put(o, line, len, the.patience_ns, &lost);
    if (lost)
        note_lost(LOST_PRINT, lost);
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

/* release: partner is outlet_of */
static void publish(_Atomic(struct outlet *) *place, struct outlet *o) {
    atomic_store_explicit(place, o, memory_order_release);
}

/* Whether standard error is the stream that systemd connected to its journal. */
static bool under_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char is[64];
    if (!stream || fstat(STDERR_FILENO, &st) != 0)
        return false;
    snprintf(is, sizeof is, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return strcmp(is, stream) == 0;
}

static enum cfg_format choose_for_stream(void) {
    return isatty(STDERR_FILENO) ? CFG_FORMAT_TEXT : CFG_FORMAT_LOGFMT;
}

/* 0, or an error number: sd_journal_sendv calls it a success when there is no journal. */
static int open_journal(void) {
    if (access(JOURNAL_SOCKET, W_OK) != 0)
        return errno;
    if (outlet_of(&the.journal))
        return 0;
    struct outlet_sink sink = {.write = journal_write};
    publish(&the.journal, outlet_open(&sink, EVENTS_LIMIT, "journal"));
    return outlet_of(&the.journal) ? 0 : ENOMEM;
}

static bool same_file(int a, int b) {
    struct stat sa, sb;
    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

void log_set_level(enum cfg_level level) {
    atomic_store_explicit(&the.level, (int)level, memory_order_relaxed);
}

void log_set(enum cfg_level level, enum cfg_format format, enum cfg_print print) {
    bool journal = format == CFG_FORMAT_JOURNAL || (format == CFG_FORMAT_AUTO && under_journal());
    int error = journal ? open_journal() : 0;
    if (journal && !error)
        format = CFG_FORMAT_JOURNAL;
    else if (journal || format == CFG_FORMAT_AUTO)
        format = choose_for_stream();
    atomic_store_explicit(&the.level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&the.format, (int)format, memory_order_relaxed);
    atomic_store_explicit(&the.print, (int)print, memory_order_relaxed);
    if (error)
        log_warn("the journal cannot be reached: events go to standard error",
                 LOG_STR("socket", JOURNAL_SOCKET), LOG_STR("reason", strerror(error)));
}

bool log_open(const struct log_options *o) {
    the.program = o->program;
    the.patience_ns = o->patience_ns;
    the.print_failed = o->print_failed;
    memset(&the.repeats, 0, sizeof the.repeats);
    memset(the.lost, 0, sizeof the.lost);
    the.lost_due_ns = 0;
    bool same = same_file(STDOUT_FILENO, STDERR_FILENO);
    struct outlet_sink err = {.write = file_write, .due = tell_due, .ud = &std_err};
    struct outlet_sink out = {.write = file_write, .failed = print_failed, .ud = &std_out};
    if (same || o->print == CFG_PRINT_STDERR)
        err.failed = print_failed;
    publish(&the.err, outlet_open(&err, same ? PRINT_LIMIT : EVENTS_LIMIT, "log"));
    if (outlet_of(&the.err))
        publish(&the.out, same ? outlet_of(&the.err) : outlet_open(&out, PRINT_LIMIT, "print"));
    if (!outlet_of(&the.out)) {
        log_close(0);
        return false;
    }
    log_set(o->level, o->format, o->print);
    return true;
}

bool log_flush(int64_t patience_ns) {
    struct outlet *const all[] = {outlet_of(&the.out), outlet_of(&the.journal), outlet_of(&the.err)};
    bool ok = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ok &= !all[i] || outlet_flush(all[i], patience_ns);
    return ok;
}

static uint64_t close_one(_Atomic(struct outlet *) *place, int64_t patience_ns) {
    struct outlet *o = outlet_of(place);
    publish(place, NULL);
    return outlet_close(o, patience_ns);
}

void log_close(int64_t patience_ns) {
    if (outlet_of(&the.err)) {
        log_flush(patience_ns); /* then there is room for what is still to be told */
        tell_due(NULL, INT64_MAX);
    }
    /* print first: that its lines are lost is an event */
    uint64_t lost = 0;
    if (outlet_of(&the.out) != outlet_of(&the.err))
        lost = close_one(&the.out, patience_ns);
    publish(&the.out, NULL);
    if (lost) {
        note_lost(LOST_PRINT, lost);
        tell_lost(INT64_MAX);
    }
    close_one(&the.journal, patience_ns);
    close_one(&the.err, patience_ns);
}
