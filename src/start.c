#include "src/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/code.h"
#include "src/exitcode.h"
#include "src/room.h"

void start_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            /* The lowest free number is this one. Writing there fails, as it does where nothing is open. */
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    /* Whole lines: another thread, the log's, writes there too. */
    setvbuf(stderr, NULL, _IOLBF, 0);
}

bool start_room(const char *program) {
    char err[256];
    if (room_prepare(err, sizeof err))
        return true;
    start_complain(program, "%s", err);
    return false;
}

void start_complain(const char *program, const char *fmt, ...) {
    va_list args;
    fprintf(stderr, "%s: ", program);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

struct config *start_config(const char *program, struct cfg_options *o, int *status) {
    struct cfg_report *report;
    o->check_source = code_check;
    struct config *c = cfg_load(o, &report);
    if (!report) {
        start_complain(program, "configuration: not enough memory");
        *status = EXIT_CODE_INTERNAL;
        return NULL;
    }
    cfg_report_print(report, stderr);
    fflush(stderr);
    cfg_report_free(report);
    *status = c ? EXIT_CODE_OK : EXIT_CODE_CONFIG;
    return c;
}

int start_flush(const char *program) {
    /* What failed before may have been forgotten by errno; the flag remembers that it did. */
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_CODE_OK;
    start_complain(program, "standard output: cannot be written: %s", strerror(errno ? errno : EIO));
    return EXIT_CODE_IO;
}
