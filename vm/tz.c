#include "vm/tz.h"

#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "vm/civil.h"

struct tz {
    GTimeZone *rules; /* NULL: UTC */
    uint32_t name_len;
    char name[];
};

static struct tz utc = {NULL, 3, {"UTC"}};
static struct tz local = {NULL, 5, {"Local"}}; /* rules set once, by load_local */
static pthread_once_t local_once = PTHREAD_ONCE_INIT;

/*
 * Named zones, by hash and linear probing; only ever filled, never past TABLE_MAX, so that a probe always ends. Names come
 * from the database's files, of which there are some 600 (and twice as many aliases).
 *
 *            | zone_load (reader)           | zone_load (writer, under table_lock)
 * reader     | no conflict                  | sees a slot empty or whole
 * writer     |                              | excluded by the lock
 */
#define TABLE_SIZE 4096
#define TABLE_MAX 3072
static _Atomic(struct tz *) table[TABLE_SIZE];
static unsigned table_used; /* under table_lock */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * GLib writes out the rule for the future up to the year 2999. From here on an instant is looked up one or more whole calendar
 * cycles earlier, where weekdays are the same and every zone is already in its final rule.
 */
#define CYCLIC_FROM INT64_C(26192246400) /* 2800-01-01 */

static void load_local(void) {
    const char *env = getenv("TZ");
    /* An empty TZ means UTC; GLib would take it for "not set". */
    local.rules = env && !*env ? g_time_zone_new_utc() : g_time_zone_new_local();
}

struct zone zone_utc(void) {
    return (struct zone){.tz = &utc};
}

struct zone zone_local(void) {
    pthread_once(&local_once, load_local);
    return (struct zone){.tz = &local};
}

struct zone zone_fixed(const char *name, size_t len, int32_t offset) {
    return (struct zone){.name = len ? name : "", .name_len = (uint32_t)len, .offset = offset};
}

bool zone_is_utc(const struct zone *z) {
    return z->tz == &utc;
}

bool zone_is_local(const struct zone *z) {
    return z->tz == &local;
}

bool zone_same(const struct zone *a, const struct zone *b) {
    if (a->tz || b->tz)
        return a->tz == b->tz;
    return a->offset == b->offset && a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

const char *zone_name(const struct zone *z, size_t *len) {
    *len = z->tz ? z->tz->name_len : z->name_len;
    return z->tz ? z->tz->name : z->name;
}

/* A relative path made of plain segments; what GLib would take for an offset or a POSIX rule is sorted out later. */
static bool valid_name(const char *name, size_t len) {
    if (len == 0 || len > ZONE_NAME_MAX || name[0] == '/' || name[len - 1] == '/')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_+-/", c);
        if (!plain || c == '\0' || (c == '/' && name[i + 1] == '/'))
            return false;
    }
    return true;
}

/* Whether the database has a file of that name: GLib itself also makes zones of "+05:00" and "GMT+5". */
static bool in_database(const char *name) {
    const char *dir = getenv("TZDIR");
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir ? dir : "/usr/share/zoneinfo", name);
    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    char magic[4];
    bool is_tzif = read(fd, magic, sizeof magic) == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
    close(fd);
    return is_tzif;
}

static uint32_t hash_name(const char *name, size_t len) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    return h;
}

/* The zone of that name, or NULL and in *slot where it would go. */
static struct tz *find(const char *name, size_t len, unsigned *slot) {
    for (unsigned i = hash_name(name, len) % TABLE_SIZE;; i = (i + 1) % TABLE_SIZE) {
        /* Acquire: pairs with the release in add(); the zone's fields are written before it is seen here. */
        struct tz *t = atomic_load_explicit(&table[i], memory_order_acquire);
        if (!t) {
            *slot = i;
            return NULL;
        }
        if (t->name_len == len && memcmp(t->name, name, len) == 0)
            return t;
    }
}

/* Under table_lock. */
static enum tz_status add(const char *name, size_t len, unsigned slot, struct tz **out) {
    struct tz *t = mem_alloc(sizeof *t + len + 1);
    if (!t)
        return TZ_LIMIT;
    memcpy(t->name, name, len);
    t->name[len] = '\0';
    t->name_len = (uint32_t)len;
    t->rules = in_database(t->name) ? g_time_zone_new_identifier(t->name) : NULL;
    if (!t->rules || table_used == TABLE_MAX) {
        enum tz_status status = t->rules ? TZ_LIMIT : TZ_UNKNOWN;
        if (t->rules)
            g_time_zone_unref(t->rules);
        mem_free(t);
        return status;
    }
    table_used++;
    /* Release: pairs with the acquire in find(). */
    atomic_store_explicit(&table[slot], t, memory_order_release);
    *out = t;
    return TZ_OK;
}

enum tz_status zone_load(const char *name, size_t len, struct zone *z) {
    if (len == 0 || (len == 3 && memcmp(name, "UTC", 3) == 0)) {
        *z = zone_utc();
        return TZ_OK;
    }
    if (len == 5 && memcmp(name, "Local", 5) == 0) {
        *z = zone_local();
        return TZ_OK;
    }
    if (!valid_name(name, len))
        return TZ_UNKNOWN;
    unsigned slot;
    struct tz *t = find(name, len, &slot);
    enum tz_status status = TZ_OK;
    if (!t) {
        pthread_mutex_lock(&table_lock);
        t = find(name, len, &slot); /* another thread may have been quicker */
        if (!t)
            status = add(name, len, slot, &t);
        pthread_mutex_unlock(&table_lock);
    }
    if (status == TZ_OK)
        *z = (struct zone){.tz = t};
    return status;
}

static gint interval_at(GTimeZone *rules, int64_t sec) {
    if (sec >= CYCLIC_FROM)
        sec -= ((sec - CYCLIC_FROM) / CIVIL_CYCLE_SEC + 1) * CIVIL_CYCLE_SEC;
    return g_time_zone_find_interval(rules, G_TIME_TYPE_UNIVERSAL, sec);
}

static void clock_of(GTimeZone *rules, gint interval, struct zone_clock *c) {
    c->abbr = g_time_zone_get_abbreviation(rules, interval);
    c->abbr_len = (uint32_t)strlen(c->abbr);
    c->offset = g_time_zone_get_offset(rules, interval);
    /*
     * GLib 2.74 takes the 0 in Dublin's rule for the future, "IST-1GMT0,...", for "no offset given" and adds an
     * hour to the standard time instead. GMT is 0 by definition.
     */
    if (c->offset != 0 && strcmp(c->abbr, "GMT") == 0)
        c->offset = 0;
}

void zone_at(const struct zone *z, int64_t sec, struct zone_clock *c) {
    if (!z->tz)
        *c = (struct zone_clock){.offset = z->offset, .abbr = z->name, .abbr_len = z->name_len};
    else if (!z->tz->rules)
        *c = (struct zone_clock){.offset = 0, .abbr = "UTC", .abbr_len = 3};
    else
        clock_of(z->tz->rules, interval_at(z->tz->rules, sec), c);
}

static bool same_abbr(const struct zone_clock *c, const char *abbr, size_t len) {
    return c->abbr_len == len && memcmp(c->abbr, abbr, len) == 0;
}

bool zone_find_abbr(const struct zone *z, const char *abbr, size_t len, int64_t wall, int32_t *offset) {
    struct zone_clock c;
    if (!z->tz || !z->tz->rules) {
        zone_at(z, wall, &c);
        *offset = c.offset;
        return len > 0 && same_abbr(&c, abbr, len);
    }
    GTimeZone *rules = z->tz->rules;
    gint last = g_time_zone_find_interval(rules, G_TIME_TYPE_UNIVERSAL, INT64_MAX);
    bool found = false;
    int32_t tried = 0;
    for (gint i = 0; i <= last; i++) {
        clock_of(rules, i, &c);
        if (!same_abbr(&c, abbr, len) || (found && c.offset == tried))
            continue;
        struct zone_clock then;
        zone_at(z, wall - c.offset, &then);
        if (same_abbr(&then, abbr, len)) {
            *offset = then.offset;
            return true;
        }
        /* Not in use at that time: the oldest meaning counts unless a later one fits better. */
        if (!found)
            *offset = c.offset;
        found = true;
        tried = c.offset;
    }
    return found;
}

int64_t zone_from_wall(const struct zone *z, int64_t wall) {
    struct zone_clock guess, then;
    zone_at(z, wall, &guess);
    zone_at(z, wall - guess.offset, &then);
    return wall - then.offset;
}
