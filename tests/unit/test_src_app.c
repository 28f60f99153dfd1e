/* A whole node inside the test: booted, reloaded, stopped, also when any one allocation fails. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/dur.h"
#include "src/app.h"
#include "src/code.h"
#include "src/runner.h"
#include "tests/support/schedbox.h"

#define HEAD                                                                                                 \
    "version: \"1.0\"\nnamespace: app\nentries:\n"                                                           \
    "  - {name: processes, kind: process.host, host: {workers: 1}, lifecycle: {auto_start: true}}\n"         \
    "  - name: p\n    kind: process.lua\n"                                                                   \
    "    source: \"return {main = function() process.events():receive() end}\"\n"
#define SERVICE(name, more)                                                                                  \
    "  - {name: " name                                                                                       \
    ", kind: process.service, process: p, host: processes, lifecycle: {auto_start: true}" more "}\n"

static struct config *config(const char *text) {
    struct cfg_report *report;
    struct cfg_options o = {
        .file = "test.yaml", .text = text, .text_len = strlen(text), .check_source = code_check};
    struct config *c = cfg_load(&o, &report);
    if (report)
        cfg_report_print(report, stderr);
    cfg_report_free(report);
    cr_assert(c);
    return c;
}

static const char two[] = HEAD SERVICE("a", "") SERVICE("b", ", input: [1, {k: [x]}]");
static const char other[] =
    HEAD "  - {name: more, kind: process.host, host: {workers: 1}, lifecycle: {auto_start: true}}\n" SERVICE(
        "b", ", input: [2]") SERVICE("c", "");

static void nothing(void *ud) {
}

static const struct app_options options = {.changed = nothing};

static struct supervisor_status status(struct app *app) {
    struct supervisor_status st;
    supervisor_status(app_supervisor(app), &st);
    return st;
}

static struct app *open_app(struct config *c) {
    char err[512];
    struct app *app = app_open(c, &options, err, sizeof err);
    cr_assert(app, "%s", err);
    return app;
}

static void boot(struct app *app) {
    cr_assert(supervisor_boot(app_supervisor(app)));
    AWAIT(status(app).boot == BOOT_DONE);
}

static void stop(struct app *app) {
    cr_assert(supervisor_stop(app_supervisor(app), 10 * DUR_SEC));
    AWAIT(status(app).stopped);
}

struct seen {
    char text[256];
};

static void see(void *ud, const struct supervisor_service *s) {
    struct seen *seen = ud;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s%s=%s", len ? " " : "", s->id,
             service_state_text(s->state));
    cr_expect_eq(pid_none(s->pid), !service_active(s->state));
}

static struct seen seen_in(struct app *app) {
    struct seen seen = {""};
    supervisor_each(app_supervisor(app), see, &seen);
    return seen;
}

Test(app, from_boot_to_stop) {
    struct config *c = config(two);
    struct app *app = open_app(c);
    cr_expect_str_eq(seen_in(app).text, "app:a=unknown app:b=unknown");
    boot(app);
    cr_expect_str_eq(seen_in(app).text, "app:a=running app:b=running");
    cr_expect_eq(atomic_load(&app_host(app, cfg_find(c, "app:processes"), (char[64]){0}, 64)->live), 2);
    stop(app);
    cr_expect_str_eq(seen_in(app).text, "app:a=stopped app:b=stopped");
    app_close(app);
    cfg_unref(c);
}

Test(app, closing_without_stopping) {
    struct config *c = config(two);
    struct app *app = open_app(c);
    boot(app);
    app_close(app);
    app = open_app(c); /* again in the same program, never booted */
    app_close(app);
    cfg_unref(c);
}

Test(app, commands) {
    struct config *c = config(two);
    struct app *app = open_app(c);
    struct supervisor *sup = app_supervisor(app);
    boot(app);
    cr_expect_not(supervisor_command(sup, SUPERVISOR_STOP, "app:nothing"));
    cr_expect(supervisor_command(sup, SUPERVISOR_STOP, "app:a"));
    AWAIT(strcmp(seen_in(app).text, "app:a=stopped app:b=running") == 0);
    cr_expect(supervisor_command(sup, SUPERVISOR_START, "app:a"));
    AWAIT(status(app).states[SERVICE_RUNNING] == 2);
    cr_expect(supervisor_command(sup, SUPERVISOR_RESTART, "app:b"));
    stop(app);
    app_close(app);
    cfg_unref(c);
}

Test(app, commands_start_hosts_too) {
    struct config *c = config(HEAD "  - {name: asleep, kind: process.host, host: {workers: 1}}\n"
                                   "  - {name: deep, kind: process.service, process: p, host: asleep}\n"
                                   "  - {name: x, kind: process.service, process: p, host: processes, "
                                   "lifecycle: {requires: [deep]}}\n");
    struct app *app = open_app(c);
    char err[256];
    boot(app);
    cr_expect_str_eq(seen_in(app).text, "app:deep=unknown app:x=unknown");
    cr_expect_not(app_command(app, SUPERVISOR_START, "app:nothing", err, sizeof err));
    cr_expect_str_eq(err, "app:nothing: service not found");
    cr_expect_not(app_command(app, SUPERVISOR_START, "app:p", err, sizeof err));
    cr_expect_str_eq(err, "app:p: is no service but of kind process.lua");
    cr_assert(app_command(app, SUPERVISOR_START, "app:x", err, sizeof err), "%s", err);
    AWAIT(strcmp(seen_in(app).text, "app:deep=running app:x=running") == 0);
    cr_assert(app_command(app, SUPERVISOR_STOP, "app:deep", err, sizeof err), "%s", err);
    AWAIT(strcmp(seen_in(app).text, "app:deep=stopped app:x=stopped") == 0);
    app_close(app);
    cfg_unref(c);
}

static struct host *host_of(struct app *app, const char *id) {
    return node_host(app_node(app), id, strlen(id));
}

Test(app, reloading) {
    struct config *c = config(two), *d = config(other);
    struct app *app = open_app(c);
    char err[512];
    boot(app);
    cr_assert(app_reload(app, d, err, sizeof err), "%s", err);
    cr_expect_eq(app_config(app), d);
    AWAIT(strcmp(seen_in(app).text, "app:b=running app:c=running") == 0);
    cr_expect(host_of(app, "app:more"));
    cr_assert(app_reload(app, c, err, sizeof err), "%s", err);
    AWAIT(strcmp(seen_in(app).text, "app:b=running app:a=running") == 0);
    cr_expect_not(atomic_load(&host_of(app, "app:more")->accepting));
    stop(app);
    app_close(app);
    cfg_unref(c);
    cfg_unref(d);
}

/* It has run nothing for a while: what the start brought with it is done. */
static bool rests(struct worker *w) {
    uint64_t seq = atomic_load(&w->run_seq);
    usleep(50000);
    return atomic_load(&w->run_seq) == seq && !(seq & 1);
}

Test(app, alive_unless_a_worker_is_stuck) {
    struct config *c = config(two);
    struct app *app = open_app(c);
    boot(app);
    struct worker *w = atomic_load(&host_of(app, "app:processes")->workers[0]);
    AWAIT(rests(w)); /* three looks in one run of a process would be a stuck worker */
    for (int i = 0; i < 3; i++)
        cr_expect(app_alive(app));
    atomic_fetch_add(&w->run_seq, 1); /* as if it were in a process and stayed there */
    cr_expect(app_alive(app), "it has only just begun");
    cr_expect_not(app_alive(app));
    cr_expect_not(app_alive(app));
    atomic_fetch_add(&w->run_seq, 1);
    cr_expect(app_alive(app));
    app_close(app);
    cfg_unref(c);
}

/* --- the main process of the tool ------------------------------------------------------------------------------------------ */

static struct pid hushed;

static void born(struct pid self) {
    hushed = self;
}

static struct runner *run(struct app *app, const char *entry) {
    const struct runner_options o = {.vm = app_vm(app),
                                     .system = app_system_host(app),
                                     .host = host_of(app, "app:processes"),
                                     .entry = entry,
                                     .born = born,
                                     .changed = nothing};
    return runner_open(&o);
}

static struct runner_outcome outcome(struct runner *r) {
    struct runner_outcome out;
    AWAIT((runner_outcome(r, &out), out.ended));
    return out;
}

Test(app, running_a_program) {
    struct config *c =
        config(HEAD "  - {name: q, kind: process.lua, source: 'return function() return 42 end'}\n");
    struct app *app = open_app(c);
    struct runner *r = run(app, "app:q");
    struct runner_outcome out = outcome(r);
    cr_expect_null(out.failure);
    cr_expect_gt(out.result_len, 0);
    struct runner *gone = run(app, "app:nothing");
    out = outcome(gone);
    cr_assert(out.failure);
    cr_expect_eq(out.failure->kind, ERRKIND_NOT_FOUND);
    struct runner *waits = run(app, "app:p");
    cr_expect_not(pid_none(hushed));
    AWAIT((runner_cancel(waits, "enough"), runner_outcome(waits, &out), out.ended));
    cr_expect_null(out.failure);
    app_end(app);
    runner_close(r);
    runner_close(gone);
    runner_close(waits);
    app_close(app);
    cfg_unref(c);
}

/* --- without memory ------------------------------------------------------------------------------------------------------------ */

#ifdef TROUPE_FAULT
Test(app, any_allocation_may_fail_at_the_start, .timeout = 300) {
    struct config *c = config(two);
    long n = 1;
    for (bool all = false; !all; n++) {
        char err[512] = "";
        mem_fault_arm(n);
        struct app *app = app_open(c, &options, err, sizeof err);
        all = mem_fault_count() < n;
        mem_fault_arm(0);
        cr_assert(app || strstr(err, "memory"), "%ld: %s", n, err);
        cr_assert(app || !all);
        app_close(app);
    }
    cr_expect_gt(n, 20);
    cfg_unref(c);
}

/* Whatever fails: the boot ends, one way or the other, and so does the stop. */
Test(app, any_allocation_may_fail_during_the_boot, .timeout = 300) {
    struct config *c = config(two);
    for (long n = 1; n < 60; n++) {
        struct app *app = open_app(c);
        mem_fault_arm(n);
        if (supervisor_boot(app_supervisor(app)))
            AWAIT(status(app).boot == BOOT_DONE || status(app).boot == BOOT_FAILED);
        mem_fault_arm(0);
        stop(app);
        app_close(app);
    }
    cfg_unref(c);
}

Test(app, any_allocation_may_fail_during_a_reload, .timeout = 300) {
    struct config *c = config(two), *d = config(other);
    struct app *app = open_app(c);
    boot(app);
    bool reloaded = false;
    for (long n = 1; !reloaded; n++) {
        char err[512] = "";
        mem_fault_arm(n);
        reloaded = app_reload(app, d, err, sizeof err);
        mem_fault_arm(0);
        cr_assert(reloaded || strstr(err, "memory"), "%ld: %s", n, err);
        cr_assert(reloaded || app_config(app) == c);
    }
    stop(app);
    app_close(app);
    cfg_unref(c);
    cfg_unref(d);
}
#endif
