-- lua-api.md, sections 2 and 3: calls, monitors and events of the same process side by side; what ends a process at once.
local HOST, NS = "app:processes", "app.test.life:"
local funcs = require("funcs")
local wippy = boolean ~= nil
local events = process.events()

local function value_of(e)
    if wippy then return e.result and e.result.value end
    return e.result
end

local names = 0
local function new_name()
    names = names + 1
    return "relations " .. process.pid() .. names
end

local function await_name(name)
    for _ = 1, 5000 do
        local pid = process.registry.lookup(name)
        if pid then return pid end
        time.sleep("1ms")
    end
    error("nobody is called " .. name, 2)
end

local function event_within(span)
    local r = channel.select({ events:case_receive(), time.after(span):case_receive() })
    return r.channel == events and r.value or nil
end

-- Lets the processor go, without looking at the mailbox, until `f` says so.
local function await_without_blocking(f)
    while not f() do end
end

describe("3. After unmonitor no EXIT is delivered,", function()
    for _, how in ipairs({ "receive", "select" }) do
        it("not even one that has woken a coroutine already: " .. how, function()
            local got, done = {}, channel.new(2)
            coroutine.spawn(function()
                for i = 1, 2 do
                    got[i] = how == "receive" and events:receive()
                        or channel.select({ channel.new():case_receive(), events:case_receive() }).value
                end
                done:send(true)
            end)
            local first = assert(process.spawn_monitored("app.test.api:returns", HOST, 1))
            await_without_blocking(function() return not process.info(first) end)
            process.inbox() -- takes in what is in the mailbox
            assert.is_true(process.unmonitor(first))
            local second = assert(process.spawn_monitored("app.test.api:returns", HOST, 2))
            local third = assert(process.spawn_monitored("app.test.api:returns", HOST, 3))
            done:receive()
            local seen = { [got[1].from] = true, [got[2].from] = true }
            assert.is_nil(seen[first])
            assert.is_true(seen[second] and seen[third])
        end)
    end
end)

describe("2. A call and a monitor of the same process", function()
    local ways = {
        exec = function(name, done) coroutine.spawn(function() done:send((process.exec(NS .. "waits_for_stop", HOST, name))) end) end,
        call = function(name, done) coroutine.spawn(function() done:send((funcs.call(NS .. "callable", name))) end) end,
        future = function(name, done)
            local f = assert(funcs.async(NS .. "callable", name))
            coroutine.spawn(function() done:send(f:response():receive():data()) end)
        end,
    }
    for way, start in pairs(ways) do
        it("do not know of each other: " .. way, function()
            local name, done = new_name(), channel.new(1)
            start(name, done)
            local pid = await_name(name)
            assert.is_true(process.monitor(pid))
            local ok, err = process.monitor(pid)
            assert.is_false(ok)
            assert.equal(errors.ALREADY_EXISTS, err:kind())
            assert(process.send(name, "stop", "value"))
            assert.equal("value", done:receive())
            local e = event_within("10s")
            assert.equal(pid, e.from)
            assert.equal("value", value_of(e))
            assert.is_nil(event_within("5ms"))
        end)

        it("end without each other: " .. way, function()
            local name, done = new_name(), channel.new(1)
            start(name, done)
            local pid = await_name(name)
            assert.is_true(process.unmonitor(pid)) -- there is none
            assert.is_true(process.monitor(pid))
            assert.is_true(process.unmonitor(pid))
            assert(process.send(name, "stop", "value"))
            assert.equal("value", done:receive())
            assert.is_nil(event_within("5ms"))
        end)
    end

    it("a call that gives up leaves the monitor", function()
        local name = new_name()
        local f = assert(funcs.async(NS .. "callable", name))
        local pid = await_name(name)
        assert.is_true(process.monitor(pid))
        assert.is_true(f:cancel())
        assert(process.send(name, "stop", "value"))
        assert.equal("value", value_of(event_within("10s")))
    end)

    it("all calls by a spawner's name get the result, and the program its EXIT", function()
        local name, done = new_name(), channel.new(3)
        local pid = assert(process.spawn_monitored(NS .. "waits_for_stop", HOST, name))
        await_name(name)
        local spawner = process.with_options({}):with_name(name)
        for _ = 1, 3 do
            coroutine.spawn(function() done:send((spawner:exec(NS .. "waits_for_stop", HOST))) end)
        end
        assert(process.send(pid, "stop", { "value" }))
        for _ = 1, 3 do
            assert.same({ "value" }, (done:receive()))
        end
        local e = event_within("10s")
        assert.equal(pid, e.from)
        assert.same({ "value" }, value_of(e))
    end)

    for _, how in ipairs({ "exec", "future" }) do
        it("an upgrade forgets the calls of the old code: " .. how, function()
            assert.equal("nothing", (process.exec(NS .. "upgrades_while_it_calls", HOST, how, new_name())))
        end)
    end
end)

describe("2. process.upgrade", function()
    it("keeps the order of events that have woken coroutines", function()
        assert.equal("c1 c2 c3 c4", (process.exec(NS .. "upgrades_with_events", HOST)))
    end)
end)

describe("2. process.upgrade", function()
    it("leaves nothing of the bus on the mailbox's books", function()
        assert.equal(0, (process.exec(NS .. "upgrades_with_bus_events", HOST)))
    end)
end)

describe("2. A process that terminates itself runs no further:", function()
    for _, way in ipairs({ "main", "coroutine", "wrap", "gsub", "sort", "tostring" }) do
        it(way, function()
            local heard = process.listen("still running")
            local value, err = process.exec(NS .. "ends_itself", HOST, way, process.pid())
            assert.is_nil(value)
            assert.equal("process terminated", tostring(err))
            assert.equal(errors.CANCELED, err:kind())
            assert.is_true(channel.select({ heard:case_receive() }, true).default)
        end)
    end

    it("while its file is loaded", function()
        local pid, err = process.spawn(NS .. "ends_itself_at_the_top", HOST)
        assert.is_nil(pid)
        assert.equal("process terminated", tostring(err))
    end)
end)

describe("2. A deadlock", function()
    it("is told with where each coroutine waits", function()
        local _, err = process.exec(NS .. "deadlocked", HOST)
        assert.equal("deadlock: all coroutines blocked", tostring(err))
        local _, waiting = err:stack():gsub("in function 'waits'", "")
        assert.equal(2, waiting)
    end)
end)

describe("2. A spawn that could not wait for its child", function()
    it("leaves none", function()
        local name = new_name()
        local o = setmetatable({}, { __tostring = function() return process.spawn(NS .. "blocked_at_the_top", HOST, name) end })
        local ok, err = pcall(string.format, "%s", o)
        assert.is_false(ok)
        assert.contains("attempt to yield across C-call boundary", tostring(err))
        time.sleep("30ms")
        assert.is_nil((process.registry.lookup(name)))
    end)
end)

describe("2. Names", function()
    it("that are released again do not count", function()
        local pid, name = assert(process.spawn(NS .. "waits_for_stop", HOST)), new_name()
        for _ = 1, 70000 do
            assert(process.registry.register(name, pid))
            assert(process.registry.register(name, pid))
            assert.is_true(process.registry.unregister(name))
        end
        process.send(pid, "stop")
    end)

    it("that others hold count until these end", function()
        local pid, prefix = assert(process.spawn_monitored(NS .. "waits_for_stop", HOST)), new_name()
        for i = 1, 65536 do
            assert(process.registry.register(prefix .. i, pid))
        end
        local ok, err = process.registry.register(prefix, pid)
        assert.is_false(ok)
        assert.equal(errors.RATE_LIMITED, err:kind())
        assert.contains("65536 names that this process has registered are held", tostring(err))
        local named = assert(process.with_options({}):with_name(prefix .. "its own"):spawn(NS .. "waits_for_stop", HOST))
        assert.equal(named, process.registry.lookup(prefix .. "its own"))
        process.send(named, "stop")
        process.send(pid, "stop")
        assert.equal(pid, events:receive().from)
        assert.is_true(process.registry.register(prefix))
        assert.is_true(process.registry.unregister(prefix))
    end)
end)

describe("3. A mailbox that is full", function()
    it("takes CANCEL events all the same, but not more than a hundred", function()
        local pid = assert(process.spawn_monitored(NS .. "waits_for_stop", "app:small"))
        while process.send(pid, "t", 1) do end
        for _ = 1, 100 do
            assert.is_true(process.cancel(pid, "why"))
        end
        local ok, err = process.cancel(pid, "why")
        assert.is_false(ok)
        assert.equal(errors.RATE_LIMITED, err:kind())
        assert.equal("cancel: " .. pid .. " has 100 CANCEL events waiting already", tostring(err))
        ok, err = process.cancel(pid, ("x"):rep(65536))
        assert.is_false(ok)
        assert.equal(errors.INVALID, err:kind())
        assert.is_true(process.terminate(pid))
        assert.equal(pid, events:receive().from)
    end)

    it("is told to who sends by a spawner", function()
        local name = new_name()
        local pid = assert(process.spawn_monitored(NS .. "waits_for_stop", "app:small", name))
        await_name(name)
        local spawner = process.with_options({}):with_name(name)
        for i = 1, 6 do
            spawner = spawner:with_message("m", i)
        end
        local none, err = spawner:spawn(NS .. "waits_for_stop", "app:small")
        assert.is_nil(none)
        assert.equal(errors.RATE_LIMITED, err:kind())
        assert.contains("mailbox full: " .. pid, tostring(err))
        assert.is_true(process.terminate(pid))
        assert.equal(pid, events:receive().from)
    end)
end)

describe("3. CANCEL events that were received", function()
    it("make room for others", function()
        for i = 1, 1000 do
            assert.is_true(process.cancel(process.pid(), tostring(i)))
            assert.equal(tostring(i), events:receive().reason)
        end
    end)
end)

describe("3. A message's payload", function()
    local function a_field(value)
        process.send(process.pid(), "a field", value)
        return process.inbox():receive().payload
    end

    it("is the value itself as argument, in a spawner's message, and as result", function()
        local heard = process.listen("by a spawner")
        assert.same({ 5 }, (process.exec("app.test.api:returns", HOST, a_field({ 5 }))))
        local name = new_name()
        assert(process.registry.register(name))
        assert(process.with_options({}):with_name(name):with_message("by a spawner", a_field({ 6 })):spawn("app.test.api:returns", HOST))
        assert.same({ 6 }, (heard:receive()))
        process.registry.unregister(name)
        local pid = assert(process.spawn_monitored(NS .. "field_as_result", HOST))
        process.send(pid, "any", { 7 })
        assert.same({ 7 }, value_of(events:receive()))
    end)
end)

describe("7. A context", function()
    it("counts as memory of each process that has inherited it", function()
        local spawner = process.with_context({ text = ("x"):rep(1000000) })
        for n = 0, 2 do
            local memory = assert(spawner:exec(NS .. "context_size", HOST, n))
            assert.is_true(memory > 1000000 and memory < 1200000, memory)
        end
    end)
end)
