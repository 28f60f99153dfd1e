/*
 * vmbox: a schedbox whose host has a vm with one entry, "t:p", for tests that look at states and pools from outside.
 */
#ifndef TESTS_SUPPORT_VMBOX_H
#define TESTS_SUPPORT_VMBOX_H

#include "tests/support/schedbox.h"
#include "vm/vm.h"

/* Opens the box, with two workers and no limits, and the vm. box_close, then vm_destroy. */
struct vm *vmbox_open(struct box *b, const struct node_hooks *hooks, const char *source);

/* Starts `count` processes and waits for the end of all. */
void vmbox_run(struct box *b, struct vm *vm, int count);

struct ventry *vmbox_entry(struct vm *vm);

#endif
