#include "src/app.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "src/code.h"
#include "src/hooks.h"
#include "src/hosts.h"
#include "src/log.h"

#define SYSTEM_HOST "troupe:system"

struct app {
    struct app_options o;
    struct config *config;
    struct node *node; /* NULL after app_end */
    struct vm *vm;
    struct hosts hosts;
    struct host *system;
    struct supervisor *supervisor;
    struct watch *watches; /* see app_alive */
};

struct node *app_node(struct app *app) {
    return app->node;
}

struct vm *app_vm(struct app *app) {
    return app->vm;
}

struct host *app_system_host(struct app *app) {
    return app->system;
}

struct supervisor *app_supervisor(struct app *app) {
    return app->supervisor;
}

struct config *app_config(struct app *app) {
    return app->config;
}

static enum cfg_level note_level(const struct app *app) {
    return app->o.quiet ? CFG_LEVEL_DEBUG : CFG_LEVEL_INFO;
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static bool open_code(struct app *app, char *err, size_t cap) {
    struct vm_code *code = code_compile(app->config, err, cap);
    if (!code)
        return false;
    vm_install(app->vm, code);
    return true;
}

static bool open_system(struct app *app, char *err, size_t cap) {
    static const struct host_limits limits = {.time_slice_ns = 1000000};
    app->system = host_create(app->node, SYSTEM_HOST, 1, &limits);
    if (!app->system) {
        snprintf(err, cap, "host " SYSTEM_HOST ": not enough memory or threads");
        return false;
    }
    const struct supervisor_options o = {.vm = app->vm,
                                         .host = app->system,
                                         .level = note_level(app),
                                         .changed = app->o.changed,
                                         .ud = app->o.ud};
    app->supervisor = supervisor_open(&o, app->config, err, cap);
    return app->supervisor;
}

static bool open_all(struct app *app, char *err, size_t cap) {
    if (!hooks_allow_env(&cfg_settings(app->config)->runtime.env) ||
        !(app->node = node_create(&hooks_of_node)) || !(app->vm = vm_create(app->node, &hooks_of_vm))) {
        snprintf(err, cap, "not enough memory or threads to start");
        return false;
    }
    hosts_init(&app->hosts, app->node);
    /* The system's host comes last, so that a configured one of that name is found first. */
    return open_code(app, err, cap) && hosts_apply(&app->hosts, app->config, err, cap) &&
           open_system(app, err, cap);
}

struct app *app_open(struct config *c, const struct app_options *o, char *err, size_t cap) {
    struct app *app = mem_calloc(1, sizeof *app);
    if (!app) {
        snprintf(err, cap, "not enough memory to start");
        return NULL;
    }
    app->o = *o;
    app->config = cfg_ref(c);
    /* The tool lets a program wait for whoever reads what it prints: that is no trouble. */
    hooks_open(o->changed, o->ud, o->quiet ? CFG_LEVEL_DEBUG : CFG_LEVEL_WARN);
    if (!open_all(app, err, cap)) {
        app_close(app);
        return NULL;
    }
    if (!vm_compiles(app->vm))
        log_info("no machine code: this program may not make memory executable");
    else if (!vm_preempts_compiled(app->vm))
        log_warn("compiled loops cannot be interrupted, not at the end of a time slice and not to be "
                 "terminated: the LuaJIT in "
                 "use was built without check hooks");
    return app;
}

void app_end(struct app *app) {
    hooks_ending();
    if (app->node)
        node_destroy(app->node);
    app->node = NULL;
}

void app_close(struct app *app) {
    if (!app)
        return;
    app_end(app);
    supervisor_close(app->supervisor);
    if (app->vm)
        vm_destroy(app->vm);
    hosts_free(&app->hosts);
    hooks_close();
    cfg_unref(app->config);
    mem_free(app->watches);
    mem_free(app);
}

void app_look(struct app *app) {
    hooks_look(app->node);
}

struct host *app_host(struct app *app, const struct cfg_entry *e, char *err, size_t cap) {
    return hosts_start(&app->hosts, app->config, e->host, err, cap);
}

/* Hosts that the entry needs, itself or through services. Levels see to it that this ends. */
static bool start_hosts(struct app *app, const struct cfg_entry *e, char *err, size_t cap) {
    const struct cfg_refs *requires = &cfg_lifecycle(e)->requires;
    if (e->boot) /* and so is all that it needs */
        return true;
    for (size_t i = 0; i < requires->n; i++)
        if (!start_hosts(app, requires->v[i], err, cap))
            return false;
    return e->kind == CFG_KIND_SERVICE ? start_hosts(app, e->service->host, err, cap)
                                       : app_host(app, e, err, cap) != NULL;
}

bool app_command(struct app *app, enum supervisor_command what, const char *id, char *err, size_t cap) {
    const struct cfg_entry *e = cfg_find(app->config, id);
    if (!e) {
        snprintf(err, cap, "%s: service not found", id);
        return false;
    }
    if (e->kind != CFG_KIND_SERVICE) {
        snprintf(err, cap, "%s: is no service but of kind %s", id, e->kind_word);
        return false;
    }
    if (what != SUPERVISOR_STOP && !start_hosts(app, e, err, cap))
        return false;
    snprintf(err, cap, "%s: not enough memory", id);
    return supervisor_command(app->supervisor, what, id);
}

void app_hush(struct pid parent) {
    hooks_hush(parent);
}

/* --- reloading ---------------------------------------------------------------------------------------------------- */

static bool concerns_code(const struct cfg_change *c) {
    return (c->before && cfg_is_code(c->before)) || (c->after && cfg_is_code(c->after)) ||
           c->kind != CFG_CHANGED; /* also what is no code is known by its name */
}

static bool any_code(const struct cfg_diff *diff) {
    for (size_t i = 0; i < cfg_diff_count(diff); i++) {
        const struct cfg_change *c = cfg_diff_at(diff, i);
        if ((c->before || c->after) && concerns_code(c))
            return true;
    }
    return false;
}

static void tell_change(const struct app *app, const struct cfg_change *c) {
    const struct cfg_entry *e = c->after ? c->after : c->before;
    const char *name = e ? e->id : "settings";
    if (c->kind != CFG_CHANGED)
        log_at(note_level(app), "reload: entry", LOG_STR("name", name),
               LOG_STR("change", c->kind == CFG_ADDED ? "added" : "removed"));
    for (unsigned r = 0; r < CFG_RELOAD_COUNT; r++)
        if (c->fields[r])
            log_at(note_level(app), "reload: entry", LOG_STR("name", name), LOG_STR("change", "changed"),
                   LOG_STR("fields", c->fields[r]), LOG_STR("effect", cfg_reload_text(r)));
    if (c->fields[CFG_RELOAD_DAEMON])
        log_warn("reload: a field changed that takes effect only when the daemon is restarted",
                 LOG_STR("name", name), LOG_STR("fields", c->fields[CFG_RELOAD_DAEMON]));
}

/* What can fail comes before what cannot be undone. */
static bool reload(struct app *app, struct config *c, const struct cfg_diff *diff, char *err, size_t cap) {
    struct vm_code *code = NULL;
    struct order *plan = supervisor_plan(app->supervisor, c, diff, err, cap);
    bool ok = plan && (!any_code(diff) || (code = code_compile(c, err, cap))) &&
              hooks_allow_env(&cfg_settings(c)->runtime.env) && hosts_apply(&app->hosts, c, err, cap);
    if (!ok) {
        char again[256];
        hosts_apply(&app->hosts, app->config, again, sizeof again);
        hosts_close_others(&app->hosts, app->config);
        hooks_allow_env(&cfg_settings(app->config)->runtime.env);
        supervisor_forget(plan);
        if (code)
            vm_code_free(code);
        return false;
    }
    if (code)
        vm_install(app->vm, code);
    supervisor_use(plan);
    hosts_close_others(&app->hosts, c);
    return true;
}

bool app_reload(struct app *app, struct config *c, char *err, size_t cap) {
    snprintf(err, cap, "not enough memory");
    struct cfg_diff *diff = cfg_diff(app->config, c);
    bool ok = diff && reload(app, c, diff, err, cap);
    if (ok) {
        for (size_t i = 0; i < cfg_diff_count(diff); i++)
            tell_change(app, cfg_diff_at(diff, i));
        cfg_unref(app->config);
        app->config = cfg_ref(c);
    }
    cfg_diff_free(diff);
    return ok;
}

/* --- the watchdog ---------------------------------------------------------------------------------------------------- */

struct watch {
    uint64_t seq[HOST_WORKERS_MAX];
};

/* A worker outside a process, or in another run than at the last look, has passed a safe point. */
static bool passed(struct worker *w, uint64_t *seen) {
    uint64_t seq = atomic_load_explicit(&w->run_seq, memory_order_relaxed);
    bool same = seq == *seen;
    *seen = seq;
    return !same || !(seq & 1) || !atomic_load_explicit(&w->running_thread, memory_order_relaxed);
}

bool app_alive(struct app *app) {
    bool alive = true;
    if (!app->watches)
        app->watches = mem_calloc(1u << PID_HOST_BITS, sizeof *app->watches);
    if (!app->watches)
        return false;
    unsigned hosts = atomic_load_explicit(&app->node->host_count, memory_order_relaxed);
    for (unsigned i = 0; i < hosts; i++) {
        struct host *h = node_host_at(app->node, i);
        unsigned n = atomic_load_explicit(&h->worker_count, memory_order_acquire);
        for (unsigned k = 0; k < n; k++)
            alive &=
                passed(atomic_load_explicit(&h->workers[k], memory_order_acquire), &app->watches[i].seq[k]);
    }
    return alive;
}
