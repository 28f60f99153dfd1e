#include "src/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"

void notify_ready(void) {
    sd_notify(0, "READY=1");
}

void notify_reloading(void) {
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_ns() / 1000);
}

void notify_stopping(int64_t within_ns) {
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64, within_ns / 1000);
}

void notify_status(const char *fmt, ...) {
    static char last[512];
    char text[sizeof last];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, last) == 0)
        return;
    memcpy(last, text, sizeof last);
    sd_notifyf(0, "STATUS=%s", text);
}

int64_t notify_watchdog(void) {
    uint64_t usec = 0;
    return sd_watchdog_enabled(0, &usec) > 0 ? (int64_t)usec * 1000 : 0;
}

void notify_alive(void) {
    sd_notify(0, "WATCHDOG=1");
}
