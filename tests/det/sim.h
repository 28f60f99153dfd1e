/*
 * sim: runs sched in one thread, on coroutines, and lets a seed decide at every det_point who goes on.
 *
 * sim_run calls `main_fn` as the first coroutine ("owner"). What it starts through sched (workers, the ticker) or with
 * sim_start become coroutines too. Time is virtual: it moves a little at every point, and leaps to the next deadline when
 * nobody can run. Mutexes, futexes, thread starts, joins and signals are simulated. What is explored is every
 * interleaving of sequentially consistent steps between points, not the reorderings of weak memory.
 */
#ifndef TESTS_DET_SIM_H
#define TESTS_DET_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_result {
    uint64_t points; /* passed */
    uint64_t switches;
    const char *failure; /* NULL: all invariants held */
};

struct sim_result sim_run(uint64_t seed, void (*main_fn)(void));

/* Inside a run. A coroutine of the test's own; ends when fn returns. */
void sim_start(void (*fn)(void *arg), void *arg);

/* Waits until nobody else can run and no deadline before `until_ns` from now is left: all that could happen has happened. */
void sim_settle(int64_t ns);

/* Ends the run as failed; the text says which invariant. Does not return. */
_Noreturn void sim_fail(const char *what);
#define SIM_CHECK(condition)                                                                                 \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            sim_fail(#condition);                                                                            \
    } while (0)

/* Called at every point, outside of any coroutine's doing: checks that hold at each step. May be NULL. */
extern void (*sim_each_step)(void);

/* A number below n, from the run's seed. */
uint64_t sim_random(uint64_t n);

/* Which coroutine runs, counted from 0 (the owner). */
unsigned sim_self(void);

/* Prints the last points passed, with who passed them. */
void sim_print_trail(void);

#endif
