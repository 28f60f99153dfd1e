-- lua-api.md, section 2: whatever reaches a process before it ran for the first time. Its entry only defines, so that
-- from the second spawn on it waits for its turn without a state (vm/newborn.h).
local HOST, ECHO = "app:single", "app.test.api:newborn"
local wippy = boolean ~= nil
local events, ready = process.events(), process.listen("ready")

local function value_of(e)
    if wippy then return e.result and e.result.value end
    return e.result
end

local exits = {}
local function exit_of(pid)
    while not exits[pid] do
        local e = events:receive()
        if e.kind == process.event.EXIT then exits[e.from] = e end
    end
    return exits[pid]
end

local function await_ready(pid)
    repeat until ready:receive() == pid
end

assert(process.exec(ECHO, HOST, "first"))

describe("2. Before a process runs for the first time", function()
    it("arguments of every kind wait with it", function()
        local big = string.rep("x", 100000)
        local pid = assert(process.spawn_monitored(ECHO, HOST, "args", nil, { a = { 1, 2 } }, big, -0.0))
        assert.same({ 4, { a = { 1, 2 } }, #big, -math.huge }, value_of(exit_of(pid)))
    end)
    it("messages wait in order", function()
        local pid = assert(process.spawn_monitored(ECHO, HOST, "collect", 20))
        for i = 1, 20 do assert(process.send(pid, i % 2 == 0 and "even" or "odd", i)) end
        local got = value_of(exit_of(pid))
        assert.equal(20, #got)
        for i = 1, 20 do assert.equal(i, got[i]) end
    end)
    it("a cancel waits as an event", function()
        local pid = assert(process.spawn_monitored(ECHO, HOST, "event"))
        assert(process.cancel(pid, "at once"))
        assert.same({ "pid.cancel", "at once" }, value_of(exit_of(pid)))
    end)
    it("it can be terminated", function()
        local pid = assert(process.spawn_monitored(ECHO, HOST, "collect", 1))
        assert(process.terminate(pid))
        local e = exit_of(pid)
        assert.equal(errors.CANCELED, e.error:kind())
        assert.equal("process terminated", e.error:message())
        local ok, err = process.send(pid, "t", 1)
        assert.equal(false, ok)
        assert.equal(errors.NOT_FOUND, err:kind())
    end)
    it("it can be linked and goes with its peer", function()
        local a = assert(process.spawn_monitored(ECHO, HOST, "collect", 1))
        local b = assert(process.spawn_monitored(ECHO, HOST, "link", a, process.pid()))
        assert(process.terminate(b))
        assert.equal(errors.CANCELED, exit_of(b).error:kind())
        process.terminate(a) -- unless the link was there already
        exit_of(a)
        local c = assert(process.spawn_monitored(ECHO, HOST, "collect", 1))
        local d = assert(process.spawn_monitored(ECHO, HOST, "link", c, process.pid()))
        await_ready(d)
        assert(process.send(d, "go", 1))
        assert.match("^linked process failed: ", exit_of(c).error:message())
        exit_of(d)
    end)
    it("it can be monitored by others, and registered", function()
        local a = assert(process.spawn_monitored(ECHO, HOST, "collect", 1))
        assert(process.registry.register("newborn", a))
        assert.equal(a, process.registry.lookup("newborn"))
        local b = assert(process.spawn_monitored(ECHO, HOST, "watch", a, process.pid()))
        await_ready(b)
        assert(process.send("newborn", "t", 5))
        assert.same({ 5 }, value_of(exit_of(a)))
        assert.equal("seen", value_of(exit_of(b)))
        assert.is_nil(process.registry.lookup("newborn"))
    end)
    it("process.info shows it", function()
        local pid = assert(process.spawn_monitored(ECHO, HOST, "collect", 1))
        local info = assert(process.info(pid))
        assert.equal(pid, info.pid)
        assert.equal(ECHO, info.entry)
        assert(process.send(pid, "t", 1))
        exit_of(pid)
    end)
    it("a patched environment of an earlier process is not its own", function()
        local pid = assert(process.spawn_monitored(ECHO, HOST, "patch"))
        exit_of(pid)
        for _ = 1, 3 do
            assert.equal("clean", value_of(exit_of(assert(process.spawn_monitored(ECHO, HOST, "patch")))))
        end
    end)
end)
