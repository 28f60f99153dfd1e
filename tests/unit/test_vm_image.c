#include <criterion/criterion.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "sched/node.h"
#include "vm/image.h"
#include "vm/vm_impl.h"

#if defined(__has_include) && __has_include(<luajit_troupe.h>) && !defined(TROUPE_FAULT)
#define PICTURES 1
#else
#define PICTURES 0
#endif

#define WORDS 6

/* A block that holds addresses within itself, one of its last byte and one with a tag, and what is no address. */
static void fill(uint64_t *block) {
    block[0] = 42;
    block[1] = (uintptr_t)&block[5];
    block[2] = (uintptr_t)block + sizeof(uint64_t) * WORDS - 1;
    block[3] = (uintptr_t)&block[0] | UINT64_C(0xfff9) << 48;
    block[4] = (uintptr_t)&free;
    block[5] = 0;
}

Test(image, a_copy_is_as_if_made_there) {
    uint64_t one[WORDS], other[WORDS], copy[WORDS + 1], made[WORDS];
    fill(one);
    fill(other);
    struct image *im = image_make(one, other, sizeof one);
    cr_assert(im);
    memset(one, 0xff, sizeof one);
    copy[WORDS] = 7;
    image_copy(im, copy);
    fill(made);
    for (int i = 0; i < WORDS; i++)
        cr_expect(copy[i] == (i >= 1 && i <= 3 ? made[i] + (uintptr_t)copy - (uintptr_t)made : made[i]),
                  "word %d", i);
    cr_expect(copy[WORDS] == 7, "what is behind it stays");
    image_free(im);
}

Test(image, blocks_that_differ_in_more_than_addresses_have_none) {
    uint64_t one[WORDS], other[WORDS];
    for (int i = 0; i < WORDS; i++) {
        fill(one);
        fill(other);
        other[i]++;
        cr_expect(!image_make(one, other, sizeof one), "word %d", i);
    }
    image_free(NULL);
}

/* Otherwise all states are made the long way, and nobody would notice but for the time it takes. */
Test(image, a_vm_has_a_picture_of_a_state) {
    static const struct node_hooks no_hooks;
    static const struct vm_hooks no_vm_hooks;
    struct node *node = node_create(&no_hooks);
    struct vm *vm = vm_create(node, &no_vm_hooks);
    cr_assert(vm);
    cr_expect(PICTURES ? vm->image != NULL : vm->image == NULL);
    vm_destroy(vm);
    node_destroy(node);
}
