/* troupe top: processes and their figures on the whole screen, again and again. */
#include <ncurses.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/dur.h"
#include "src/client.h"
#include "src/exitcode.h"
#include "src/procs.h"
#include "src/start.h"
#include "src/table.h"
#include "src/verb.h"

#define INTERVAL (2 * DUR_SEC)
#define INTERVAL_MIN (100 * DUR_MS)
#define BATCH_ROWS 20
#define PID_WIDTH_MAX 40
#define ENTRY_WIDTH_MIN 12

enum { TOP_INTERVAL, TOP_SORT, TOP_HOST, TOP_ENTRY, TOP_LIMIT, TOP_COUNT, TOP_SOCKET, TOP_HELP };

static const struct option_def defs[] = {
    [TOP_INTERVAL] = {"interval", 'i', "DURATION", false, "how often to look (2s)"},
    [TOP_SORT] = {"sort", 's', "pid|entry|state|mailbox|memory|reductions|rate|messages|age", false,
                  "by this column (memory); rate and messages: reductions and messages in a second"},
    [TOP_HOST] = {"host", 'H', "HOST", false, "only processes of this host"},
    [TOP_ENTRY] = {"entry", 'e', "ENTRY", false, "only those that run this entry"},
    [TOP_LIMIT] = {"limit", 'n', "N", false, "so many rows; else as many as fit (20 when not on a terminal)"},
    [TOP_COUNT] = {"count", 'c', "N", false, "look N times, then end; when not on a terminal: once"},
    [TOP_SOCKET] = OPTION_SOCKET,
    [TOP_HELP] = OPTION_HELP};

const struct options_syntax verb_top_syntax = {
    .command = TOOL " top",
    .args = "",
    .summary = "Shows processes by what they use, on the whole screen. Keys: ? for help, q to end.",
    .options = defs,
    .count = sizeof defs / sizeof defs[0]};

/* --- columns ------------------------------------------------------------------------------------------------------ */

struct column {
    enum procs_column column;
    const char *word; /* of --sort */
    const char *title;
    int key;
    int width; /* 0: depends on what there is to show */
    int keep;  /* on a narrow terminal those with the least are left out first; 0: none of these */
};

static const struct column columns[] = {
    {PROCS_PID, "pid", "PID", 'p', 0, 0},          {PROCS_ENTRY, "entry", "ENTRY", 'e', 0, 0},
    {PROCS_STATE, "state", "STATE", 's', 7, 3},    {PROCS_MAILBOX, "mailbox", "MAILBOX", 'b', 7, 4},
    {PROCS_MEMORY, "memory", "MEMORY", 'm', 6, 6}, {PROCS_REDUCTIONS, "reductions", "REDUCTIONS", 'd', 10, 1},
    {PROCS_RATE, "rate", "REDS/S", 'r', 6, 7},     {PROCS_MESSAGES, "messages", "MSGS/S", 'g', 6, 5},
    {PROCS_AGE, "age", "AGE", 'a', 6, 2},
};

/* The first columns are the same, in the same order, as those of procs: PROCS_PID and PROCS_ENTRY are places here, too. */
#define COLUMNS (sizeof columns / sizeof columns[0])

static bool is_text(const struct column *c) {
    return c->column <= PROCS_STATE;
}

static void put_cell(const struct column *c, const json_t *row, char *buf, size_t cap) {
    const json_t *v = json_array_get(row, c->column);
    char small[TABLE_SHORT];
    if (is_text(c))
        snprintf(buf, cap, "%s", json_string_value(v));
    else if (c->column == PROCS_MEMORY)
        snprintf(buf, cap, "%s", table_bytes((uint64_t)json_integer_value(v), small));
    else if (c->column == PROCS_AGE)
        snprintf(buf, cap, "%s", table_span(json_number_value(v), small));
    else
        snprintf(buf, cap, "%s", table_count((uint64_t)(json_number_value(v) + 0.5), small));
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

struct top {
    const struct options *o;
    struct client *client;
    const struct column *sort;
    bool reverse;
    int64_t interval;
    json_t *rows, *sums, *hosts, *hosts_before;
};

static void forget(json_t **v) {
    json_decref(*v);
    *v = NULL;
}

static bool keep_rows(void *ud, const json_t *data) {
    struct top *top = ud;
    json_array_extend(top->rows, json_object_get(data, "rows"));
    return true;
}

static int look(struct top *top, int64_t limit) {
    json_t *args =
        json_pack("{s:s,s:b,s:b,s:I,s:s*,s:s*}", "sort", procs_column_text(top->sort->column), "reverse",
                  top->reverse, "rates", 1, "limit", (json_int_t)(limit > 0 ? limit : 1), "host",
                  options_value(top->o, TOP_HOST), "entry", options_value(top->o, TOP_ENTRY));
    forget(&top->rows);
    forget(&top->sums);
    forget(&top->hosts_before);
    top->hosts_before = top->hosts;
    top->hosts = NULL;
    top->rows = json_array();
    int status = client_ask(top->client, "ps", args, keep_rows, top, &top->sums);
    return status ? status : client_ask(top->client, "hosts", json_object(), NULL, NULL, &top->hosts);
}

static double num(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* Of a host's workers, how many were busy on average since the last look; -1: not known yet. */
static double busy_workers(const struct top *top, const json_t *host) {
    const json_t *before = json_object_get(top->hosts_before, "hosts");
    const char *id = json_string_value(json_object_get(host, "host"));
    double interval = num(top->sums, "interval");
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *b = json_array_get(before, i);
        if (strcmp(json_string_value(json_object_get(b, "host")), id) == 0 && interval > 0)
            return (num(host, "busy_seconds") - num(b, "busy_seconds")) / interval;
    }
    return -1;
}

static void head_line(const struct top *top, char *buf, size_t cap) {
    char memory[TABLE_SHORT], clock[16];
    time_t t = time(NULL);
    struct tm tm;
    localtime_r(&t, &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    snprintf(buf, cap, "troupe  %s  %.0f processes  %s in their states", clock, num(top->sums, "processes"),
             table_bytes((uint64_t)num(top->sums, "memory"), memory));
}

static void host_line(const struct top *top, const json_t *h, char *buf, size_t cap) {
    double busy = busy_workers(top, h);
    int n = snprintf(buf, cap, "%-24s %7.0f processes  %5.0f queued  ",
                     json_string_value(json_object_get(h, "host")), num(h, "processes"), num(h, "queue"));
    if (n < 0 || (size_t)n >= cap)
        return;
    if (busy < 0)
        snprintf(buf + n, cap - (size_t)n, "   - of %.0f workers busy", num(h, "workers"));
    else
        snprintf(buf + n, cap - (size_t)n, "%4.1f of %.0f workers busy", busy, num(h, "workers"));
}

/* --- on a terminal ------------------------------------------------------------------------------------------------ */

/* Cut to `width` characters; control characters of others stay off the screen. */
static void put_text(int y, int x, int width, bool right, const char *text) {
    char clean[512];
    size_t n = 0;
    for (; text[n] && n < sizeof clean - 1; n++)
        clean[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
    clean[n] = '\0';
    int len = (int)n;
    mvaddnstr(y, right && len < width ? x + width - len : x, clean, width);
}

static int widest_pid(const struct top *top) {
    size_t most = strlen("PID");
    for (size_t i = 0; i < json_array_size(top->rows); i++) {
        size_t len = json_string_length(json_array_get(json_array_get(top->rows, i), PROCS_PID));
        most = len > most ? len : most;
    }
    return most < PID_WIDTH_MAX ? (int)most : PID_WIDTH_MAX;
}

/* What is left for entries; below ENTRY_WIDTH_MIN one more column has to go, but for the one that is sorted by. */
static int leave_out(const struct top *top, int *width) {
    for (;;) {
        int rest = COLS, least = -1;
        for (size_t i = 0; i < COLUMNS; i++) {
            if (columns[i].column == PROCS_ENTRY || !width[i])
                continue;
            rest -= width[i] + 1;
            if (columns[i].keep && &columns[i] != top->sort &&
                (least < 0 || columns[i].keep < columns[least].keep))
                least = (int)i;
        }
        if (rest >= ENTRY_WIDTH_MIN || least < 0)
            return rest > ENTRY_WIDTH_MIN ? rest : ENTRY_WIDTH_MIN;
        width[least] = 0;
    }
}

static void lay_out(const struct top *top, int *width) {
    for (size_t i = 0; i < COLUMNS; i++)
        width[i] = columns[i].width;
    width[PROCS_PID] = widest_pid(top);
    width[PROCS_ENTRY] = leave_out(top, width);
}

static void draw_line(int y, const struct top *top, const int *widths, const json_t *row) {
    int x = 0;
    for (size_t i = 0; i < COLUMNS && x < COLS; i++) {
        const struct column *c = &columns[i];
        int width = widths[i] < COLS - x ? widths[i] : COLS - x;
        char buf[512];
        if (!width)
            continue;
        if (row)
            put_cell(c, row, buf, sizeof buf);
        else
            snprintf(buf, sizeof buf, "%s", c->title);
        if (!row)
            attrset(c == top->sort ? A_REVERSE | A_BOLD : A_BOLD);
        put_text(y, x, width, !is_text(c), buf);
        attrset(A_NORMAL);
        x += width + 1;
    }
}

static int draw(const struct top *top) {
    const json_t *hosts = json_object_get(top->hosts, "hosts");
    char buf[256];
    int y = 0, width[COLUMNS];
    lay_out(top, width);
    erase();
    head_line(top, buf, sizeof buf);
    put_text(y++, 0, COLS, false, buf);
    for (size_t i = 0; i < json_array_size(hosts) && y < LINES - 3; i++) {
        host_line(top, json_array_get(hosts, i), buf, sizeof buf);
        put_text(y++, 0, COLS, false, buf);
    }
    draw_line(y + 1, top, width, NULL);
    y += 2;
    for (size_t i = 0; i < json_array_size(top->rows) && y < LINES; i++)
        draw_line(y++, top, width, json_array_get(top->rows, i));
    refresh();
    return y;
}

static void draw_help(void) {
    int y = 1;
    erase();
    mvaddstr(y++, 2, "Sort by");
    for (size_t i = 0; i < COLUMNS; i++)
        mvprintw(y++, 4, "%c  %s", columns[i].key, columns[i].word);
    mvaddstr(y + 1, 2, "R  the other way round     + -  look less, more often");
    mvaddstr(y + 2, 2, "space  look now            q  end");
    mvaddstr(y + 4, 2, "any key: back");
    refresh();
    timeout(-1);
    getch();
}

/* One key; false: to end. */
static bool on_key(struct top *top, int key) {
    for (size_t i = 0; i < COLUMNS; i++) {
        if (columns[i].key != key)
            continue;
        top->reverse = top->sort == &columns[i] && !top->reverse;
        top->sort = &columns[i];
        return true;
    }
    switch (key) {
    case 'q':
    case 3: /* ^C */
        return false;
    case 'R':
        top->reverse = !top->reverse;
        break;
    case '+':
        top->interval *= 2;
        break;
    case '-':
        if (top->interval / 2 >= INTERVAL_MIN)
            top->interval /= 2;
        break;
    case '?':
    case 'h':
        draw_help();
        break;
    default:
        break;
    }
    return true;
}

static int64_t rows_that_fit(const struct top *top) {
    const char *limit = options_value(top->o, TOP_LIMIT);
    int64_t room = LINES - 3 - (int64_t)json_array_size(json_object_get(top->hosts, "hosts"));
    int64_t most = limit ? verb_number(limit) : room;
    return most < room || room < 1 ? most : room;
}

static int run_screen(struct top *top, int64_t count) {
    int status = EXIT_CODE_OK;
    for (int64_t n = 0; !count || n < count; n++) {
        /* The first look only tells how many rows there is room for, and what the rates of the second one are of. */
        status = look(top, rows_that_fit(top));
        if (status)
            return status;
        draw(top);
        timeout((int)(n ? top->interval / DUR_MS : 200));
        int key = getch();
        if (key != ERR && !on_key(top, key))
            return EXIT_CODE_OK;
    }
    return status;
}

/* What there is to complain of must not be lost with the screen: it is said when that is gone. */
static int on_terminal(struct top *top, int64_t count) {
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (!screen) {
        start_complain(TOOL, "top: this terminal is not known; see $TERM");
        return EXIT_CODE_FAILED;
    }
    raw();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    client_hold(top->client, true);
    int status = run_screen(top, count);
    endwin();
    delscreen(screen);
    client_hold(top->client, false);
    return status;
}

/* --- elsewhere ---------------------------------------------------------------------------------------------------- */

static void print_all(const struct top *top) {
    struct table_column titles[COLUMNS];
    const json_t *hosts = json_object_get(top->hosts, "hosts");
    char buf[512];
    for (size_t i = 0; i < COLUMNS; i++)
        titles[i] = (struct table_column){columns[i].title, !is_text(&columns[i]), false};
    head_line(top, buf, sizeof buf);
    printf("%s\n", buf);
    for (size_t i = 0; i < json_array_size(hosts); i++) {
        host_line(top, json_array_get(hosts, i), buf, sizeof buf);
        printf("%s\n", buf);
    }
    struct table *t = table_open(titles, COLUMNS);
    for (size_t r = 0; r < json_array_size(top->rows); r++)
        for (size_t i = 0; i < COLUMNS; i++) {
            put_cell(&columns[i], json_array_get(top->rows, r), buf, sizeof buf);
            table_put(t, buf);
        }
    table_close(t, stdout);
}

static int in_batch(struct top *top, int64_t count) {
    const char *limit = options_value(top->o, TOP_LIMIT);
    int64_t rows = limit ? verb_number(limit) : BATCH_ROWS;
    int status = look(top, rows);
    for (int64_t n = 0; n < (count ? count : 1) && status == EXIT_CODE_OK; n++) {
        usleep((useconds_t)(top->interval / DUR_US));
        status = look(top, rows);
        if (status == EXIT_CODE_OK) {
            print_all(top);
            status = start_flush(TOOL);
        }
    }
    return status;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static bool read_options(struct top *top, int64_t *count) {
    const char *interval = options_value(top->o, TOP_INTERVAL), *sort = options_value(top->o, TOP_SORT);
    const char *numbers[] = {options_value(top->o, TOP_LIMIT), options_value(top->o, TOP_COUNT)};
    top->interval = INTERVAL;
    top->sort = &columns[PROCS_MEMORY];
    if (interval && !verb_duration("--interval", interval))
        return false;
    if (interval)
        dur_parse(interval, strlen(interval), &top->interval);
    if (top->interval < INTERVAL_MIN)
        top->interval = INTERVAL_MIN;
    for (size_t i = 0; sort && i < COLUMNS; i++)
        if (strcmp(columns[i].word, sort) == 0) {
            top->sort = &columns[i];
            sort = NULL;
        }
    if (sort)
        start_complain(TOOL, "--sort %s: there is no such column; see " TOOL " top --help", sort);
    for (int i = 0; i < 2; i++)
        if (numbers[i] && verb_number(numbers[i]) < 1) {
            start_complain(TOOL, "--%s %s: must be a number from 1 on", i ? "count" : "limit", numbers[i]);
            return false;
        }
    *count = numbers[1] ? verb_number(numbers[1]) : 0;
    return !sort;
}

int verb_top(const struct options *o) {
    struct top top = {.o = o};
    int64_t count;
    int status = EXIT_CODE_USAGE;
    if (!read_options(&top, &count))
        return status;
    top.client = client_open(options_value(o, TOP_SOCKET), &status);
    if (!top.client)
        return status;
    status = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) ? on_terminal(&top, count) : in_batch(&top, count);
    forget(&top.rows);
    forget(&top.sums);
    forget(&top.hosts);
    forget(&top.hosts_before);
    client_close(top.client);
    return status;
}
