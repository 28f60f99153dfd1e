#include "config/config.h"

#include "base/alloc.h"
#include "config/model.h"

#include <string.h>

struct config *cfg_ref(struct config *c) {
    /* relaxed: who hands out a reference holds one, so the count cannot reach 0 meanwhile; partner: cfg_unref */
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void cfg_unref(struct config *c) {
    if (c == NULL)
        return;
    /* acq_rel: all reading by other holders happens before the last one frees; partner: cfg_unref of those */
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_free(&c->arena);
    mem_free(c);
}

const struct cfg_settings *cfg_settings(const struct config *c) {
    return &c->settings;
}

size_t cfg_entry_count(const struct config *c) {
    return c->entries.n;
}

const struct cfg_entry *cfg_entry_at(const struct config *c, size_t i) {
    return c->entries.v[i];
}

const struct cfg_entry *cfg_find(const struct config *c, const char *id) {
    return strmap_get(&c->by_id, id, strlen(id));
}

const struct cfg_entry *cfg_resolve(const struct config *c, const char *ns, const char *ref) {
    if (strchr(ref, ':') != NULL || ns == NULL)
        return cfg_find(c, ref);
    char id[CFG_MAX_ID + 1];
    int n = snprintf(id, sizeof id, "%s:%s", ns, ref);
    return n >= 0 && (size_t)n < sizeof id ? cfg_find(c, id) : NULL;
}

size_t cfg_level_count(const struct config *c) {
    return c->levels.n;
}

const struct cfg_refs *cfg_level_at(const struct config *c, size_t level) {
    return &c->levels.v[level];
}

const struct cfg_entry *cfg_script(const struct config *c, size_t i) {
    return c->scripts[i];
}

const struct cfg_entry *cfg_default_host(const struct config *c) {
    return c->default_host;
}

enum cfg_compat cfg_compat(const struct config *c, const struct cfg_code *code, const struct cfg_host *host) {
    if (code != NULL && code->compat != CFG_UNSET)
        return (enum cfg_compat)code->compat;
    if (host != NULL && host->compat != CFG_UNSET)
        return (enum cfg_compat)host->compat;
    return (enum cfg_compat)c->settings.runtime.compat;
}

const struct cfg_lifecycle *cfg_lifecycle(const struct cfg_entry *e) {
    if (e->kind == CFG_KIND_HOST)
        return &e->host->lifecycle;
    return e->kind == CFG_KIND_SERVICE ? &e->service->lifecycle : NULL;
}
