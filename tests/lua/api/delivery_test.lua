-- lua-api.md, section 3: what arrives, where and in which order; monitors and names under fire.
local HOST, NS, API = "app:processes", "app.test.life:", "app.test.api:"
local wippy = boolean ~= nil
local me, events = process.pid(), process.events()
local function data(p)
    if wippy then return p:data() end
    return p
end
local function denied(kind, pattern, ok, err)
    assert.is_false(ok)
    assert.equal(kind, err:kind())
    assert.match(pattern, tostring(err))
end
local function empty(ch) return channel.select({ ch:case_receive(), default = true }).default == true end
local function exit_of(pid)
    while true do
        local e = events:receive()
        if e.from == pid and e.kind == process.event.EXIT then return e end
    end
end

describe("3. What cannot cross: INVALID with its path;", function()
    local things = { ["a function"] = print, ["a coroutine"] = coroutine.create(print), ["a channel"] = channel.new(), ["channel"] = process.inbox(),
        ["case"] = channel.new():case_receive(), ["timer"] = time.timer("1h"), ["logger"] = require("logger"):named("x"), ["spawner"] = process.with_options({}),
        ["executor"] = require("funcs").new(), ["subscription"] = require("events").subscribe("x"), ["cdata"] = 1LL,
        ["future"] = assert(require("funcs").async(API .. "add", 1, 2)) }
    for name, thing in pairs(things) do
        it(name .. ": sent, as a value, below a key, as a key, as an argument, on the bus", function()
            denied(errors.INVALID, "send: payload: .*" .. name, process.send(me, "t", thing))
            denied(errors.INVALID, "payload%.x%[2%]%.y: .*" .. name, process.send(me, "t", { x = { 1, { y = thing } } }))
            denied(errors.INVALID, "payload: a key that is .*" .. name, process.send(me, "t", { [thing] = 1 }))
            local pid, err = process.spawn(API .. "returns", HOST, 1, { thing })
            assert.is_nil(pid)
            assert.equal(errors.INVALID, err:kind())
            assert.match("argument 2%[1%]: .*" .. name, tostring(err))
            local v
            v, err = process.exec(API .. "returns", HOST, thing)
            assert.is_nil(v)
            assert.match("argument 1: .*" .. name, tostring(err))
            v, err = require("events").send("s", "k", "p", thing)
            assert.falsy(v)
            assert.equal(errors.INVALID, err:kind())
        end)
    end
    it("what a payload object holds: sent, as an argument, as details, in a context, as a result", function()
        local bad = payload.new({ cb = print })
        denied(errors.INVALID, "send: payload: a function cannot be sent", process.send(me, "t", payload.new(print)))
        denied(errors.INVALID, "payload%.a%.cb: a function", process.send(me, "t", { a = bad }))
        denied(errors.INVALID, "payload%.a%[1%]%.cb: a function", process.send(me, "t", { a = payload.new({ bad }) }))
        denied(errors.INVALID, "payload<key>%.cb: a function", process.send(me, "t", { [bad] = 1 }))
        denied(errors.INVALID, "payload%.a: a key that is a function", process.send(me, "t", { a = payload.new({ [print] = 1 }) }))
        local v, err = process.exec(API .. "returns", HOST, 1, { bad })
        assert.is_nil(v)
        assert.equal(errors.INVALID, err:kind())
        assert.match("argument 2%[1%]%.cb: a function", tostring(err))
        local _, e = pcall(errors.new, { message = "m", details = payload.new(print) })
        assert.match("details: a function cannot be sent", tostring(e))
        _, e = process.with_context({ x = bad })
        assert.equal(errors.INVALID, e:kind())
        assert.match("context%.x%.cb: a function", tostring(e))
        v, err = process.exec(API .. "bad_result", HOST)
        assert.is_nil(v)
        assert.equal(errors.INVALID, err:kind())
        assert.match("result%[1%]%.cb: a function", tostring(err))
    end)
    it("payload objects: 16 inside one another, no more, and no cycle of them", function()
        local function nest(n)
            local p = payload.new(1)
            for _ = 2, n do p = payload.new({ p }) end
            return { p }
        end
        local ch = process.listen("nest")
        assert.is_true(process.send(me, "nest", nest(16)))
        assert.not_nil(ch:receive())
        process.unlisten(ch)
        denied(errors.INVALID, "^send: payload%[1%].*: payloads nested deeper than 16$", process.send(me, "nest", nest(17)))
        local t = {}
        t.p = payload.new(t)
        denied(errors.INVALID, "^send: payload%.p%.p.*: payloads nested deeper than 16$", process.send(me, "nest", t))
    end)
    it("nothing of a message with a bad part arrives", function()
        local ch = process.listen("bad part")
        denied(errors.INVALID, "payload%[3%]: a function", process.send(me, "bad part", 1, 2, print))
        assert.is_true(empty(ch))
    end)
end)

describe("3. What can cross:", function()
    local function round(...)
        local ch = process.listen("round")
        assert(process.send(me, "round", ...))
        return (ch:receive())
    end
    it("keys of every kind that can be data", function()
        local t = { [1] = "a", [2.5] = "b", [-3] = "c", [true] = "d", [false] = "e", x = "f", [""] = "g", ["\0\255"] = "h", [2 ^ 53] = "i", [math.huge] = "j" }
        assert.same(t, round(t))
    end)
    it("a table as its own key and value; many references to one table", function()
        local t = {}
        t[t] = t
        local r = round(t)
        assert.equal(r, r[r])
        local shared, list = { 1 }, {}
        for i = 1, 1000 do list[i] = shared end
        r = round(list)
        for i = 2, 1000 do assert.equal(r[1], r[i]) end
    end)
    it("large arrays, sparse arrays, many keys", function()
        local list, keys = {}, {}
        for i = 1, 20000 do list[i] = i keys["k" .. i] = i end
        local r = round(list)
        assert.equal(20000, #r)
        assert.equal(20000, r[20000])
        r = round(keys)
        for i = 1, 20000, 997 do assert.equal(i, r["k" .. i]) end
        r = round({ [1e9] = 1, [-1e9] = 2 })
        assert.same({ 1, 2 }, { r[1e9], r[-1e9] })
    end)
    it("an error object with all it has, also as a key's value deep inside and as the payload itself", function()
        local e = errors.new({ message = "m", kind = errors.TIMEOUT, retryable = true, details = { list = { 1, 2 } } })
        for _, r in ipairs({ round(e), round({ { e } })[1][1] }) do
            assert.equal("m", r:message())
            assert.equal(errors.TIMEOUT, r:kind())
            assert.is_true(r:retryable())
            assert.same({ list = { 1, 2 } }, r:details())
            assert.equal(e:stack(), r:stack())
        end
    end)
    it("an error whose details cannot cross keeps its message", function()
        local ok, e = pcall(errors.new, { message = "m", details = { f = print } })
        assert.truthy(not ok or tostring(round(e)) == "m")
    end)
    it("messages carry their sender; from() of one's own is oneself", function()
        local ch = process.listen("from", { message = true })
        process.send(me, "from", 1)
        assert.equal(me, ch:receive():from())
        local pid = assert(process.spawn_monitored(API .. "waiter", HOST))
        local pong = process.listen("pong", { message = true })
        process.send(pid, "ping", { 1 })
        local m = pong:receive()
        assert.equal(pid, m:from())
        assert.same({ 1 }, data(m:payload()))
        process.terminate(pid)
        exit_of(pid)
    end)
end)

describe("3. Topics:", function()
    it("any bytes, up to 65,535, case-sensitive", function()
        for _, topic in ipairs({ "a\0b", "ü", " ", ("x"):rep(65535), "T", "t", "{", "a@b" }) do
            local ch = assert(process.listen(topic))
            assert.is_true(process.send(me, topic, topic))
            assert.equal(topic, (ch:receive()))
        end
        denied(errors.INVALID, "65535", process.send(me, ("x"):rep(65536), 1))
        local ch, err = process.listen(("x"):rep(65536))
        assert.is_nil(ch)
        assert.equal(errors.INVALID, err:kind())
    end)
    it("reserved ones are refused with their reason, also by name and from spawners", function()
        process.registry.register("test.delivery")
        denied(errors.INVALID, "reserved", process.send("test.delivery", "@pid/events", 1))
        denied(errors.INVALID, "empty", process.send("test.delivery", "", 1))
        process.registry.unregister("test.delivery")
    end)
    it("a bad topic is told before an unknown target", function()
        local ok, err = process.send("nobody", "@x")
        assert.is_false(ok)
        assert.truthy(err:kind() == errors.INVALID or err:kind() == errors.NOT_FOUND)
    end)
    it("a hundred at once, each in order", function()
        local list = {}
        for i = 1, 100 do list[i] = process.listen("many" .. i) end
        for n = 1, 5 do for i = 1, 100 do process.send(me, "many" .. i, n) end end
        for i = 100, 1, -1 do
            for n = 1, 5 do assert.equal(n, list[i]:receive()) end
            process.unlisten(list[i])
        end
    end)
    it("what nobody listens for waits for the inbox, in order, past those that are listened for", function()
        assert.equal("1 3 then 2 4", process.exec(NS .. "claims", HOST))
    end)
    it("unlisten hands what waits back to the inbox, in the order in which all arrived", function()
        local inbox, ch = process.inbox(), process.listen("u.listened")
        for i = 1, 6 do process.send(me, i % 2 == 0 and "u.listened" or "u.other", i) end
        assert.equal(3, #ch)
        assert.is_true(process.unlisten(ch))
        for i = 1, 6 do assert.equal(i, data(inbox:receive():payload())) end
        assert.is_true(process.unlisten(ch))
        assert.not_equal(ch, process.listen("u.listened"))
        process.unlisten(process.listen("u.listened"))
    end)
    it("unlisten wakes who waits with nil, false", function()
        local ch, got = process.listen("u.waits"), nil
        coroutine.spawn(function() got = { ch:receive() } end)
        process.unlisten(ch)
        time.sleep(0)
        assert.same({ nil, false }, got)
        assert.is_false(channel.select({ ch:case_receive() }).ok)
    end)
    it("message = true after some have been queued switches those, too", function()
        local ch = process.listen("s.queued")
        process.send(me, "s.queued", "before")
        process.listen("s.queued", { message = true })
        assert.equal("before", data(ch:receive():payload()))
        assert.equal(ch, process.listen("s.queued"))
        process.send(me, "s.queued", "after")
        assert.equal("s.queued", ch:receive():topic())
    end)
    it("several coroutines at one topic are served in the order in which they came to wait", function()
        local ch, order = process.listen("turn"), {}
        for i = 1, 3 do coroutine.spawn(function() local v = ch:receive() order[#order + 1] = { i, v } end) end
        for i = 1, 3 do process.send(me, "turn", i * 10) end
        while #order < 3 do time.sleep("1ms") end
        assert.same({ { 1, 10 }, { 2, 20 }, { 3, 30 } }, order)
    end)
end)

describe("3. Destinations", function()
    local function starts(n, messages)
        local pids = {}
        for i = 1, n do
            pids[i] = assert(process.spawn_monitored(NS .. "topics_of", HOST, messages))
        end
        return pids
    end
    -- What those of which only halves of the pids are known have got.
    local function received(halves)
        local got, left = {}, #halves
        while left > 0 do
            local e = events:receive()
            for i, half in ipairs(halves) do
                if e.from == half[1] .. half[2] then
                    local result = e.result
                    if wippy then result = result.value end
                    got[i], left = result, left - 1
                end
            end
        end
        return got
    end
    local function halve(pids)
        local halves = {}
        for i, pid in ipairs(pids) do
            halves[i] = { pid:sub(1, 9), pid:sub(10) }
        end
        return halves
    end
    it("that follow each other, alternate, or were collected in between: each gets its own", function()
        local COUNT = 100
        local halves = halve(starts(COUNT, 6))
        local function send(i) assert.is_true(process.send(halves[i][1] .. halves[i][2], "n" .. i)) end
        for round = 1, 2 do
            for i = 1, COUNT do
                send(i)
                send(i)
                if i % 10 == round then collectgarbage() end
            end
        end
        for _ = 1, 2 do
            for i = COUNT, 1, -1 do send(i) end
        end
        for i, got in ipairs(received(halves)) do
            assert.equal((("n" .. i .. " "):rep(6):sub(1, -2)), got)
        end
    end)
    it("that have ended are gone, however often they were sent to", function()
        local pid = starts(1, 5)[1]
        for _ = 1, 5 do assert.is_true(process.send(pid, "t")) end
        exit_of(pid)
        for _ = 1, 3 do denied(errors.NOT_FOUND, "process not found", process.send(pid, "t")) end
    end)
    it("by a name: whoever holds it at the time", function()
        local pids = starts(2, 7)
        for _ = 1, 2 do
            for i = 1, 2 do
                assert.is_true(process.registry.register("test.moves", pids[i]))
                for _ = 1, 3 do assert.is_true(process.send("test.moves", "to" .. i)) end
                assert.is_true(process.registry.unregister("test.moves"))
                denied(errors.NOT_FOUND, "name not registered", process.send("test.moves", "t"))
            end
        end
        for _, pid in ipairs(pids) do assert.is_true(process.send(pid, "last")) end
        for i, got in ipairs(received(halve(pids))) do
            assert.equal(("to" .. i .. " "):rep(6) .. "last", got)
        end
    end)
end)

describe("3. Mailbox limits:", function()
    it("the sender knows; nothing is dropped; there is room again when something was received", function()
        local pid = assert(process.spawn_monitored(API .. "sleeper", "app:small", "50ms"))
        local sent, ok, err = 0, true, nil
        while ok do
            ok, err = process.send(pid, "t", sent)
            sent = ok and sent + 1 or sent
        end
        denied(errors.RATE_LIMITED, "mailbox full: " .. pid:gsub("[{}|]", "."), ok, err)
        denied(errors.RATE_LIMITED, "mailbox full", process.send(pid, "t", 1))
        assert.equal(5, sent)
        assert.is_nil(exit_of(pid).error)
    end)
    it("events are not refused", function()
        local pid = assert(process.spawn_monitored(API .. "sleeper", "app:small", "20ms"))
        while process.send(pid, "t", 1) do end
        assert.is_true(process.cancel(pid, "also when full"))
        exit_of(pid)
    end)
end)

describe("3. Events:", function()
    it("EXIT has kind, from, at, result or error", function()
        local before = time.now():unix_nano() / 1e9
        local pid = assert(process.spawn_monitored(API .. "returns", HOST, { 1 }))
        local e = exit_of(pid)
        assert.is_true(e.at >= before - 0.001 and e.at <= time.now():unix_nano() / 1e9 + 0.001)
        if wippy then
            assert.same({ value = { 1 } }, e.result)
        else
            assert.same({ 1 }, e.result)
        end
        assert.is_nil(e.error)
        pid = assert(process.spawn_monitored(API .. "returns", HOST, nil, "bad"))
        e = exit_of(pid)
        assert.equal("bad", tostring(e.error))
        if wippy then
            assert.equal("bad", tostring(e.result.error))
            assert.is_nil(e.result.value)
        else
            assert.is_nil(e.result)
        end
    end)
    it("LINK_DOWN has error [wippy] and result.error; no EXIT without a monitor", function()
        process.set_options({ trap_links = true })
        local pid = assert(process.spawn_linked(API .. "raises", HOST, "down"))
        local e = events:receive()
        process.set_options({ trap_links = false })
        assert.equal(process.event.LINK_DOWN, e.kind)
        assert.equal(pid, e.from)
        assert.match("down", tostring(e.error))
        assert.equal(wippy, e.result ~= nil)
        time.sleep("2ms")
        assert.is_true(empty(events))
    end)
    it("a normal end of a linked peer is no event", function()
        process.set_options({ trap_links = true })
        local pid = assert(process.spawn_linked_monitored(API .. "returns", HOST, 1))
        assert.equal(pid, exit_of(pid).from)
        time.sleep("2ms")
        process.set_options({ trap_links = false })
        assert.is_true(empty(events))
    end)
    it("CANCEL: reason is text, empty without one", function()
        process.cancel(me, "why")
        local e = events:receive()
        assert.same({ process.event.CANCEL, "why", me }, { e.kind, e.reason, e.from })
        process.cancel(me)
        assert.is_string(events:receive().reason)
    end)
end)

describe("3. monitor and unmonitor:", function()
    it("every monitor gets one EXIT; those that came and went get none", function()
        local watchers = {}
        local pid = assert(process.spawn(API .. "waiter", HOST))
        for i = 1, 10 do
            assert.is_true(process.monitor(pid))
            assert.is_true(process.unmonitor(pid))
        end
        assert.is_true(process.monitor(pid))
        process.send(pid, "end", 1)
        assert.equal(pid, exit_of(pid).from)
        time.sleep("2ms")
        assert.is_true(empty(events))
    end)
    it("racing with the end: either EXIT comes, or NOT_FOUND was said; never both, never neither", function()
        for i = 1, 100 do
            local pid = assert(process.spawn(API .. "returns", HOST, i))
            if i % 3 == 0 then time.sleep(0) end
            local ok, err = process.monitor(pid)
            if ok then
                assert.equal(pid, exit_of(pid).from)
            else
                assert.equal(errors.NOT_FOUND, err:kind())
            end
            assert.is_true(empty(events))
        end
    end)
    it("unmonitor racing with the end: nothing comes afterwards", function()
        for i = 1, 100 do
            local pid = assert(process.spawn_monitored(API .. "returns", HOST, i))
            if i % 3 == 0 then time.sleep(0) end
            assert.is_true(process.unmonitor(pid))
            assert.is_true(empty(events))
        end
        time.sleep("5ms")
        assert.is_true(empty(events))
    end)
    it("unmonitor takes back only that pid's EXIT", function()
        local a = assert(process.spawn_monitored(API .. "returns", HOST, 1))
        local b = assert(process.spawn_monitored(API .. "returns", HOST, 2))
        while process.send(a, "t") or process.send(b, "t") do time.sleep("1ms") end
        process.unmonitor(a)
        assert.equal(b, events:receive().from)
        assert.is_true(empty(events))
    end)
    it("by name; a name that is not there", function()
        local pid = assert(process.spawn(API .. "waiter", HOST))
        process.registry.register("test.watched", pid)
        assert.is_true(process.monitor("test.watched"))
        denied(errors.ALREADY_EXISTS, "", process.monitor(pid))
        process.send("test.watched", "end")
        assert.equal(pid, exit_of(pid).from)
        denied(errors.NOT_FOUND, "name not registered: test.watched", process.monitor("test.watched"))
    end)
    it("linking and unlinking while the peer fails: one or the other", function()
        process.set_options({ trap_links = true })
        for i = 1, 50 do
            local pid = assert(process.spawn(API .. "raises", HOST, "x"))
            local ok = process.link(pid)
            if ok and i % 2 == 0 then
                assert.equal(pid, events:receive().from)
            elseif ok then
                assert.is_true(process.unlink(pid))
            end
        end
        time.sleep("5ms")
        while not empty(events) do end
        process.set_options({ trap_links = false })
    end)
end)

describe("3. Registry:", function()
    local registry = process.registry
    it("names are any bytes, case-sensitive, and may be reused at once", function()
        for _, name in ipairs({ "n", "N", "n\0m", "ü", " ", "@name", "a{", ("x"):rep(255) }) do
            assert.is_true(registry.register(name))
            assert.equal(me, registry.lookup(name))
            local ch = process.listen("named")
            assert.is_true(process.send(name, "named", name))
            assert.equal(name, (ch:receive()))
            assert.is_true(registry.unregister(name))
            local ok, err = process.send(name, "named", 1)
            denied(errors.NOT_FOUND, "name not registered", ok, err)
        end
    end)
    it("a name of a process that ended is free for the next, of a living one is not", function()
        for i = 1, 20 do
            local pid = assert(process.spawn_monitored(API .. "registers", HOST, "test.turns"))
            assert.is_nil(exit_of(pid).error)
            assert.is_nil((registry.lookup("test.turns")))
        end
    end)
    it("wrong types raise; a bad pid is told", function()
        assert.error_match(function() registry.register() end, "bad argument #1")
        assert.error_match(function() registry.lookup({}) end, "bad argument #1")
        assert.error_match(function() registry.unregister() end, "bad argument #1")
        assert.error_match(function() registry.register("x", 5 == 5) end, "bad argument #2")
        local ok, err = registry.register("x", "no pid")
        assert.is_false(ok)
        assert.is_userdata(err)
    end)
    it("lookup and unregister of bad names: not there", function()
        for _, name in ipairs({ "", "{x", ("x"):rep(256) }) do
            assert.is_nil((registry.lookup(name)))
            assert.is_false((registry.unregister(name)))
        end
    end)
end)
