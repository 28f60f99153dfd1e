-- lua-api.md, sections 4 and 5 (what waits): channels, select, timers.
local me = process.pid()

describe("4. Channels:", function()
    it("buffered: values in order, readable after close", function()
        local ch = channel.new(3)
        for i = 1, 3 do assert.is_true(ch:send(i)) end
        assert.equal(3, #ch)
        ch:close()
        ch:close()
        for i = 1, 3 do assert.same({ i, true }, { ch:receive() }) end
        assert.same({ nil, false }, { ch:receive() })
        assert.error_match(function() ch:send(1) end, "send on closed channel")
    end)
    it("unbuffered: send meets receive", function()
        local ch, got = channel.new(), {}
        coroutine.spawn(function() for v in function() return (ch:receive()) end do got[#got + 1] = v end end)
        for i = 1, 5 do ch:send(i) end
        ch:close()
        time.sleep(0)
        assert.same({ 1, 2, 3, 4, 5 }, got)
    end)
    it("nil and false are values", function()
        local ch = channel.new(2)
        ch:send(nil)
        ch:send(false)
        assert.same({ nil, true }, { ch:receive() })
        assert.same({ false, true }, { ch:receive() })
    end)
    it("values keep their identity", function()
        local ch, t = channel.new(1), {}
        ch:send(t)
        assert.equal(t, (ch:receive()))
        ch:send(print)
        assert.equal(print, (ch:receive()))
    end)
    it("a sender blocked at the time of close gets the error, a receiver nil, false", function()
        local ch, results = channel.new(), {}
        coroutine.spawn(function() results.send = { pcall(ch.send, ch, 1) } end)
        ch:close()
        local other = channel.new()
        coroutine.spawn(function() results.receive = { other:receive() } end)
        other:close()
        time.sleep(0)
        assert.is_false(results.send[1])
        assert.match("send on closed channel", results.send[2])
        assert.is_false(results.receive[2])
    end)
    it("waiters are served in order of arrival", function()
        local ch, order = channel.new(), {}
        for i = 1, 4 do coroutine.spawn(function() local v = ch:receive() order[#order + 1] = { i, v } end) end
        for i = 1, 4 do ch:send(i * 10) end
        time.sleep(0)
        assert.same({ { 1, 10 }, { 2, 20 }, { 3, 30 }, { 4, 40 } }, order)
    end)
    it("blocked senders are taken in order", function()
        local ch = channel.new(1)
        for i = 1, 4 do coroutine.spawn(function() ch:send(i) end) end
        for i = 1, 4 do assert.equal(i, (ch:receive())) end
    end)
    it("bad capacities and arguments raise", function()
        for _, n in ipairs({ -1, 0.5, "x", 1e10 }) do assert.has_error(function() channel.new(n) end) end
        assert.has_error(function() channel.select() end)
        assert.has_error(function() channel.select({ 1 }) end)
        assert.has_error(function() channel.select({ channel.new() }) end)
        assert.has_error(function() channel.new().receive() end)
    end)
    it("closing one that the runtime feeds: the error says what ends it", function()
        local topic, sub = process.listen("close me"), require("events").subscribe("x")
        local future = assert(require("funcs").async("app.test.api:returns_payload"))
        for name, ch in pairs({ ["process.unlisten"] = topic, ["the inbox"] = process.inbox(), ["process.events"] = process.events(),
            ["the subscription's close%(%)"] = sub:channel(), ["that of a future"] = future:channel() }) do
            assert.error_match(function() ch:close() end, "channel_test.lua:%d+: close: cannot close a channel that the runtime feeds: .*" .. name)
        end
        process.unlisten(topic)
        sub:close()
    end)
    it("channels that the runtime feeds cannot be sent to or closed", function()
        for _, ch in ipairs({ process.inbox(), process.events(), process.listen("fed") }) do
            assert.has_error(function() ch:send(1) end)
            assert.has_error(function() ch:case_send(1) end)
            assert.has_error(function() ch:close() end)
        end
        assert.has_error(function() time.after("1h"):send(1) end)
    end)
    it("main's return ends all other coroutines; a waiting one is no deadlock", function()
        assert.is_true(process.exec("app.test.api:returns", "app:processes", true))
    end)
end)

describe("4. select:", function()
    it("the first ready case in list order wins", function()
        local a, b = channel.new(1), channel.new(1)
        a:send("a")
        b:send("b")
        local r = channel.select({ b:case_receive(), a:case_receive() })
        assert.equal(b, r.channel)
        assert.equal("b", r.value)
        assert.is_true(r.ok)
        assert.equal(a, channel.select({ b:case_receive(), a:case_receive() }).channel)
    end)
    it("cases.default and the second argument make it non-blocking", function()
        local ch = channel.new()
        assert.same({ default = true, ok = true }, channel.select({ ch:case_receive(), default = true }))
        assert.same({ default = true, ok = true }, channel.select({ ch:case_send(1) }, true))
        assert.same({ default = true, ok = true }, channel.select({}, true))
    end)
    it("case_send", function()
        local ch = channel.new(1)
        local r = channel.select({ ch:case_send("v") })
        assert.equal(ch, r.channel)
        assert.is_true(r.ok)
        assert.equal("v", (ch:receive()))
    end)
    it("blocks for send and receive at once", function()
        local out, inn = channel.new(), channel.new()
        local got
        coroutine.spawn(function() got = channel.select({ out:case_send(5), inn:case_receive() }) end)
        assert.equal(5, (out:receive()))
        time.sleep(0)
        assert.equal(out, got.channel)
        coroutine.spawn(function() got = channel.select({ out:case_send(5), inn:case_receive() }) end)
        inn:send(6)
        time.sleep(0)
        assert.equal(inn, got.channel)
        assert.equal(6, got.value)
        assert.is_true(channel.select({ out:case_receive(), default = true }).default)
    end)
    it("two selects meet each other", function()
        local a, b, got = channel.new(), channel.new(), nil
        coroutine.spawn(function() got = channel.select({ a:case_receive(), b:case_receive() }) end)
        local r = channel.select({ b:case_send("met") })
        time.sleep(0)
        assert.equal(b, r.channel)
        assert.equal("met", got.value)
    end)
    it("a closed channel is ready: ok = false", function()
        local ch = channel.new()
        ch:close()
        local r = channel.select({ ch:case_receive() })
        assert.is_false(r.ok)
        assert.is_nil(r.value)
        assert.equal(ch, r.channel)
        assert.error_match(function() channel.select({ ch:case_send(1) }) end, "send on closed channel")
        local late = channel.new()
        coroutine.spawn(function() time.sleep("1ms") late:close() end)
        assert.is_false(channel.select({ late:case_receive() }).ok)
        local sent = channel.new()
        coroutine.spawn(function() time.sleep("1ms") sent:close() end)
        assert.error_match(function() channel.select({ sent:case_send(1) }) end, "send on closed channel")
    end)
    it("everything with everything", function()
        local kinds = {
            topic = function() local ch = process.listen("any") process.send(me, "any", 1) return ch end,
            inbox = function() local ch = process.inbox() process.send(me, "to.inbox", 1) return ch end,
            events = function() process.spawn_monitored("app.test.api:returns", "app:processes") return process.events() end,
            after = function() return time.after("1ms") end,
            timer = function() return time.timer("1ms"):channel() end,
            ticker = function() return time.ticker("1ms"):channel() end,
            buffered = function() local ch = channel.new(1) ch:send(1) return ch end,
            unbuffered = function() local ch = channel.new() coroutine.spawn(function() ch:send(1) end) return ch end,
            closed = function() local ch = channel.new() ch:close() return ch end,
        }
        for name, one in pairs(kinds) do
            for other, two in pairs(kinds) do
                local a, b = one(), name ~= other and two() or nil
                local seen = {}
                for _ = 1, b and 2 or 1 do
                    local cases = {}
                    if not seen[a] then cases[1] = a:case_receive() end
                    if b and not seen[b] then cases[#cases + 1] = b:case_receive() end
                    local r = channel.select(cases)
                    seen[r.channel] = true
                end
                assert.is_true(seen[a], name)
                assert.is_true(b == nil or seen[b], other)
            end
        end
    end)
    it("the same channel twice, and a hundred channels", function()
        local ch = channel.new(1)
        ch:send(1)
        assert.equal(1, channel.select({ ch:case_receive(), ch:case_receive() }).value)
        local many, cases = {}, {}
        for i = 1, 100 do many[i] = channel.new() cases[i] = many[i]:case_receive() end
        coroutine.spawn(function() many[77]:send("x") end)
        assert.equal(many[77], channel.select(cases).channel)
    end)
end)

describe("5. Timers:", function()
    it("after: one Time, then closed", function()
        local ch = time.after("1ms")
        local t, ok = ch:receive()
        assert.is_true(ok)
        assert.near(os.time(), t:unix(), 2)
        assert.same({ nil, false }, { ch:receive() })
    end)
    it("timer: stop tells whether it was pending, reset starts anew", function()
        local t = time.timer("1h")
        assert.equal(t:channel(), t:response())
        assert.is_true(t:stop())
        assert.is_false(t:stop())
        assert.is_false(t:reset("1ms"))
        assert.not_nil((t:channel():receive()))
        assert.is_false(t:stop())
        assert.is_false(t:reset("1h"))
        assert.is_true(t:reset("1ms"))
        assert.not_nil((t:channel():receive()))
    end)
    it("ticker: again and again, at most 16 wait, stop", function()
        local t = time.ticker("1ms")
        for _ = 1, 3 do assert.not_nil((t:channel():receive())) end
        while #t:channel() < 16 do time.sleep("1ms") end
        time.sleep("5ms")
        assert.equal(16, #t:channel())
        t:stop()
        for _ = 1, 16 do t:channel():receive() end
        time.sleep("3ms")
        assert.equal(0, #t:channel())
        assert.is_false(t:reset("1ms"))
        assert.not_nil((t:channel():receive()))
        t:stop()
    end)
    it("bad durations: INVALID with the text", function()
        for _, f in ipairs({ time.after, time.timer, time.ticker, time.sleep }) do
            local v, err = f("5 parsecs")
            assert.falsy(v)
            assert.equal(errors.INVALID, err:kind())
            assert.match("5 parsecs", tostring(err))
        end
        assert.equal(errors.INVALID, select(2, time.ticker(0)):kind())
    end)
    it("sleep of zero or less only yields", function()
        local order = {}
        coroutine.spawn(function() time.sleep(0) order[1] = "other" end)
        time.sleep(0)
        time.sleep(-1)
        assert.same({ "other" }, order)
    end)
    it("numbers are nanoseconds, duration objects are durations", function()
        local began = time.now()
        time.sleep(2e6)
        time.sleep((time.parse_duration("2ms")))
        assert.is_true(time.now():sub(began):nanoseconds() >= 4e6)
    end)
    it("many timers fire in order", function()
        -- Whoever loses the processor between two of these begins the later sleep too late: then once more.
        local function wrong_order()
            local order, done = {}, channel.new(10)
            for i = 10, 1, -1 do
                coroutine.spawn(function() time.sleep(i * 2 .. "ms") order[#order + 1] = i done:send(true) end)
            end
            for _ = 1, 10 do done:receive() end
            for i = 1, 10 do
                if order[i] ~= i then return table.concat(order, " ") end
            end
        end
        local wrong
        for _ = 1, 10 do
            wrong = wrong_order()
            if not wrong then break end
        end
        assert.equal(nil, wrong)
    end)
end)
