#include "base/alloc.h"
#include "config/loader.h"

#include <string.h>

static void find_default_host(struct config *c) {
    const struct cfg_entry *only = NULL, *named = cfg_find(c, LOAD_DEFAULT_NS ":" LOAD_DEFAULT_HOST);
    size_t hosts = 0;
    for (size_t i = 0; i < c->entries.n; i++) {
        if (c->entries.v[i]->kind != CFG_KIND_HOST)
            continue;
        only = c->entries.v[i];
        hosts++;
    }
    if (hosts == 1)
        c->default_host = only;
    else if (named != NULL && named->kind == CFG_KIND_HOST)
        c->default_host = named;
}

/* Each script is a file of its own with one entry, in the order of the options. */
static void find_scripts(struct loader *ld) {
    size_t n = 0;
    ld->config->scripts =
        arena_calloc(&ld->config->arena, ld->options->scripts_n, sizeof *ld->config->scripts);
    for (size_t i = 0; i < ld->entries.n; i++)
        if (ld->entries.v[i].file->script && ld->entries.v[i].e->kind == CFG_KIND_PROCESS) {
            ld->entries.v[i].e->script = true;
            ld->config->scripts[n++] = ld->entries.v[i].e;
        }
}

static void load_all(void *ud) {
    struct loader *ld = ud;
    load_gather(ld);
    load_register(ld);
    load_overrides(ld);
    load_settings(ld);
    load_entries(ld);
    load_sources(ld);
    load_order(ld);
    find_scripts(ld);
    find_default_host(ld->config);
}

struct config *cfg_load(const struct cfg_options *options, struct cfg_report **report) {
    struct arena_guard guard;
    struct loader ld = {.options = options, .config = mem_calloc(1, sizeof *ld.config)};
    *report = NULL;
    if (ld.config == NULL)
        return NULL;
    /* relaxed: nobody else has seen it yet */
    atomic_store_explicit(&ld.config->refs, 1, memory_order_relaxed);
    arena_init(&ld.config->arena, &guard);
    ld.report = report_new(&guard, options->strict);
    if (ld.report == NULL) {
        cfg_unref(ld.config);
        return NULL;
    }
    arena_init(&ld.scratch, &guard);
    ld.yaml = (struct yaml_session){.arena = &ld.scratch, .report = ld.report};

    bool done = arena_run(&guard, load_all, &ld);
    yaml_session_close(&ld.yaml);
    arena_free(&ld.scratch);
    if (!done) {
        cfg_unref(ld.config);
        cfg_report_free(ld.report);
        return NULL;
    }
    report_finish(ld.report);
    *report = ld.report;
    if (cfg_report_errors(ld.report) > 0) {
        cfg_unref(ld.config);
        return NULL;
    }
    return ld.config;
}
