/* patience: how long both programs wait at their end for what should take no time. */
#ifndef SRC_PATIENCE_H
#define SRC_PATIENCE_H

#include "base/dur.h"

#define FLUSH_PATIENCE (1 * DUR_SEC)  /* for a sink of the log that does not move */
#define STUCK_PATIENCE (100 * DUR_MS) /* for one that did not move before */
#define END_PATIENCE (4 * DUR_SEC)    /* for everything: threads that do not end are left behind */

#endif
