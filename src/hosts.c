#include "src/hosts.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "src/cpus.h"
#include "src/log.h"

struct host_view {
    struct vm_host vm;
    struct host_view *next;
};

static const enum vm_jit jits[] = {
    [CFG_JIT_OFF] = VM_JIT_OFF, [CFG_JIT_ON] = VM_JIT_ON, [CFG_JIT_AUTO] = VM_JIT_AUTO};

void hosts_init(struct hosts *hs, struct node *n) {
    *hs = (struct hosts){.node = n, .cpus = cpus_usable()};
}

void hosts_free(struct hosts *hs) {
    while (hs->views) {
        struct host_view *next = hs->views->next;
        mem_free(hs->views);
        hs->views = next;
    }
}

static struct host_limits limits_of(const struct cfg_host *cfg) {
    return (struct host_limits){.max_processes = (uint64_t)cfg->max_processes,
                                .process_memory = (uint64_t)cfg->process_memory,
                                .memory = (uint64_t)cfg->memory,
                                .mailbox_messages = (uint64_t)cfg->mailbox_messages,
                                .mailbox_bytes = (uint64_t)cfg->mailbox_bytes,
                                .mailbox_kill = cfg->mailbox_policy == CFG_POLICY_KILL,
                                .time_slice_ns = cfg->time_slice,
                                .max_run_ns = cfg->max_run_time};
}

static unsigned workers_of(const struct hosts *hs, const struct config *c, const struct cfg_host *cfg) {
    int64_t n = cfg->workers ? cfg->workers : cfg_settings(c)->runtime.workers;
    if (!n)
        n = hs->cpus;
    if (n > HOST_WORKERS_MAX) {
        log_warn("host has fewer workers than configured", LOG_STR("host", cfg->entry->id),
                 LOG_INT("configured", n), LOG_INT("workers", HOST_WORKERS_MAX));
        n = HOST_WORKERS_MAX;
    }
    return (unsigned)n;
}

/* What the vm shall know of the host from now on. Processes read it at any time: it is never changed nor freed, but hosts share
 * what is equal. */
static bool set_view(struct hosts *hs, struct host *h, const struct config *c, const struct cfg_host *cfg) {
    const struct vm_host vm = {.jit = jits[cfg->jit],
                               .compat = cfg_compat(c, NULL, cfg) == CFG_COMPAT_WIPPY ? VM_COMPAT_WIPPY
                                                                                      : VM_COMPAT_SEED,
                               .max_timers = (uint32_t)cfg->max_timers,
                               .max_coroutines = (uint32_t)cfg->max_coroutines};
    if (h->user && memcmp(h->user, &vm, sizeof vm) == 0)
        return true;
    struct host_view *v = hs->views;
    while (v && memcmp(&v->vm, &vm, sizeof vm) != 0)
        v = v->next;
    if (!v) {
        v = mem_calloc(1, sizeof *v);
        if (!v)
            return false;
        v->vm = vm;
        v->next = hs->views;
        hs->views = v;
    }
    __atomic_store_n(&h->user, &v->vm,
                     __ATOMIC_RELEASE); /* partner: the dependent load of whoever reads it */
    return true;
}

/* `run`: it shall accept processes. */
static struct host *apply(struct hosts *hs, const struct config *c, const struct cfg_host *cfg, bool run,
                          char *err, size_t cap) {
    const char *id = cfg->entry->id;
    struct host_limits limits = limits_of(cfg);
    unsigned workers = run ? workers_of(hs, c, cfg) : 0;
    struct host *h = node_host(hs->node, id, strlen(id));
    bool ok = true;
    if (!h)
        h = host_create(hs->node, id, workers, &limits);
    else if (run)
        ok = host_rescale(h, workers);
    unsigned count = atomic_load_explicit(&hs->node->host_count, memory_order_relaxed);
    if (!h && count == 1u << PID_HOST_BITS) {
        snprintf(err, cap, "host %s: there are %u hosts already, counting those removed since the start", id,
                 count);
        return NULL;
    }
    if (!h || !ok || !set_view(hs, h, c, cfg)) {
        snprintf(err, cap, "host %s: not enough memory or threads for %u workers", id, workers);
        return NULL;
    }
    if (run)
        host_open(h, &limits);
    else if (!atomic_load_explicit(&h->worker_count, memory_order_relaxed))
        host_close(h); /* one that was started by hand goes on */
    return h;
}

bool hosts_apply(struct hosts *hs, const struct config *c, char *err, size_t cap) {
    for (size_t i = 0; i < cfg_entry_count(c); i++) {
        const struct cfg_entry *e = cfg_entry_at(c, i);
        if (e->kind == CFG_KIND_HOST && !apply(hs, c, e->host, e->boot, err, cap))
            return false;
    }
    return true;
}

void hosts_close_others(struct hosts *hs, const struct config *c) {
    unsigned n = atomic_load_explicit(&hs->node->host_count, memory_order_relaxed);
    for (unsigned i = 0; i < n; i++) {
        struct host *h = node_host_at(hs->node, i);
        const struct cfg_entry *e = h->user ? cfg_find(c, h->id) : NULL;
        if (h->user && !(e && e->kind == CFG_KIND_HOST))
            host_close(h);
    }
}

struct host *hosts_start(struct hosts *hs, const struct config *c, const struct cfg_host *cfg, char *err,
                         size_t cap) {
    return apply(hs, c, cfg, true, err, cap);
}
