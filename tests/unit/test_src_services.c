/* Many services: who is started and stopped when, what becomes of the boot; weeks of virtual time. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dur.h"
#include "src/services.h"

/* --- a world that does what the test says --------------------------------------------------------------------------- */

#define LOG_BYTES (1 << 16)

struct spec {
    struct cfg_entry entry;
    struct cfg_service service;
    const struct cfg_entry **needs;
    char id[24];
};

struct world {
    struct services set;
    int64_t now;
    struct cfg_entry host;
    struct cfg_host host_body;
    struct spec *specs;
    size_t n, cap;
    enum service_event on_spawn; /* START: the test says later */
    bool deaf;                   /* processes do not end when they are asked to */
    bool quiet;                  /* nothing is written down */
    uint64_t load;               /* the number of the last one */
    size_t spawns, cancels, kills, drops, forgets;
    char log[LOG_BYTES]; /* "+a -a !a", in order */
    size_t log_len;
};

static struct world w;

static void note(const char *what, const struct service *s) {
    if (!w.quiet)
        w.log_len += (size_t)snprintf(w.log + w.log_len, sizeof w.log - w.log_len, "%s%s%s",
                                      w.log_len ? " " : "", what, s->id + 2);
}

static const char *taken_log(void) {
    static char copy[LOG_BYTES];
    memcpy(copy, w.log, w.log_len + 1);
    w.log[w.log_len = 0] = '\0';
    return copy;
}

static enum service_event op_spawn(void *ud, struct service *s) {
    w.spawns++;
    note("+", s);
    return w.on_spawn;
}

static void op_cancel(void *ud, struct service *s) {
    w.cancels++;
    note("-", s);
}

static void op_kill(void *ud, struct service *s) {
    w.kills++;
    note("!", s);
}

static void op_changed(void *ud, struct service *s, enum service_state before, unsigned did) {
    cr_assert(before != s->fsm.state || did);
}

static void op_drop(void *ud, struct service_def *def) {
    w.drops++;
}

static void op_forget(void *ud, struct service *s) {
    w.forgets++;
}

static const struct services_ops world_ops = {op_spawn, op_cancel, op_kill, op_changed, op_drop, op_forget};

static void world_open(size_t cap) {
    memset(&w, 0, sizeof w);
    w.now = 1000 * DUR_SEC;
    w.cap = cap;
    w.specs = calloc(cap, sizeof *w.specs);
    w.on_spawn = SERVICE_EV_UP;
    w.host_body.entry = &w.host;
    w.host = (struct cfg_entry){.id = "a:host", .kind = CFG_KIND_HOST, .host = &w.host_body, .boot = true};
    services_open(&w.set, &world_ops, NULL, 42);
}

/* Every definition and every service is let go exactly once. */
static void world_close(void) {
    services_close(&w.set);
    for (size_t i = 0; i < w.n; i++)
        free(w.specs[i].needs);
    free(w.specs);
}

/* A required service that starts with the daemon; `needs` ends with NULL. */
static struct spec *define(const char *name, const char *need, ...) {
    cr_assert_lt(w.n, w.cap);
    struct spec *s = &w.specs[w.n++];
    snprintf(s->id, sizeof s->id, "a:%s", name);
    s->entry =
        (struct cfg_entry){.id = s->id, .kind = CFG_KIND_SERVICE, .service = &s->service, .boot = true};
    s->service = (struct cfg_service){.entry = &s->entry, .host = &w.host};
    s->service.lifecycle = (struct cfg_lifecycle){.auto_start = true,
                                                  .startup = CFG_STARTUP_REQUIRED,
                                                  .start_timeout = 10 * DUR_SEC,
                                                  .stop_timeout = 10 * DUR_SEC,
                                                  .stable_threshold = 5 * DUR_SEC,
                                                  .restart = {DUR_SEC, 90 * DUR_SEC, 2.0, 0, 0}};
    s->needs = calloc(w.cap, sizeof *s->needs);
    struct cfg_refs *refs = &s->service.lifecycle.requires;
    refs->v = s->needs;
    va_list args;
    va_start(args, need);
    for (; need; need = va_arg(args, const char *))
        for (size_t i = 0; i < w.n; i++)
            if (strcmp(w.specs[i].id + 2, need) == 0)
                s->needs[refs->n++] = &w.specs[i].entry;
    va_end(args);
    return s;
}

static void load_with(const struct service_def *defs, size_t n) {
    cr_assert(services_load(&w.set, defs, n, ++w.load, w.now));
}

static void load(void) {
    struct service_def *defs = calloc(w.n, sizeof *defs);
    for (size_t i = 0; i < w.n; i++)
        defs[i].cfg = &w.specs[i].service;
    load_with(defs, w.n);
    free(defs);
}

static void work(void) {
    while (services_work(&w.set, w.now))
        ;
}

/* Lets time pass, from one due moment to the next. */
static void pass(int64_t span) {
    int64_t end = w.now + span;
    for (work(); services_next(&w.set) <= end; work())
        w.now = services_next(&w.set);
    w.now = end;
    work();
}

static struct service *get(const char *name) {
    char id[24];
    snprintf(id, sizeof id, "a:%s", name);
    struct service *s = services_find(&w.set, id);
    cr_assert(s, "%s is there", name);
    return s;
}

static void event(const char *name, enum service_event ev) {
    services_event(&w.set, get(name), ev, w.now);
    work();
}

#define expect_log(...) cr_expect_str_eq(taken_log(), __VA_ARGS__)
#define expect_state(name, wanted)                                                                           \
    cr_expect_eq(get(name)->fsm.state, SERVICE_##wanted, "%s is %s", name,                                   \
                 service_state_text(get(name)->fsm.state))

/* --- starting ---------------------------------------------------------------------------------------------------------- */

Test(services, start_in_levels) {
    world_open(8);
    define("db", NULL);
    define("cache", NULL);
    define("api", "db", "cache", NULL);
    define("web", "api", NULL);
    w.on_spawn = SERVICE_EV_START;
    load();
    services_boot(&w.set);
    work();
    expect_log("+db +cache");
    event("db", SERVICE_EV_UP);
    expect_log("");
    event("cache", SERVICE_EV_UP);
    expect_log("+api");
    cr_expect_eq(w.set.boot, BOOT_PENDING);
    event("api", SERVICE_EV_UP);
    expect_log("+web");
    event("web", SERVICE_EV_UP);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    cr_expect_eq(w.set.active, 4);
    world_close();
    cr_expect_eq(w.drops, 4);
    cr_expect_eq(w.forgets, 4);
}

Test(services, those_that_do_not_start_with_the_daemon_wait) {
    world_open(4);
    define("a", NULL);
    struct spec *b = define("b", "a", NULL);
    b->entry.boot = false;
    load();
    services_boot(&w.set);
    work();
    expect_log("+a");
    cr_expect_eq(w.set.boot, BOOT_DONE);
    expect_state("b", UNKNOWN);
    services_start(&w.set, get("b"));
    work();
    expect_log("+b");
    world_close();
}

Test(services, boot_of_nothing_is_done) {
    world_open(1);
    load();
    services_boot(&w.set);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    cr_expect_eq(services_next(&w.set), SERVICE_NEVER);
    world_close();
}

Test(services, a_service_that_ended_well_is_up_for_others) {
    world_open(4);
    define("migrate", NULL);
    define("web", "migrate", NULL);
    load();
    w.on_spawn = SERVICE_EV_START;
    services_boot(&w.set);
    work();
    event("migrate", SERVICE_EV_UP);
    event("migrate", SERVICE_EV_DONE);
    expect_log("+migrate +web");
    event("web", SERVICE_EV_UP);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    world_close();
}

Test(services, needs_of_hosts_count) {
    world_open(4);
    struct spec *base = define("base", NULL);
    define("user", NULL);
    const struct cfg_entry *needs[] = {&base->entry};
    struct cfg_entry other = w.host;
    struct cfg_host body = {.entry = &other, .lifecycle.requires = {needs, 1, true}};
    other.id = "a:other";
    other.host = &body;
    w.specs[1].service.host = &other;
    w.on_spawn = SERVICE_EV_START;
    load();
    services_boot(&w.set);
    work();
    expect_log("+base");
    event("base", SERVICE_EV_UP);
    expect_log("+user");
    world_close();
}

/* --- the boot that fails ----------------------------------------------------------------------------------------------- */

Test(services, a_required_one_that_cannot_start_fails_the_boot) {
    world_open(4);
    define("a", NULL);
    define("b", "a", NULL);
    w.on_spawn = SERVICE_EV_DOWN;
    load();
    services_boot(&w.set);
    work();
    cr_expect_eq(w.set.boot, BOOT_FAILED);
    cr_expect_str_eq(w.set.culprit->id, "a:a");
    cr_expect_str_eq(w.set.victim->id, "a:a");
    world_close();
}

Test(services, an_optional_one_does_not) {
    world_open(4);
    define("a", NULL)->service.lifecycle.startup = CFG_STARTUP_OPTIONAL;
    define("b", NULL);
    load();
    w.on_spawn = SERVICE_EV_START;
    services_boot(&w.set);
    work();
    event("a", SERVICE_EV_DOWN);
    event("b", SERVICE_EV_UP);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    expect_state("a", FAILED);
    taken_log();
    pass(DUR_SEC);
    expect_log("+a");
    event("a", SERVICE_EV_UP);
    expect_state("a", RUNNING);
    world_close();
}

Test(services, unless_a_required_one_needs_it) {
    world_open(4);
    define("a", NULL)->service.lifecycle.startup = CFG_STARTUP_OPTIONAL;
    define("b", "a", NULL)->service.lifecycle.startup = CFG_STARTUP_OPTIONAL;
    define("c", "b", NULL);
    w.on_spawn = SERVICE_EV_DOWN;
    load();
    services_boot(&w.set);
    work();
    cr_expect_eq(w.set.boot, BOOT_FAILED);
    cr_expect_str_eq(w.set.culprit->id, "a:a");
    cr_expect_str_eq(w.set.victim->id, "a:c");
    world_close();
}

Test(services, a_start_that_takes_too_long_is_a_failed_start) {
    world_open(2);
    define("a", NULL);
    w.on_spawn = SERVICE_EV_START;
    load();
    services_boot(&w.set);
    work();
    pass(10 * DUR_SEC);
    expect_log("+a !a");
    cr_expect_eq(w.set.boot, BOOT_PENDING);
    event("a", SERVICE_EV_DOWN);
    cr_expect_eq(w.set.boot, BOOT_FAILED);
    world_close();
}

Test(services, failing_for_good_before_it_was_stable_fails_the_boot) {
    world_open(2);
    define("a", NULL)->service.lifecycle.restart.max_attempts = 2;
    load();
    services_boot(&w.set);
    work();
    cr_expect_eq(w.set.boot, BOOT_DONE);
    for (int i = 0; i < 2; i++) {
        event("a", SERVICE_EV_DOWN);
        cr_expect_eq(w.set.boot, BOOT_DONE);
        pass(4 * DUR_SEC);
    }
    event("a", SERVICE_EV_DOWN);
    cr_expect_eq(w.set.boot, BOOT_FAILED);
    world_close();
}

Test(services, failing_for_good_later_does_not) {
    world_open(2);
    define("a", NULL)->service.lifecycle.restart.max_attempts = 1;
    load();
    services_boot(&w.set);
    pass(6 * DUR_SEC);
    event("a", SERVICE_EV_DOWN);
    pass(2 * DUR_SEC);
    event("a", SERVICE_EV_DOWN);
    cr_expect(get("a")->fsm.final);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    world_close();
}

/* --- stopping -------------------------------------------------------------------------------------------------------------- */

static void diamond(void) {
    world_open(8);
    define("db", NULL);
    define("api", "db", NULL);
    define("jobs", "db", NULL);
    define("web", "api", "jobs", NULL);
    load();
    services_boot(&w.set);
    work();
    expect_log("+db +api +jobs +web");
}

Test(services, stop_in_reverse) {
    diamond();
    services_stop_all(&w.set, w.now + 30 * DUR_SEC);
    work();
    expect_log("-web");
    event("web", SERVICE_EV_DONE);
    expect_log("-api -jobs");
    event("jobs", SERVICE_EV_DOWN);
    expect_log("");
    event("api", SERVICE_EV_DONE);
    expect_log("-db");
    cr_expect_not(services_stopped(&w.set));
    event("db", SERVICE_EV_DONE);
    cr_expect(services_stopped(&w.set));
    cr_expect_eq(w.kills, 0);
    world_close();
}

Test(services, who_does_not_stop_is_killed) {
    diamond();
    services_stop_all(&w.set, w.now + 30 * DUR_SEC);
    work();
    pass(10 * DUR_SEC);
    expect_log("-web !web");
    event("web", SERVICE_EV_DOWN);
    expect_log("-api -jobs");
    world_close();
}

Test(services, at_the_deadline_all_are_killed) {
    diamond();
    services_stop_all(&w.set, w.now + 3 * DUR_SEC);
    pass(3 * DUR_SEC);
    expect_log("-web -db !db -api !api -jobs !jobs !web");
    const char *names[] = {"db", "api", "jobs", "web"};
    for (int i = 0; i < 4; i++)
        event(names[i], SERVICE_EV_DOWN);
    cr_expect(services_stopped(&w.set));
    cr_expect_eq(services_next(&w.set), SERVICE_NEVER);
    world_close();
}

Test(services, stopping_everything_ends_retries_and_waiting) {
    world_open(4);
    define("a", NULL)->service.lifecycle.startup = CFG_STARTUP_OPTIONAL;
    define("b", "a", NULL)->service.lifecycle.startup = CFG_STARTUP_OPTIONAL;
    w.on_spawn = SERVICE_EV_DOWN;
    load();
    services_boot(&w.set);
    work();
    services_stop_all(&w.set, w.now + DUR_SEC);
    work();
    cr_expect(services_stopped(&w.set));
    expect_state("a", STOPPED);
    expect_state("b", STOPPED);
    taken_log();
    pass(DUR_HOUR);
    expect_log("");
    world_close();
}

Test(services, a_command_stops_with_users_and_starts_with_needs) {
    diamond();
    services_stop(&w.set, get("api"));
    work();
    expect_log("-web");
    event("web", SERVICE_EV_DONE);
    expect_log("-api");
    event("api", SERVICE_EV_DONE);
    expect_state("jobs", RUNNING);
    expect_state("db", RUNNING);
    services_start(&w.set, get("web"));
    work();
    expect_log("+api +web");
    world_close();
}

Test(services, a_command_restarts_one_alone) {
    diamond();
    services_restart(&w.set, get("db"), w.now);
    work();
    expect_log("-db");
    event("db", SERVICE_EV_DONE);
    expect_log("+db");
    expect_state("web", RUNNING);
    world_close();
}

Test(services, stopped_while_it_starts) {
    world_open(4);
    define("db", NULL);
    define("web", "db", NULL);
    w.on_spawn = SERVICE_EV_START;
    load();
    services_boot(&w.set);
    work();
    expect_log("+db");
    services_stop_all(&w.set, w.now + 30 * DUR_SEC);
    work();
    expect_log("-db");
    expect_state("db", STOPPING);
    event("db", SERVICE_EV_UP); /* too late: nothing starts any more */
    work();
    expect_log("");
    expect_state("db", STOPPING);
    expect_state("web", STOPPED);
    event("db", SERVICE_EV_DONE);
    cr_expect(services_stopped(&w.set));
    pass(DUR_HOUR);
    cr_expect_eq(w.spawns, 1);
    world_close();
}

/* Wherever the start is when the order to stop comes: what runs ends in order, nothing starts any more, all ends. */
Test(services, stopped_at_every_moment_of_a_boot) {
    for (int events = 0; events <= 4; events++) {
        static const char *const names[] = {"db", "api", "jobs", "web"};
        world_open(4);
        define("db", NULL);
        define("api", "db", NULL);
        define("jobs", "db", NULL);
        define("web", "api", "jobs", NULL);
        w.on_spawn = SERVICE_EV_START;
        load();
        services_boot(&w.set);
        work();
        for (int i = 0; i < events; i++)
            event(names[i], SERVICE_EV_UP);
        size_t spawns = w.spawns;
        services_stop_all(&w.set, w.now + 30 * DUR_SEC);
        work();
        for (int i = 4; i-- > 0;)
            if (service_active(get(names[i])->fsm.state)) {
                expect_state(names[i], STOPPING);
                event(names[i], SERVICE_EV_DOWN);
            }
        cr_expect(services_stopped(&w.set), "after %d", events);
        cr_expect_eq(w.spawns, spawns);
        cr_expect_eq(w.cancels, spawns);
        cr_expect_eq(w.kills, 0);
        world_close();
    }
}

/* Nobody hears: each is killed when its stop_timeout has passed, its needs only then asked. */
Test(services, all_are_stubborn) {
    diamond();
    int64_t began = w.now;
    services_stop_all(&w.set, w.now + DUR_HOUR);
    work();
    static const char *const levels[][2] = {{"web", NULL}, {"api", "jobs"}, {"db", NULL}};
    for (int level = 0; level < 3; level++) {
        size_t kills = w.kills;
        pass(10 * DUR_SEC - 1);
        cr_expect_eq(w.kills, kills, "level %d: a nanosecond too early", level);
        pass(1);
        for (int i = 0; i < 2 && levels[level][i]; i++) {
            cr_expect_eq(w.kills, kills + (levels[level][1] ? 2 : 1));
            event(levels[level][i], SERVICE_EV_DOWN);
        }
    }
    cr_expect(services_stopped(&w.set));
    cr_expect_eq(w.now - began, 30 * DUR_SEC);
    cr_expect_eq(w.kills, 4);
    world_close();
}

/* --- loading again ---------------------------------------------------------------------------------------------------------- */

Test(services, loading_the_same_changes_nothing) {
    diamond();
    load();
    work();
    expect_log("");
    cr_expect_eq(w.drops, 4);
    world_close();
    cr_expect_eq(w.drops, 8);
    cr_expect_eq(w.forgets, 4);
}

Test(services, loading_starts_restarts_and_stops) {
    diamond();
    struct spec *fresh = define("new", "db", NULL);
    struct service_def defs[] = {
        {.cfg = &w.specs[0].service},                  /* db: as before */
        {.cfg = &w.specs[1].service, .changed = true}, /* api */
        {.cfg = &fresh->service},                      /* jobs and web are gone */
    };
    load_with(defs, 3);
    work();
    expect_log("-api -web +new");
    event("api", SERVICE_EV_DONE);
    expect_log("+api");
    event("web", SERVICE_EV_DONE);
    expect_log("-jobs");
    event("jobs", SERVICE_EV_DONE);
    cr_expect_null(services_find(&w.set, "a:web"));
    cr_expect_null(services_find(&w.set, "a:jobs"));
    cr_expect_eq(w.set.active, 3);
    services_stop_all(&w.set, w.now + DUR_SEC);
    work();
    expect_log("-api -new");
    world_close();
    cr_expect_eq(w.drops, 4 + 3);
    cr_expect_eq(w.forgets, 5);
}

Test(services, a_load_is_settled_when_what_it_began_is_over) {
    diamond();
    cr_expect(services_settled(&w.set, w.load));
    w.on_spawn = SERVICE_EV_START;
    define("new", "db", NULL);
    struct service_def defs[] = {
        {.cfg = &w.specs[0].service},                  /* db: as before */
        {.cfg = &w.specs[1].service, .changed = true}, /* api */
        {.cfg = &w.specs[4].service},                  /* jobs and web are gone */
    };
    load_with(defs, 3);
    cr_expect_not(services_settled(&w.set, w.load));
    cr_expect(services_settled(&w.set, w.load - 1), "nothing of that load is under way");
    work();
    event("new", SERVICE_EV_DOWN);
    cr_expect(service_settled(get("new")), "it failed, and is started again later");
    event("web", SERVICE_EV_DONE);
    event("jobs", SERVICE_EV_DONE);
    cr_expect_not(services_settled(&w.set, w.load), "api stops");
    event("api", SERVICE_EV_DONE);
    cr_expect_not(services_settled(&w.set, w.load), "api starts");
    event("api", SERVICE_EV_UP);
    cr_expect(services_settled(&w.set, w.load));
    world_close();
}

Test(services, a_load_is_not_settled_before_what_it_removes_is_gone) {
    diamond();
    struct service_def defs[] = {
        {.cfg = &w.specs[0].service}, {.cfg = &w.specs[1].service}, {.cfg = &w.specs[2].service}};
    load_with(defs, 3);
    work();
    cr_expect_not(services_settled(&w.set, w.load));
    event("web", SERVICE_EV_DONE);
    cr_expect(services_settled(&w.set, w.load));
    world_close();
}

Test(services, one_that_comes_back_before_it_is_gone_starts_again) {
    diamond();
    struct service_def defs[4];
    for (int i = 0; i < 4; i++)
        defs[i] = (struct service_def){.cfg = &w.specs[i].service};
    load_with(defs, 3);
    work();
    expect_log("-web");
    load_with(defs, 4);
    work();
    cr_expect_not(services_settled(&w.set, w.load));
    event("web", SERVICE_EV_DONE);
    expect_log("+web");
    expect_state("web", RUNNING);
    cr_expect(services_settled(&w.set, w.load));
    world_close();
}

Test(services, a_changed_one_that_was_stopped_on_purpose_stays_so) {
    diamond();
    services_stop(&w.set, get("web"));
    work();
    event("web", SERVICE_EV_DONE);
    taken_log();
    struct service_def defs[4];
    for (int i = 0; i < 4; i++)
        defs[i] = (struct service_def){.cfg = &w.specs[i].service, .changed = i == 3};
    load_with(defs, 4);
    work();
    expect_log("");
    expect_state("web", STOPPED);
    world_close();
}

Test(services, a_changed_one_that_failed_gets_another_chance) {
    world_open(2);
    define("a", NULL)->service.lifecycle.restart.max_attempts = 1;
    load();
    services_boot(&w.set);
    pass(6 * DUR_SEC);
    event("a", SERVICE_EV_DOWN);
    pass(2 * DUR_SEC);
    event("a", SERVICE_EV_DOWN);
    cr_expect(get("a")->fsm.final);
    taken_log();
    struct service_def def = {.cfg = &w.specs[0].service, .changed = true};
    load_with(&def, 1);
    work();
    expect_log("+a");
    world_close();
}

Test(services, a_boot_does_not_wait_for_what_was_removed) {
    world_open(4);
    define("a", NULL);
    define("b", NULL);
    w.on_spawn = SERVICE_EV_START;
    load();
    services_boot(&w.set);
    work();
    event("a", SERVICE_EV_UP);
    cr_expect_eq(w.set.boot, BOOT_PENDING);
    struct service_def def = {.cfg = &w.specs[0].service};
    load_with(&def, 1);
    work();
    cr_expect_eq(w.set.boot, BOOT_DONE);
    event("b", SERVICE_EV_DOWN);
    cr_expect_null(services_find(&w.set, "a:b"));
    world_close();
}

/* --- orders while it boots ---------------------------------------------------------------------------------------------- */

/* db and web, which needs it; both required, db about to start. */
static void half_booted(void) {
    world_open(4);
    define("db", NULL);
    define("web", "db", NULL);
    w.on_spawn = SERVICE_EV_START;
    load();
    services_boot(&w.set);
    work();
    expect_log("+db");
}

static void load_changed_db(void) {
    struct service_def defs[] = {{.cfg = &w.specs[0].service, .changed = true}, {.cfg = &w.specs[1].service}};
    load_with(defs, 2);
    work();
}

static void order_restart_of_db(bool by_load) {
    if (by_load)
        load_changed_db();
    else
        services_restart(&w.set, get("db"), w.now);
    work();
    event("db", SERVICE_EV_DOWN);
    expect_log("-db +db");
    cr_expect_eq(w.set.boot, BOOT_PENDING);
}

Test(services, a_boot_goes_on_with_what_is_restarted) {
    for (int by_load = 0; by_load < 2; by_load++) {
        half_booted();
        order_restart_of_db(by_load);
        event("db", SERVICE_EV_UP);
        cr_expect_eq(w.set.boot, BOOT_PENDING);
        event("web", SERVICE_EV_UP);
        cr_expect_eq(w.set.boot, BOOT_DONE);
        world_close();
    }
}

Test(services, a_boot_fails_with_what_was_restarted) {
    for (int by_load = 0; by_load < 2; by_load++) {
        half_booted();
        order_restart_of_db(by_load);
        event("db", SERVICE_EV_DOWN);
        cr_expect_eq(w.set.boot, BOOT_FAILED);
        cr_expect_str_eq(w.set.culprit->id, "a:db");
        world_close();
    }
}

Test(services, a_boot_does_not_wait_for_what_is_stopped) {
    half_booted();
    services_stop(&w.set, get("web"));
    work();
    cr_expect_eq(w.set.boot, BOOT_PENDING);
    services_restart(&w.set, get("db"), w.now);
    services_stop(&w.set, get("db"));
    work();
    cr_expect_eq(w.set.boot, BOOT_PENDING);
    event("db", SERVICE_EV_DOWN);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    expect_state("web", STOPPED);
    expect_state("db", STOPPED);
    world_close();
}

Test(services, a_boot_does_not_fail_for_what_is_stopped) {
    half_booted();
    w.specs[0].service.lifecycle.startup = CFG_STARTUP_OPTIONAL;
    services_stop(&w.set, get("web"));
    work();
    event("db", SERVICE_EV_DOWN);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    world_close();
}

Test(services, a_boot_does_not_wait_for_what_has_become_optional) {
    half_booted();
    services_stop(&w.set, get("web"));
    w.specs[2] = w.specs[0];
    w.specs[2].service.lifecycle.startup = CFG_STARTUP_OPTIONAL;
    struct service_def defs[] = {{.cfg = &w.specs[2].service, .changed = true}, {.cfg = &w.specs[1].service}};
    load_with(defs, 2);
    work();
    event("db", SERVICE_EV_DOWN);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    event("db", SERVICE_EV_DOWN);
    cr_expect_eq(w.set.boot, BOOT_DONE);
    world_close();
}

Test(services, a_boot_that_is_stopped_is_never_done) {
    half_booted();
    services_stop_all(&w.set, w.now + DUR_SEC);
    work();
    event("db", SERVICE_EV_DONE);
    cr_expect(services_stopped(&w.set));
    cr_expect_eq(w.set.boot, BOOT_PENDING);
    world_close();
}

/* --- large and long ------------------------------------------------------------------------------------------------------------ */

static struct spec *define_n(size_t i) {
    char name[16];
    snprintf(name, sizeof name, "%04zu", i);
    return define(name, NULL);
}

static void need(size_t user, size_t on) {
    struct spec *s = &w.specs[user];
    s->needs[s->service.lifecycle.requires.n++] = &w.specs[on].entry;
}

/* Whether the order in `log` ("+0001 +0002") respects all needs. */
static void check_order(const char *log, char sign, bool needs_first) {
    size_t *at = calloc(w.n, sizeof *at), count = 0;
    for (const char *p = log; *p; p += strcspn(p, " "), p += *p == ' ')
        if (*p == sign)
            at[strtoul(p + 1, NULL, 10)] = ++count;
    cr_assert_eq(count, w.n);
    for (size_t i = 0; i < w.n; i++)
        for (size_t k = 0; k < w.specs[i].service.lifecycle.requires.n; k++) {
            size_t on = strtoul(w.specs[i].needs[k]->id + 2, NULL, 10);
            cr_assert((at[on] < at[i]) == needs_first, "%zu needs %zu", i, on);
        }
    free(at);
}

static void end_all_that_were_asked(void) {
    for (bool any = true; any;) {
        any = false;
        services_each(&w.set, s) {
            if (s->fsm.state != SERVICE_STOPPING)
                continue;
            any = true;
            services_event(&w.set, s, SERVICE_EV_DONE, w.now);
        }
        work();
    }
}

static void up_and_down(void) {
    load();
    services_boot(&w.set);
    work();
    cr_expect_eq(w.set.boot, BOOT_DONE);
    cr_expect_eq(w.set.active, w.n);
    check_order(taken_log(), '+', true);
    services_stop_all(&w.set, w.now + DUR_SEC);
    work();
    end_all_that_were_asked();
    cr_expect(services_stopped(&w.set));
    check_order(taken_log(), '-', false);
    world_close();
}

Test(services, a_thousand_in_a_random_graph, .timeout = 60) {
    world_open(1000);
    srand(7);
    for (size_t i = 0; i < 1000; i++) {
        define_n(i);
        for (int k = 0; i && k < 5; k++)
            need(i, (size_t)rand() % i);
    }
    up_and_down();
}

Test(services, a_chain_of_a_thousand, .timeout = 60) {
    world_open(1000);
    for (size_t i = 0; i < 1000; i++) {
        define_n(i);
        if (i)
            need(i, i - 1);
    }
    up_and_down();
}

Test(services, a_thousand_that_each_need_all_before, .timeout = 60) {
    world_open(1000);
    for (size_t i = 0; i < 1000; i++) {
        define_n(i);
        for (size_t k = 0; k < i; k++)
            need(i, k);
    }
    up_and_down();
}

/* Each fails 100 ms after its start, for a week; with attempts for ever the waits settle at 90 s ± 10 %. */
Test(services, a_week_of_flapping, .timeout = 120) {
    enum { COUNT = 20 };
    world_open(COUNT);
    for (size_t i = 0; i < COUNT; i++)
        define_n(i)->service.lifecycle.restart.jitter = 0.1;
    w.quiet = true;
    load();
    services_boot(&w.set);
    work();
    int64_t end = w.now + 7 * 24 * DUR_HOUR;
#ifdef TROUPE_FAULT
    long blocks = mem_fault_live();
#endif
    while (w.now < end) {
        int64_t next = services_next(&w.set);
        services_each(&w.set, s) if (s->fsm.state == SERVICE_RUNNING && s->fsm.since + 100 * DUR_MS < next)
            next = s->fsm.since + 100 * DUR_MS;
        cr_assert(next > w.now || next == w.now, "time goes on");
        w.now = next;
        services_each(&w.set, s) if (s->fsm.state == SERVICE_RUNNING && s->fsm.since + 100 * DUR_MS <= w.now)
            services_event(&w.set, s, SERVICE_EV_DOWN, w.now);
        work();
    }
#ifdef TROUPE_FAULT
    cr_expect_eq(mem_fault_live(), blocks, "a week takes no memory");
#endif
    double each = (double)w.spawns / COUNT;
    /* 604800 s / 90.1 s, and the first eight came sooner */
    cr_expect(each > 6700 && each < 6740, "%g starts each", each);
    services_each(&w.set, s) {
        cr_expect_eq(s->restarts, (uint64_t)s->fsm.attempts - (s->fsm.state == SERVICE_FAILED));
        cr_expect_not(s->fsm.final);
    }
    cr_expect_eq(w.set.boot, BOOT_DONE);
    world_close();
}

Test(services, a_thousand_fall_together_and_come_back_apart, .timeout = 60) {
    world_open(1000);
    for (size_t i = 0; i < 1000; i++)
        define_n(i)->service.lifecycle.restart.jitter = 0.1;
    w.quiet = true;
    load();
    services_boot(&w.set);
    work();
    services_each(&w.set, s) services_event(&w.set, s, SERVICE_EV_DOWN, w.now);
    int64_t first = services_next(&w.set), fell = w.now;
    cr_expect(first >= fell + 900 * DUR_MS && first < fell + 902 * DUR_MS);
    size_t most = 0;
    while (services_next(&w.set) < fell + 2 * DUR_SEC) {
        size_t before = w.spawns;
        w.now += DUR_MS;
        work();
        most = w.spawns - before > most ? w.spawns - before : most;
    }
    cr_expect_eq(w.spawns, 2000);
    cr_expect_lt(most, 25, "%zu in one millisecond", most);
    world_close();
}
