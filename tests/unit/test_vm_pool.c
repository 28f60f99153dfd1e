#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/schedbox.h"
#include "vm/entry.h"
#include "vm/pool.h"
#include "vm/vm.h"
#include "vm/vm_impl.h"

#define MS INT64_C(1000000)
#define PROCESSES 500

static const struct vm_hooks no_vm_hooks;
static struct vm_host no_limits;

/* They wait, so that most have a state of their own. */
static const char source[] = "return { main = function() time.sleep('200ms') end }";

static struct vm *open_vm(struct box *b, const struct node_hooks *hooks) {
    *b = box_open(2, NULL, hooks);
    b->host->user = &no_limits;
    struct vm *vm = vm_create(b->node, &no_vm_hooks);
    struct vm_entry_def def = {.id = "t:p",
                               .kind = VM_PROCESS,
                               .method = "main",
                               .chunk_name = "@p.lua",
                               .source = source,
                               .source_len = strlen(source),
                               .compat = VM_COMPAT_INHERIT};
    char err[200] = "";
    int line;
    struct vm_code *set = vm_code_new();
    cr_assert(vm_code_add(set, &def, err, sizeof err, &line), "%s", err);
    vm_install(vm, set);
    return vm;
}

static void run_many(struct box *b, struct vm *vm) {
    struct vm_args none = {0};
    for (int i = 0; i < PROCESSES; i++) {
        struct failure *f = NULL;
        vm_spawn(vm, "t:p", b->host, NULL, false, &none, &f);
        cr_assert(!f);
    }
    AWAIT(box_live(b) == 0);
}

/* The set holds the entry, and so does each state. */
static unsigned states(struct vm *vm) {
    return atomic_load(&ventry_find(vm, "t:p", 3)->refs) - 1;
}

Test(pool, states_that_nobody_needs_go) {
    struct node_hooks hooks = {
        .worker_ended = vm_worker_ended, .worker_idle = vm_worker_idle, .idle_ns = 50 * MS};
    struct box b;
    struct vm *vm = open_vm(&b, &hooks);
    for (int round = 0; round < 2; round++) {
        run_many(&b, vm);
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
    struct vm *vm = open_vm(&b, &hooks);
    run_many(&b, vm);
    unsigned kept = states(vm);
    cr_expect(kept > PROCESSES / 4 && kept <= PROCESSES, "%u", kept);
    usleep(100000);
    cr_expect(states(vm) == kept);
    run_many(&b, vm);
    cr_expect(states(vm) <= PROCESSES + PROCESSES / 4, "used again: %u", states(vm));
    size_t bytes = atomic_load(&vm->pooled_bytes);
    cr_expect(atomic_load(&vm->pooled) ? bytes > 0 && bytes < POOL_BYTES : bytes == 0);
    box_close(&b);
    vm_destroy(vm);
}
