/*
 * hosts: hosts as they are configured, on a node. Called by the thread that owns the node.
 *
 * A host that the configuration has no more is closed, and is there again when it comes back: the scheduler keeps hosts
 * for as long as the node lives.
 */
#ifndef SRC_HOSTS_H
#define SRC_HOSTS_H

#include "config/config.h"
#include "sched/node.h"
#include "vm/vm.h"

struct hosts {
    struct node *node;
    struct host_view *views; /* what host->user pointed to, now or before */
    unsigned cpus;           /* what "one worker per CPU" means */
};

void hosts_init(struct hosts *hs, struct node *n);
void hosts_free(struct hosts *hs); /* after node_destroy */

/*
 * Makes the node's hosts what `c` says: those that start with the daemon run, the others are there and closed. false:
 * `err` names the host that could not be started; hosts made before it stay.
 */
bool hosts_apply(struct hosts *hs, const struct config *c, char *err, size_t cap);

/* Closes those that are not in `c`. */
void hosts_close_others(struct hosts *hs, const struct config *c);

/* One host, which runs afterwards. NULL: `err` says why. */
struct host *hosts_start(struct hosts *hs, const struct config *c, const struct cfg_host *cfg, char *err,
                         size_t cap);

#endif
