#include <criterion/criterion.h>

#include "tests/support/vmbox.h"
#include "vm/entry.h"
#include "vm/pool.h"
#include "vm/vm_impl.h"

#define MS INT64_C(1000000)
#define PROCESSES 500

/* They wait, so that most have a state of their own. */
static const char source[] = "return { main = function() time.sleep('200ms') end }";

/* The set holds the entry, and so does each state. */
static unsigned states(struct vm *vm) {
    return atomic_load(&vmbox_entry(vm)->refs) - 1;
}

Test(pool, states_that_nobody_needs_go) {
    struct node_hooks hooks = {
        .worker_ended = vm_worker_ended, .worker_idle = vm_worker_idle, .idle_ns = 50 * MS};
    struct box b;
    struct vm *vm = vmbox_open(&b, &hooks, source);
    for (int round = 0; round < 2; round++) {
        vmbox_run(&b, vm, PROCESSES);
        AWAIT(states(vm) == 0);
        cr_expect(atomic_load(&vm->pooled) == 0 && atomic_load(&vm->pooled_bytes) == 0);
    }
    box_close(&b);
    vm_destroy(vm);
}

Test(pool, they_stay_for_as_long_as_they_may_be_needed) {
    struct node_hooks hooks = {
        .worker_ended = vm_worker_ended, .worker_idle = vm_worker_idle, .idle_ns = 3600 * 1000 * MS};
    struct box b;
    struct vm *vm = vmbox_open(&b, &hooks, source);
    vmbox_run(&b, vm, PROCESSES);
    unsigned kept = states(vm);
    cr_expect(kept > PROCESSES / 4 && kept <= PROCESSES, "%u", kept);
    usleep(100000);
    cr_expect(states(vm) == kept);
    vmbox_run(&b, vm, PROCESSES);
    cr_expect(states(vm) <= PROCESSES + PROCESSES / 4, "used again: %u", states(vm));
    size_t bytes = atomic_load(&vm->pooled_bytes);
    cr_expect(atomic_load(&vm->pooled) ? bytes > 0 && bytes < POOL_BYTES : bytes == 0);
    box_close(&b);
    vm_destroy(vm);
}
