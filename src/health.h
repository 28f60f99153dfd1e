/* health: whether every worker gets on. Any attached thread. */
#ifndef SRC_HEALTH_H
#define SRC_HEALTH_H

#include "sched/node.h"
#include "src/text.h"

#define HEALTH_STUCK_NS INT64_C(2000000000)

/* false: a worker has been in one run of a process for longer than HEALTH_STUCK_NS; appends which. */
bool health_check(struct node *n, struct text *why);

#endif
