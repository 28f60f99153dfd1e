/*
 * room: memory for a program that may be given little address space (RLIMIT_AS, ulimit -v). With less than it takes to start,
 * the program ends before its libraries are initialised, with a line that says what is needed. jemalloc crashes when a thread
 * asks for its first memory and there is no room for an arena: with a limit all arenas are made while there is one thread.
 * Without one, jemalloc's thread that gives memory back is started.
 */
#ifndef SRC_ROOM_H
#define SRC_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* Once, in the main thread, before there are others. False, and why in `err`: the limit leaves too little. */
bool room_prepare(char *err, size_t cap);

#endif
