-- lua-api.md, section 4: select of everything with everything, sending and receiving, open and closed, in every state; deadlocks.
local HOST, NS, API = "app:processes", "app.test.life:", "app.test.api:"
local me = process.pid()

-- Each gives a case, and the function that makes it ready; nil: it is ready, false: it never is.
local kinds = {
    ["receive, empty"] = function() local ch = channel.new(1) return ch:case_receive(), function() ch:send("v") end, "v", true, ch end,
    ["receive, unbuffered"] = function() local ch = channel.new() return ch:case_receive(), function() coroutine.spawn(function() ch:send("v") end) end, "v", true, ch end,
    ["receive, buffered"] = function() local ch = channel.new(2) ch:send("v") return ch:case_receive(), nil, "v", true, ch end,
    ["receive, closed later"] = function() local ch = channel.new() return ch:case_receive(), function() ch:close() end, nil, false, ch end,
    ["receive, closed"] = function() local ch = channel.new() ch:close() return ch:case_receive(), nil, nil, false, ch end,
    ["receive, closed with values"] = function() local ch = channel.new(1) ch:send("v") ch:close() return ch:case_receive(), nil, "v", true, ch end,
    ["send, room"] = function() local ch = channel.new(1) return ch:case_send("s"), nil, nil, true, ch end,
    ["send, full"] = function() local ch = channel.new(1) ch:send(0) return ch:case_send("s"), function() ch:receive() end, nil, true, ch end,
    ["send, unbuffered"] = function() local ch = channel.new() return ch:case_send("s"), function() coroutine.spawn(function() ch:receive() end) end, nil, true, ch end,
    ["topic"] = function() local ch = process.listen("sel.topic") return ch:case_receive(), function() process.send(me, "sel.topic", "v") end, "v", true, ch end,
    ["topic, queued"] = function() local ch = process.listen("sel.queued") process.send(me, "sel.queued", "v") return ch:case_receive(), nil, "v", true, ch end,
    ["after"] = function() local ch = time.after("2ms") return ch:case_receive(), function() end, nil, true, ch end,
    ["after, over"] = function() local ch = time.after(0) ch:receive() return ch:case_receive(), nil, nil, false, ch end,
    ["timer"] = function() local t = time.timer("2ms") return t:channel():case_receive(), function() end, nil, true, t:channel() end,
    ["ticker"] = function() local t = time.ticker("2ms") return t:channel():case_receive(), function() end, nil, true, t:channel() end,
    ["future"] = function() local ch = assert(require("funcs").async(API .. "add", 1, 2)):channel() return ch:case_receive(), function() end, nil, true, ch end,
    ["bus"] = function()
        local events = require("events")
        local ch = events.subscribe("sel.bus"):channel()
        return ch:case_receive(), function() events.send("sel.bus", "k", "p") end, nil, true, ch
    end,
}
local UNTOLD = { after = true, timer = true, ticker = true, future = true } -- nobody says when they become ready
local never = { channel.new():case_receive(), channel.new():case_send(1), process.listen("sel.never"):case_receive(), time.after("1h"):case_receive(),
    time.timer("1h"):channel():case_receive() }

-- Values of time, futures and the bus are objects.
local function check(name, r, value, ok, ch)
    assert.equal(ch, r.channel, name)
    assert.equal(ok, r.ok, name)
    if ok and (UNTOLD[name] or name == "bus") then
        assert.not_nil(r.value, name)
    else
        assert.equal(value, r.value, name)
    end
end

local function drain()
    for _, topic in ipairs({ "sel.topic", "sel.queued" }) do process.unlisten(process.listen(topic)) end
    while not channel.select({ process.inbox():case_receive(), default = true }).default do end
end

describe("4. select:", function()
    for name, make in pairs(kinds) do
        it(name .. ": alone, among what never becomes ready, blocking and with default", function()
            for blocking = 0, 1 do
                for position = 1, 6 do
                    local case, ready, value, ok, ch = make()
                    local cases = {}
                    for i, c in ipairs(never) do cases[i] = c end
                    table.insert(cases, position, case)
                    if ready and blocking == 1 then
                        coroutine.spawn(function() time.sleep(0) ready() end)
                    end
                    local r = ready and blocking == 0 and channel.select(cases, true)
                    if r and r.default then
                        ready()
                        r = nil
                    elseif r then
                        assert.is_true(UNTOLD[name], name) -- we may have been away for as long as it takes
                    end
                    check(name, r or channel.select(cases), value, ok, ch)
                    drain()
                end
            end
        end)
    end
    it("of all ready ones the first in the list, whatever they are", function()
        for name, make in pairs(kinds) do
            for other, second in pairs(kinds) do
                local case, ready, value, ok, ch = make()
                if not ready and name ~= other then
                    local case2, ready2 = second()
                    if ready2 then ready2() end
                    check(name, channel.select({ case, case2 }), value, ok, ch)
                end
                drain()
            end
        end
    end)
    it("what was not chosen is still there; what was not sent was not sent", function()
        local a, b, out = channel.new(1), channel.new(1), channel.new(1)
        a:send("a")
        b:send("b")
        assert.equal("a", channel.select({ a:case_receive(), b:case_receive(), out:case_send("x") }).value)
        assert.same({ 0, 1, 0 }, { #a, #b, #out })
    end)
    it("a send to a closed channel raises, also when it was open when it began to wait", function()
        local ch = channel.new()
        coroutine.spawn(function() time.sleep("1ms") ch:close() end)
        assert.error_match(function() channel.select({ ch:case_send(1), channel.new():case_receive() }) end, "send on closed channel")
        assert.error_match(function() channel.select({ ch:case_send(1) }, true) end, "send on closed channel")
    end)
    it("closing wakes all: receivers, senders, selects", function()
        local ch, woken = channel.new(), {}
        for i = 1, 3 do coroutine.spawn(function() woken[i] = { ch:receive() } end) end
        for i = 4, 6 do coroutine.spawn(function() woken[i] = channel.select({ ch:case_receive(), channel.new():case_receive() }) end) end
        ch:close()
        time.sleep(0)
        for i = 1, 3 do assert.same({ nil, false }, woken[i]) end
        for i = 4, 6 do assert.is_false(woken[i].ok) end
    end)
    it("a case may be used again and again, also by several at once", function()
        local ch = channel.new()
        local case, got = ch:case_receive(), {}
        assert.equal(case, ch:case_receive())
        for i = 1, 3 do coroutine.spawn(function() local v = channel.select({ case }).value got[#got + 1] = v end) end
        for i = 1, 3 do ch:send(i) end
        time.sleep(0)
        assert.same({ 1, 2, 3 }, got)
    end)
    it("false and nil are values; the list may change meanwhile", function()
        local ch = channel.new(2)
        ch:send(false)
        ch:send(nil)
        local r = channel.select({ ch:case_receive() })
        assert.same({ false, true }, { r.value, r.ok })
        r = channel.select({ ch:case_receive() })
        assert.same({ nil, true }, { r.value, r.ok })
        local cases = { ch:case_receive() }
        coroutine.spawn(function() time.sleep(0) cases[1] = nil ch:send("kept") end)
        assert.equal("kept", channel.select(cases).value)
    end)
    it("default = false blocks; default with a ready case gives the case", function()
        local ch = channel.new(1)
        coroutine.spawn(function() time.sleep("1ms") ch:send(1) end)
        assert.equal(1, channel.select({ ch:case_receive(), default = false }, false).value)
        ch:send(2)
        assert.equal(2, channel.select({ ch:case_receive(), default = true }).value)
    end)
    it("not a case: raises and names it", function()
        for what, bad in pairs({ channel = channel.new(), number = 5, string = "x", table = {}, ["function"] = print, boolean = true }) do
            assert.error_match(function() channel.select({ channel.new():case_receive(), bad }) end, "select: case 2 is a " .. what)
        end
    end)
    it("in pcall, coroutines, comparators, callbacks, iterators", function()
        local ch = channel.new()
        coroutine.spawn(function() for i = 1, 100 do ch:send(i) end end)
        local function take() return channel.select({ ch:case_receive() }).value end
        assert.same({ true, 1 }, { pcall(take) })
        assert.equal(2, coroutine.wrap(take)())
        assert.same({ 1, 2, 3 }, (function(t) table.sort(t, function(a, b) take() return a < b end) return t end)({ 3, 1, 2 }))
        assert.match("^%d+ %d+$", (string.gsub("a b", "%a", function() return tostring(take()) end)))
        local n = 0
        for v in take do
            n = n + 1
            if v > 20 then break end
        end
        assert.is_true(n > 5)
        assert.is_number(setmetatable({}, { __index = take }).x)
        assert.is_number(setmetatable({}, { __call = take })())
        assert.is_number(setmetatable({}, { __add = take }) + 1)
        assert.is_number(-setmetatable({}, { __unm = take }))
        assert.is_true(select("#", xpcall(take, print)) == 2)
    end)
end)

describe("4. Deadlocks:", function()
    it("fail with their name, they do not hang", function()
        for _, how in ipairs({ "receive", "send", "select", "all", "sender and receiver of others" }) do
            local v, err = process.exec(NS .. "deadlock", HOST, how)
            assert.is_nil(v, how)
            assert.match("^deadlock: all coroutines blocked", tostring(err), how)
        end
    end)
    it("waiting on inbox, events, a topic, a timer, a future or the bus is none", function()
        for _, how in ipairs({ "inbox", "events", "topic", "timer", "ticker", "future", "bus", "sleep" }) do
            local pid = assert(process.spawn_monitored(NS .. "deadlock", HOST, how))
            time.sleep("3ms")
            assert.not_nil((process.info(pid)), how)
            process.terminate(pid)
            assert.equal("process terminated", tostring(process.events():receive().error), how)
        end
    end)
end)

describe("4. A list of cases", function()
    local function two() return channel.new(), channel.new(1):case_send(1) end

    it("that begins with a literal nil has the length that Lua gives it", function()
        assert.equal(3, #{ nil, two() })
        local ok, err = pcall(channel.select, { nil, two() }, true)
        assert.is_false(ok)
        assert.contains("case 1 is a nil", tostring(err))
    end)
end)
