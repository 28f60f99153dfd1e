-- Runs bad programs, one after the other, beside a pair of processes that play ping-pong on the same host, and says
-- for each whether it went as expected and the pair went on. Arguments: "name|expectation|text"…, see test_robust.py.
--
--   ends            main returns
--   fails KIND TEXT the process fails with an error of that kind whose message has that text
--   start           spawn fails
--   runs            it runs until it is terminated, which takes less than 50 ms
--   stuck           its file's top level does, so that spawn does not return before
local HOST = "app:processes"
local AT_MOST = 50 -- ms from process.terminate to EXIT

local answers = process.listen("count")

local function rounds(pair)
    assert(process.send(pair, "ask", process.pid()))
    local r = channel.select({ answers:case_receive(), time.after("10s"):case_receive() })
    assert(r.channel == answers, "the ping-pong pair does not answer")
    return r.value
end

local function running(entry)
    local found = {}
    for _, pid in ipairs(process.list()) do
        local info = process.info(pid)
        if info and info.entry == entry then
            found[#found + 1] = pid
        end
    end
    return found
end

local function wait_exit(pid, limit)
    local events, timer = process.events(), time.after(limit)
    while true do
        local r = channel.select({ events:case_receive(), timer:case_receive() })
        if r.channel ~= events then
            return nil
        end
        if r.value.kind == process.event.EXIT and r.value.from == pid then
            return r.value
        end
    end
end

local function ms_since(t)
    return time.now():sub(t):microseconds() / 1000
end

local took -- the last process.terminate that was measured, ms

-- Why it went wrong, or nil.
local function check(name, expect, kind, text)
    local entry = "app:" .. name
    if expect == "stuck" then
        local done = channel.new(1)
        coroutine.spawn(function() done:send({ process.spawn(entry, HOST) }) end)
        time.sleep("100ms")
        local pid = running(entry)[1]
        if not pid then
            return "it does not run"
        end
        local t = time.now()
        process.terminate(pid)
        local result = done:receive()
        if result[1] then
            return "spawn returned a pid"
        end
        took = ms_since(t)
        return took > AT_MOST and ("terminate took " .. took .. " ms") or nil
    end
    local pid, err = process.spawn_monitored(entry, HOST)
    if expect == "start" then
        return pid and "it started" or nil
    end
    if not pid then
        return "spawn: " .. tostring(err)
    end
    if expect == "runs" then
        local event = wait_exit(pid, "100ms")
        if event then
            return "it ended: " .. tostring(event.error)
        end
        local t = time.now()
        process.terminate(pid)
        event = wait_exit(pid, "20s")
        if not event then
            return "terminate does not end it"
        end
        took = ms_since(t)
        if took > AT_MOST then
            return "terminate took " .. took .. " ms"
        end
        return event.error:kind() ~= errors.CANCELED and "it ended with " .. tostring(event.error) or nil
    end
    local event = wait_exit(pid, "30s")
    if not event then
        process.terminate(pid)
        return "it does not end"
    end
    local e = event.error
    if expect == "ends" then
        return e and "it failed: " .. tostring(e) or nil
    end
    if not e then
        return "it did not fail"
    end
    local got = e:kind() == "" and "Unknown" or e:kind()
    if got ~= kind or not e:message():find(text, 1, true) then
        return "it failed with " .. got .. ": " .. e:message():sub(1, 200)
    end
    return #e:message() > 70000 and "the message has " .. #e:message() .. " bytes" or nil
end

return {
    main = function(...)
        local pair = assert(process.spawn("app:pair", HOST, true))
        for _, case in ipairs({ ... }) do
            local name, expect, kind, text = case:match("^(.-)|(%a+) ?(%a*) ?(.*)$")
            local before, t = rounds(pair), time.now()
            took = nil
            local why
            for _ = 1, 5 do -- a busy machine may take its time, though not always
                why = check(name, expect, kind, text)
                if not (why and why:find("^terminate took")) then
                    break
                end
            end
            -- Time alone is no progress: at least as many rounds as slices went by.
            local wanted = math.floor(ms_since(t) / 20)
            local deadline = time.after("10s")
            while not why and rounds(pair) - before < wanted do
                if channel.select({ deadline:case_receive(), default = true }).channel then
                    why = "the ping-pong pair made only " .. rounds(pair) - before .. " rounds of " .. wanted
                end
                time.sleep("1ms")
            end
            print((why and "not ok " or "ok ") .. name .. (why and ": " .. why or took and " in " .. took .. " ms" or ""))
        end
    end,
}
