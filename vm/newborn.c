#include "vm/newborn.h"

#include <string.h>

#include "base/alloc.h"
#include "vm/life.h"
#include "vm/pool.h"
#include "vm/spawner.h"
#include "vm/task.h"
#include "vm/vm_impl.h"

struct newborn {
    struct vm *vm;
    struct ventry *entry;
    struct vcontext *context; /* NULL: none */
    struct vm_args args;      /* data: behind the struct */
};

struct newborn *newborn_new(struct vm *vm, const struct spawn_request *r) {
    struct newborn *n = mem_alloc(sizeof *n + r->args.len);
    if (!n)
        return NULL;
    char *data = (char *)(n + 1);
    if (r->args.len)
        memcpy(data, r->args.data, r->args.len);
    *n = (struct newborn){.vm = vm,
                          .entry = ventry_hold(r->entry),
                          .context = r->context ? context_hold(r->context) : NULL,
                          .args = {data, r->args.len, r->args.count}};
    return n;
}

void newborn_free(struct newborn *n) {
    context_release(n->context);
    ventry_release(n->entry);
    mem_free(n);
}

/* Gives `p` its state; false: no memory, it has to end. */
static bool grow_up(struct proc *p) {
    struct newborn *n = p->data;
    struct vstate *vs = pool_take(n->vm, n->entry);
    if (vs && n->args.len && !codec_buf_put(&vs->args, n->args.data, n->args.len)) {
        pool_give(vs);
        vs = NULL;
    }
    if (!vs) {
        if (!p->kill)
            p->kill = failure_format(ERRKIND_RATE_LIMITED, EXIT_LIMIT,
                                     "not enough memory for a process of %s", n->entry->id);
        return false;
    }
    p->data = vs;
    p->behaviour = &spawn_behaviour;
    life_begin(vs, p);
    vs->arg_count = n->args.count;
    context_give(vs, n->context);
    n->context = NULL;
    task_ready(vs, &vs->main, WAKE_START);
    vm_account(vs);
    newborn_free(n);
    return true;
}

struct vstate *newborn_vstate(struct proc *p) {
    if (p->behaviour == &newborn_behaviour && !grow_up(p))
        return NULL;
    return p->behaviour == &spawn_behaviour ? p->data : NULL;
}

static void deliver(struct proc *p, struct msg *m) {
    if (grow_up(p)) {
        p->behaviour->deliver(p, m);
        return;
    }
    proc_consumed(p, m);
    msg_free(m);
}

static enum step step(struct proc *p) {
    return grow_up(p) ? p->behaviour->step(p) : STEP_EXIT;
}

static void ending(struct proc *p) {
    const struct newborn *n = p->data;
    const struct vm_hooks *hooks = &n->vm->hooks;
    if (hooks->failed && p->failure)
        hooks->failed(p, n->entry->id, p->failure, "");
}

static void close_newborn(struct proc *p) {
    newborn_free(p->data);
    p->data = NULL;
}

const struct behaviour newborn_behaviour = {
    .name = "newborn", .deliver = deliver, .step = step, .ending = ending, .close = close_newborn};
