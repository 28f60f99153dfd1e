#include <criterion/criterion.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "sched/node.h"
#include "tests/support/vmbox.h"
#include "vm/entry.h"
#include "vm/image.h"
#include "vm/vm_impl.h"

#if defined(__has_include) && __has_include(<luajit_troupe.h>) && !defined(TROUPE_FAULT)
#define PICTURES 1
#else
#define PICTURES 0
#endif

#define WORDS 6

static const struct vm_hooks no_vm_hooks;

/* Two blocks that hold addresses of each other, one of the last byte and one with a tag, and what is no address. */
static void fill(uint64_t *first, uint64_t *second) {
    first[0] = 42;
    first[1] = (uintptr_t)&first[5];
    first[2] = (uintptr_t)second + sizeof(uint64_t) * WORDS - 1;
    first[3] = (uintptr_t)&first[0] | UINT64_C(0xfff9) << 48;
    first[4] = (uintptr_t)&free;
    first[5] = (uintptr_t)second;
    second[0] = (uintptr_t)first;
    second[1] = (uintptr_t)&second[2] | UINT64_C(0xfffb) << 47;
    second[2] = UINT64_MAX;
}

static struct image *make(uint64_t *one, uint64_t *one_more, uint64_t *other, uint64_t *other_more) {
    size_t bytes = WORDS * sizeof(uint64_t), more = 3 * sizeof(uint64_t);
    return image_make((struct image_part[]){{one, bytes, bytes}, {one_more, more, bytes}},
                      (struct image_part[]){{other, bytes, bytes}, {other_more, more, bytes}});
}

Test(image, a_copy_is_as_if_made_there) {
    /* as blocks lie in a slab: both distances are the same */
    uint64_t slab[4][WORDS] = {{0}}, copy[2][WORDS] = {{0}}, made[2][WORDS] = {{0}};
    fill(slab[0], slab[1]);
    fill(slab[2], slab[3]);
    struct image *im = make(slab[0], slab[1], slab[2], slab[3]);
    cr_assert(im && image_room(im, 0) == sizeof slab[0] && image_room(im, 1) == sizeof slab[1]);
    memset(slab, 0xff, sizeof slab);
    copy[0][3] = 7;
    /* the other way round */
    image_copy(im, (void *[]){copy[1], copy[0]});
    fill(made[1], made[0]);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < (k ? WORDS : 3); i++) {
            bool address = k ? i >= 1 && i != 4 : i < 2;
            uint64_t distance = address ? (uintptr_t)copy - (uintptr_t)made : 0;
            cr_expect(copy[k][i] == made[k][i] + distance, "block %d, word %d", k, i);
        }
    cr_expect(copy[0][3] == 7, "what is behind it stays");
    image_free(im);
}

Test(image, one_block_is_enough) {
    uint64_t one[WORDS] = {0}, other[WORDS] = {0}, copy[WORDS] = {0};
    one[1] = (uintptr_t)&one[2];
    other[1] = (uintptr_t)&other[2];
    struct image *im = image_make((struct image_part[]){{one, sizeof one, sizeof one}, {0}},
                                  (struct image_part[]){{other, sizeof other, sizeof other}, {0}});
    cr_assert(im && image_room(im, 1) == 0);
    image_copy(im, (void *[]){copy, NULL});
    cr_expect(copy[0] == 0 && copy[1] == (uintptr_t)&copy[2]);
    image_free(im);
}

Test(image, blocks_that_differ_in_more_than_addresses_have_none) {
    uint64_t slab[4][WORDS] = {{0}};
    for (int k = 2; k < 4; k++)
        for (int i = 0; i < (k == 2 ? WORDS : 3); i++) {
            fill(slab[0], slab[1]);
            fill(slab[2], slab[3]);
            slab[k][i] += 8;
            cr_expect(!make(slab[0], slab[1], slab[2], slab[3]), "block %d, word %d", k, i);
        }
    image_free(NULL);
}

/* Blocks that lie a multiple of 64 KiB apart: the lower half of a word tells nothing. */
Test(image, what_is_as_far_away_but_no_address_of_a_block_is_none) {
    enum { APART = 1 << 16 };
    static _Alignas(APART) unsigned char memory[2 * APART];
    uint64_t *one = (uint64_t *)memory, *other = (uint64_t *)(memory + APART);
    size_t bytes = WORDS * sizeof *one;
    for (int address = 0; address < 2; address++) {
        one[1] = address ? (uintptr_t)&one[2] : (uintptr_t)one + 0x8002;
        other[1] = one[1] + APART;
        struct image *im = image_make((struct image_part[]){{one, bytes, bytes}, {0}},
                                      (struct image_part[]){{other, bytes, bytes}, {0}});
        cr_expect(address ? im != NULL : im == NULL);
        image_free(im);
    }
}

/* Otherwise all states are made the long way, and nobody would notice but for the time it takes. */
Test(image, a_vm_has_a_picture_of_a_state) {
    static const struct node_hooks no_hooks;
    struct node *node = node_create(&no_hooks);
    struct vm *vm = vm_create(node, &no_vm_hooks);
    cr_assert(vm);
    cr_expect(PICTURES ? vm->image != NULL : vm->image == NULL);
    vm_destroy(vm);
    node_destroy(node);
}

/* They wait, so that each has a state of its own. */
static const char plain[] = "return { main = function() time.sleep('50ms') return ('x'):upper() end }";
static const char with_own[] =
    "return { main = function() time.sleep('50ms') return coroutine.wrap(channel.new)() end }";

static void pictures_of(const char *source, bool two) {
    struct box b;
    struct vm *vm = vmbox_open(&b, &(struct node_hooks){.worker_ended = vm_worker_ended}, source);
    struct ventry *e = vmbox_entry(vm);
    vmbox_run(&b, vm, 1);
    cr_expect(!atomic_load(&e->image) && !e->first_image);
    vmbox_run(&b, vm, 50);
    const struct image *first = e->first_image, *now = atomic_load(&e->image);
    cr_expect(PICTURES ? now && now != first : !now);
    cr_expect_eq(first != NULL, PICTURES && two);
    vmbox_run(&b, vm, 50);
    cr_expect(e->first_image == first && atomic_load(&e->image) == now, "there is no other one");
    box_close(&b);
    vm_destroy(vm);
}

Test(image, an_entry_gets_one_when_it_has_some_states) {
    pictures_of(plain, false);
}

/* What is written in Lua, and types with methods that are, each state makes for itself. */
Test(image, and_a_second_one_with_what_its_first_process_has_made_for_itself) {
    pictures_of(with_own, true);
}
