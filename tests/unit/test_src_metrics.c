/* The figures that Prometheus gets, and the server that hands them out. */
#include <criterion/criterion.h>
#include <ev.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "src/http.h"
#include "src/metrics.h"
#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

/* --- text --------------------------------------------------------------------------------------------------------- */

static struct text page;

static void render(struct node *n) {
    text_close(&page);
    text_open(&page);
    const struct metrics_source src = {.node = n};
    cr_assert(metrics_render(&src, &page));
}

/* The value of the sample whose name and labels are `series`; NAN when there is none. */
static double value(const char *series) {
    size_t len = strlen(series);
    for (const char *line = page.s; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, series, len) == 0 && line[len] == ' ')
            return strtod(line + len, NULL);
    return NAN;
}

#define EXPECT(series, wanted)                                                                               \
    do {                                                                                                     \
        double got_ = value(series);                                                                         \
        cr_expect(got_ == (wanted), "%s is %g, not %g", series, got_, (double)(wanted));                     \
    } while (0)

static void start(void) {
    text_open(&page);
}
TestSuite(src_metrics, .init = start);

static const struct actor_ops sleeper;

Test(src_metrics, counts_processes_and_messages) {
    struct box b = box_open(2, NULL, NULL);
    struct pid pids[10];
    for (int i = 0; i < 10; i++)
        pids[i] = actor_spawn(&b, &sleeper, NULL, NULL, NULL);
    for (uint64_t i = 0; i < 10; i++)
        send_number((struct pid){0}, pids[i], i);
    AWAIT(host_stat(b.host, offsetof(struct worker_stats, messages)) == 10);
    render(b.node);
    EXPECT("troupe_processes{host=\"app:box\",entry=\"actor\"}", 10);
    EXPECT("troupe_process_spawns_total{host=\"app:box\"}", 10);
    EXPECT("troupe_messages_total{host=\"app:box\"}", 10);
    EXPECT("troupe_mailbox_messages{host=\"app:box\",entry=\"actor\"}", 0);
    EXPECT("troupe_process_exits_total{host=\"app:box\",outcome=\"terminated\"}", 0);
    EXPECT("troupe_run_queue_length{host=\"app:box\"}", 0);
    EXPECT("troupe_timers{host=\"app:box\"}", 0);
    cr_expect(value("troupe_memory_bytes{kind=\"resident\"}") > 1e6);
    cr_expect(value("troupe_memory_bytes{kind=\"mailboxes\"}") == 0);

    proc_kill(sched_self, pids[0], failure_format(ERRKIND_CANCELED, EXIT_TERMINATED, "test"));
    AWAIT(box_live(&b) == 9);
    render(b.node);
    EXPECT("troupe_processes{host=\"app:box\",entry=\"actor\"}", 9);
    EXPECT("troupe_process_exits_total{host=\"app:box\",outcome=\"terminated\"}", 1);
    box_close(&b);
}

/* It keeps what it gets. */
static void keep(struct proc *p, struct msg *m) {
    m->next = p->data;
    p->data = m;
}
static enum step keeper_step(struct proc *p) {
    return STEP_WAIT;
}
static void keeper_close(struct proc *p) {
    for (struct msg *m = p->data, *next; m; m = next) {
        next = m->next;
        msg_free(m);
    }
}
static const struct behaviour keeper = {
    .name = "keeper", .deliver = keep, .step = keeper_step, .close = keeper_close};

static struct pid spawn_labelled(struct box *b, const char *label, uint32_t flags) {
    const struct spawn how = {.host = b->host, .behaviour = &keeper, .label = label, .flags = flags};
    enum spawn_status status;
    struct proc *p = proc_new(sched_self, &how, &status);
    cr_assert(p);
    struct pid pid = p->pid;
    proc_start(sched_self, p);
    return pid;
}

Test(src_metrics, one_series_for_an_entry) {
    struct box b = box_open(1, NULL, NULL);
    /* The same text at two addresses is an entry that was loaded again. */
    char first[] = "app:one", again[] = "app:one", odd[] = "app:a\"b\\c\nd";
    struct pid pid = spawn_labelled(&b, first, 0);
    spawn_labelled(&b, again, 0);
    spawn_labelled(&b, first, 0);
    spawn_labelled(&b, odd, 0);
    spawn_labelled(&b, "system", PROC_SYSTEM);
    for (uint64_t i = 0; i < 7; i++)
        send_number((struct pid){0}, pid, i);
    AWAIT(host_stat(b.host, offsetof(struct worker_stats, messages)) == 7);
    render(b.node);
    EXPECT("troupe_processes{host=\"app:box\",entry=\"app:one\"}", 3);
    EXPECT("troupe_mailbox_messages{host=\"app:box\",entry=\"app:one\"}", 7);
    EXPECT("troupe_processes{host=\"app:box\",entry=\"app:a\\\"b\\\\c\\nd\"}", 1);
    cr_expect(isnan(value("troupe_processes{host=\"app:box\",entry=\"system\"}")));
    cr_expect(value("troupe_memory_bytes{kind=\"mailboxes\"}") >= 7 * 8);
    box_close(&b);
}

static void services(void *ud, void (*fn)(void *ctx, const char *id, uint64_t restarts), void *ctx) {
    fn(ctx, "app:db.service", 3);
    fn(ctx, "app:web.service", 0);
}

Test(src_metrics, services_and_sums_come_from_the_caller) {
    struct box b = box_open(1, NULL, NULL);
    const struct metrics_source src = {
        .node = b.node, .each_service = services, .events_dropped = 5, .log_dropped = 6, .jit_states = 7};
    cr_assert(metrics_render(&src, &page));
    EXPECT("troupe_service_restarts_total{service=\"app:db.service\"}", 3);
    EXPECT("troupe_service_restarts_total{service=\"app:web.service\"}", 0);
    EXPECT("troupe_events_dropped_total", 5);
    EXPECT("troupe_log_dropped_total", 6);
    EXPECT("troupe_jit_states", 7);
    box_close(&b);
}

/* --- slices and busy time ---------------------------------------------------------------------------------------------- */

static void spin_until(int64_t until) {
    while (clock_mono_ns() < until)
        ;
}

/* Long enough to be met several times by a ticker that has to share its processor. */
static enum step spin_long(struct actor *a) {
    spin_until(clock_mono_ns() + 400000000);
    return STEP_WAIT;
}
static const struct actor_ops spinner = {.step = spin_long};

static double below(const char *le) {
    char series[128];
    snprintf(series, sizeof series, "troupe_slice_seconds_bucket{host=\"app:box\",le=\"%s\"}", le);
    return value(series);
}

Test(src_metrics, long_slices_are_seen) {
    struct box b = box_open(1, NULL, NULL);
    actor_spawn(&b, &spinner, NULL, NULL, NULL);
    for (int i = 0; i < 100; i++)
        actor_spawn(&b, &sleeper, NULL, NULL, NULL);
    AWAIT(host_stat(b.host, offsetof(struct worker_stats, dispatches)) == 101);
    AWAIT((render(b.node), value("troupe_slice_seconds_count{host=\"app:box\"}") == 101));
    cr_expect(below("0.02") < below("1"), "no slice is longer than 20 ms");
    cr_expect(below("0.001") >= 90, "%g slices are short", below("0.001"));
    EXPECT("troupe_slice_seconds_bucket{host=\"app:box\",le=\"+Inf\"}", 101);
    double sum = value("troupe_slice_seconds_sum{host=\"app:box\"}");
    cr_expect(sum > 0.1 && sum < 60, "they took %g s", sum);
    double busy = value("troupe_scheduler_busy_seconds_total{host=\"app:box\"}");
    cr_expect(busy >= 0.3 && busy < 60, "busy for %g s", busy);
    box_close(&b);
}

static atomic_bool over;
static enum step spin_on(struct actor *a) {
    while (!worker_must_yield(sched_self->worker))
        ;
    return atomic_load(&over) ? STEP_EXIT : STEP_AGAIN;
}
static const struct actor_ops endless = {.step = spin_on};

Test(src_metrics, a_worker_that_never_sleeps_is_busy) {
    struct box b = box_open(1, NULL, NULL);
    actor_spawn(&b, &endless, NULL, NULL, NULL);
    AWAIT(host_stat(b.host, offsetof(struct worker_stats, dispatches)) > 0);
    double last = 0;
    for (int i = 0; i < 200; i++) {
        render(b.node);
        double busy = value("troupe_scheduler_busy_seconds_total{host=\"app:box\"}");
        cr_assert(busy > last, "it went from %.9f to %.9f", last, busy);
        last = busy;
    }
    AWAIT((render(b.node), value("troupe_preemptions_total{host=\"app:box\"}") >= 3));
    atomic_store(&over, true);
    AWAIT(box_live(&b) == 0);
    box_close(&b);
}

Test(src_metrics, counters_of_a_histogram_never_go_back) {
    struct slices s = {0};
    struct rnd r = rnd_open("slices", 7);
    uint64_t before[SLICE_BUCKETS] = {0}, seq = 0;
    for (int i = 0; i < 100000; i++) {
        seq += rnd_below(&r, 3) ? rnd_below(&r, 5) : 0;
        slices_look(&s, seq, 500000, 500000);
        uint64_t sum = 0;
        for (unsigned k = 0; k < SLICE_BUCKETS; k++) {
            uint64_t now = atomic_load(&s.buckets[k]);
            cr_assert(now >= before[k]);
            before[k] = now;
            sum += now;
        }
        cr_assert(sum == seq / 2, "%d: %llu runs are in buckets, %llu ended", i, (unsigned long long)sum,
                  (unsigned long long)(seq / 2));
    }
}

Test(src_metrics, slices_fall_into_their_bucket) {
    struct slices s = {0};
    slices_look(&s, 1, 500000, 500000); /* met first */
    for (int i = 0; i < 20; i++)
        slices_look(&s, 1, 500000, 500000); /* and ten milliseconds later still there */
    slices_look(&s, 2, 500000, 500000);
    cr_expect(atomic_load(&s.buckets[slices_bucket(10500000)]) == 1);
    cr_expect(slices_bucket(0) == 0 && slices_bucket(200000) == 0 && slices_bucket(200001) == 1);
    cr_expect(slices_bucket(1000000000) == SLICE_BOUND_COUNT - 1 &&
              slices_bucket(INT64_MAX) == SLICE_BOUND_COUNT);
}

#define PROMTOOL "build/tools/promtool"

Test(src_metrics, promtool_has_nothing_to_say) {
    if (access(PROMTOOL, X_OK) != 0)
        cr_skip_test("no " PROMTOOL);
    struct box b = box_open(2, NULL, NULL);
    actor_spawn(&b, &sleeper, NULL, NULL, NULL);
    const struct metrics_source src = {.node = b.node, .each_service = services};
    cr_assert(metrics_render(&src, &page));
    FILE *out = fopen("build/promtool.in", "w"), *tool;
    cr_assert(out && fputs(page.s, out) >= 0 && fclose(out) == 0);
    cr_assert(tool = popen(PROMTOOL " check metrics <build/promtool.in 2>&1", "r"));
    char said[4096];
    size_t n = fread(said, 1, sizeof said - 1, tool);
    said[n] = '\0';
    int status = pclose(tool);
    unlink("build/promtool.in");
    cr_expect(status == 0 && n == 0, "%s", said);
    box_close(&b);
}

/* --- cost ----------------------------------------------------------------------------------------------------------------- */

Test(src_metrics, many_processes_are_counted_fast) {
    struct box b = box_open(2, NULL, NULL);
    for (int i = 0; i < 100000; i++)
        actor_spawn(&b, &sleeper, NULL, NULL, NULL);
    AWAIT(host_stat(b.host, offsetof(struct worker_stats, dispatches)) >= 100000);
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t since = clock_mono_ns();
        render(b.node);
        int64_t took = clock_mono_ns() - since;
        best = took < best ? took : best;
    }
    EXPECT("troupe_processes{host=\"app:box\",entry=\"actor\"}", 100000);
    fprintf(stderr, "scrape of 100000 processes: %.2f ms\n", (double)best / 1e6);
#ifdef NDEBUG
    cr_expect(best < 50000000, "%.2f ms", (double)best / 1e6);
#endif
    box_close(&b);
}

/* --- over HTTP -------------------------------------------------------------------------------------------------------------- */

static bool bad;

static bool give_metrics(void *ud, struct text *out) {
    text_str(out, "troupe_processes 5\n");
    return true;
}
static bool give_state(void *ud, struct text *out) {
    text_str(out, bad ? "stuck\n" : "ok\n");
    return !bad;
}

struct client {
    unsigned port;
    const char *request;
    char answer[4096];
    struct ev_loop *loop;
    ev_async done;
};

static void *client_main(void *arg) {
    struct client *c = arg;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 || write(fd, c->request, strlen(c->request)) <= 0)
        abort(); /* Criterion's own assertions only work in the test's thread */
    size_t len = 0;
    for (ssize_t n; (n = read(fd, c->answer + len, sizeof c->answer - 1 - len)) > 0;)
        len += (size_t)n;
    c->answer[len] = '\0';
    close(fd);
    ev_async_send(c->loop, &c->done);
    return NULL;
}

static void on_done(struct ev_loop *loop, ev_async *w, int events) {
    ev_break(loop, EVBREAK_ALL);
}

static const char *ask(struct client *c, struct http *s, const char *request) {
    pthread_t t;
    c->port = http_port(s);
    c->request = request;
    pthread_create(&t, NULL, client_main, c);
    ev_run(c->loop, 0);
    pthread_join(t, NULL);
    return c->answer;
}

#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static bool begins(const char *s, const char *with) {
    return strncmp(s, with, strlen(with)) == 0;
}

Test(src_http, serves_three_pages) {
    char err[256] = "";
    struct client c = {.loop = ev_loop_new(0)};
    ev_async_init(&c.done, on_done);
    ev_async_start(c.loop, &c.done);
    const struct http_handlers h = {.metrics = give_metrics, .healthy = give_state, .ready = give_state};
    struct http *s = http_open("127.0.0.1:0", &h, c.loop, err, sizeof err);
    cr_assert(s, "%s", err);

    const char *a = ask(&c, s, "GET /metrics" CLOSE);
    cr_expect(begins(a, "HTTP/1.1 200"), "%s", a);
    cr_expect(strstr(a, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "%s", a);
    cr_expect(strstr(a, "\r\n\r\ntroupe_processes 5\n"), "%s", a);
    a = ask(&c, s, "HEAD /metrics" CLOSE);
    cr_expect(begins(a, "HTTP/1.1 200") && !strstr(a, "troupe_processes"), "%s", a);
    a = ask(&c, s, "GET /healthz" CLOSE);
    cr_expect(begins(a, "HTTP/1.1 200") && strstr(a, "ok\n"), "%s", a);
    bad = true;
    a = ask(&c, s, "GET /healthz" CLOSE);
    cr_expect(begins(a, "HTTP/1.1 503") && strstr(a, "stuck\n"), "%s", a);
    a = ask(&c, s, "GET /readyz" CLOSE);
    cr_expect(begins(a, "HTTP/1.1 503"), "%s", a);
    a = ask(&c, s, "GET /" CLOSE);
    cr_expect(begins(a, "HTTP/1.1 404"), "%s", a);
    a = ask(&c, s, "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
    cr_expect(begins(a, "HTTP/1.1 405") && strstr(a, "Allow: GET, HEAD\r\n"), "%s", a);
    a = ask(&c, s, "nonsense\r\n\r\n");
    cr_expect(!*a || begins(a, "HTTP/1.1 400") || begins(a, "HTTP/1.0 400"), "%s", a);

    char taken[64];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", http_port(s));
    cr_expect(!http_open(taken, &h, c.loop, err, sizeof err));
    cr_expect(strstr(err, "metrics.listen 127.0.0.1:") && strstr(err, "in use"), "%s", err);
    http_close(s);
    cr_expect(!http_open("no-such-host.invalid:1", &h, c.loop, err, sizeof err), "%s", err);
    ev_async_stop(c.loop, &c.done);
    ev_loop_destroy(c.loop);
}

Test(src_http, all_addresses_and_ipv6) {
    char err[256] = "";
    struct ev_loop *loop = ev_loop_new(0);
    const struct http_handlers h = {.metrics = give_metrics, .healthy = give_state, .ready = give_state};
    struct http *s = http_open(":0", &h, loop, err, sizeof err);
    cr_assert(s, "%s", err);
    cr_expect(http_port(s) != 0);
    http_close(s);
    s = http_open("[::1]:0", &h, loop, err, sizeof err);
    cr_expect(s || strstr(err, "metrics.listen [::1]:0: "), "%s", err);
    http_close(s);
    ev_loop_destroy(loop);
}
