#include "src/services.h"

#include <string.h>

#include "base/alloc.h"

#define NOT_DUE ((size_t)-1)

static void feed(struct services *set, struct service *s, enum service_event ev, int64_t now);

static bool required(const struct service *s) {
    return s->def.cfg->lifecycle.startup == CFG_STARTUP_REQUIRED;
}

static bool boots(const struct service *s) {
    return (s->next.cfg ? s->next.cfg : s->def.cfg)->entry->boot;
}

static void drop_def(struct services *set, struct service_def *def) {
    if (def->cfg)
        set->ops->drop(set->ud, def);
    def->cfg = NULL;
}

/* --- notes ------------------------------------------------------------------------------------------------------ */

static void note(struct services *set, struct service *s) {
    if (s->queued)
        return;
    s->queued = true;
    s->queue_next = NULL;
    *set->queue_end = s;
    set->queue_end = &s->queue_next;
}

static struct service *take_note(struct services *set) {
    struct service *s = set->queue;
    if (!s)
        return NULL;
    set->queue = s->queue_next;
    if (!set->queue)
        set->queue_end = &set->queue;
    s->queued = false;
    return s;
}

static void want(struct services *set, struct service *s, enum service_pending what) {
    s->pending = what;
    note(set, s);
}

/* --- due moments: a binary heap ------------------------------------------------------------------------------------ */

static void heap_put(struct services *set, size_t at, struct service *s) {
    set->heap[at] = s;
    s->heap_at = at;
}

static void heap_up(struct services *set, size_t at) {
    struct service *s = set->heap[at];
    for (; at > 0 && set->heap[(at - 1) / 2]->fsm.due > s->fsm.due; at = (at - 1) / 2)
        heap_put(set, at, set->heap[(at - 1) / 2]);
    heap_put(set, at, s);
}

static void heap_down(struct services *set, size_t at) {
    struct service *s = set->heap[at];
    for (size_t child; (child = 2 * at + 1) < set->heap_n; at = child) {
        if (child + 1 < set->heap_n && set->heap[child + 1]->fsm.due < set->heap[child]->fsm.due)
            child++;
        if (set->heap[child]->fsm.due >= s->fsm.due)
            break;
        heap_put(set, at, set->heap[child]);
    }
    heap_put(set, at, s);
}

/* Room for every service is there: services_load saw to it. */
static void heap_update(struct services *set, struct service *s) {
    bool in = s->heap_at != NOT_DUE, wanted = s->fsm.due != SERVICE_NEVER;
    if (!in && wanted) {
        heap_put(set, set->heap_n++, s);
        heap_up(set, s->heap_at);
    } else if (in && wanted) {
        heap_up(set, s->heap_at);
        heap_down(set, s->heap_at);
    } else if (in) {
        size_t at = s->heap_at;
        struct service *last = set->heap[--set->heap_n];
        s->heap_at = NOT_DUE;
        if (last != s) {
            heap_put(set, at, last);
            heap_up(set, at);
            heap_down(set, last->heap_at);
        }
    }
}

/* --- who needs whom -------------------------------------------------------------------------------------------------- */

static bool is_up(const struct service *s) {
    return s->fsm.state == SERVICE_RUNNING || s->fsm.state == SERVICE_EXITED;
}

/* Its state may have changed: tells those whom that may concern. */
static void recount(struct services *set, struct service *s) {
    bool up = is_up(s), active = service_active(s->fsm.state);
    if (up != s->counted_up) {
        s->counted_up = up;
        for (size_t i = 0; i < s->users_n; i++) {
            s->users[i]->missing += up ? -(size_t)1 : 1;
            if (!s->users[i]->missing)
                note(set, s->users[i]);
        }
    }
    if (active != s->counted_active) {
        s->counted_active = active;
        set->active += active ? 1 : -(size_t)1;
        for (size_t i = 0; i < s->needs_n; i++) {
            s->needs[i]->active_users += active ? 1 : -(size_t)1;
            if (!s->needs[i]->active_users)
                note(set, s->needs[i]);
        }
        if (!active)
            note(set, s); /* it may be waiting to be started again, or to be forgotten */
    }
}

/* --- the boot ---------------------------------------------------------------------------------------------------------- */

static void fail_boot(struct services *set, const struct service *culprit, const struct service *victim) {
    if (set->boot == BOOT_FAILED || set->stopping)
        return;
    set->boot = BOOT_FAILED;
    set->culprit = culprit;
    set->victim = victim;
}

/* On purpose; one that is being restarted is not. */
static bool was_stopped(const struct service *s) {
    return s->fsm.state == SERVICE_STOPPED && s->pending != SERVICE_PENDING_START;
}

/* Some required service that cannot be started without `s`, or `s` itself. `mark` is set on the way. */
static struct service *find_victim(struct service *s) {
    if (required(s) && boots(s) && !s->has_run && !was_stopped(s))
        return s;
    s->mark = 1;
    for (size_t i = 0; i < s->users_n; i++) {
        struct service *victim = s->users[i]->mark ? NULL : find_victim(s->users[i]);
        if (victim)
            return victim;
    }
    return NULL;
}

/* Whether the boot waits for it may have changed. */
static void update_awaited(struct services *set, struct service *s) {
    bool awaited = s->booting && required(s) && boots(s) && !s->has_run && !s->removed;
    if (awaited == s->awaited)
        return;
    s->awaited = awaited;
    set->boot_left += awaited ? 1 : -(size_t)1;
    if (!set->boot_left && set->boot == BOOT_PENDING && !set->stopping)
        set->boot = BOOT_DONE;
}

static void judge_boot(struct services *set, struct service *s, enum service_state before) {
    enum service_state now = s->fsm.state;
    s->has_run |= now == SERVICE_RUNNING;
    if (before == SERVICE_STARTING && (now == SERVICE_FAILED || now == SERVICE_EXITED) && !s->has_run &&
        set->boot == BOOT_PENDING && s->booting) {
        services_each(set, t) t->mark = 0;
        struct service *victim = find_victim(s);
        if (victim)
            fail_boot(set, s, victim);
    }
    if (now == SERVICE_FAILED && s->fsm.final && s->booting && required(s))
        fail_boot(set, s, s);
    if (s->fsm.stable || now == SERVICE_EXITED || was_stopped(s) || (now == SERVICE_STOPPED && s->has_run))
        s->booting = false;
    update_awaited(set, s);
}

/* --- events -------------------------------------------------------------------------------------------------------------- */

static void feed(struct services *set, struct service *s, enum service_event ev, int64_t now) {
    enum service_state before = s->fsm.state;
    unsigned act = service_fsm_step(&s->fsm, ev, &s->def.cfg->lifecycle, now, &set->rng);
    if (act & SERVICE_DO_SPAWN && ev == SERVICE_EV_DUE)
        s->restarts++;
    heap_update(set, s);
    recount(set, s);
    if (s->fsm.state != before || act & SERVICE_DID_GIVE_UP)
        set->ops->changed(set->ud, s, before, act);
    judge_boot(set, s, before);
    if (act & SERVICE_DO_CANCEL)
        set->ops->cancel(set->ud, s);
    if (act & SERVICE_DO_KILL)
        set->ops->kill(set->ud, s);
    if (act & SERVICE_DO_SPAWN) {
        enum service_event next = set->ops->spawn(set->ud, s);
        if (next != SERVICE_EV_START)
            feed(set, s, next, now);
    }
}

void services_event(struct services *set, struct service *s, enum service_event ev, int64_t now) {
    feed(set, s, ev, now);
}

/* --- work ------------------------------------------------------------------------------------------------------------------ */

static void free_service(struct services *set, struct service *s) {
    drop_def(set, &s->def);
    drop_def(set, &s->next);
    set->ops->forget(set->ud, s);
    if (set->culprit == s || set->victim == s)
        set->culprit = set->victim = NULL;
    mem_free(s->needs);
    mem_free(s->users);
    mem_free(s);
}

/* Takes it out of the lists of others, too. */
static void unlink_from(struct service **list, size_t *n, const struct service *s) {
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (list[i] != s)
            list[kept++] = list[i];
    *n = kept;
}

static void remove_service(struct services *set, struct service *s) {
    for (size_t i = 0; i < s->needs_n; i++)
        unlink_from(s->needs[i]->users, &s->needs[i]->users_n, s);
    for (size_t i = 0; i < s->users_n; i++)
        unlink_from(s->users[i]->needs, &s->users[i]->needs_n, s);
    HASH_DEL(set->all, s);
    free_service(set, s);
}

static void use_next(struct services *set, struct service *s) {
    if (!s->next.cfg)
        return;
    drop_def(set, &s->def);
    s->def = s->next;
    s->next.cfg = NULL;
    update_awaited(set, s);
}

/* Does what is wanted of it, if the time has come. */
static void consider(struct services *set, struct service *s, int64_t now) {
    enum service_state state = s->fsm.state;
    bool at_rest = !service_active(state);
    if (s->removed && at_rest) {
        feed(set, s, SERVICE_EV_STOP, now);
        if (!s->queued)
            remove_service(set, s);
        return;
    }
    if (at_rest)
        use_next(set, s);
    switch (s->pending) {
    case SERVICE_PENDING_NONE:
        break;
    case SERVICE_PENDING_START:
        if (state == SERVICE_STARTING || state == SERVICE_RUNNING) {
            s->pending = SERVICE_PENDING_NONE;
        } else if (at_rest && !s->missing) {
            s->pending = SERVICE_PENDING_NONE;
            feed(set, s, SERVICE_EV_START, now);
        }
        break;
    case SERVICE_PENDING_STOP:
        if (at_rest || !s->active_users) {
            s->pending = SERVICE_PENDING_NONE;
            feed(set, s, SERVICE_EV_STOP, now);
        }
        break;
    }
}

static void kill_all(struct services *set, int64_t now) {
    set->kill_at = SERVICE_NEVER;
    services_each(set, s) {
        if (!service_active(s->fsm.state))
            continue;
        s->pending = SERVICE_PENDING_NONE;
        feed(set, s, SERVICE_EV_STOP, now);
        set->ops->kill(set->ud, s);
    }
}

bool services_work(struct services *set, int64_t now) {
    if (set->kill_at <= now)
        kill_all(set, now);
    if (set->heap_n && set->heap[0]->fsm.due <= now) {
        feed(set, set->heap[0], SERVICE_EV_DUE, now);
        return true;
    }
    struct service *s = take_note(set);
    if (s)
        consider(set, s, now);
    return set->queue || services_next(set) <= now;
}

int64_t services_next(const struct services *set) {
    int64_t due = set->heap_n ? set->heap[0]->fsm.due : SERVICE_NEVER;
    return due < set->kill_at ? due : set->kill_at;
}

bool services_stopped(const struct services *set) {
    return set->stopping && !set->active;
}

/* --- commands ----------------------------------------------------------------------------------------------------------------- */

void services_boot(struct services *set) {
    set->boot = BOOT_PENDING;
    services_each(set, s) {
        if (!boots(s))
            continue;
        s->booting = true;
        update_awaited(set, s);
        want(set, s, SERVICE_PENDING_START);
    }
    if (!set->boot_left)
        set->boot = BOOT_DONE;
}

void services_start(struct services *set, struct service *s) {
    if (set->stopping || s->pending == SERVICE_PENDING_START)
        return;
    want(set, s, SERVICE_PENDING_START);
    for (size_t i = 0; i < s->needs_n; i++)
        if (!is_up(s->needs[i]))
            services_start(set, s->needs[i]);
}

void services_stop(struct services *set, struct service *s) {
    if (s->pending == SERVICE_PENDING_STOP)
        return;
    want(set, s, SERVICE_PENDING_STOP);
    for (size_t i = 0; i < s->users_n; i++)
        services_stop(set, s->users[i]);
}

void services_restart(struct services *set, struct service *s, int64_t now) {
    if (set->stopping)
        return;
    if (service_active(s->fsm.state))
        feed(set, s, SERVICE_EV_STOP, now);
    want(set, s, SERVICE_PENDING_START);
}

void services_stop_all(struct services *set, int64_t deadline) {
    set->stopping = true;
    set->kill_at = deadline;
    services_each(set, s) want(set, s, SERVICE_PENDING_STOP);
}

/* --- loading -------------------------------------------------------------------------------------------------------------------- */

struct service *services_find(const struct services *set, const char *id) {
    struct service *s;
    HASH_FIND_STR(set->all, id, s);
    return s;
}

/* Everything that `e` needs, also by way of hosts. Counts only when `out` is NULL. */
static size_t list_needs(const struct services *set, const struct cfg_entry *e, struct service **out) {
    const struct cfg_refs *requires = &cfg_lifecycle(e)->requires;
    size_t n = 0;
    for (size_t i = 0; i < requires->n; i++) {
        const struct cfg_entry *other = requires->v[i];
        struct service *s = other->kind == CFG_KIND_SERVICE ? services_find(set, other->id) : NULL;
        if (other->kind == CFG_KIND_HOST) {
            n += list_needs(set, other, out ? out + n : NULL);
        } else if (s) {
            if (out)
                out[n] = s;
            n++;
        }
    }
    if (e->kind == CFG_KIND_SERVICE && e->service->host)
        n += list_needs(set, e->service->host, out ? out + n : NULL);
    return n;
}

/* One service in a load that is under way. */
struct plan {
    struct service *s;
    const struct service_def *def; /* NULL: it is removed */
    bool created;
    struct service **needs, **users;
    size_t needs_n, users_n;
};

static const struct cfg_entry *planned_entry(const struct plan *p) {
    return p->def ? p->def->cfg->entry : p->s->def.cfg->entry;
}

static struct service *create(struct services *set, const char *id) {
    size_t len = strlen(id);
    struct service *s = mem_calloc(1, sizeof *s + len + 1);
    if (!s)
        return NULL;
    memcpy(s->id, id, len + 1);
    s->heap_at = NOT_DUE;
    service_fsm_init(&s->fsm);
    HASH_ADD_KEYPTR(hh, set->all, s->id, len, s);
    return s;
}

/* `plans` has room; false: no memory. */
static bool plan_all(struct services *set, const struct service_def *defs, size_t n, struct plan *plans,
                     size_t *count) {
    *count = 0;
    services_each(set, s) {
        s->mark = *count;
        plans[(*count)++].s = s;
    }
    for (size_t i = 0; i < n; i++) {
        const char *id = defs[i].cfg->entry->id;
        struct service *s = services_find(set, id);
        if (!s) {
            s = create(set, id);
            if (!s)
                return false;
            s->mark = *count;
            plans[(*count)++] = (struct plan){.s = s, .created = true};
        }
        plans[s->mark].def = &defs[i];
    }
    for (size_t i = 0; i < *count; i++) {
        struct plan *p = &plans[i];
        p->needs_n = list_needs(set, planned_entry(p), NULL);
        p->needs = mem_calloc(p->needs_n + 1, sizeof(struct service *));
        if (!p->needs)
            return false;
        list_needs(set, planned_entry(p), p->needs);
        for (size_t k = 0; k < p->needs_n; k++)
            plans[p->needs[k]->mark].users_n++;
    }
    for (size_t i = 0; i < *count; i++) {
        plans[i].users = mem_calloc(plans[i].users_n + 1, sizeof(struct service *));
        plans[i].users_n = 0;
        if (!plans[i].users)
            return false;
    }
    for (size_t i = 0; i < *count; i++)
        for (size_t k = 0; k < plans[i].needs_n; k++) {
            struct plan *need = &plans[plans[i].needs[k]->mark];
            need->users[need->users_n++] = plans[i].s;
        }
    return true;
}

static void undo_plans(struct services *set, struct plan *plans, size_t count) {
    for (size_t i = 0; i < count; i++) {
        mem_free(plans[i].needs);
        mem_free(plans[i].users);
        if (plans[i].created) {
            HASH_DEL(set->all, plans[i].s);
            mem_free(plans[i].s);
        }
    }
}

static void count_edges(struct service *s) {
    s->counted_up = is_up(s);
    s->counted_active = service_active(s->fsm.state);
    s->missing = s->active_users = 0;
    for (size_t i = 0; i < s->needs_n; i++)
        s->missing += !is_up(s->needs[i]);
    for (size_t i = 0; i < s->users_n; i++)
        s->active_users += service_active(s->users[i]->fsm.state);
}

/* The service takes its definition: at once, or when its process has ended. */
static void apply(struct services *set, const struct plan *p, uint64_t load, int64_t now) {
    struct service *s = p->s;
    enum service_state state = s->fsm.state;
    if (!p->def) {
        if (!s->removed)
            s->load = load;
        s->removed = true;
        update_awaited(set, s);
        want(set, s, SERVICE_PENDING_STOP);
        return;
    }
    bool again = s->removed, fresh = p->created || again;
    s->removed = false;
    update_awaited(set, s);
    drop_def(set, &s->next);
    s->next = *p->def;
    if (!p->def->changed || !service_active(state))
        use_next(set, s);
    if (fresh ? set->boot != BOOT_NOT_BEGUN && boots(s) : p->def->changed) {
        bool stopped = !again && (state == SERVICE_STOPPED || state == SERVICE_STOPPING);
        if (!stopped && (state != SERVICE_UNKNOWN || boots(s)))
            services_restart(set, s, now);
        if (s->pending == SERVICE_PENDING_START)
            s->load = load;
    }
}

bool services_load(struct services *set, const struct service_def *defs, size_t n, uint64_t load,
                   int64_t now) {
    size_t count = HASH_COUNT(set->all) + n;
    struct plan *plans = mem_calloc(count + 1, sizeof *plans);
    if (count > set->heap_cap) {
        struct service **heap = mem_realloc(set->heap, count * sizeof(struct service *));
        if (heap) {
            set->heap = heap;
            set->heap_cap = count;
        }
    }
    if (!plans || count > set->heap_cap || !plan_all(set, defs, n, plans, &count)) {
        if (plans)
            undo_plans(set, plans, count);
        mem_free(plans);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct service *s = plans[i].s;
        mem_free(s->needs);
        mem_free(s->users);
        s->needs = plans[i].needs;
        s->needs_n = plans[i].needs_n;
        s->users = plans[i].users;
        s->users_n = plans[i].users_n;
    }
    for (size_t i = 0; i < count; i++)
        count_edges(plans[i].s);
    for (size_t i = 0; i < count; i++)
        apply(set, &plans[i], load, now);
    mem_free(plans);
    return true;
}

bool service_settled(const struct service *s) {
    return !s->removed && s->pending == SERVICE_PENDING_NONE && s->fsm.state != SERVICE_STARTING &&
           s->fsm.state != SERVICE_STOPPING;
}

bool services_settled(const struct services *set, uint64_t load) {
    services_each(set, s) if (s->load == load && !service_settled(s)) return false;
    return true;
}

void services_open(struct services *set, const struct services_ops *ops, void *ud, uint64_t seed) {
    *set = (struct services){.ops = ops, .ud = ud, .rng = seed ? seed : 1, .kill_at = SERVICE_NEVER};
    set->queue_end = &set->queue;
}

void services_close(struct services *set) {
    struct service *s = set->all;
    HASH_CLEAR(hh, set->all);
    while (s) {
        struct service *next = s->hh.next;
        free_service(set, s);
        s = next;
    }
    mem_free(set->heap);
    set->heap = NULL;
    set->heap_n = set->heap_cap = 0;
}
