-- Endless loops, and beside them a pair that exchanges messages; with a rest, what a woken process waits.
local time = require("time")

-- Buckets to an octave: a quantile is within 1.1 % of the true one.
local STEPS = 32

local function quantile(counts, total, q)
    local left = q * total
    for i = 0, 64 * STEPS do
        left = left - (counts[i] or 0)
        if left <= 0 then
            return 2 ^ ((i + 0.5) / STEPS)
        end
    end
end

local function main(milliseconds, loops, rest_ms)
    milliseconds, loops, rest_ms = tonumber(milliseconds) or 5000, tonumber(loops) or 1, tonumber(rest_ms) or 0
    local host, pongs = process.info().host, process.listen("pong")
    for _ = 1, loops do
        assert(process.spawn("bench:spinner", host))
    end
    time.sleep("50ms")
    local ponger = assert(process.spawn("bench:ponger", host, process.pid()))

    local counts, total, largest = {}, 0, 0
    local rest, lasting = rest_ms * time.MILLISECOND, milliseconds * time.MILLISECOND
    local start = time.now()
    local before = start
    repeat
        if rest > 0 then
            time.sleep(rest)
        end
        process.send(ponger, "ping")
        pongs:receive()
        local now = time.now()
        local delay = now:sub(before):nanoseconds() - rest
        local bucket = math.floor(math.log(math.max(1, delay)) / math.log(2) * STEPS)
        counts[bucket] = (counts[bucket] or 0) + 1
        total, largest = total + 1, math.max(largest, delay)
        before = now
    until now:sub(start):nanoseconds() >= lasting

    return {
        p50_us = quantile(counts, total, 0.50) / 1000,
        p99_us = quantile(counts, total, 0.99) / 1000,
        max_us = largest / 1000,
        rounds_per_s = total * 1000 / milliseconds,
    }
end

return { main = main }
