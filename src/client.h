/*
 * client: the tool's end of the control socket. One connection, one request at a time. Whatever goes wrong is said on standard
 * error; functions that return an int return an exit status.
 */
#ifndef SRC_CLIENT_H
#define SRC_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/options.h"

struct client;

/* Options that every verb that needs a daemon has. */
#define OPTION_SOCKET                                                                                        \
    {                                                                                                        \
        "socket", 'S', "PATH", false,                                                                        \
            "the daemon's control socket; else $TROUPE_SOCKET, else the shipped path"                        \
    }
#define OPTION_JSON                                                                                          \
    { "json", 'j', NULL, false, "print JSON, for programs" }

/* Connects; `socket` NULL: where one is expected. NULL: *status. */
struct client *client_open(const char *socket, int *status);
void client_close(struct client *c); /* NULL: nothing */

/*
 * One request. `args` (an object; stolen; NULL: out of memory) are its arguments. on_data, if not NULL, gets what comes before the last
 * line, until it returns false. EXIT_CODE_OK: *result, if not NULL, is the result, a new reference.
 */
typedef bool (*client_data)(void *ud, const json_t *data);
int client_ask(struct client *c, const char *op, json_t *args, client_data on_data, void *ud,
               json_t **result);

/* Lines that `fn` takes (true) are not read any further; it gets client_ask's `ud`. NULL: none. */
void client_take_lines(struct client *c, bool (*fn)(void *ud, const char *line, size_t len));

/* The same in one go: connects, asks, closes. */
int client_once(const char *socket, const char *op, json_t *args, client_data on_data, void *ud,
                json_t **result);

/* While `hold`, complaints wait (the last of them): there is no place for them on a full screen. */
void client_hold(struct client *c, bool hold);

/* Prints any value as JSON, laid out as `flags` of json_dumpf say; 0.1 stays 0.1. */
void client_dump(const json_t *value, size_t flags);

/* The whole of it for verbs that print the result with --json as it comes. */
int client_print_json(const json_t *value);

/* Waits until the daemon has closed the connection. */
int client_wait_gone(struct client *c);

#endif
