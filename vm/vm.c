#include "vm/vm.h"

#include "base/alloc.h"
#include "vm/bus.h"
#include "vm/codec.h"
#include "vm/mcode.h"
#include "vm/mod_process.h"
#include "vm/pool.h"
#include "vm/preempt.h"
#include "vm/vm_impl.h"

bool vstate_wippy(const struct vstate *vs) {
    return vs->wippy;
}

struct vm *vm_create(struct node *n, const struct vm_hooks *hooks) {
    struct vm *vm = mem_calloc(1, sizeof *vm);
    if (!vm)
        return NULL;
    vm->bus = bus_new();
    if (!vm->bus) {
        mem_free(vm);
        return NULL;
    }
    vm->node = n;
    vm->hooks = *hooks;
    vm->compiles = mcode_allowed();
    vm->preempts_compiled = vm->compiles && preempt_self_check();
    return vm;
}

void vm_destroy(struct vm *vm) {
    struct vm_code *c = atomic_load_explicit(&vm->code, memory_order_acquire);
    while (c) {
        struct vm_code *older = c->older;
        struct ventry *e, *next;
        HASH_ITER (hh, c->entries, e, next) {
            pool_drain(e);
        }
        vm_code_free(c);
        c = older;
    }
    bus_free(vm->bus);
    mem_free(vm);
}

void vm_worker_ended(struct worker *w) {
    pool_worker_ended(w);
    codec_buf_free(process_scratch());
}

bool vm_compiles(const struct vm *vm) {
    return vm->compiles;
}

uint64_t vm_events_dropped(const struct vm *vm) {
    return bus_dropped(vm->bus);
}

bool vm_preempts_compiled(const struct vm *vm) {
    return vm->preempts_compiled;
}
