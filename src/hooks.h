/*
 * hooks: what processes have to say, on its way to the log: lines of print, events of the module logger, crash reports,
 * workers that are stuck. The node and the vm know no user data of their own, so this is one per program.
 *
 * hooks_open before the node exists, hooks_close after it is gone, hooks_look and the setters by the thread that owns the
 * node; the hooks themselves by whoever calls them.
 */
#ifndef SRC_HOOKS_H
#define SRC_HOOKS_H

#include "config/config.h"
#include "vm/vm.h"

/* `changed` is called, by any thread, when hooks_look has something to report. `stuck`: the level of such a report. */
void hooks_open(void (*changed)(void *ud), void *ud, enum cfg_level stuck);
void hooks_close(void);

/* To be given to node_create and vm_create. */
extern const struct node_hooks hooks_of_node;
extern const struct vm_hooks hooks_of_vm;

/* Which environment variables programs may read (patterns; copied). false: no memory. */
bool hooks_allow_env(const struct cfg_strings *patterns);

/* Failures of this process' children are not reported. */
void hooks_hush(struct pid parent);

/* From now on, what processes of other entries than `spared` print and log is kept, the newest of it, for the driver of
 * tests to take (vm_hooks.take_prints). Before there are processes. */
void hooks_capture(const char *spared);

/* The program ends: processes that are terminated from now on are not reported. */
void hooks_ending(void);

/* Reports workers that are stuck. */
void hooks_look(struct node *n);

#endif
