#include "vm/vm.h"

#include "base/alloc.h"
#include "vm/bus.h"
#include "vm/codec.h"
#include "vm/errobj.h"
#include "vm/image.h"
#include "vm/library.h"
#include "vm/life.h"
#include "vm/mcode.h"
#include "vm/mod_process.h"
#include "vm/pool.h"
#include "vm/preempt.h"
#include "vm/tz.h"
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
    pthread_mutex_init(&vm->code_lock, NULL);
    vm->node = n;
    vm->hooks = *hooks;
    vm->compiles = mcode_allowed();
    vm->preempts_compiled = vm->compiles && preempt_self_check();
    zone_local(); /* loaded now: GLib ends a program that has no memory for it */
    life_prepare(vm);
    return vm;
}

void vm_destroy(struct vm *vm) {
    vm_install(vm, NULL);
    for (struct vm_code *c = vm->kept, *next; c; c = next) {
        next = c->next_kept;
        vm_code_release(c);
    }
    pthread_mutex_destroy(&vm->code_lock);
    bus_free(vm->bus);
    image_free(vm->image);
    library_free(vm->library);
    mem_free(vm);
}

void vm_worker_started(struct worker *w) {
    life_worker_started();
}

void vm_worker_ended(struct worker *w) {
    pool_worker_ended(w);
    codec_buf_free(process_scratch());
    errobj_thread_ends();
}

int64_t vm_worker_idle(struct worker *w) {
    return pool_worker_idle(w);
}

bool vm_compiles(const struct vm *vm) {
    return vm->compiles;
}

uint64_t vm_jit_states(const struct vm *vm) {
    return atomic_load_explicit(&vm->jit_states, memory_order_relaxed);
}

uint64_t vm_events_dropped(const struct vm *vm) {
    return bus_dropped(vm->bus);
}

bool vm_preempts_compiled(const struct vm *vm) {
    return vm->preempts_compiled;
}
