/*
 * tune: the sizes and counts that were chosen by measuring, all in one place, and the tiny ones of builds for stress
 * tests (-DTROUPE_TINY), in which every queue overflows, every cache runs dry and every batch closes all the time.
 */
#ifndef SCHED_TUNE_H
#define SCHED_TUNE_H

#if defined(TROUPE_TINY) || defined(TROUPE_DET)
#define TUNE(normal, tiny) (tiny)
#else
#define TUNE(normal, tiny) (normal)
#endif

#define RUNQ_SIZE TUNE(256u, 4u)   /* entries of a worker's ring; a power of two */
#define NEW_IN_RING TUNE(32u, 1u)  /* processes that have not run yet come into a ring up to this length, */
#define NEW_LEAST TUNE(4u, 1u)     /* and so many in each COMMON_EVERY dispatches, however long it is */
#define PIDCACHE_SIZE TUNE(256, 4) /* free slots that one thread keeps */
#define CELLS_KEPT TUNE(1024, 2)   /* freed processes that one thread keeps */
#define EPOCH_BATCH                                                                                          \
    TUNE(256, 2) /* retired items that are worth a membarrier (1-2 us) and a walk over the readers */
#define NAMES_BUCKETS TUNE(1u << 16, 8u) /* fixed: a million names make chains of sixteen */
#define LATER_MAX TUNE(32, 2)            /* processes collected before they are put behind the overflow */
#define COMMON_EVERY TUNE(64, 2)         /* dispatches after which the common queues come first */
#define SPINS_MOST TUNE(40u, 1u)         /* looks around before a worker parks, while that finds something; */
#define SPINS_LEAST TUNE(4u, 1u)         /* and where it has not for a while */
#define EXIT_NOTE_TRIES                                                                                      \
    1000 /* for the memory of an EXIT or of a spawn's answer, each after giving the processor away */
#define STUCK_NS INT64_C(100000000) /* in one process for so long: a spare worker takes the place */

#endif
