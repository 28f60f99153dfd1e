/*
 * log: what the program has to say, and what its processes print.
 *
 * Events go to standard error, or to the systemd journal in its own format; lines of print to standard output, standard
 * error, or into the log. Both are written by threads of their own from bounded queues (src/outlet.h), one for each
 * file: when standard output and standard error are the same file, one thread writes both, so that lines stay whole.
 *   - An event never waits: without room it is dropped and counted.
 *   - A line of print waits for room as long as log_options.patience_ns says.
 *   - Warnings and errors that repeat are held back and counted (src/repeats.h), and so are other events that may come by
 *     themselves any number of times. What programs log below a warning is never held back.
 *
 * One per program. log_open, log_set, log_close by the main thread, log_close after all other threads that log have
 * ended; the others from any thread, not from signal handlers. Without log_open nothing is written.
 */
#ifndef SRC_LOG_H
#define SRC_LOG_H

#include "src/log_format.h"
#include "src/outlet.h"

struct log_options {
    const char *program; /* constant; the journal's SYSLOG_IDENTIFIER */
    enum cfg_level level;
    enum cfg_format format; /* AUTO: journal under systemd, text on a terminal, else logfmt */
    enum cfg_print print;
    int64_t patience_ns; /* of a line of print, when its sink is slow; OUTLET_FOREVER */
    /* Lines of print cannot be written (an error number). NULL: it is only logged. Some thread; may be called again. */
    void (*print_failed)(int error);
};

/* false: no memory or threads; nothing is written then. */
bool log_open(const struct log_options *o);

/* Other settings from now on. */
void log_set(enum cfg_level level, enum cfg_format format, enum cfg_print print);

/* Waits until what is queued is written; false: a sink did not move for `patience_ns` and was not waited for longer. */
bool log_flush(int64_t patience_ns);

/* Another level, the rest as it is. */
void log_set_level(enum cfg_level level);

/* Writes what is queued, then ends. A sink that does not move for `patience_ns` loses the rest. */
void log_close(int64_t patience_ns);

/* Whether events of that level are written. */
bool log_enabled(enum cfg_level level);

/* One event. `who` may be NULL; `fields` ends with a key NULL, and may be NULL. */
void log_event(enum cfg_level level, const struct log_who *who, const char *msg, size_t msg_len,
               const struct log_field *fields);

/* The same, its repeats being held back at any level. */
void log_event_rarely(enum cfg_level level, const struct log_who *who, const char *msg, size_t msg_len,
                      const struct log_field *fields);

/* log_at(level, "service stopped", LOG_STR("service", id), LOG_INT("attempt", 2)). By convention the first field is what
 * the event is about: repeats of one warning about different things are not the same warning. */
#define log_at(level, msg, ...)                                                                              \
    log_event(level, NULL, msg, sizeof msg - 1, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_rarely_at(level, msg, ...)                                                                       \
    log_event_rarely(level, NULL, msg, sizeof msg - 1,                                                       \
                     (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_debug(...) log_at(CFG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(CFG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_at(CFG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_at(CFG_LEVEL_ERROR, __VA_ARGS__)

/* How many events and lines of print were dropped so far. */
uint64_t log_dropped(void);

/* Whether lines of print become events, which say who printed them. */
bool log_print_is_event(void);

/* One line that a process printed, with its newline. `who` matters only for events. */
void log_print(const struct log_who *who, const char *line, size_t len);

#endif
