#include "vm/jsonformat.h"

#include <string.h>

#include "vm/civil.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c) {
    return is_letter(c) || is_digit(c);
}

static bool one_of(char c, const char *set) {
    return c && strchr(set, c);
}

/* --- email ------------------------------------------------------------------------------------------------------ */

/* Words of the characters that `good` likes, joined by single dots. */
static bool is_dotted(const char *s, size_t len, bool (*good)(char)) {
    for (size_t i = 0; i < len; i++) {
        bool dot = s[i] == '.';
        if (dot ? i == 0 || i == len - 1 || s[i - 1] == '.' : !good(s[i]))
            return false;
    }
    return len > 0;
}

static bool is_atext(char c) {
    return is_alnum(c) || (unsigned char)c >= 0x80 || one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

static bool is_host_char(char c) {
    return is_alnum(c) || (unsigned char)c >= 0x80 || c == '-';
}

static bool is_host(const char *s, size_t len) {
    if (len > 253 || !is_dotted(s, len, is_host_char))
        return false;
    for (size_t i = 0, begin = 0; i <= len; i++) {
        if (i < len && s[i] != '.')
            continue;
        if (i - begin > 63 || s[begin] == '-' || s[i - 1] == '-')
            return false;
        begin = i + 1;
    }
    return true;
}

static bool is_email(const char *s, size_t len) {
    const char *at = memrchr(s, '@', len);
    if (!at)
        return false;
    size_t local = (size_t)(at - s);
    return local <= 64 && is_dotted(s, local, is_atext) && is_host(at + 1, len - local - 1);
}

/* --- uri -------------------------------------------------------------------------------------------------------- */

static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A scheme, a colon, and then nothing that a URI must escape; brackets only around the host. */
static bool is_uri(const char *s, size_t len) {
    size_t i = 0;
    while (i < len && (is_letter(s[i]) || (i > 0 && (is_digit(s[i]) || one_of(s[i], "+-.")))))
        i++;
    if (i == 0 || i == len || s[i] != ':')
        return false;
    bool in_host = len - i > 2 && s[i + 1] == '/' && s[i + 2] == '/', fragment = false;
    int bracket = 0;
    for (i += in_host ? 3 : 1; i < len; i++) {
        char c = s[i];
        if (one_of(c, "/?#"))
            in_host = false;
        if (c == '%') {
            if (len - i < 3 || !is_hex(s[i + 1]) || !is_hex(s[i + 2]))
                return false;
            i += 2;
        } else if (c == '#') {
            if (fragment)
                return false;
            fragment = true;
        } else if (c == '[' || c == ']') {
            if (!in_host || bracket != (c == ']'))
                return false;
            bracket++;
        } else if (!is_alnum(c) && !one_of(c, "-._~:/?@!$&'()*+,;=")) {
            return false;
        }
    }
    return bracket != 1;
}

/* --- date-time -------------------------------------------------------------------------------------------------- */

/* Compares with a pattern in which 0 stands for any digit and a letter for itself in either case. */
static bool looks_like(const char *s, size_t len, const char *pattern) {
    if (len < strlen(pattern))
        return false;
    for (; *pattern; s++, pattern++) {
        bool same = *pattern == '0'     ? is_digit(*s)
                  : is_letter(*pattern) ? (*s | 0x20) == (*pattern | 0x20)
                                        : *s == *pattern;
        if (!same)
            return false;
    }
    return true;
}

static int two(const char *s) {
    return (s[0] - '0') * 10 + (s[1] - '0');
}

static bool is_date_time(const char *s, size_t len) {
    if (!looks_like(s, len, "0000-00-00T00:00:00"))
        return false;
    int year = two(s) * 100 + two(s + 2), month = two(s + 5), day = two(s + 8);
    int hour = two(s + 11), minute = two(s + 14), second = two(s + 17);
    if (month < 1 || month > 12 || day < 1 || day > civil_month_days(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    size_t i = 19;
    if (i < len && s[i] == '.') {
        do
            i++;
        while (i < len && is_digit(s[i]));
        if (i == 20)
            return false;
    }
    const char *zone = s + i;
    len -= i;
    if (len == 1 && (*zone | 0x20) == 'z') {
        minute += hour * 60;
    } else {
        if (len != 6 || (*zone != '+' && *zone != '-') || !looks_like(zone + 1, 5, "00:00") ||
            two(zone + 1) > 23 || two(zone + 4) > 59)
            return false;
        int offset = two(zone + 1) * 60 + two(zone + 4);
        minute = (hour * 60 + minute + (*zone == '-' ? offset : 1440 - offset)) % 1440;
    }
    /* Leap seconds end a day of UTC. */
    return second < 60 || minute == 1439;
}

bool jsonformat_check(const char *format, size_t format_len, const char *text, size_t len) {
    static const struct {
        const char *name;
        bool (*check)(const char *, size_t);
    } formats[] = {{"email", is_email}, {"uri", is_uri}, {"date-time", is_date_time}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strlen(formats[i].name) == format_len && memcmp(formats[i].name, format, format_len) == 0)
            return formats[i].check(text, len);
    return true;
}
