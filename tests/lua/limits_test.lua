-- Every limit: what reaches it is told so, or ends, with the limit and its figure; what stays just below goes on.
-- Hosts and workers: limits/entries.yaml, limits/worker.lua. Programs that go on and on: robust/.
local NS = "app.test.limits:"
local wippy = boolean ~= nil
local events = process.events()

local function run(host, ...)
    return process.exec(NS .. "worker", NS .. host, ...)
end

local function refused(pattern, v, err)
    assert.is_true(v == nil or v == false, tostring(v))
    assert.equal(errors.RATE_LIMITED, err:kind())
    assert.match(pattern, tostring(err))
end

local function exit_of(pid)
    while true do
        local e = events:receive()
        if e.kind == process.event.EXIT and e.from == pid then
            return e
        end
    end
end

describe("process_memory:", function()
    -- How many MiB are below and how many above the limit, as each rounds and copies.
    local ways = {
        rep = { 6, 20 }, array = { 4, 16 }, hash = { 2, 20 }, concat = { 6, 24 }, table_concat = { 6, 20 }, format = { 6, 24 },
        gsub = { 4, 40 }, error = { 6, 24 }, decode = { 5, 10 }, json_decode = { 4, 10 }, json_encode = { 4, 10 },
        coroutines = { 4, 20 }, context = { 4, 10 }, topics = { 6, 10 }, timers = { 2, 20 },
        garbage = { 5, 10 },
    }
    for way, mib in pairs(ways) do
        it(way .. ": just below", function()
            local v, err = run("memory", way, mib[1])
            assert.is_nil(err)
            assert.is_true(v ~= nil)
        end)
        it(way .. ": above", function()
            refused("memory limit exceeded: more than 8388608 bytes %(process_memory%)", run("memory", way, mib[2]))
        end)
    end
    it("the context that a process inherits counts as its memory", function()
        local small, large = run("memory", "passes_context", 0), run("memory", "passes_context", 2)
        local mib = (large - small) / 2 ^ 20
        assert.is_true(mib > 1.9 and mib < 2.2)
    end)
    it("contexts that are given up are no memory", function()
        for _ = 1, 3 do
            assert.is_nil(select(2, run("memory", "context", 4)))
        end
        for _ = 1, 50 do process.with_context({ k = ("x"):rep(2 ^ 20) }) end
        collectgarbage()
        assert.is_true(process.info(process.pid()).memory < 16 * 2 ^ 20)
    end)
end)

describe("memory of a host:", function()
    local holds = process.listen("holds")
    local function hold(n)
        local pid = assert(process.spawn_monitored(NS .. "worker", NS .. "shared", "hold", n))
        local r = channel.select({ holds:case_receive(), events:case_receive() })
        return pid, r.channel == events and r.value or nil
    end
    it("all together below; one more goes over, and only that one; what ended is free again", function()
        process.registry.register("limits.test")
        for round = 1, 3 do
            local pids = {}
            for i = 1, 3 do
                local e
                pids[i], e = hold(4)
                assert.is_nil(e)
            end
            local pid, e = hold(8)
            assert.equal(pid, e.from)
            refused("processes of host app.test.limits:shared use more than 16777216 bytes %(memory%)", nil, e.error)
            for i = 1, 3 do
                assert(process.send(pids[i], "go"))
                assert.is_nil(exit_of(pids[i]).error)
            end
        end
        process.registry.unregister("limits.test")
    end)
end)

describe("max_processes:", function()
    it("so many and no more; room again after an end", function()
        local pids = {}
        for i = 1, 3 do pids[i] = assert(process.spawn_monitored(NS .. "waiter", NS .. "few")) end
        refused("app.test.limits:few is full: 3 processes %(max_processes%)", process.spawn(NS .. "waiter", NS .. "few"))
        refused("max_processes", process.exec(NS .. "waiter", NS .. "few"))
        assert(process.send(pids[1], "go"))
        exit_of(pids[1])
        pids[1] = assert(process.spawn_monitored(NS .. "waiter", NS .. "few"))
        for i = 1, 3 do
            process.terminate(pids[i])
            exit_of(pids[i])
        end
    end)
end)

describe("mailbox:", function()
    local function fill(host, payload, most)
        local pid, sent, ok, err = assert(process.spawn_monitored(NS .. "sleeper", NS .. host)), 0, nil, nil
        while sent < most do
            ok, err = process.send(pid, "t", payload)
            if not ok then break end
            sent = sent + 1
        end
        return pid, sent, ok, err
    end
    local function ended(pid)
        process.terminate(pid)
        local e = exit_of(pid).error
        assert.equal(errors.CANCELED, e:kind())
    end
    it("mailbox_messages, reject: the sixth is refused, the process lives", function()
        local pid, sent, ok, err = fill("few", 1, 10)
        assert.equal(5, sent)
        refused("mailbox full: ", ok, err)
        assert.equal(5, process.info(pid).mailbox)
        ended(pid)
    end)
    it("mailbox_bytes, reject: three of 20 KiB, no fourth, but a small one", function()
        local pid, sent, ok, err = fill("few", ("x"):rep(20 * 1024), 10)
        assert.equal(3, sent)
        refused("mailbox full: ", ok, err)
        assert.is_true(process.send(pid, "t", "small"))
        ended(pid)
    end)
    it("mailbox_bytes: one message that is larger than all of it", function()
        local pid, sent, ok, err = fill("few", ("x"):rep(64 * 1024), 1)
        refused("mailbox full: ", ok, err)
        ended(pid)
    end)
    it("mailbox_messages, kill: five are no reason, the sixth is", function()
        local pid, sent = fill("kills", 1, 5)
        assert.equal(5, sent)
        assert.equal(5, process.info(pid).mailbox)
        local ok, err = process.send(pid, "t", 1)
        refused("mailbox full: ", ok, err)
        refused("mailbox limit exceeded: 5 messages.*%(mailbox_messages 5, mailbox_bytes 65536%)", nil, exit_of(pid).error)
    end)
    it("mailbox_bytes, kill", function()
        local pid, sent = fill("kills", ("x"):rep(30 * 1024), 2)
        assert.equal(2, sent)
        local ok, err = process.send(pid, "t", ("x"):rep(5 * 1024))
        refused("mailbox full: ", ok, err)
        refused("mailbox limit exceeded: 2 messages, 6%d%d%d%d bytes.*mailbox_bytes 65536", nil, exit_of(pid).error)
    end)
end)

describe("max_run_time:", function()
    it("below, and below again and again", function()
        assert.equal("good", run("short", "burn", 100))
        assert.equal("good", run("short", "burn_and_wait", 50, 30))
    end)
    it("above", function()
        refused("run time limit exceeded: %d+ ms without waiting %(max_run_time 1000 ms%)", run("short", "forever"))
    end)
    it("a pattern that goes back: below, and above", function()
        assert.equal("good", run("short", "pattern", 16))
        refused("max_run_time", run("short", "pattern", 60))
    end)
end)

describe("max_timers:", function()
    it("so many", function()
        assert.is_true(run("few", "sleep_timers", 19) == nil)
        assert.equal("good", run("few", "timers_again", 19))
    end)
    it("no more", function()
        refused("20 timers already, the limit of this process %(max_timers%)", run("few", "sleep_timers", 20))
        refused("max_timers", run("few", "sleep_timers", 21))
    end)
end)

describe("max_coroutines:", function()
    it("so many, and again when they have ended", function()
        assert.equal("good", run("few", "spawn_coroutines", 20))
        assert.equal("good", run("few", "coroutines_again", 19))
    end)
    it("one more raises an error of that kind", function()
        refused("20 coroutines already, the limit of this process %(max_coroutines%)", run("few", "spawn_coroutines", 21))
    end)
end)

describe("depth:", function()
    local ch = process.listen("depth")
    local function nested(n)
        local t = {}
        for _ = 2, n do t = { t } end
        return t
    end
    it("of a message: 1,000 levels and no more", function()
        assert.is_true(process.send(process.pid(), "depth", nested(1000)))
        local t, n = ch:receive(), 0
        while t do t, n = t[1], n + 1 end
        assert.equal(1000, n)
        local ok, err = process.send(process.pid(), "depth", nested(1001))
        assert.is_false(ok)
        assert.equal(errors.INVALID, err:kind())
        assert.match("1000", tostring(err))
    end)
    it("of a topic and of a name: 65,535 and 255 bytes", function()
        assert.is_true(process.send(process.pid(), ("t"):rep(65535), 1))
        assert.equal(1, process.listen(("t"):rep(65535)):receive())
        local ok, err = process.send(process.pid(), ("t"):rep(65536), 1)
        assert.equal(errors.INVALID, err:kind())
        assert.is_true(process.registry.register(("n"):rep(255)))
        ok, err = process.registry.register(("n"):rep(256))
        assert.equal(errors.INVALID, err:kind())
        assert.match("255", tostring(err))
    end)
    it("of the stack: far below nothing happens, without end it is an error of that process", function()
        assert.equal(5000, run("short", "recursion", 5000))
        assert.equal(40, run("short", "nested_coroutines", 40))
        assert.equal(1000, run("short", "nested_pcall", 1000))
        for _, way in ipairs({ "recursion", "nested_coroutines", "nested_pcall" }) do
            local v, err = run("short", way, 1e7)
            assert.is_nil(v)
            assert.match("stack overflow", tostring(err))
        end
    end)
end)
