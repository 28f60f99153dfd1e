/*
 * app: a running node, made from a configuration: hosts, code, supervisor, and the hooks that lead from processes to
 * the log. Both programs are this with something around it.
 *
 * One per program. All functions are called by the thread that called app_open, which becomes the node's owner.
 */
#ifndef SRC_APP_H
#define SRC_APP_H

#include "config/config.h"
#include "src/supervisor.h"
#include "vm/vm.h"

struct app;

struct app_options {
    bool quiet; /* what is no trouble is logged as debug: for the tool */
    /* There is something new: call app_look. Any thread; must not block. */
    void (*changed)(void *ud);
    void *ud;
};

/*
 * Hosts with their workers, code installed, a supervisor that has started nothing yet. NULL: `err` says why. The
 * configuration is referenced as long as it is used.
 */
struct app *app_open(struct config *c, const struct app_options *o, char *err, size_t cap);

/* Ends every process and frees everything. NULL: nothing. In two steps for those who own processes' memory: app_end ends
 * all processes and threads, app_close frees. */
void app_end(struct app *app);
void app_close(struct app *app);

/* Reports what other threads noted (stuck workers), after changed(). */
void app_look(struct app *app);

struct node *app_node(struct app *app);
struct vm *app_vm(struct app *app);
struct host *app_system_host(struct app *app);
struct supervisor *app_supervisor(struct app *app);
struct config *app_config(struct app *app);

/* The host of an entry; started now if it does not start with the daemon. NULL: `err` says why. */
struct host *app_host(struct app *app, const struct cfg_entry *e, char *err, size_t cap);

/*
 * Starts, stops or restarts a service by its id; what it needs is started first, hosts among it. What becomes of it, the
 * supervisor's status tells. false: `err` says why not.
 */
bool app_command(struct app *app, enum supervisor_command what, const char *id, char *err, size_t cap);

/* Failures of children of this process are not reported: their parent does it. */
void app_hush(struct pid parent);

/*
 * Makes `c` the configuration: new code for processes started from now on, hosts added, rescaled and closed, services
 * that changed restarted. false: `err` says why, and what ran goes on unchanged.
 */
bool app_reload(struct app *app, struct config *c, char *err, size_t cap);

/* Whether every worker has passed a safe point since the last call of this: one that has not is stuck. */
bool app_alive(struct app *app);

#endif
