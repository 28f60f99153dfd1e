/* The log: its formats, repeats, and what a slow, stuck or broken sink does. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "src/log.h"
#include "src/repeats.h"

/* --- formats ---------------------------------------------------------------------------------------------------------- */

#define TS INT64_C(1700000000123456789) /* 2023-11-14T22:13:20.123456789Z */

static char *line(enum cfg_format format, const char *msg, const struct log_who *who,
                  const struct log_field *fields) {
    static char copy[4096];
    struct text t;
    text_open(&t);
    log_format_line(&(struct log_record){.ts = TS,
                                         .level = CFG_LEVEL_WARN,
                                         .msg = msg,
                                         .msg_len = strlen(msg),
                                         .who = who,
                                         .fields = fields},
                    format, &t);
    cr_assert_not(t.failed);
    cr_assert_lt(t.len, sizeof copy);
    memcpy(copy, t.s, t.len + 1);
    text_close(&t);
    return copy;
}

static const struct log_who who = {.pid = "{a:h|0x00001}", .entry = "a:w", .host = "a:h", .src = "w.lua:3"};

Test(log_format, logfmt) {
    const struct log_field fields[] = {LOG_STR("plain", "word"),
                                       LOG_STR("text", "two words"),
                                       LOG_STR("empty", ""),
                                       LOG_STR("absent", NULL),
                                       LOG_INT("n", -3),
                                       LOG_NUM("x", 0.1),
                                       LOG_BOOL("yes", true),
                                       LOG_DUR("took", 1500000000),
                                       LOG_JSON("list", "[1,2]", 5),
                                       {0}};
    cr_expect_str_eq(
        line(CFG_FORMAT_LOGFMT, "it broke", &who, fields),
        "ts=2023-11-14T22:13:20.123456Z level=warn msg=\"it broke\" pid={a:h|0x00001} entry=a:w host=a:h "
        "src=w.lua:3 plain=word text=\"two words\" empty=\"\" n=-3 x=0.1 yes=true took=1.5s list=[1,2]\n");
}

Test(log_format, nothing_breaks_out_of_its_field) {
    const struct log_field fields[] = {
        LOG_STR("a b=\n\"c", "x=1"), LOG_STRN("b", "\0\x1b[31m\xff\xc2\x9b", 9), LOG_STR("msg", "mine"), {0}};
    const char *text = line(CFG_FORMAT_LOGFMT, "one\ntwo\t\"quoted\" \\", NULL, fields);
    cr_expect_str_eq(text,
                     "ts=2023-11-14T22:13:20.123456Z level=warn msg=\"one\\ntwo\\t\\\"quoted\\\" \\\\\" "
                     "a_b___c=\"x=1\" b=\"\\x00\\x1b[31m\\xff\\xc2\\x9b\" msg_=mine\n");
    cr_expect_eq(strchr(text, '\n'), text + strlen(text) - 1, "one event, one line");
}

Test(log_format, json_is_json) {
    const struct log_field fields[] = {LOG_STRN("raw", "a\0b\xff\"\\\n\x7fü", 10),
                                       LOG_NUM("nan", (double)NAN),
                                       LOG_NUM("half", 0.5),
                                       LOG_INT("big", INT64_MAX),
                                       LOG_BOOL("no", false),
                                       LOG_DUR("took", 1000),
                                       LOG_JSON("t", "{\"k\":[]}", 8),
                                       LOG_STR("level", "x"),
                                       {0}};
    json_error_t why;
    json_t *j = json_loads(line(CFG_FORMAT_JSON, "hello \"you\"", &who, fields), JSON_ALLOW_NUL, &why);
    cr_assert(j, "%s", why.text);
    cr_expect_str_eq(json_string_value(json_object_get(j, "msg")), "hello \"you\"");
    cr_expect_str_eq(json_string_value(json_object_get(j, "ts")), "2023-11-14T22:13:20.123456Z");
    cr_expect_str_eq(json_string_value(json_object_get(j, "level")), "warn");
    cr_expect_str_eq(json_string_value(json_object_get(j, "level_")), "x");
    cr_expect_str_eq(json_string_value(json_object_get(j, "pid")), "{a:h|0x00001}");
    cr_expect_eq(json_string_length(json_object_get(j, "raw")), 12);
    cr_expect_arr_eq(json_string_value(json_object_get(j, "raw")), "a\0b\xef\xbf\xbd\"\\\n\x7fü", 12);
    cr_expect(json_is_null(json_object_get(j, "nan")));
    cr_expect_eq(json_real_value(json_object_get(j, "half")), 0.5);
    cr_expect_eq(json_integer_value(json_object_get(j, "big")), INT64_MAX);
    cr_expect(json_is_false(json_object_get(j, "no")));
    cr_expect_str_eq(json_string_value(json_object_get(j, "took")), "1µs");
    cr_expect(json_is_array(json_object_get(json_object_get(j, "t"), "k")));
    json_decref(j);
}

Test(log_format, no_key_stands_twice) {
    const struct log_field fields[] = {LOG_STR("logger", "db"), LOG_INT("logger", 1),
                                       LOG_INT("msg", 2),       LOG_INT("msg_", 3),
                                       LOG_INT("1", 4),         LOG_INT("1", 5),
                                       LOG_INT("a b", 6),       LOG_INT("a_b", 7),
                                       LOG_INT("logger_", 8),   LOG_INT("ts", 9),
                                       LOG_INT("", 10),         LOG_INT("", 11),
                                       LOG_INT("log", 12),      {0}};
    cr_expect_str_eq(
        line(CFG_FORMAT_LOGFMT, "x", NULL, fields),
        "ts=2023-11-14T22:13:20.123456Z level=warn msg=x logger=db logger_=1 msg_=2 msg__=3 1=4 1_=5 a_b=6 "
        "a_b_=7 logger__=8 ts_=9 =10 _=11 log=12\n");
    cr_expect_str_eq(
        line(CFG_FORMAT_JSON, "x", NULL, fields),
        "{\"ts\":\"2023-11-14T22:13:20.123456Z\",\"level\":\"warn\",\"msg\":\"x\",\"logger\":\"db\","
        "\"logger_\":1,\"msg_\":2,\"msg__\":3,\"1\":4,\"1_\":5,\"a_b\":6,\"a_b_\":7,\"logger__\":8,"
        "\"ts_\":9,\"\":10,\"_\":11,\"log\":12}\n");
}

Test(log_format, numbers_read_back_the_same) {
    const struct log_field fields[] = {LOG_NUM("id", 1700000000123456.0),
                                       LOG_NUM("tenth", 0.1),
                                       LOG_NUM("third", 1.0 / 3),
                                       LOG_NUM("large", 1e300),
                                       LOG_NUM("minus", -5),
                                       LOG_NUM("inf", -(double)INFINITY),
                                       {0}};
    cr_expect_str_eq(line(CFG_FORMAT_LOGFMT, "x", NULL, fields),
                     "ts=2023-11-14T22:13:20.123456Z level=warn msg=x id=1700000000123456 tenth=0.1 "
                     "third=0.3333333333333333 large=1e+300 minus=-5 inf=-inf\n");
    cr_expect(strstr(line(CFG_FORMAT_JSON, "x", NULL, fields), "\"id\":1700000000123456,"));
}

Test(log_format, text_shows_tracebacks_on_lines_of_their_own) {
    setenv("TZ", "UTC", 1);
    tzset();
    const struct log_field fields[] = {
        LOG_STR("stack", "stack traceback:\n\ta.lua:1: in main\n"), LOG_INT("n", 1), {0}};
    cr_expect_str_eq(line(CFG_FORMAT_TEXT, "process failed", NULL, fields),
                     "2023-11-14 22:13:20.123 warn  process failed n=1\n"
                     "    stack traceback:\n"
                     "      a.lua:1: in main\n");
}

Test(log_format, journal_fields) {
    const struct log_field fields[] = {
        LOG_STR("some key", "two\nlines"), LOG_NUM("n", 1700000000123456.0), {0}};
    struct text t;
    text_open(&t);
    struct log_record r = {
        .level = CFG_LEVEL_ERROR, .msg = "oh no", .msg_len = 5, .who = &who, .fields = fields};
    log_format_journal(&r, "trouped", &t);
    size_t first = t.len;
    r.msg = "second";
    r.msg_len = 6;
    r.fields = NULL;
    log_format_journal(&r, "trouped", &t);
    struct iovec v[LOG_JOURNAL_FIELDS_MAX];
    size_t n;
    cr_expect_eq(log_journal_split(t.s, t.len, v, &n), first);
    static const char *const wanted[] = {"MESSAGE=oh no",
                                         "PRIORITY=3",
                                         "SYSLOG_IDENTIFIER=trouped",
                                         "TROUPE_PID={a:h|0x00001}",
                                         "TROUPE_ENTRY=a:w",
                                         "TROUPE_HOST=a:h",
                                         "TROUPE_SRC=w.lua:3",
                                         "TROUPE_SOME_KEY=two\nlines",
                                         "TROUPE_N=1700000000123456"};
    cr_assert_eq(n, sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < n; i++) {
        cr_expect_eq(v[i].iov_len, strlen(wanted[i]), "%s", wanted[i]);
        cr_expect_arr_eq(v[i].iov_base, wanted[i], v[i].iov_len);
    }
    cr_expect_eq(log_journal_split(t.s + first, t.len - first, v, &n), t.len - first);
    cr_expect_arr_eq(v[0].iov_base, "MESSAGE=second", 14);
    for (size_t cut = 0; cut < first; cut++) /* whatever is cut off, it stays inside */
        cr_assert_leq(log_journal_split(t.s, cut, v, &n), cut);
    text_close(&t);
}

Test(text, grows_and_fails_once) {
    struct text t;
    text_open(&t);
    for (int i = 0; i < 10000; i++)
        text_printf(&t, "%d,", i);
    cr_expect_eq(t.len, strlen(t.s));
    cr_expect_eq(t.len, 48890);
    text_close(&t);
#ifdef TROUPE_FAULT
    text_open(&t);
    mem_fault_arm(1);
    for (int i = 0; i < 2000; i++)
        text_str(&t, "x");
    mem_fault_arm(0);
    cr_expect(t.failed);
    cr_expect_eq(t.len, sizeof t.first - 1);
    cr_expect_eq(t.s[t.len], '\0');
    text_printf(&t, "%s", "more");
    cr_expect_eq(t.len, sizeof t.first - 1);
    text_close(&t);
#endif
}

/* --- repeats ------------------------------------------------------------------------------------------------------------ */

Test(repeats, are_held_back_and_counted) {
    static struct repeats r;
    struct repeat over;
    int64_t now = 1;
    uint64_t key = repeats_key(REPEATS_KEY, "x", 1);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(repeats_admit(&r, key, 2, "x", 1, "a:b", now, &over), i < REPEATS_BURST);
        cr_assert_eq(over.held, 0);
    }
    cr_expect_eq(repeats_next(&r), now + REPEATS_WINDOW);
    cr_expect_not(repeats_over(&r, now + REPEATS_WINDOW - 1, &over));
    cr_expect(repeats_over(&r, now + REPEATS_WINDOW, &over));
    cr_expect_eq(over.held, 100 - REPEATS_BURST);
    cr_expect_str_eq(over.msg, "x");
    cr_expect_str_eq(over.entry, "a:b");
    cr_expect_eq(repeats_next(&r), INT64_MAX);
    cr_expect_not(repeats_over(&r, INT64_MAX, &over));
}

Test(repeats, a_new_window_tells_of_the_old_one) {
    static struct repeats r;
    struct repeat over;
    for (int i = 0; i < REPEATS_BURST + 5; i++)
        repeats_admit(&r, 9, 2, "x", 1, NULL, 1, &over);
    cr_expect(repeats_admit(&r, 9, 2, "x", 1, NULL, 2 + REPEATS_WINDOW, &over));
    cr_expect_eq(over.held, 5);
    /* another thing in the same place */
    for (int i = 0; i < REPEATS_BURST + 5; i++)
        repeats_admit(&r, 9, 2, "x", 1, NULL, 2 + REPEATS_WINDOW, &over);
    cr_expect(repeats_admit(&r, 9 + REPEATS_SLOTS, 2, "y", 1, NULL, 3 + REPEATS_WINDOW, &over));
    cr_expect_eq(over.held, 6);
}

Test(repeats, parts_do_not_run_together) {
    cr_expect_neq(repeats_key(repeats_key(REPEATS_KEY, "ab", 2), "c", 1),
                  repeats_key(repeats_key(REPEATS_KEY, "a", 1), "bc", 2));
}

/* --- outlets -------------------------------------------------------------------------------------------------------------- */

/* A sink that takes bytes when the test lets it. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    size_t allowed; /* bytes that may still be taken */
    int error;
    char got[1 << 20];
    size_t len;
    int failures, dues;
};

static struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static void unlock(void *m) {
    pthread_mutex_unlock(m);
}

static ssize_t gate_write(void *ud, const char *data, size_t len) {
    ssize_t n;
    pthread_mutex_lock(&gate.lock);
    pthread_cleanup_push(unlock, &gate.lock);
    while (!gate.allowed && !gate.error)
        pthread_cond_wait(&gate.cond, &gate.lock);
    if (gate.error) {
        n = -1;
    } else {
        n = (ssize_t)(len < gate.allowed ? len : gate.allowed);
        memcpy(gate.got + gate.len, data, (size_t)n);
        gate.len += (size_t)n;
        gate.allowed -= (size_t)n;
    }
    pthread_cleanup_pop(1);
    errno = gate.error;
    return n;
}

static void gate_failed(void *ud, int error) {
    gate.failures++;
    cr_expect_eq(error, ENOSPC);
}

static void gate_due(void *ud, int64_t now) {
    pthread_mutex_lock(&gate.lock);
    gate.dues++;
    pthread_cond_broadcast(&gate.cond);
    pthread_mutex_unlock(&gate.lock);
}

static void allow(size_t bytes) {
    pthread_mutex_lock(&gate.lock);
    gate.allowed = bytes;
    pthread_cond_broadcast(&gate.cond);
    pthread_mutex_unlock(&gate.lock);
}

static struct outlet *gate_open(size_t limit) {
    const struct outlet_sink sink = {.write = gate_write, .failed = gate_failed, .due = gate_due};
    struct outlet *o = outlet_open(&sink, limit, "gate");
    cr_assert(o);
    return o;
}

static bool put(struct outlet *o, const char *s, int64_t patience) {
    return outlet_put(o, s, strlen(s), patience, NULL);
}

Test(outlet, everything_in_order_at_the_end) {
    struct outlet *o = gate_open(1 << 20);
    allow(SIZE_MAX / 2);
    char wanted[32], *at = gate.got;
    for (int i = 0; i < 20000; i++) {
        snprintf(wanted, sizeof wanted, "line %d\n", i);
        cr_assert(put(o, wanted, OUTLET_FOREVER));
    }
    cr_expect_eq(outlet_close(o, DUR_SEC * 10), 0);
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(wanted, sizeof wanted, "line %d\n", i);
        cr_assert_arr_eq(at, wanted, (size_t)n, "line %d", i);
        at += n;
    }
    cr_expect_eq((size_t)(at - gate.got), gate.len);
}

Test(outlet, a_full_queue_refuses_and_counts) {
    struct outlet *o = gate_open(10);
    uint64_t lost;
    cr_expect(put(o, "12345", 0));
    cr_expect(put(o, "67890", 0));
    cr_expect_not(put(o, "x", 0));
    int64_t start = clock_mono_ns();
    cr_expect_not(put(o, "x", 20 * DUR_MS));
    int64_t waited = clock_mono_ns() - start;
    cr_expect_geq(waited, 20 * DUR_MS);
    start = clock_mono_ns();
    for (int i = 0; i < 1000; i++)
        cr_assert_not(put(o, "x", 10 * DUR_SEC), "the sink is known to be stuck: nobody waits for it");
    cr_expect_lt(clock_mono_ns() - start, 5 * DUR_SEC);
    allow(100);
    cr_expect(outlet_flush(o, 10 * DUR_SEC));
    cr_expect(outlet_put(o, "y", 1, 0, &lost));
    cr_expect_eq(lost, 1002);
    cr_expect(outlet_put(o, "z", 1, 0, &lost));
    cr_expect_eq(lost, 0);
    cr_expect_eq(outlet_close(o, 10 * DUR_SEC), 0);
    cr_expect_arr_eq(gate.got, "1234567890yz", 12);
    cr_expect_eq(gate.len, 12);
}

static void *open_gate_later(void *ud) {
    usleep(20000);
    allow(1 << 20);
    return NULL;
}

Test(outlet, patience_is_rewarded) {
    struct outlet *o = gate_open(4);
    pthread_t t;
    put(o, "1234", 0);
    pthread_create(&t, NULL, open_gate_later, NULL);
    cr_expect(put(o, "5678", OUTLET_FOREVER));
    pthread_join(t, NULL);
    cr_expect_eq(outlet_close(o, 10 * DUR_SEC), 0);
    cr_expect_arr_eq(gate.got, "12345678", 8);
}

Test(outlet, one_record_fits_however_long) {
    struct outlet *o = gate_open(10);
    char *long_one = malloc(300001);
    memset(long_one, 'x', 300000);
    long_one[300000] = '\0';
    allow(1 << 20);
    cr_expect(put(o, long_one, 0));
    cr_expect(outlet_flush(o, 10 * DUR_SEC));
    cr_expect_eq(gate.len, 300000);
    outlet_close(o, 0);
    free(long_one);
}

Test(outlet, a_stuck_sink_does_not_hold_up_the_end, .timeout = 20) {
    struct outlet *o = gate_open(100);
    put(o, "never written", 0);
    cr_expect_not(outlet_flush(o, 10 * DUR_MS));
    outlet_close(o, 10 * DUR_MS);
    cr_expect_eq(gate.len, 0);
}

Test(outlet, a_failing_sink_is_told_once_and_heals) {
    struct outlet *o = gate_open(100);
    gate.error = ENOSPC;
    allow(0);
    for (int i = 0; i < 5; i++) {
        put(o, "x", 0);
        cr_assert(outlet_flush(o, 10 * DUR_SEC), "what cannot be written is dropped");
    }
    cr_expect_eq(gate.failures, 1);
    pthread_mutex_lock(&gate.lock);
    gate.error = 0;
    pthread_mutex_unlock(&gate.lock);
    allow(100);
    put(o, "y", 0);
    cr_expect(outlet_flush(o, 10 * DUR_SEC));
    outlet_close(o, 0);
    cr_expect_arr_eq(gate.got, "y", 1);
}

Test(outlet, calls_when_asked) {
    struct outlet *o = gate_open(100);
    int64_t start = clock_mono_ns();
    outlet_call_at(o, start + 3600 * DUR_SEC);
    outlet_call_at(o, start + 10 * DUR_MS);
    pthread_mutex_lock(&gate.lock);
    while (!gate.dues)
        pthread_cond_wait(&gate.cond, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    cr_expect_geq(clock_mono_ns() - start, 10 * DUR_MS);
    outlet_close(o, 0);
    cr_expect_eq(gate.dues, 1);
}

#define WRITERS 4
#define LINES 5000

static void *write_lines(void *ud) {
    char text[32];
    struct outlet *o = ud;
    for (int i = 0; i < LINES; i++) {
        snprintf(text, sizeof text, "%lx %d\n", (unsigned long)pthread_self(), i);
        cr_assert(put(o, text, OUTLET_FOREVER));
    }
    return NULL;
}

Test(outlet, lines_of_many_threads_stay_whole_and_ordered, .timeout = 60) {
    struct outlet *o = gate_open(4096);
    pthread_t t[WRITERS];
    int next[WRITERS] = {0};
    allow(SIZE_MAX / 2);
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&t[i], NULL, write_lines, o);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(t[i], NULL);
    outlet_close(o, 10 * DUR_SEC);
    gate.got[gate.len] = '\0';
    char *save, *l = strtok_r(gate.got, "\n", &save);
    for (; l; l = strtok_r(NULL, "\n", &save)) {
        unsigned long id;
        int number, who_it_was = -1;
        cr_assert_eq(sscanf(l, "%lx %d", &id, &number), 2, "%s", l);
        for (int i = 0; i < WRITERS; i++)
            if ((unsigned long)t[i] == id)
                who_it_was = i;
        cr_assert(who_it_was >= 0, "%s", l);
        cr_assert_eq(number, next[who_it_was]++);
    }
    for (int i = 0; i < WRITERS; i++)
        cr_expect_eq(next[i], LINES);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------- */

/* Standard output and error lead to files of the test. */
struct streams {
    int out, err;
};

static struct streams redirect(bool same) {
    char name[] = "/tmp/troupe-log-XXXXXX";
    struct streams s = {.err = mkstemp(name)};
    unlink(name);
    strcpy(name, "/tmp/troupe-log-XXXXXX");
    s.out = same ? s.err : mkstemp(name);
    unlink(name);
    fflush(NULL);
    dup2(s.out, STDOUT_FILENO);
    dup2(s.err, STDERR_FILENO);
    return s;
}

static char *content(int fd) {
    static char buf[2][1 << 16];
    static int which;
    char *b = buf[which++ & 1];
    ssize_t n = pread(fd, b, sizeof buf[0] - 1, 0);
    b[n > 0 ? n : 0] = '\0';
    return b;
}

static void open_log(enum cfg_level level, enum cfg_print print) {
    const struct log_options o = {.program = "test",
                                  .level = level,
                                  .format = CFG_FORMAT_LOGFMT,
                                  .print = print,
                                  .patience_ns = DUR_SEC};
    cr_assert(log_open(&o));
}

static size_t count(const char *text, const char *word) {
    size_t n = 0;
    for (; (text = strstr(text, word)); text++)
        n++;
    return n;
}

Test(log, events_and_print_go_where_they_should) {
    struct streams s = redirect(false);
    open_log(CFG_LEVEL_INFO, CFG_PRINT_STDOUT);
    log_debug("too quiet");
    log_info("heard", LOG_INT("n", 1));
    log_print(NULL, "printed\n", 8);
    log_set(CFG_LEVEL_DEBUG, CFG_FORMAT_JSON, CFG_PRINT_LOG);
    log_debug("now heard");
    log_print(&who, "as event\n", 9);
    cr_expect(log_print_is_event());
    log_close(DUR_SEC);
    log_info("nobody listens");
    cr_expect_str_eq(content(s.out), "printed\n");
    const char *err = content(s.err);
    cr_expect_eq(count(err, "\n"), 3);
    cr_expect(strstr(err, "level=info msg=heard n=1\n"));
    cr_expect(strstr(err, "\"msg\":\"now heard\"}\n"));
    cr_expect(strstr(err, "\"msg\":\"as event\",\"pid\":\"{a:h|0x00001}\",\"entry\":\"a:w\""));
}

Test(log, one_file_for_both_is_written_in_order) {
    struct streams s = redirect(true);
    open_log(CFG_LEVEL_INFO, CFG_PRINT_STDOUT);
    for (int i = 0; i < 100; i++) {
        log_info("event");
        log_print(NULL, "line\n", 5);
    }
    log_close(DUR_SEC);
    const char *text = content(s.err);
    for (int i = 0; i < 100; i++) {
        cr_assert(strstr(text, "msg=event\nline\n"), "round %d", i);
        text = strstr(text, "msg=event\nline\n") + 15;
    }
    cr_expect_str_eq(text, "");
}

Test(log, repeats_are_counted_at_the_end) {
    struct streams s = redirect(false);
    open_log(CFG_LEVEL_INFO, CFG_PRINT_STDOUT);
    for (int i = 0; i < 50; i++) {
        log_warn("trouble", LOG_STR("service", "a"), LOG_INT("i", i));
        log_warn("trouble", LOG_STR("service", "b"));
        log_info("no trouble");
    }
    log_close(DUR_SEC);
    const char *err = content(s.err);
    cr_expect_eq(count(err, "msg=trouble service=a"), REPEATS_BURST);
    cr_expect_eq(count(err, "msg=trouble service=b"), REPEATS_BURST);
    cr_expect_eq(count(err, "msg=trouble repeated=40\n"), 2);
    cr_expect_eq(count(err, "no trouble"), 50);
}

static atomic_int reported;

static void print_broke(int error) {
    atomic_store(&reported, error);
}

Test(log, a_full_disk_is_reported_once) {
    struct streams s = redirect(false);
    int full = open("/dev/full", O_WRONLY);
    dup2(full, STDOUT_FILENO);
    const struct log_options o = {.program = "test",
                                  .format = CFG_FORMAT_LOGFMT,
                                  .print = CFG_PRINT_STDOUT,
                                  .patience_ns = DUR_SEC,
                                  .print_failed = print_broke};
    cr_assert(log_open(&o));
    for (int i = 0; i < 10; i++) {
        log_print(NULL, "x\n", 2);
        log_flush(DUR_SEC);
    }
    log_close(DUR_SEC);
    cr_expect_eq(atomic_load(&reported), ENOSPC);
    cr_expect_eq(count(content(s.err), "print cannot be written"), 1);
}
