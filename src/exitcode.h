/* Exit statuses of both programs; the numbers are those of sysexits.h. */
#ifndef SRC_EXITCODE_H
#define SRC_EXITCODE_H

/* name, number, meaning */
#define EXIT_CODES(X)                                                                                        \
    X(OK, 0, "success")                                                                                      \
    X(FAILED, 1,                                                                                             \
      "a required service failed at boot, the program failed, the daemon refused, or a second signal")       \
    X(USAGE, 64, "wrong usage")                                                                              \
    X(NO_DAEMON, 69, "no daemon answers")                                                                    \
    X(INTERNAL, 70, "internal error, or not enough memory or threads")                                       \
    X(IO, 74, "standard output cannot be written, or a socket cannot be made")                               \
    X(CONFIG, 78, "mistakes in the configuration")

enum exit_code {
#define X(name, number, help) EXIT_CODE_##name = number,
    EXIT_CODES(X)
#undef X
};

#endif
