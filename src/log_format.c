#include "src/log_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "base/clock.h"
#include "base/dur.h"
#include "config/utf8.h"
#include "vm/jsonenc.h"

size_t log_len(const char *s) {
    return s ? strlen(s) : 0;
}

const char *log_level_text(enum cfg_level level) {
#define WORD(name, text) text,
    static const char *const words[] = {CFG_LEVEL_WORDS(WORD)};
#undef WORD
    return words[level];
}

/* --- parts ------------------------------------------------------------------------------------------------------ */

/* Keys that an event has by itself. */
static const char *const own_keys[] = {"ts", "level", "msg", "pid", "entry", "host", "src"};

/* Whether the event has the key `used->s + at` by itself, or as one of the keys before it in `used`. */
static bool is_taken(const struct text *used, size_t at) {
    if (used->failed)
        return false;
    const char *key = used->s + at;
    for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++)
        if (strcmp(own_keys[i], key) == 0)
            return true;
    for (const char *p = used->s; p < key; p += strlen(p) + 1)
        if (strcmp(p, key) == 0)
            return true;
    return false;
}

/* A field's key as it is written, appended to `used`, which has those of the fields before it, each with a NUL. No key stands
 * twice: a later one gets "_" behind it. Valid until the next call. */
static const char *next_key(struct text *used, const char *key) {
    size_t at = used->len;
    /* What would end a key, or a line, in some format. */
    for (const char *p = key; *p; p++)
        text_char(used, (unsigned char)*p <= ' ' || *p == '=' || *p == '"' || *p == 0x7f ? '_' : *p);
    while (is_taken(used, at))
        text_char(used, '_');
    text_put(used, "", 1);
    return used->s + at;
}

static void put_number(struct text *out, double d, bool json) {
    char digits[JSONENC_NUMBER_MAX];
    if (isfinite(d))
        text_put(out, digits, jsonenc_number(d, digits));
    else
        text_printf(out, json ? "null" : "%g", d);
}

/* The value of a field that is no string. */
static void put_scalar(struct text *out, const struct log_field *f, bool json) {
    char dur[DUR_TEXT_MAX];
    switch (f->type) {
    case LOG_TYPE_INT:
        text_printf(out, "%" PRId64, f->i);
        break;
    case LOG_TYPE_NUM:
        put_number(out, f->d, json);
        break;
    case LOG_TYPE_BOOL:
        text_str(out, f->i ? "true" : "false");
        break;
    case LOG_TYPE_DUR:
        dur_format(f->i, dur, sizeof dur);
        text_printf(out, json ? "\"%s\"" : "%s", dur);
        break;
    case LOG_TYPE_STR:
    case LOG_TYPE_JSON:
        break;
    }
}

static bool is_text(const struct log_field *f) {
    return f->type == LOG_TYPE_STR || f->type == LOG_TYPE_JSON;
}

static bool is_given(const struct log_field *f) {
    return !is_text(f) || f->s;
}

/* The next character's length and whether it has to be escaped: control characters, C1 ones too, and what is no UTF-8. */
static size_t next_char(const char *s, size_t n, bool *escape) {
    uint32_t c;
    size_t len = utf8_next(s, n, &c);
    *escape = !len || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '"' || c == '\\';
    return len ? len : 1;
}

static void put_escaped_char(struct text *out, const char *s, size_t len, bool quoted) {
    if (*s == '\n')
        text_str(out, "\\n");
    else if (*s == '\t')
        text_str(out, "\\t");
    else if (*s == '"' && !quoted)
        text_char(out, '"');
    else if (*s == '"' || *s == '\\')
        text_printf(out, "\\%c", *s);
    else
        for (size_t i = 0; i < len; i++)
            text_printf(out, "\\x%02x", (unsigned char)s[i]);
}

/* `quoted`: it stands in quotes. */
static void put_escaped(struct text *out, const char *s, size_t n, bool quoted) {
    for (size_t i = 0; i < n;) {
        bool escape = false;
        size_t from = i, len = 0;
        while (i < n && (len = next_char(s + i, n - i, &escape), !escape))
            i += len;
        text_put(out, s + from, i - from);
        if (i < n) {
            put_escaped_char(out, s + i, len, quoted);
            i += len;
        }
    }
}

/* In quotes if it needs them. */
static void put_logfmt(struct text *out, const char *s, size_t n) {
    bool plain = n > 0;
    for (size_t i = 0; plain && i < n;) {
        bool escape;
        size_t len = next_char(s + i, n - i, &escape);
        plain = !escape && s[i] != ' ' && s[i] != '=';
        i += len;
    }
    if (plain) {
        text_put(out, s, n);
        return;
    }
    text_char(out, '"');
    put_escaped(out, s, n, true);
    text_char(out, '"');
}

static void put_time(struct text *out, int64_t ts) {
    time_t sec = (time_t)(ts / CLOCK_NS_PER_SEC);
    struct tm tm;
    char buf[32];
    gmtime_r(&sec, &tm);
    strftime(buf, sizeof buf, "%Y-%m-%dT%H:%M:%S", &tm);
    text_printf(out, "%s.%06dZ", buf, (int)(ts % CLOCK_NS_PER_SEC / 1000));
}

/* Calls `put` for each of the process' fields that is there. */
static void each_who(const struct log_who *who,
                     void (*put)(struct text *out, const char *key, const char *value), struct text *out) {
    if (!who)
        return;
    const struct {
        const char *key, *value;
    } parts[] = {{"pid", who->pid}, {"entry", who->entry}, {"host", who->host}, {"src", who->src}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].value)
            put(out, parts[i].key, parts[i].value);
}

/* --- logfmt and text ----------------------------------------------------------------------------------------------- */

static void who_logfmt(struct text *out, const char *key, const char *value) {
    text_printf(out, " %s=", key);
    put_logfmt(out, value, strlen(value));
}

static void fields_logfmt(struct text *out, const struct log_field *f, bool skip_lines) {
    struct text used;
    text_open(&used);
    for (; f && f->key; f++) {
        if (!is_given(f) || (skip_lines && is_text(f) && memchr(f->s, '\n', f->n)))
            continue;
        text_char(out, ' ');
        text_str(out, next_key(&used, f->key));
        text_char(out, '=');
        if (is_text(f))
            put_logfmt(out, f->s, f->n);
        else
            put_scalar(out, f, false);
    }
    text_close(&used);
}

static void line_logfmt(const struct log_record *r, struct text *out) {
    text_str(out, "ts=");
    put_time(out, r->ts);
    text_printf(out, " level=%s msg=", log_level_text(r->level));
    put_logfmt(out, r->msg, r->msg_len);
    each_who(r->who, who_logfmt, out);
    fields_logfmt(out, r->fields, false);
    text_char(out, '\n');
}

static void put_lines(struct text *out, const char *s, size_t n) {
    while (n) {
        const char *nl = memchr(s, '\n', n);
        size_t len = nl ? (size_t)(nl - s) : n;
        text_str(out, "    ");
        for (size_t i = 0; i < len && s[i] == '\t'; s++, len--, n--)
            text_str(out, "  ");
        put_escaped(out, s, len, false);
        text_char(out, '\n');
        n -= len + (nl != NULL);
        s += len + (nl != NULL);
    }
}

static void line_text(const struct log_record *r, struct text *out) {
    time_t sec = (time_t)(r->ts / CLOCK_NS_PER_SEC);
    struct tm tm;
    char buf[32];
    localtime_r(&sec, &tm);
    strftime(buf, sizeof buf, "%Y-%m-%d %H:%M:%S", &tm);
    text_printf(out, "%s.%03d %-5s ", buf, (int)(r->ts % CLOCK_NS_PER_SEC / 1000000),
                log_level_text(r->level));
    put_escaped(out, r->msg, r->msg_len, false);
    each_who(r->who, who_logfmt, out);
    fields_logfmt(out, r->fields, true);
    text_char(out, '\n');
    for (const struct log_field *f = r->fields; f && f->key; f++)
        if (is_text(f) && is_given(f) && memchr(f->s, '\n', f->n))
            put_lines(out, f->s, f->n);
}

/* --- JSON ------------------------------------------------------------------------------------------------------------ */

static void who_json(struct text *out, const char *key, const char *value) {
    text_printf(out, ",\"%s\":", key);
    text_json(out, value, strlen(value));
}

static void fields_json(struct text *out, const struct log_field *f) {
    struct text used;
    text_open(&used);
    for (; f && f->key; f++) {
        if (!is_given(f))
            continue;
        const char *key = next_key(&used, f->key);
        text_char(out, ',');
        text_json(out, key, strlen(key));
        text_char(out, ':');
        if (f->type == LOG_TYPE_STR)
            text_json(out, f->s, f->n);
        else if (f->type == LOG_TYPE_JSON)
            text_put(out, f->s, f->n);
        else
            put_scalar(out, f, true);
    }
    text_close(&used);
}

static void line_json(const struct log_record *r, struct text *out) {
    text_str(out, "{\"ts\":\"");
    put_time(out, r->ts);
    text_printf(out, "\",\"level\":\"%s\",\"msg\":", log_level_text(r->level));
    text_json(out, r->msg, r->msg_len);
    each_who(r->who, who_json, out);
    fields_json(out, r->fields);
    text_str(out, "}\n");
}

void log_format_line(const struct log_record *r, enum cfg_format format, struct text *out) {
    switch (format) {
    case CFG_FORMAT_JSON:
        line_json(r, out);
        break;
    case CFG_FORMAT_TEXT:
        line_text(r, out);
        break;
    default:
        line_logfmt(r, out);
    }
}

/* --- the journal ------------------------------------------------------------------------------------------------------ */

/* Room for a length that is known later; returns where. */
static size_t begin_part(struct text *out) {
    uint32_t none = 0;
    size_t at = out->len;
    text_put(out, (const char *)&none, sizeof none);
    return at;
}

static void end_part(struct text *out, size_t at) {
    uint32_t len = (uint32_t)(out->len - at - sizeof len);
    if (!out->failed)
        memcpy(out->s + at, &len, sizeof len);
}

static void journal_field(struct text *out, const char *name, const char *value) {
    size_t at = begin_part(out);
    text_printf(out, "%s=%s", name, value);
    end_part(out, at);
}

/* TROUPE_ and the key in the journal's alphabet: capitals, digits and _. */
static void journal_key(struct text *out, const char *key) {
    text_str(out, "TROUPE_");
    for (size_t i = 0; key[i] && i < 56; i++)
        text_char(out, isalnum((unsigned char)key[i]) ? (char)toupper((unsigned char)key[i]) : '_');
    text_char(out, '=');
}

static void who_journal(struct text *out, const char *key, const char *value) {
    size_t at = begin_part(out);
    journal_key(out, key);
    text_str(out, value);
    end_part(out, at);
}

void log_format_journal(const struct log_record *r, const char *program, struct text *out) {
    static const char *const priorities[] = {"7", "6", "4", "3"}; /* of syslog(3), by level */
    size_t whole = begin_part(out);
    size_t at = begin_part(out);
    text_str(out, "MESSAGE=");
    text_put(out, r->msg, r->msg_len);
    end_part(out, at);
    journal_field(out, "PRIORITY", priorities[r->level]);
    journal_field(out, "SYSLOG_IDENTIFIER", program);
    each_who(r->who, who_journal, out);
    size_t n = 7;
    for (const struct log_field *f = r->fields; f && f->key && n < LOG_JOURNAL_FIELDS_MAX; f++) {
        if (!is_given(f))
            continue;
        at = begin_part(out);
        journal_key(out, f->key);
        if (is_text(f))
            text_put(out, f->s, f->n);
        else
            put_scalar(out, f, false);
        end_part(out, at);
        n++;
    }
    end_part(out, whole);
}

size_t log_journal_split(const char *data, size_t len, struct iovec *fields, size_t *n) {
    uint32_t whole, part;
    *n = 0;
    if (len < sizeof whole)
        return len;
    memcpy(&whole, data, sizeof whole);
    size_t at = sizeof whole, end = whole > len - at ? len : at + whole;
    while (end - at >= sizeof part && *n < LOG_JOURNAL_FIELDS_MAX) {
        memcpy(&part, data + at, sizeof part);
        at += sizeof part;
        if (part > end - at)
            break;
        fields[(*n)++] = (struct iovec){.iov_base = (char *)(uintptr_t)(data + at), .iov_len = part};
        at += part;
    }
    return end;
}
