#include "vm/timelayout.h"

#include <stdio.h>
#include <string.h>

/* id, how it is written in a layout. A text that begins another one comes after it. */
#define TOKEN_MAP(X)                                                                                         \
    X(LONG_MONTH, "January")                                                                                 \
    X(MONTH, "Jan")                                                                                          \
    X(LONG_WEEKDAY, "Monday")                                                                                \
    X(WEEKDAY, "Mon")                                                                                        \
    X(ABBR, "MST")                                                                                           \
    X(ZERO_YEAR_DAY, "002")                                                                                  \
    X(ZERO_MONTH, "01")                                                                                      \
    X(ZERO_DAY, "02")                                                                                        \
    X(ZERO_HOUR12, "03")                                                                                     \
    X(ZERO_MINUTE, "04")                                                                                     \
    X(ZERO_SECOND, "05")                                                                                     \
    X(YEAR, "06")                                                                                            \
    X(HOUR, "15")                                                                                            \
    X(NUM_MONTH, "1")                                                                                        \
    X(LONG_YEAR, "2006")                                                                                     \
    X(DAY, "2")                                                                                              \
    X(UNDER_DAY, "_2")                                                                                       \
    X(UNDER_YEAR_DAY, "__2")                                                                                 \
    X(HOUR12, "3")                                                                                           \
    X(MINUTE, "4")                                                                                           \
    X(SECOND, "5")                                                                                           \
    X(UPPER_PM, "PM")                                                                                        \
    X(LOWER_PM, "pm")                                                                                        \
    X(NUM_SECONDS, "-070000")                                                                                \
    X(NUM_COLON_SECONDS, "-07:00:00")                                                                        \
    X(NUM, "-0700")                                                                                          \
    X(NUM_COLON, "-07:00")                                                                                   \
    X(NUM_SHORT, "-07")                                                                                      \
    X(ISO_SECONDS, "Z070000")                                                                                \
    X(ISO_COLON_SECONDS, "Z07:00:00")                                                                        \
    X(ISO, "Z0700")                                                                                          \
    X(ISO_COLON, "Z07:00")                                                                                   \
    X(ISO_SHORT, "Z07")

enum token {
    TOKEN_NONE,
#define X(name, text) TOKEN_##name,
    TOKEN_MAP(X)
#undef X
        TOKEN_FRACTION,  /* ".000": that many digits */
    TOKEN_TRIM_FRACTION, /* ".999": up to that many, without trailing zeros */
};

static const struct {
    const char *text;
    size_t len;
} token_texts[] = {
#define X(name, text) [TOKEN_##name] = {text, sizeof text - 1},
    TOKEN_MAP(X)
#undef X
};

enum { OFFSET_PARTS = 3 };

/* How an offset is written: digits of its parts, whether colons stand between them, whether "Z" stands for zero. */
struct offset_form {
    unsigned char parts; /* 1: hours, 2: and minutes, 3: and seconds */
    bool colon;
    bool z;
};

static const struct offset_form offset_forms[] = {
    [TOKEN_NUM_SECONDS] = {3, false, false},
    [TOKEN_NUM_COLON_SECONDS] = {3, true, false},
    [TOKEN_NUM] = {2, false, false},
    [TOKEN_NUM_COLON] = {2, true, false},
    [TOKEN_NUM_SHORT] = {1, false, false},
    [TOKEN_ISO_SECONDS] = {3, false, true},
    [TOKEN_ISO_COLON_SECONDS] = {3, true, true},
    [TOKEN_ISO] = {2, false, true},
    [TOKEN_ISO_COLON] = {2, true, true},
    [TOKEN_ISO_SHORT] = {1, false, true},
};

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

/* A piece of text being read. */
struct span {
    const char *at;
    size_t len;
};

static void drop(struct span *s, size_t n) {
    s->at += n;
    s->len -= n;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool digit_at(struct span s, size_t i) {
    return i < s.len && is_digit(s.at[i]);
}

static bool begins(struct span s, const char *text, size_t len) {
    return s.len >= len && memcmp(s.at, text, len) == 0;
}

/* The token at the very beginning of a layout, its length in *len; TOKEN_NONE when that is literal text. */
static enum token token_here(struct span s, size_t *len) {
    if (s.at[0] == '.' || s.at[0] == ',') {
        size_t n = 1;
        while (n < s.len && s.at[n] == s.at[1])
            n++;
        if (n == 1 || (s.at[1] != '0' && s.at[1] != '9') || digit_at(s, n))
            return TOKEN_NONE;
        *len = n;
        return s.at[1] == '0' ? TOKEN_FRACTION : TOKEN_TRIM_FRACTION;
    }
    if (!memchr("JM012345_Pp-Z", s.at[0], 13))
        return TOKEN_NONE;
    for (int t = TOKEN_LONG_MONTH; t <= TOKEN_ISO_SHORT; t++) {
        size_t n = token_texts[t].len;
        if (!begins(s, token_texts[t].text, n))
            continue;
        /* "Janet" and "Monk" are words; in "_2006" the underscore is one before a year. */
        if ((t == TOKEN_MONTH || t == TOKEN_WEEKDAY) && n < s.len && s.at[n] >= 'a' && s.at[n] <= 'z')
            return TOKEN_NONE;
        if (t == TOKEN_UNDER_DAY && begins(s, "_2006", 5))
            return TOKEN_NONE;
        *len = n;
        return (enum token)t;
    }
    return TOKEN_NONE;
}

/* Cuts the literal text up to the first token, and that token, off the layout. TOKEN_NONE: no token is left. */
static enum token next_token(struct span *layout, struct span *literal, struct span *text) {
    literal->at = layout->at;
    for (size_t i = 0; i < layout->len; i++) {
        size_t len;
        struct span rest = {layout->at + i, layout->len - i};
        enum token t = token_here(rest, &len);
        if (t == TOKEN_NONE)
            continue;
        literal->len = i;
        *text = (struct span){rest.at, len};
        drop(layout, i + len);
        return t;
    }
    literal->len = layout->len;
    drop(layout, layout->len);
    return TOKEN_NONE;
}

/* --- writing --------------------------------------------------------------------------------------------------- */

struct out {
    char *buf;
    size_t cap, len;
};

static void put(struct out *o, const char *s, size_t n) {
    if (o->len < o->cap)
        memcpy(o->buf + o->len, s, n < o->cap - o->len ? n : o->cap - o->len);
    o->len += n;
}

static void put_char(struct out *o, char c) {
    put(o, &c, 1);
}

/* At least `width` digits, a minus sign besides. */
static void put_number(struct out *o, int64_t n, int width) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + u % 10);
        u /= 10;
        width--;
    } while (u || width > 0);
    if (n < 0)
        digits[--at] = '-';
    put(o, digits + at, sizeof digits - at);
}

static void put_name(struct out *o, const char *name, bool whole) {
    put(o, name, whole ? strlen(name) : 3);
}

static void put_offset(struct out *o, int32_t offset, struct offset_form form) {
    if (form.z && offset == 0) {
        put_char(o, 'Z');
        return;
    }
    /* What is not printed does not count for the sign: -00:00:30 is +0000. */
    int32_t unit = form.parts == 3 ? 1 : 60;
    int32_t abs = offset < 0 ? -offset : offset;
    put_char(o, offset / unit < 0 ? '-' : '+');
    const int32_t parts[OFFSET_PARTS] = {abs / 3600, abs / 60 % 60, abs % 60};
    for (int i = 0; i < OFFSET_PARTS && i < form.parts; i++) {
        if (i > 0 && form.colon)
            put_char(o, ':');
        put_number(o, parts[i], 2);
    }
}

static void put_fraction(struct out *o, int32_t ns, struct span text, bool trim) {
    char digits[10];
    snprintf(digits, sizeof digits, "%09d", (int)ns);
    size_t n = text.len - 1 < 9 ? text.len - 1 : 9;
    while (trim && n > 0 && digits[n - 1] == '0')
        n--;
    if (n == 0)
        return;
    put_char(o, text.at[0]);
    put(o, digits, n);
}

static void put_token(struct out *o, enum token token, struct span text, const struct timelayout_time *t) {
    const struct civil *c = &t->civil;
    int hour12 = c->hour % 12 ? c->hour % 12 : 12;
    switch (token) {
    case TOKEN_NONE:
        break;
    case TOKEN_LONG_MONTH:
    case TOKEN_MONTH:
        put_name(o, month_names[c->month - 1], token == TOKEN_LONG_MONTH);
        break;
    case TOKEN_LONG_WEEKDAY:
    case TOKEN_WEEKDAY:
        put_name(o, day_names[c->weekday], token == TOKEN_LONG_WEEKDAY);
        break;
    case TOKEN_LONG_YEAR:
        put_number(o, c->year, 4);
        break;
    case TOKEN_YEAR:
        put_number(o, c->year < 0 ? 0 : c->year % 100, 2); /* as Go has it */
        break;
    case TOKEN_NUM_MONTH:
    case TOKEN_ZERO_MONTH:
        put_number(o, c->month, token == TOKEN_ZERO_MONTH ? 2 : 1);
        break;
    case TOKEN_UNDER_DAY:
        if (c->day < 10)
            put_char(o, ' ');
        put_number(o, c->day, 1);
        break;
    case TOKEN_DAY:
    case TOKEN_ZERO_DAY:
        put_number(o, c->day, token == TOKEN_ZERO_DAY ? 2 : 1);
        break;
    case TOKEN_UNDER_YEAR_DAY:
        put(o, "  ", c->year_day < 10 ? 2 : c->year_day < 100 ? 1 : 0);
        put_number(o, c->year_day, 1);
        break;
    case TOKEN_ZERO_YEAR_DAY:
        put_number(o, c->year_day, 3);
        break;
    case TOKEN_HOUR:
        put_number(o, c->hour, 2);
        break;
    case TOKEN_HOUR12:
    case TOKEN_ZERO_HOUR12:
        put_number(o, hour12, token == TOKEN_ZERO_HOUR12 ? 2 : 1);
        break;
    case TOKEN_MINUTE:
    case TOKEN_ZERO_MINUTE:
        put_number(o, c->minute, token == TOKEN_ZERO_MINUTE ? 2 : 1);
        break;
    case TOKEN_SECOND:
    case TOKEN_ZERO_SECOND:
        put_number(o, c->second, token == TOKEN_ZERO_SECOND ? 2 : 1);
        break;
    case TOKEN_UPPER_PM:
        put(o, c->hour >= 12 ? "PM" : "AM", 2);
        break;
    case TOKEN_LOWER_PM:
        put(o, c->hour >= 12 ? "pm" : "am", 2);
        break;
    case TOKEN_ABBR:
        if (t->abbr_len)
            put(o, t->abbr, t->abbr_len);
        else
            put_offset(o, t->offset, offset_forms[TOKEN_NUM]);
        break;
    case TOKEN_FRACTION:
    case TOKEN_TRIM_FRACTION:
        put_fraction(o, t->ns, text, token == TOKEN_TRIM_FRACTION);
        break;
    default:
        put_offset(o, t->offset, offset_forms[token]);
        break;
    }
}

size_t timelayout_format(const char *layout, size_t len, const struct timelayout_time *t, char *buf,
                         size_t cap) {
    struct out o = {buf, cap ? cap - 1 : 0, 0};
    struct span rest = {layout, len}, literal, text = {layout, 0};
    enum token token;
    do {
        token = next_token(&rest, &literal, &text);
        put(&o, literal.at, literal.len);
        put_token(&o, token, text, t);
    } while (token != TOKEN_NONE);
    if (cap)
        buf[o.len < o.cap ? o.len : o.cap] = '\0';
    return o.len;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

/* What has been read so far; -1 where nothing has. */
struct reading {
    struct timelayout_fields f;
    int month, day, year_day;
    int pm;                   /* -1 not said, 0 AM, 1 PM */
    struct span next;         /* layout after the token at hand */
    const char *out_of_range; /* what it is that is, after a step that returned false */
};

/* One or two digits; two when `both`. */
static bool take_number(struct span *s, bool both, int *n) {
    if (!digit_at(*s, 0) || (both && !digit_at(*s, 1)))
        return false;
    *n = s->at[0] - '0';
    bool two = digit_at(*s, 1);
    if (two)
        *n = *n * 10 + s->at[1] - '0';
    drop(s, two ? 2 : 1);
    return true;
}

static bool take_digits(struct span *s, size_t min, size_t max, int *n) {
    size_t i = 0;
    *n = 0;
    for (; i < max && digit_at(*s, i); i++)
        *n = *n * 10 + s->at[i] - '0';
    if (i < min)
        return false;
    drop(s, i);
    return true;
}

static bool same_letters(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char lower = (char)(a[i] | 0x20);
        if (a[i] != b[i] && (lower != (b[i] | 0x20) || lower < 'a' || lower > 'z'))
            return false;
    }
    return true;
}

static bool take_name(struct span *s, const char *const *names, int count, bool whole, int *index) {
    for (int i = 0; i < count; i++) {
        size_t n = whole ? strlen(names[i]) : 3;
        if (s->len >= n && same_letters(s->at, names[i], n)) {
            *index = i;
            drop(s, n);
            return true;
        }
    }
    return false;
}

/* A separator and n - 1 digits, of which those past the ninth do not matter. */
static bool take_fraction(struct span *s, size_t n, int32_t *ns) {
    if (s->len < n || n < 2 || (s->at[0] != '.' && s->at[0] != ','))
        return false;
    int32_t value = 0;
    for (size_t i = 1; i <= 9; i++) {
        if (i < n && !is_digit(s->at[i]))
            return false;
        value = value * 10 + (i < n ? s->at[i] - '0' : 0);
    }
    *ns = value;
    drop(s, n);
    return true;
}

/* The length of a separator with digits, as long as they go on; 0 when there is no such thing. */
static size_t fraction_len(struct span s) {
    size_t n = 1;
    if (s.len < 2 || (s.at[0] != '.' && s.at[0] != ','))
        return 0;
    while (digit_at(s, n))
        n++;
    return n > 1 ? n : 0;
}

static bool in_range(struct reading *r, int n, int min, int max, const char *what) {
    if (n >= min && n <= max)
        return true;
    r->out_of_range = what;
    return false;
}

static bool take_second(struct reading *r, struct span *s, bool both) {
    if (!take_number(s, both, &r->f.second) || !in_range(r, r->f.second, 0, 59, "second"))
        return false;
    /* A fraction may follow seconds also where the layout shows none. */
    size_t n = fraction_len(*s);
    if (n == 0)
        return true;
    struct span ahead = r->next, literal, text;
    enum token next = next_token(&ahead, &literal, &text);
    if (next == TOKEN_FRACTION || next == TOKEN_TRIM_FRACTION)
        return true;
    return take_fraction(s, n, &r->f.ns);
}

static bool take_pm(struct reading *r, struct span *s, const char *am, const char *pm) {
    if (begins(*s, pm, 2))
        r->pm = 1;
    else if (begins(*s, am, 2))
        r->pm = 0;
    else
        return false;
    drop(s, 2);
    return true;
}

static bool take_offset(struct reading *r, struct span *s, struct offset_form form) {
    if (form.z && s->len >= 1 && s->at[0] == 'Z') {
        drop(s, 1);
        r->f.zone = TIMELAYOUT_ZONE_UTC;
        return true;
    }
    if (s->len < 1 || (s->at[0] != '+' && s->at[0] != '-'))
        return false;
    bool west = s->at[0] == '-';
    drop(s, 1);
    /* 24 hours and 60 minutes or seconds do occur in the wild. */
    static const char *const names[] = {"time zone offset hour", "time zone offset minute",
                                        "time zone offset second"};
    int parts[OFFSET_PARTS] = {0};
    for (int i = 0; i < OFFSET_PARTS && i < form.parts; i++) {
        if (i > 0 && form.colon) {
            if (s->len < 1 || s->at[0] != ':')
                return false;
            drop(s, 1);
        }
        if (!take_number(s, true, &parts[i]))
            return false;
    }
    for (int i = 0; i < OFFSET_PARTS && i < form.parts; i++)
        if (!in_range(r, parts[i], 0, i == 0 ? 24 : 60, names[i]))
            return false;
    int32_t offset = (parts[0] * 60 + parts[1]) * 60 + parts[2];
    r->f.offset = west ? -offset : offset;
    if (r->f.zone != TIMELAYOUT_ZONE_UTC)
        r->f.zone = TIMELAYOUT_ZONE_OFFSET;
    return true;
}

/* The length of a sign and an hour up to 23 as in "+03"; 0 when there is none. */
static size_t hours_len(struct span s) {
    size_t n = 1;
    int hours = 0;
    if (s.len < 2 || (s.at[0] != '+' && s.at[0] != '-'))
        return 0;
    for (; digit_at(s, n); n++)
        if ((hours = hours * 10 + s.at[n] - '0') > 23)
            return 0;
    return n > 1 ? n : 0;
}

/*
 * How much of the text looks like the abbreviation of a zone. Three to five capitals, the longer ones ending in T;
 * but WITA, ChST and MeST exist, GMT may carry hours, and some zones have nothing but hours.
 */
static size_t abbr_len(struct span s) {
    if (s.len < 3)
        return 0;
    if (begins(s, "ChST", 4) || begins(s, "MeST", 4))
        return 4;
    if (begins(s, "GMT", 3))
        return 3 + hours_len((struct span){s.at + 3, s.len - 3});
    if (s.at[0] == '+' || s.at[0] == '-')
        return hours_len(s);
    size_t n = 0;
    while (n < s.len && n < 6 && s.at[n] >= 'A' && s.at[n] <= 'Z')
        n++;
    if (n == 3 || (n == 4 && begins(s, "WITA", 4)))
        return n;
    return (n == 4 || n == 5) && s.at[n - 1] == 'T' ? n : 0;
}

static bool take_abbr(struct reading *r, struct span *s) {
    if (begins(*s, "UTC", 3)) {
        drop(s, 3);
        r->f.zone = TIMELAYOUT_ZONE_UTC;
        return true;
    }
    size_t n = abbr_len(*s);
    if (n == 0)
        return false;
    r->f.abbr = s->at;
    r->f.abbr_len = n;
    if (r->f.zone == TIMELAYOUT_ZONE_NONE)
        r->f.zone = TIMELAYOUT_ZONE_ABBR;
    drop(s, n);
    return true;
}

static bool take_token(struct reading *r, enum token token, struct span text, struct span *s) {
    int index;
    switch (token) {
    case TOKEN_NONE:
        return true;
    case TOKEN_LONG_MONTH:
    case TOKEN_MONTH:
        if (!take_name(s, month_names, 12, token == TOKEN_LONG_MONTH, &index))
            return false;
        r->month = index + 1;
        return true;
    case TOKEN_LONG_WEEKDAY:
    case TOKEN_WEEKDAY:
        return take_name(s, day_names, 7, token == TOKEN_LONG_WEEKDAY, &index);
    case TOKEN_LONG_YEAR:
        return take_digits(s, 4, 4, &r->f.year);
    case TOKEN_YEAR:
        if (!take_digits(s, 2, 2, &r->f.year))
            return false;
        r->f.year += r->f.year >= 69 ? 1900 : 2000;
        return true;
    case TOKEN_NUM_MONTH:
    case TOKEN_ZERO_MONTH:
        return take_number(s, token == TOKEN_ZERO_MONTH, &r->month) && in_range(r, r->month, 1, 12, "month");
    case TOKEN_DAY:
    case TOKEN_UNDER_DAY:
    case TOKEN_ZERO_DAY:
        if (token == TOKEN_UNDER_DAY && begins(*s, " ", 1))
            drop(s, 1);
        return take_number(s, token == TOKEN_ZERO_DAY, &r->day);
    case TOKEN_UNDER_YEAR_DAY:
    case TOKEN_ZERO_YEAR_DAY:
        for (int i = 0; i < 2 && token == TOKEN_UNDER_YEAR_DAY && begins(*s, " ", 1); i++)
            drop(s, 1);
        return take_digits(s, token == TOKEN_ZERO_YEAR_DAY ? 3 : 1, 3, &r->year_day);
    case TOKEN_HOUR:
        return take_number(s, false, &r->f.hour) && in_range(r, r->f.hour, 0, 23, "hour");
    case TOKEN_HOUR12:
    case TOKEN_ZERO_HOUR12:
        return take_number(s, token == TOKEN_ZERO_HOUR12, &r->f.hour) &&
               in_range(r, r->f.hour, 0, 12, "hour");
    case TOKEN_MINUTE:
    case TOKEN_ZERO_MINUTE:
        return take_number(s, token == TOKEN_ZERO_MINUTE, &r->f.minute) &&
               in_range(r, r->f.minute, 0, 59, "minute");
    case TOKEN_SECOND:
    case TOKEN_ZERO_SECOND:
        return take_second(r, s, token == TOKEN_ZERO_SECOND);
    case TOKEN_UPPER_PM:
        return take_pm(r, s, "AM", "PM");
    case TOKEN_LOWER_PM:
        return take_pm(r, s, "am", "pm");
    case TOKEN_ABBR:
        return take_abbr(r, s);
    case TOKEN_FRACTION:
        return take_fraction(s, text.len, &r->f.ns);
    case TOKEN_TRIM_FRACTION: {
        /* It may be missing altogether, or have more digits than the layout. */
        size_t n = fraction_len(*s);
        return n == 0 || take_fraction(s, n, &r->f.ns);
    }
    default:
        return take_offset(r, s, offset_forms[token]);
    }
}

/* Literal text must be there as in the layout, except that any run of spaces stands for any other, or for the end. */
static bool skip_literal(struct span *s, struct span literal) {
    while (literal.len > 0) {
        if (literal.at[0] == ' ') {
            if (s->len > 0 && s->at[0] != ' ')
                return false;
            while (begins(literal, " ", 1))
                drop(&literal, 1);
            while (begins(*s, " ", 1))
                drop(s, 1);
            continue;
        }
        if (!begins(*s, literal.at, 1))
            return false;
        drop(&literal, 1);
        drop(s, 1);
    }
    return true;
}

/* Sets month and day; NULL when they make a date of that year, else what is wrong. */
static const char *settle_date(struct reading *r) {
    struct timelayout_fields *f = &r->f;
    if (r->year_day >= 0) {
        int days = civil_is_leap(f->year) ? 366 : 365;
        if (r->year_day < 1 || r->year_day > days)
            return "day-of-year out of range";
        int month = 12;
        while (civil_days_before(f->year, month) >= r->year_day)
            month--;
        int day = r->year_day - civil_days_before(f->year, month);
        if (r->month >= 0 && r->month != month)
            return "day-of-year does not match month";
        if (r->day >= 0 && r->day != day)
            return "day-of-year does not match day";
        r->month = month;
        r->day = day;
    }
    f->month = r->month < 0 ? 1 : r->month;
    f->day = r->day < 0 ? 1 : r->day;
    return f->day < 1 || f->day > civil_month_days(f->year, f->month) ? "day out of range" : NULL;
}

static void put_quoted(struct out *o, struct span s) {
    put_char(o, '"');
    for (size_t i = 0; i < s.len && o->len < o->cap; i++) {
        unsigned char c = (unsigned char)s.at[i];
        char hex[5];
        if (c >= 0x80 || c < ' ') {
            snprintf(hex, sizeof hex, "\\x%02x", c);
            put(o, hex, 4);
            continue;
        }
        if (c == '"' || c == '\\')
            put_char(o, '\\');
        put_char(o, (char)c);
    }
    put_char(o, '"');
}

static void put_text(struct out *o, const char *s) {
    put(o, s, strlen(s));
}

/* Begins every message. */
static struct out complain(char *why, size_t cap, struct span value) {
    struct out o = {why, cap - 1, 0};
    put_text(&o, "parsing time ");
    put_quoted(&o, value);
    return o;
}

static bool finish(struct out *o) {
    o->buf[o->len < o->cap ? o->len : o->cap] = '\0';
    return false;
}

static bool cannot_parse(struct out *o, struct span layout, struct span rest, struct span part) {
    put_text(o, " as ");
    put_quoted(o, layout);
    put_text(o, ": cannot parse ");
    put_quoted(o, rest);
    put_text(o, " as ");
    put_quoted(o, part);
    return finish(o);
}

static bool wrong(struct out *o, const char *what, const char *tail) {
    put_text(o, ": ");
    put_text(o, what);
    put_text(o, tail);
    return finish(o);
}

bool timelayout_parse(const char *layout, size_t layout_len, const char *text, size_t text_len,
                      struct timelayout_fields *f, char *why, size_t cap) {
    struct reading r = {.month = -1, .day = -1, .year_day = -1, .pm = -1, .next = {layout, layout_len}};
    const struct span whole_layout = {layout, layout_len}, value = {text, text_len};
    struct span s = value;
    for (;;) {
        struct span literal, part;
        enum token token = next_token(&r.next, &literal, &part);
        struct out o;
        if (!skip_literal(&s, literal)) {
            o = complain(why, cap, value);
            return cannot_parse(&o, whole_layout, s, literal);
        }
        if (token == TOKEN_NONE)
            break;
        struct span before = s;
        if (!take_token(&r, token, part, &s)) {
            o = complain(why, cap, value);
            return r.out_of_range ? wrong(&o, r.out_of_range, " out of range")
                                  : cannot_parse(&o, whole_layout, before, part);
        }
    }
    if (s.len > 0) {
        struct out o = complain(why, cap, value);
        put_text(&o, ": extra text: ");
        put_quoted(&o, s);
        return finish(&o);
    }
    const char *bad_date = settle_date(&r);
    if (bad_date) {
        struct out o = complain(why, cap, value);
        return wrong(&o, bad_date, "");
    }
    if (r.pm == 1 && r.f.hour < 12)
        r.f.hour += 12;
    else if (r.pm == 0 && r.f.hour == 12)
        r.f.hour = 0;
    *f = r.f;
    return true;
}
