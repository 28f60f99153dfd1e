/*
 * tz: zones of the system's tz database (through GLib's GTimeZone), UTC, the system's own zone, and fixed offsets.
 *
 * A `struct zone` is small and passed by value or pointer. What is behind `tz` was loaded once for the whole daemon and lives as
 * long as it does; the name of a fixed zone is borrowed from whoever made the zone. Callable from any thread: look-ups take no
 * lock. The first use of a named zone reads its file, under a mutex.
 *
 * Changes of the tz database or of /etc/localtime are seen when the daemon is started again.
 */
#ifndef VM_TZ_H
#define VM_TZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tz;

struct zone {
    const struct tz *tz; /* NULL: fixed offset */
    const char *name;    /* of a fixed zone only; may be empty; needs no NUL */
    uint32_t name_len;
    int32_t offset; /* of a fixed zone, in seconds east of UTC */
};

/* Which clock a zone shows at one moment. `abbr` ("CEST") is empty for a fixed zone without a name. */
struct zone_clock {
    int32_t offset;
    uint32_t abbr_len;
    const char *abbr; /* lives as long as the zone; needs no NUL */
};

/* Offsets of fixed zones stay within a day or so in practice; these limits keep all arithmetic safe. */
#define ZONE_OFFSET_MAX (100 * 3600)
#define ZONE_NAME_MAX 255

enum tz_status {
    TZ_OK,
    TZ_UNKNOWN, /* not a name of the tz database, or no database on this system */
    TZ_LIMIT    /* no memory, or more zones in use than the table holds */
};

struct zone zone_utc(void);

/* The daemon's zone: what TZ says, else /etc/localtime, else UTC. */
struct zone zone_local(void);

/* `name` is borrowed; |offset| <= ZONE_OFFSET_MAX and len <= ZONE_NAME_MAX are the caller's to check. */
struct zone zone_fixed(const char *name, size_t len, int32_t offset);

/* By name, as in Go: "" and "UTC" are UTC, "Local" is the daemon's zone, the rest is looked up in the database. */
enum tz_status zone_load(const char *name, size_t len, struct zone *z);

bool zone_is_utc(const struct zone *z);
bool zone_is_local(const struct zone *z);

/* The same rules by the same name: fixed zones have to agree in both offset and name. */
bool zone_same(const struct zone *a, const struct zone *b);

/* "UTC", "Local", the name in the database, or the name given to a fixed zone. */
const char *zone_name(const struct zone *z, size_t *len);

/* The clock at an instant, in Unix seconds. */
void zone_at(const struct zone *z, int64_t sec, struct zone_clock *c);

/*
 * The offset that the abbreviation stands for in this zone, preferably the one it has when local clocks show
 * `wall` (seconds as if they were UTC's). false when the zone never uses it.
 */
bool zone_find_abbr(const struct zone *z, const char *abbr, size_t len, int64_t wall, int32_t *offset);

/*
 * The Unix seconds at which clocks show `wall`. When they show it twice, or never, the result is right for the offset before or
 * the one after the change; as in Go it is not promised which.
 */
int64_t zone_from_wall(const struct zone *z, int64_t wall);

#endif
