/*
 * Layouts and texts of any bytes, read and written: no crash, no byte outside a buffer, and laws that always hold.
 *
 * Input: one byte for the zone, a layout, a NUL, a text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vm/instant.h"
#include "vm/timelayout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char whole[] = "2006-01-02 15:04:05.000000000 -07:00:00";

static void demand(bool ok) {
    if (!ok)
        abort();
}

static struct zone zone_for(uint8_t choice) {
    static const char *const names[] = {"UTC", "Local", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"};
    struct zone z;
    unsigned i = choice % 7;
    if (i >= 5 || zone_load(names[i], strlen(names[i]), &z) != TZ_OK)
        z = i == 5 ? zone_fixed("", 0, -12345) : zone_fixed("Fix", 3, 3600);
    return z;
}

/* Formats into memory of just the right size, and into less. */
static void check_format(struct instant t, const struct zone *z, const char *layout, size_t len) {
    size_t n = instant_format(t, z, layout, len, NULL, 0);
    char *exact = malloc(n + 1), *cut = malloc(n / 2 + 1);
    demand(exact && cut);
    demand(instant_format(t, z, layout, len, exact, n + 1) == n && exact[n] == '\0');
    demand(instant_format(t, z, layout, len, cut, n / 2 + 1) == n);
    demand(memcmp(cut, exact, n / 2) == 0 && cut[n / 2] == '\0');
    free(exact);
    free(cut);
}

/* A text that names everything gives the instant back. */
static void check_round_trip(struct instant t, const struct zone *z) {
    char text[INSTANT_TEXT_MAX], why[200];
    struct instant back;
    struct zone utc = zone_utc(), got;
    struct civil c;
    instant_split(t, z, &c, NULL);
    if (c.year < 0 || c.year > 9999)
        return;
    size_t n = instant_format(t, z, whole, sizeof whole - 1, text, sizeof text);
    demand(instant_parse(whole, sizeof whole - 1, text, n, &utc, &utc, &back, &got, why, sizeof why));
    demand(instant_cmp(t, back) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 1 ? memchr(data + 1, 0, size - 1) : NULL;
    if (!end)
        return 0;
    struct zone z = zone_for(data[0]), got;
    const char *layout = (const char *)data + 1, *text = (const char *)end + 1;
    size_t layout_len = (size_t)(end - data) - 1, text_len = size - layout_len - 2;
    struct instant t;
    char why[64];
    memset(why, 'x', sizeof why);
    if (instant_parse(layout, layout_len, text, text_len, &z, &z, &t, &got, why, sizeof why)) {
        demand(instant_valid(t));
        check_format(t, &got, layout, layout_len);
        check_round_trip(t, &got);
    } else {
        demand(memchr(why, '\0', sizeof why) && strncmp(why, "parsing time \"", 14) == 0);
    }
    /* Any instant, from the text's bytes. */
    int64_t sec = 0;
    memcpy(&sec, text, text_len < sizeof sec ? text_len : sizeof sec);
    if (instant_make(sec % CIVIL_SEC_MAX, sec, &t)) {
        check_format(t, &z, layout, layout_len);
        check_round_trip(t, &z);
    }
    return 0;
}
