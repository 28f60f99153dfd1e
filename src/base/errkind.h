/*
 * Kinds of errors, as Lua programs see them (errors.NOT_FOUND == "NotFound") and as every C module reports them.
 *
 * One list: the enum, the constant's name and the text that crosses process boundaries come from it.
 * UNKNOWN is 0, so that a zeroed error has no kind. Pure functions, callable from any thread.
 */
#ifndef TROUPE_BASE_ERRKIND_H
#define TROUPE_BASE_ERRKIND_H

#define ERRKIND_MAP(X)                                                                                       \
    X(UNKNOWN, "")                                                                                           \
    X(NOT_FOUND, "NotFound")                                                                                 \
    X(ALREADY_EXISTS, "AlreadyExists")                                                                       \
    X(INVALID, "Invalid")                                                                                    \
    X(PERMISSION_DENIED, "PermissionDenied")                                                                 \
    X(UNAVAILABLE, "Unavailable")                                                                            \
    X(INTERNAL, "Internal")                                                                                  \
    X(CANCELED, "Canceled")                                                                                  \
    X(CONFLICT, "Conflict")                                                                                  \
    X(TIMEOUT, "Timeout")                                                                                    \
    X(RATE_LIMITED, "RateLimited")

enum errkind {
#define ERRKIND_ENUM(name, text) ERRKIND_##name,
    ERRKIND_MAP(ERRKIND_ENUM)
#undef ERRKIND_ENUM
        ERRKIND_COUNT
};

/* The text of a kind ("NotFound"); "" for UNKNOWN and for a number that is no kind. Static storage. */
const char *errkind_text(enum errkind kind);

/* The constant's name of a kind ("NOT_FOUND"); "UNKNOWN" for a number that is no kind. Static storage. */
const char *errkind_name(enum errkind kind);

/* The kind whose text is `text`; UNKNOWN when there is none. */
enum errkind errkind_parse(const char *text);

#endif
