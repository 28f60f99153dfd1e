/*
 * bus: the node-wide, best-effort bus of the module `events`. Internal to vm.
 *
 * Subscriptions stand in one list per vm, guarded by a read-write lock: sending reads it, subscribing and closing write. An
 * event is encoded once and copied for each subscriber into a node of its mailbox. A subscription has room for BUS_BUFFER
 * events that were not received yet; what comes then is dropped and counted.
 */
#ifndef VM_BUS_H
#define VM_BUS_H

#include "vm/vstate.h"

#define BUS_BUFFER 64

struct vbus;

struct vbus *bus_new(void); /* NULL without memory */
void bus_free(struct vbus *b);

/* How many events were dropped so far, each once for every subscriber that misses it. Any thread. */
uint64_t bus_dropped(const struct vbus *b);

/* An event arrived; takes `m` over. Touches no Lua. */
void bus_arrived(struct vstate *vs, struct msg *m);

/* The process has ended: closes its subscriptions. Touches no Lua. */
void bus_drop_all(struct vstate *vs);

#endif
