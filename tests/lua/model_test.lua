-- Random programs of coroutines and channels against a model: what was sent is received exactly once, in order per sender
-- and channel, whatever blocks and closes meanwhile. The seed of a failure is in its message.
local function generator(seed)
    local state = seed * 2654435761 % 4294967296
    return function(n) -- 1..n
        state = (state * 1664525 + 1013904223) % 4294967296
        return math.floor(state / 65536) % n + 1
    end
end

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
