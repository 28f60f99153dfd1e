/*
 * crashes: the reports of processes that failed lately, for `troupe info`. One list per program, bounded in number and size.
 * Any thread.
 */
#ifndef SRC_CRASHES_H
#define SRC_CRASHES_H

#include "sched/proc.h"
#include "src/text.h"

#define CRASHES_KEPT 256
#define CRASHES_TEXT_MAX 8192 /* of message and traceback each; longer ones are cut */

/* `p` has failed with `f`; inside its end. Without memory nothing is kept. */
void crashes_note(struct proc *p, const char *entry, const struct failure *f, const char *topics);

/*
 * Appends the report of `pid` as a JSON object: entry, host, at (Unix seconds), age (seconds), how, kind, reason, stack, memory,
 * mailbox, topics. false: none is kept.
 */
bool crashes_find(struct pid pid, struct text *out);

void crashes_close(void);

#endif
