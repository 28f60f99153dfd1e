/*
 * log_format: one event of the log as a line of text, logfmt or JSON, or as fields of the systemd journal.
 *
 * Whatever a program says stays inside its field: line breaks and control characters are escaped, bytes that are not
 * UTF-8 replaced where the format asks for UTF-8. Pure functions, any thread.
 */
#ifndef SRC_LOG_FORMAT_H
#define SRC_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "src/text.h"

enum log_type { LOG_TYPE_STR, LOG_TYPE_INT, LOG_TYPE_NUM, LOG_TYPE_BOOL, LOG_TYPE_DUR, LOG_TYPE_JSON };

/* A list of fields ends with one whose key is NULL. A string that is NULL is left out. */
struct log_field {
    const char *key;
    enum log_type type;
    const char *s; /* STR, JSON (a valid JSON text): `n` bytes */
    size_t n;
    int64_t i; /* INT, BOOL, DUR (nanoseconds) */
    double d;  /* NUM */
};

#define LOG_STRN(k, text, len)                                                                               \
    { .key = (k), .type = LOG_TYPE_STR, .s = (text), .n = (len) }
#define LOG_STR(k, text) LOG_STRN(k, text, log_len(text))
#define LOG_INT(k, v)                                                                                        \
    { .key = (k), .type = LOG_TYPE_INT, .i = (int64_t)(v) }
#define LOG_NUM(k, v)                                                                                        \
    { .key = (k), .type = LOG_TYPE_NUM, .d = (v) }
#define LOG_BOOL(k, v)                                                                                       \
    { .key = (k), .type = LOG_TYPE_BOOL, .i = (v) }
#define LOG_DUR(k, ns)                                                                                       \
    { .key = (k), .type = LOG_TYPE_DUR, .i = (ns) }
#define LOG_JSON(k, text, len)                                                                               \
    { .key = (k), .type = LOG_TYPE_JSON, .s = (text), .n = (len) }

size_t log_len(const char *s); /* strlen; 0 for NULL */

/* The process that an event is about; each may be NULL. */
struct log_who {
    const char *pid, *entry, *host;
    const char *src; /* "file.lua:12" */
};

struct log_record {
    int64_t ts; /* wall clock, ns */
    enum cfg_level level;
    const char *msg;
    size_t msg_len;
    const struct log_who *who; /* may be NULL */
    const struct log_field *fields;
};

/* "debug", "info", … */
const char *log_level_text(enum cfg_level level);

/* Appends the record as one line, newline included. `format` is TEXT, LOGFMT or JSON. In TEXT a value of several lines (a
 * traceback) continues on lines that begin with blanks. */
void log_format_line(const struct log_record *r, enum cfg_format format, struct text *out);

/*
 * Appends the record for log_journal_send: fields "NAME=value", each after its length as a uint32_t, all of them after
 * the length of the whole.
 */
void log_format_journal(const struct log_record *r, const char *program, struct text *out);

#define LOG_JOURNAL_FIELDS_MAX 64

/* The fields of the first record in `len` bytes of such; returns the record's length, and in *n how many there are. */
struct iovec;
size_t log_journal_split(const char *data, size_t len, struct iovec *fields, size_t *n);

#endif
