/*
 * scenes: what is tried with a fault in it. Each does something whole and cleans up after itself.
 */
#ifndef TESTS_FAULT_SCENES_H
#define TESTS_FAULT_SCENES_H

#include <stdbool.h>
#include <stddef.h>

/* Arms the fault of this run (in this process), disarms it and notes how many points there were. */
void fault_arm(void);
void fault_disarm(void);

struct scene {
    const char *name;
    /* Returns what is wrong, NULL: it went well, or ended in an error as it should. With `whole` there is no fault, and it must go well. */
    const char *(*play)(bool whole);
    bool forks; /* it plays in a child: what leaks there is that child's */
};

extern const struct scene scenes[];
extern const size_t scene_count;

/* Before and after all scenes; a folder for files. */
void scenes_open(void);
void scenes_close(void);

#endif
