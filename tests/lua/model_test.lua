-- Random programs of coroutines and channels. The seed of a failure is in its message.
local function generator(seed)
    local state = seed * 2654435761 % 4294967296
    return function(n) -- 1..n
        state = (state * 1664525 + 1013904223) % 4294967296
        return math.floor(state / 65536) % n + 1
    end
end

-- Against a model: what was sent is received exactly once, in order per sender and channel, whatever blocks and closes meanwhile.
-- One program: senders, receivers, some of them through select; then the channels close and everybody ends.
local function program(seed)
    local random = generator(seed)
    local channels, sent, got = {}, {}, {}
    for i = 1, random(4) do
        channels[i] = channel.new(random(4) - 1)
        sent[i], got[i] = {}, {}
    end
    local senders, receivers = random(5), random(5)
    local left, finished = senders, channel.new(16)
    local function pause()
        local what = random(6)
        if what == 1 then
            time.sleep(0)
        elseif what == 2 then
            pcall(time.sleep, 1000)
        elseif what == 3 then
            coroutine.wrap(function() time.sleep(0) end)()
        end
    end
    for s = 1, senders do
        coroutine.spawn(function()
            for n = 1, random(10) do
                local c = random(#channels)
                local value = { sender = s, n = n, channel = c }
                sent[c][#sent[c] + 1] = value
                if random(2) == 1 then
                    channels[c]:send(value)
                else
                    assert(channel.select({ channels[c]:case_send(value) }).ok)
                end
                pause()
            end
            left = left - 1
            if left == 0 then
                for _, ch in ipairs(channels) do
                    ch:close()
                end
            end
            finished:send(true)
        end)
    end
    local index = {}
    for i, ch in ipairs(channels) do
        index[ch] = i
    end
    for _ = 1, receivers do
        coroutine.spawn(function()
            local open = {}
            for i, ch in ipairs(channels) do
                open[i] = ch
            end
            while #open > 0 do
                local cases = {}
                for i, ch in ipairs(open) do
                    cases[i] = ch:case_receive()
                end
                local r = channel.select(cases)
                if r.ok then
                    local list = got[index[r.channel]]
                    list[#list + 1] = r.value
                else
                    for i, ch in ipairs(open) do
                        if ch == r.channel then
                            table.remove(open, i)
                            break
                        end
                    end
                end
                pause()
            end
            finished:send(true)
        end)
    end
    for _ = 1, senders + receivers do
        finished:receive()
    end
    for c in ipairs(channels) do
        local seen, last = {}, {}
        assert(#got[c] == #sent[c], "received " .. #got[c] .. " of " .. #sent[c])
        for _, value in ipairs(got[c]) do
            assert(not seen[value], "received twice")
            assert(value.channel == c, "on another channel")
            seen[value] = true
            if receivers == 1 then
                assert((last[value.sender] or 0) < value.n, "out of order")
                last[value.sender] = value.n
            end
        end
    end
end

describe("4. random programs of coroutines and channels", function()
    for block = 1, 10 do
        it("seeds " .. block * 100 - 99 .. " to " .. block * 100, function()
            for seed = block * 100 - 99, block * 100 do
                local ok, err = pcall(program, seed)
                assert(ok, "seed " .. seed .. ": " .. tostring(err))
            end
        end)
    end
end)

-- What a process does is the same wherever the scheduler interrupts it: programs with pcall, select and calls back from C as well,
-- run with and without long computations in between, go through the same steps in the same order.
local text = ("a"):rep(60)
local pattern = ("a*"):rep(3) .. "b"

-- Some of a slice up to a few, in Lua or in a search.
local function compute(random)
    local kind = random(40)
    if kind == 1 then
        for _ = 1, random(4) do
            assert(not text:find(pattern))
        end
    elseif kind < 5 then
        local x = 0
        for i = 1, random(100000) do x = x + i % 7 end
    end
end

-- Returns the steps of the program of that seed. `busy`: it computes between them.
local function run(seed, busy)
    local random, other = generator(seed), generator(seed + 1)
    local steps, left, over = {}, 0, channel.new(100)
    local channels = {}
    for i = 1, 1 + random(3) do
        channels[i] = channel.new(random(3) - 1)
    end
    local function step(who, what)
        if busy then compute(other) end
        steps[#steps + 1] = who .. ":" .. what
        if busy then compute(other) end
    end

    local act
    -- One to three things, as coroutine `who`; `deep` limits how they are nested.
    local function acts(who, deep)
        for _ = 1, random(3) do
            act(who, deep)
        end
    end
    local function spawn(who, deep)
        left = left + 1
        coroutine.spawn(function(name)
            step(name, "begins")
            acts(name, deep)
            step(name, "ends")
            left = left - 1
            if left == 0 then
                over:send(true)
            end
        end, who)
        step(who, "was spawned")
    end
    local kinds = {
        function(who) time.sleep(0) step(who, "slept") end,
        function(who)
            local ch = random(#channels)
            local r = channel.select({ channels[ch]:case_send(who), default = true })
            step(who, "sent " .. ch .. tostring(r.default))
        end,
        function(who)
            local ch = random(#channels)
            local r = channel.select({ channels[ch]:case_receive(), default = true })
            step(who, "received " .. ch .. tostring(r.value) .. tostring(r.default))
        end,
        function(who)
            local cases = {}
            for i, ch in ipairs(channels) do
                cases[i] = random(2) == 1 and ch:case_receive() or ch:case_send(who .. i)
            end
            cases[#cases + 1] = time.after("1h"):case_receive()
            cases.default = random(2) == 1
            -- Whoever it would wait for may never come: someone who takes and gives.
            if not cases.default then
                for _, ch in ipairs(channels) do
                    left = left + 1
                    coroutine.spawn(function()
                        local r = channel.select({ ch:case_receive(), ch:case_send("x"), default = true })
                        if r.default then
                            time.sleep(0)
                            channel.select({ ch:case_receive(), ch:case_send("x"), default = true })
                        end
                        left = left - 1
                        if left == 0 then over:send(true) end
                    end)
                end
                cases.default = true
                time.sleep(0)
            end
            local r = channel.select(cases)
            step(who, "selected " .. tostring(r.value) .. tostring(r.ok))
        end,
        function(who, deep)
            if deep > 0 then spawn(who .. "s" .. random(9), deep - 1) end
        end,
        function(who, deep)
            if deep == 0 then return end
            local f = coroutine.wrap(function(a)
                acts(who .. "w", deep - 1)
                local b = coroutine.yield(a + 1)
                acts(who .. "w", deep - 1)
                return b + 1
            end)
            step(who, "wrapped " .. f(1) .. " " .. f(5))
        end,
        function(who, deep)
            local ok, err = pcall(function()
                if deep > 0 then acts(who .. "p", deep - 1) end
                if random(2) == 1 then error("raised", 0) end
                return "returned"
            end)
            step(who, tostring(ok) .. tostring(err))
        end,
        function(who, deep)
            if deep == 0 then return end
            local t = { 3, 1, 2 }
            table.sort(t, function(a, b) act(who .. "c", deep - 1) return a < b end)
            step(who, "sorted " .. table.concat(t))
        end,
        function(who, deep)
            if deep == 0 then return end
            step(who, (("xy"):gsub(".", function(c) act(who .. "g", deep - 1) return c:upper() end)))
        end,
        function(who, deep) -- nothing below a C function may block
            local t = setmetatable({}, { __tostring = function()
                local ok, err = pcall(function() time.sleep(0) end)
                step(who .. "t", tostring(ok) .. tostring(err):match("[^:]*$"))
                if deep > 0 then
                    coroutine.spawn(function() step(who .. "u", "below") end)
                end
                return "text"
            end })
            step(who, string.format("%s", t))
        end,
        function(who, deep)
            local t = setmetatable({}, { __index = function(_, k) if deep > 0 then act(who .. "i", deep - 1) end return k end,
                __lt = function() if deep > 0 then act(who .. "l", deep - 1) end return true end })
            step(who, t.key .. tostring(t < t))
        end,
    }
    function act(who, deep)
        kinds[random(#kinds)](who, deep)
    end

    for i = 1, 1 + random(3) do
        spawn("m" .. i, 3)
    end
    if left > 0 then
        over:receive()
    end
    return steps
end

describe("1. yielding calls work anywhere, and interruptions change nothing:", function()
    for block = 1, 4 do
        it("seeds " .. block * 25 - 24 .. " to " .. block * 25, function()
            local n = 0
            for seed = block * 25 - 24, block * 25 do
                local quiet, busy = run(seed, false), run(seed, true)
                for i = 1, math.max(#quiet, #busy) do
                    if quiet[i] ~= busy[i] then
                        error("seed " .. seed .. ", step " .. i .. ": " .. tostring(quiet[i]) .. " without, " .. tostring(busy[i]) .. " with interruptions")
                    end
                end
                n = n + #quiet
            end
            assert.is_true(n > 300, "too few steps: " .. n)
        end)
    end
end)
