/* The parts of the control socket and of the tool's tables that need no daemon. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/dur.h"
#include "src/control_proto.h"
#include "src/procs.h"
#include "src/rows.h"
#include "src/table.h"
#include "tests/support/rnd.h"
#include "tests/support/schedbox.h"

/* --- requests ----------------------------------------------------------------------------------------------------- */

static struct control_request request;
static enum errkind kind;
static char why[512];

static bool parse(const char *line) {
    kind = ERRKIND_UNKNOWN;
    why[0] = '\0';
    return control_parse(line, strlen(line), &request, &kind, why, sizeof why);
}

static void expect_refused(const char *line, const char *id, const char *reason) {
    cr_expect(!parse(line), "%s", line);
    cr_expect(kind == ERRKIND_INVALID, "%s: kind %d", line, kind);
    cr_expect_str_eq(request.id, id, "%s: id %s", line, request.id);
    cr_expect(strstr(why, reason), "%s: %s", line, why);
}

Test(src_control, reads_requests) {
    cr_assert(parse("{\"op\":\"ping\"}"), "%s", why);
    cr_expect_str_eq(request.id, "null");
    cr_expect(request.op == CONTROL_OP_PING);
    control_request_free(&request);
    cr_assert(parse(" {\"v\":1, \"id\":\"a\\\"b\", \"op\":\"trace\", "
                    "\"args\":{\"for\":\"1m30s\",\"max\":7,\"of\":\"x\"}} "),
              "%s", why);
    cr_expect_str_eq(request.id, "\"a\\\"b\"");
    cr_expect(control_dur(&request, "for", 0) == 90 * DUR_SEC && control_int(&request, "max", 0) == 7);
    cr_expect_str_eq(control_str(&request, "of"), "x");
    control_request_free(&request);
    cr_assert(parse("{\"op\":\"ps\",\"id\":-3,\"args\":{\"reverse\":true}}"), "%s", why);
    cr_expect_str_eq(request.id, "-3");
    cr_expect(control_bool(&request, "reverse") && !control_bool(&request, "rates"));
    cr_expect(control_int(&request, "limit", 42) == 42 && !control_str(&request, "host"));
    control_request_free(&request);
}

Test(src_control, says_what_is_wrong) {
    expect_refused("", "null", "no JSON");
    expect_refused("{", "null", "no JSON: column");
    expect_refused("[]", "null", "must be an object");
    expect_refused("7", "null", "no JSON");
    expect_refused("{\"id\":1}", "1", "op: must be a string");
    expect_refused("{\"id\":1,\"op\":\"pign\"}", "1", "op pign: unknown; did you mean ping?");
    expect_refused("{\"id\":1,\"op\":\"zzzzzzzzzzzz\"}", "1", "op zzzzzzzzzzzz: unknown");
    expect_refused("{\"id\":[1],\"op\":\"ping\"}", "null", "id: must be");
    expect_refused("{\"v\":2,\"id\":5,\"op\":\"ping\"}", "5", "version 1");
    expect_refused("{\"v\":\"1\",\"op\":\"ping\"}", "null", "version 1");
    expect_refused("{\"id\":1,\"op\":\"ping\",\"more\":0}", "1", "field more: unknown");
    expect_refused("{\"id\":1,\"id\":2,\"op\":\"ping\"}", "null", "duplicate");
    expect_refused("{\"id\":1,\"op\":\"ping\",\"args\":[]}", "1", "args: must be an object");
    expect_refused("{\"id\":1,\"op\":\"ping\",\"args\":{\"x\":1}}", "1", "ping: argument x: unknown");
    expect_refused("{\"id\":1,\"op\":\"info\"}", "1", "info: argument pid: missing");
    expect_refused("{\"id\":1,\"op\":\"info\",\"args\":{\"pid\":5}}", "1", "must be a string");
    expect_refused("{\"id\":1,\"op\":\"ps\",\"args\":{\"limit\":-1}}", "1", "must be an integer");
    expect_refused("{\"id\":1,\"op\":\"ps\",\"args\":{\"limit\":1.5}}", "1", "must be an integer");
    expect_refused("{\"id\":1,\"op\":\"trace\",\"args\":{\"for\":\"soon\"}}", "1", "must be a duration");
    expect_refused("{\"id\":1,\"op\":\"trace\",\"args\":{\"for\":\"-1s\"}}", "1", "must be a duration");
    expect_refused("{\"id\":1,\"op\":\"spawn\",\"args\":{\"entry\":\"a:b\",\"args\":{}}}", "1",
                   "must be an array");
    expect_refused("{\"op\":\"ping\"} x", "null", "no JSON");
    expect_refused("{\"id\":\"\xff\",\"op\":\"ping\"}", "null", "no JSON");
    char line[300];
    snprintf(line, sizeof line, "{\"op\":\"ping\",\"id\":\"%0150d\"}", 0);
    expect_refused(line, "null", "id: longer than 63");
}

Test(src_control, every_operation_is_described) {
    for (int i = 0; i < CONTROL_OP_COUNT; i++) {
        const struct control_op *op = &control_ops[i];
        cr_expect(op->help && op->args && op->result, "%s", control_op_word((enum control_opcode)i));
        for (const struct control_arg *a = op->args; a->name; a++)
            cr_expect(a->help && a->help[0], "%s: %s", control_op_word((enum control_opcode)i), a->name);
    }
}

Test(src_control, answers_are_whole_lines) {
    struct text out;
    text_open(&out);
    control_put_error(&out, "\"a\"", ERRKIND_NOT_FOUND, "no \"x\"\n");
    cr_expect_str_eq(
        out.s,
        "{\"id\":\"a\",\"ok\":false,\"error\":{\"kind\":\"NotFound\",\"message\":\"no \\\"x\\\"\\n\"}}\n");
    text_close(&out);
}

/* --- lists of processes ------------------------------------------------------------------------------------------- */

static void idle(struct proc *p, struct msg *m) {
    m->next = p->data;
    p->data = m;
}
static enum step wait_on(struct proc *p) {
    return STEP_WAIT;
}
static void drop_all(struct proc *p) {
    for (struct msg *m = p->data, *next; m; m = next) {
        next = m->next;
        msg_free(m);
    }
}
static const struct behaviour keeper = {
    .name = "keeper", .deliver = idle, .step = wait_on, .close = drop_all};

static struct pid spawn_as(struct box *b, const char *label, uint32_t flags) {
    enum spawn_status status;
    struct proc *p = proc_new(
        sched_self, &(struct spawn){.host = b->host, .behaviour = &keeper, .label = label, .flags = flags},
        &status);
    cr_assert(p);
    struct pid pid = p->pid;
    proc_start(sched_self, p);
    return pid;
}

static void take(struct box *b, const struct procs_query *q, struct procs *p) {
    cr_assert(procs_take(b->node, q, p));
}

Test(src_control, processes_are_sorted_and_cut) {
    struct box b = box_open(1, NULL, NULL);
    static const char *const labels[] = {"app:c", "app:a", "app:b"};
    struct rnd r = rnd_open("procs", 5);
    uint64_t sent = 0;
    for (int i = 0; i < 500; i++) {
        struct pid pid = spawn_as(&b, labels[i % 3], 0);
        for (uint64_t n = rnd_below(&r, 20); n; n--, sent++)
            send_number((struct pid){0}, pid, n);
    }
    spawn_as(&b, "hidden", PROC_SYSTEM);
    AWAIT(host_stat(b.host, offsetof(struct worker_stats, messages)) == sent);
    struct procs all, some;
    take(&b, &(struct procs_query){.sort = PROCS_MAILBOX}, &all);
    cr_expect(all.n == 500 && all.total == 500 && all.matched == 500);
    uint64_t sum = 0;
    for (size_t i = 0; i < all.n; i++) {
        sum += all.v[i].mailbox;
        if (i)
            cr_assert(all.v[i - 1].mailbox > all.v[i].mailbox ||
                      (all.v[i - 1].mailbox == all.v[i].mailbox && all.v[i - 1].pid.n < all.v[i].pid.n));
    }
    cr_expect(sum == sent);
    for (size_t limit = 1; limit <= 501; limit += 25) {
        take(&b, &(struct procs_query){.sort = PROCS_MAILBOX, .limit = limit}, &some);
        cr_assert(some.n == (limit < 500 ? limit : 500) && some.matched == 500);
        for (size_t i = 0; i < some.n; i++)
            cr_assert(pid_eq(some.v[i].pid, all.v[i].pid), "limit %zu, row %zu", limit, i);
        procs_free(&some);
    }
    take(&b, &(struct procs_query){.sort = PROCS_MAILBOX, .reverse = true, .limit = 3}, &some);
    for (size_t i = 0; i < 3; i++)
        cr_expect(pid_eq(some.v[i].pid, all.v[499 - i].pid));
    procs_free(&some);
    take(&b, &(struct procs_query){.sort = PROCS_ENTRY, .limit = 1}, &some);
    cr_expect_str_eq(procs_entry(&some, &some.v[0]), "app:a");
    procs_free(&some);
    procs_free(&all);
    box_close(&b);
}

Test(src_control, processes_are_chosen) {
    struct box b = box_open(1, NULL, NULL);
    spawn_as(&b, "app:a", 0);
    spawn_as(&b, "app:b", 0);
    struct procs p;
    take(&b, &(struct procs_query){.entry = "app:b"}, &p);
    cr_expect(p.total == 2 && p.n == 1 && strcmp(procs_entry(&p, &p.v[0]), "app:b") == 0);
    procs_free(&p);
    take(&b, &(struct procs_query){.host = "app:box"}, &p);
    cr_expect(p.n == 2);
    procs_free(&p);
    take(&b, &(struct procs_query){.host = "app:other"}, &p);
    cr_expect(p.n == 0 && p.total == 2);
    procs_free(&p);
    box_close(&b);
}

Test(src_control, rates_are_of_the_time_between) {
    struct box b = box_open(1, NULL, NULL);
    struct procs_memory memory = {0};
    struct procs p;
    struct pid pid = spawn_as(&b, "app:a", 0);
    take(&b, &(struct procs_query){.memory = &memory}, &p);
    cr_expect(p.interval == 0 && p.v[0].rate == 0);
    procs_free(&p);
    for (uint64_t i = 0; i < 50; i++)
        send_number((struct pid){0}, pid, i);
    AWAIT(host_stat(b.host, offsetof(struct worker_stats, messages)) == 50);
    usleep(10000);
    spawn_as(&b, "app:b", 0);
    take(&b, &(struct procs_query){.memory = &memory}, &p);
    cr_expect(p.interval >= 0.01 && p.n == 2);
    cr_expect(p.v[0].rate > 0 && p.v[0].rate <= 51 / p.interval);
    cr_expect(p.v[0].messages == 0, "it keeps what it gets");
    procs_free(&p);
    procs_memory_free(&memory);
    box_close(&b);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static char seen[256];
static void see(void *ud, const struct rows_cell *cells, size_t n) {
    for (size_t i = 0; i < n; i++)
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%.*s%s", cells[i].text ? "'" : "",
                 (int)cells[i].len, cells[i].s, i + 1 < n ? "," : ";");
}

static bool rows(const char *line) {
    seen[0] = '\0';
    return rows_read(line, strlen(line), see, NULL);
}

Test(src_control, rows_are_read_or_left) {
    cr_expect(rows("{\"id\":1,\"data\":{\"rows\":[[\"a\",1,-2.5],[\"\",0,7]]}}"));
    cr_expect_str_eq(seen, "'a,1,-2.5;',0,7;");
    static const char *const others[] = {
        "",
        "{}",
        "{\"id\":1,\"data\":{\"rows\":[]}}",
        "{\"id\":1,\"data\":{\"rows\":[[\"a\\n\",1]]}}",
        "{\"id\":1,\"data\":{\"rows\":[[\"a\"]]}} ",
        "{\"id\":1,\"data\":{\"rows\":[[\"a\"]]",
        "{\"id\":1,\"ok\":true}",
        "{\"id\":1,\"data\":{\"columns\":[\"a\"]}}",
        "{\"id\":1,\"data\":{\"rows\":[[null]]}}",
        "{\"id\":1,\"data\":{\"rows\":[[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]]}}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect(!rows(others[i]) && !seen[0], "%s", others[i]);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static const char *printed(struct table *t) {
    static char buf[2048];
    FILE *f = fmemopen(buf, sizeof buf, "w");
    cr_assert(table_close(t, f));
    fclose(f);
    return buf;
}

Test(src_control, tables_are_aligned) {
    static const struct table_column columns[] = {{"NAME", false, true}, {"N", true, false}};
    struct table *t = table_open(columns, 2);
    table_put(t, "a");
    table_put(t, "10");
    table_put(t, "longer \xc3\xa9");
    table_printf(t, "%d", 7);
    table_put(t, "bell\a\x1b[1m\xff");
    table_put(t, "");
    cr_expect_str_eq(printed(t), "NAME         N\na           10\nlonger \xc3\xa9     7\nbell??[1m?    \n");
    table_drop(table_open(columns, 2));
}

Test(src_control, amounts_are_short) {
    char buf[TABLE_SHORT];
    static const struct {
        uint64_t n;
        const char *text;
    } bytes[] = {{0, "0"},
                 {999, "999"},
                 {1000, "1.0K"},
                 {1024, "1.0K"},
                 {17000, "17K"},
                 {1 << 20, "1.0M"},
                 {UINT64_C(5) << 40, "5.0T"},
                 {UINT64_MAX, "16E"}};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        cr_expect_str_eq(table_bytes(bytes[i].n, buf), bytes[i].text);
    cr_expect_str_eq(table_count(1000, buf), "1.0k");
    cr_expect_str_eq(table_count(12345678, buf), "12M");
    static const struct {
        double s;
        const char *text;
    } spans[] = {{0, "0s"},     {1.25, "1.2s"},  {7, "7s"},       {59.9, "59s"},
                 {61, "1m01s"}, {3660, "1h01m"}, {90000, "1d01h"}};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        cr_expect_str_eq(table_span(spans[i].s, buf), spans[i].text);
}
