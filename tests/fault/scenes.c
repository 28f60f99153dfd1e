#include "tests/fault/scenes.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dur.h"
#include "src/app.h"
#include "src/code.h"
#include "src/daemon.h"
#include "src/log.h"
#include "src/runner.h"
#include "src/start.h"

#define PATIENCE (20 * DUR_SEC)

/* --- files --------------------------------------------------------------------------------------------------------- */

static char folder[64];

static char *path_of(const char *name) {
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text) {
    FILE *f = fopen(path_of(name), "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(name);
        exit(1);
    }
}

#define HOST "  - {name: processes, kind: process.host, host: {workers: 1}, lifecycle: {auto_start: true}}\n"
#define CODE(name, text) "  - name: " name "\n    kind: process.lua\n    source: " text "\n"
#define SERVICE(name, process, more)                                                                         \
    "  - {name: " name ", kind: process.service, process: " process                                          \
    ", host: processes, lifecycle: {auto_start: true}" more "}\n"

static const char main_yaml[] =
    "version: \"1.0\"\nnamespace: app\ninclude: [conf.d/*.yaml, more]\nruntime: {env: [HOME, APP_*]}\n"
    "log: {level: info, format: json}\ncontrol: {socket: control.sock, mode: \"0600\"}\n"
    "metrics: {listen: \"127.0.0.1:0\"}\nshutdown: {timeout: 2s}\nentries:\n" HOST CODE(
        "main", "file://main.lua\n    imports: {lib: \"app.more:lib\"}") CODE("worker", "file://worker.lua")
        CODE("waits", "return function() process.events():receive() end")
            SERVICE("one", "waits",
                    ", input: [1, {k: [x, 2.5]}]") "  - {name: two, kind: process.service, process: waits, "
                                                   "host: processes, lifecycle: {auto_start: true, requires: "
                                                   "[one]}}\n";
static const char conf_yaml[] =
    "namespace: app.conf\nentries:\n"
    "  - {name: data, kind: registry.entry, meta: {home: \"${env:HOME}\", list: [1, 2]}}\n";
static const char more_yaml[] =
    "namespace: app.more\nentries:\n"
    "  - {name: lib, kind: library.lua, source: \"return {twice = function(x) return 2 * x end}\"}\n";
static const char bad_yaml[] =
    "version: \"1.0\"\nnamespace: app\ninclude: [nowhere.yaml]\nruntime: {worker: 1}\nentries:\n" HOST HOST
        CODE("broken", "\"return return\"") CODE("gone", "file://gone.lua")
            SERVICE("s", "nothing", "") "  - {name: x, kind: process.hots}\n";

/* A bit of everything between processes; goes on as well as it can. */
static const char main_lua[] =
    "local lib = require('lib')\n"
    "local json = require('json')\n"
    "return { main = function()\n"
    "    local events, results = process.events(), process.listen('result')\n"
    "    process.registry.register('main')\n"
    "    local pids, ended, sum = {}, 0, 0\n"
    "    for i = 1, 3 do\n"
    "        local pid, err = process.spawn_monitored('app:worker', 'app:processes', { id = i, tags = { 'a', "
    "{ b = i } } })\n"
    "        if not pid then error(err) end\n"
    "        pids[pid] = true\n"
    "        assert(process.send(pid, 'work', { i, ('x'):rep(100 * i), errors.new('e' .. i) }))\n"
    "    end\n"
    "    local timer = time.after('1ms')\n"
    "    while next(pids) do\n"
    "        local r = channel.select { events:case_receive(), results:case_receive(), timer:case_receive() "
    "}\n"
    "        if r.channel == events and r.value.kind == process.event.EXIT then\n"
    "            pids[r.value.from] = nil\n"
    "        elseif r.channel == results then\n"
    "            sum = sum + lib.twice(r.value.n)\n"
    "        elseif r.channel == timer then\n"
    "            timer = time.after('1h')\n"
    "        end\n"
    "    end\n"
    "    local future = require('funcs').async('app:worker', { id = 0 })\n"
    "    if future then future:cancel() end\n"
    "    assert(json.decode(json.encode({ sum = sum, list = { 1, 2, { 'x' } } })).sum == sum)\n"
    "    return sum\n"
    "end }\n";
static const char worker_lua[] = "return { main = function(task)\n"
                                 "    if task.id == 0 then return process.events():receive().reason end\n"
                                 "    local ch = process.listen('work', { message = true })\n"
                                 "    local m = ch:receive()\n"
                                 "    local p = m:payload()\n"
                                 "    local done = channel.new(1)\n"
                                 "    coroutine.spawn(function() time.sleep('1ms') done:send(#p[2]) end)\n"
                                 "    process.send('main', 'result', { n = done:receive() })\n"
                                 "    if task.id == 3 then error(p[3]) end\n"
                                 "    return task\n"
                                 "end }\n";

void scenes_open(void) {
    strcpy(folder, "/tmp/troupe-fault-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        perror(folder);
        exit(1);
    }
    mkdir(path_of("conf.d"), 0700);
    mkdir(path_of("more"), 0700);
    put("troupe.yaml", main_yaml);
    put("conf.d/a.yaml", conf_yaml);
    put("more/b.yaml", more_yaml);
    put("bad.yaml", bad_yaml);
    put("main.lua", main_lua);
    put("worker.lua", worker_lua);
}

void scenes_close(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (chdir("/") != 0 || system(command) != 0)
        perror(folder);
}

/* --- loading a configuration ------------------------------------------------------------------------------------------ */

static bool verbose; /* mistakes are shown: nothing fails on purpose */

static struct config *load(const char *name, bool *told) {
    struct cfg_report *report = NULL;
    struct cfg_options o = {.file = name, .check_source = code_check};
    struct config *c = cfg_load(&o, &report);
    *told = !report; /* without memory there is no report */
    for (size_t i = 0; report && i < cfg_report_count(report); i++)
        *told |= cfg_report_at(report, i)->severity == CFG_ERROR;
    if (verbose && report)
        cfg_report_print(report, stderr);
    cfg_report_free(report);
    return c;
}

static const char *play_config(bool whole) {
    bool told, told_bad;
    fault_arm();
    verbose = whole;
    struct config *c = load("troupe.yaml", &told);
    verbose = false;
    struct config *bad = load("bad.yaml", &told_bad);
    fault_disarm();
    bool ok = c != NULL, bad_ok = bad != NULL;
    cfg_unref(c);
    cfg_unref(bad);
    if (whole)
        return ok && !bad_ok && told_bad ? NULL : "wrong without any fault";
    if (bad_ok)
        return "the bad configuration was taken for a good one";
    return (ok || told) && told_bad ? NULL : "refused, and no reason given";
}

/* --- a node ---------------------------------------------------------------------------------------------------------------- */

static bool wait_for(int64_t ns, bool (*there)(void *ud), void *ud) {
    int64_t end = clock_mono_ns() + ns;
    while (!there(ud)) {
        if (clock_mono_ns() > end)
            return false;
        usleep(200);
    }
    return true;
}

static bool wait_until(bool (*there)(void *ud), void *ud) {
    return wait_for(PATIENCE, there, ud);
}

static struct supervisor_status status(struct app *app) {
    struct supervisor_status st;
    supervisor_status(app_supervisor(app), &st);
    return st;
}

static bool booted(void *ud) {
    struct supervisor_status st = status(ud);
    return st.boot == BOOT_DONE || st.boot == BOOT_FAILED;
}
static bool stopped(void *ud) {
    return status(ud).stopped;
}
static bool has_ended(void *ud) {
    struct runner_outcome out;
    runner_outcome(ud, &out);
    return out.ended;
}
static void nothing(void *ud) {
}

static const char *stop(struct app *app) {
    if (supervisor_stop(app_supervisor(app), 2 * DUR_SEC) && !wait_until(stopped, app))
        return "the services do not stop";
    return NULL;
}

static struct app *boot(struct config *c, const char **wrong) {
    static const struct app_options options = {.changed = nothing};
    char err[512] = "";
    struct app *app = app_open(c, &options, err, sizeof err);
    if (!app && !err[0])
        *wrong = "no node, and no reason given";
    if (app && supervisor_boot(app_supervisor(app)) && !wait_until(booted, app))
        *wrong = "the boot does not end";
    return app;
}

/* The program main.lua; its outcome. */
static const char *run_main(struct app *app, bool whole) {
    const struct runner_options o = {.vm = app_vm(app),
                                     .system = app_system_host(app),
                                     .host = node_host(app_node(app), "app:processes", 13),
                                     .entry = "app:main",
                                     .changed = nothing};
    struct runner *r = runner_open(&o);
    const char *wrong = NULL;
    struct runner_outcome out = {.ended = false};
    if (r && !wait_until(has_ended, r))
        wrong = "the program does not end";
    if (r)
        runner_outcome(r, &out);
    if (whole && (!r || out.failure))
        wrong = "the program fails without any fault";
    if (out.failure && !out.failure->message_len)
        wrong = "the program failed without a message";
    if (!wrong)
        wrong = stop(app);
    app_end(app);
    runner_close(r);
    return wrong;
}

static const char *told_reason(struct app *app) {
    static char text[400];
    snprintf(text, sizeof text, "the boot fails without any fault: %s", status(app).reason);
    return text;
}

static const char *play_pool(bool whole) {
    bool told;
    const char *wrong = NULL;
    struct config *c = load("troupe.yaml", &told);
    fault_arm();
    struct app *app = boot(c, &wrong);
    if (app && !wrong && status(app).boot == BOOT_DONE)
        wrong = run_main(app, whole);
    else if (app && !wrong)
        wrong = whole ? told_reason(app) : stop(app);
    fault_disarm();
    app_close(app);
    cfg_unref(c);
    return wrong;
}

static const char *play_reload(bool whole) {
    bool told;
    const char *wrong = NULL;
    struct config *c = load("troupe.yaml", &told), *d = NULL;
    put("more/b.yaml",
        "namespace: app.more\nentries:\n"
        "  - {name: lib, kind: library.lua, source: \"return {}\"}\n"
        "  - {name: h, kind: process.host, host: {workers: 2}, lifecycle: {auto_start: true}}\n"
        "  - {name: s, kind: process.service, process: app:waits, host: h, lifecycle: {auto_start: true}}\n");
    d = load("troupe.yaml", &told);
    put("more/b.yaml", more_yaml);
    struct app *app = boot(c, &wrong);
    char err[512] = "";
    fault_arm();
    bool reloaded = app_reload(app, d, err, sizeof err);
    fault_disarm();
    if (!reloaded && !err[0])
        wrong = "the reload failed, and no reason given";
    if (app_config(app) != (reloaded ? d : c))
        wrong = "neither the old configuration nor the new one";
    if (whole && !reloaded)
        wrong = "the reload fails without any fault";
    if (!reloaded && !app_reload(app, d, err, sizeof err))
        wrong = "a reload that failed once fails for ever";
    if (!wrong)
        wrong = stop(app);
    app_close(app);
    cfg_unref(c);
    cfg_unref(d);
    return wrong;
}

/* --- the daemon, in a process of its own -------------------------------------------------------------------------------------- */

#define OUTPUT "output"

static _Noreturn void be_daemon(void) {
    int fd = open(OUTPUT, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600), code;
    dup2(fd, 1);
    dup2(fd, 2);
    close(fd);
    fault_arm();
    struct cfg_options o = {.file = "troupe.yaml"};
    struct config *c = start_config("trouped", &o, &code);
    if (c)
        code = daemon_run(c, &o);
    cfg_unref(c);
    fault_disarm();
    exit(code);
}

static bool output_has(const char *text) {
    static char buf[65536];
    int fd = open(OUTPUT, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, buf, sizeof buf - 1) : 0;
    if (fd >= 0)
        close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return strstr(buf, text) != NULL;
}

/* The last of what the daemon wrote, as TAP comments. */
static const char *with_output(const char *wrong) {
    FILE *f = fopen(OUTPUT, "r");
    char line[400];
    if (f && fseek(f, 0, SEEK_END) == 0 && ftell(f) > 6000)
        fseek(f, -6000, SEEK_END);
    else if (f)
        rewind(f);
    while (f && fgets(line, sizeof line, f))
        printf("# | %s%s", line, strchr(line, '\n') ? "" : "\n");
    if (f)
        fclose(f);
    return wrong;
}

struct child {
    pid_t pid;
    int code;
    bool gone;
};

static bool child_gone(struct child *ch) {
    ch->gone = ch->gone || waitpid(ch->pid, &ch->code, WNOHANG) == ch->pid;
    return ch->gone;
}

static bool ready_or_gone(void *ud) {
    return child_gone(ud) || output_has("\"msg\":\"ready\"") || output_has("boot failed");
}
static bool gone(void *ud) {
    return child_gone(ud);
}

/* Sends each request by itself and waits for the answer, or the end of the connection. Whether all were answered, with this text. */
static bool ask(const char *const *requests, size_t n, const char *text) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "control.sock"};
    const struct timeval limit = {.tv_sec = 5};
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char answer[65536];
        size_t len = 0, cap = sizeof answer - 1;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0 &&
            send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL) > 0)
            for (ssize_t got; len < cap && (got = recv(fd, answer + len, cap - len, 0)) > 0;) {
                len += (size_t)got;
                if (answer[len - 1] == '\n' && memchr(answer, '\n', len - 1))
                    break; /* the greeting and the answer */
            }
        answer[len] = '\0';
        all &= strstr(answer, "\"id\":") && strstr(answer, text);
        close(fd);
    }
    return all;
}

static const char *play_daemon(bool whole) {
    static const char *const requests[] = {
        "{\"id\":1,\"op\":\"ping\"}\n",
        "{\"id\":2,\"op\":\"ps\"}\n",
        "{\"id\":3,\"op\":\"services\"}\n",
        "{\"id\":4,\"op\":\"call\",\"args\":{\"entry\":\"app:main\",\"host\":\"app:processes\"}}\n",
        "{\"id\":5,\"op\":\"names\"}\n",
        "{\"id\":6,\"op\":\"restart\",\"args\":{\"service\":\"app:two\"}}\n",
        "{\"id\":7,\"op\":\"reload\"}\n",
        "{\"id\":8,\"op\":\"nonsense\"}\n",
        "{\"id\":9,\"op\":\"hosts\"}\n",
    };
    unlink(OUTPUT);
    struct child ch = {.pid = fork()};
    if (ch.pid == 0)
        be_daemon();
    const char *wrong = NULL;
    /* The line that says so may be what was not written. */
    if (!wait_for(3 * DUR_SEC, ready_or_gone, &ch) && !ask(requests, 1, "running") &&
        !ask(requests, 1, "running"))
        wrong = "neither ready nor ended";
    bool answered = !ch.gone && ask(requests, sizeof requests / sizeof requests[0], "");
    if (!ch.gone)
        kill(ch.pid, SIGTERM);
    if (!wait_until(gone, &ch)) {
        wrong = "SIGTERM does not end it";
        kill(ch.pid, SIGKILL);
        waitpid(ch.pid, &ch.code, 0);
    }
    unlink("control.sock");
    int code = WEXITSTATUS(ch.code);
    if (!wrong && WIFSIGNALED(ch.code))
        wrong = "it was ended by a signal";
    else if (!wrong && (code == 98 || code == 99))
        wrong = "the sanitizer complains";
    else if (!wrong && whole && (code != 0 || !answered))
        wrong = "wrong without any fault";
    else if (!wrong && code != 0 && !output_has(":"))
        wrong = "it ended without a message";
    return wrong ? with_output(wrong) : NULL;
}

const struct scene scenes[] = {{"config", play_config, false},
                               {"pool", play_pool, false},
                               {"reload", play_reload, false},
                               {"daemon", play_daemon, true}};
const size_t scene_count = sizeof scenes / sizeof scenes[0];
