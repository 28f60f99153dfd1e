#include "tests/support/vmbox.h"

#include <criterion/criterion.h>
#include <string.h>

#include "vm/entry.h"
#include "vm/vm_impl.h"

static const struct vm_hooks no_vm_hooks;
static struct vm_host no_limits;

struct vm *vmbox_open(struct box *b, const struct node_hooks *hooks, const char *source) {
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

void vmbox_run(struct box *b, struct vm *vm, int count) {
    struct vm_args none = {0};
    for (int i = 0; i < count; i++) {
        struct failure *f = NULL;
        vm_spawn(vm, "t:p", b->host, NULL, false, &none, &f);
        cr_assert(!f);
    }
    AWAIT(box_live(b) == 0);
}

struct ventry *vmbox_entry(struct vm *vm) {
    return ventry_find(vm, "t:p", 3);
}
