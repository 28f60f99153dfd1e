-- Every process sleeps once for a random time and tells how late it woke.
local time = require("time")

-- Counts of latenesses, by this many nanoseconds: as the Erlang program does, no value is kept.
local STEP = 10 * time.MICROSECOND

local function quantile_ms(counts, total, q)
    local step, left = -1, q * total
    repeat
        step = step + 1
        left = left - (counts[step] or 0)
    until left <= 0
    return (step + 0.5) * STEP / time.MILLISECOND
end

local function main(count, longest_ms)
    count, longest_ms = tonumber(count) or 100000, tonumber(longest_ms) or 1000
    local host, lates = process.info().host, process.listen("late")
    for _ = 1, count do
        assert(process.spawn("bench:sleeper", host, process.pid(), math.random(0, longest_ms)))
    end
    local counts, largest = {}, 0
    for _ = 1, count do
        local late = math.max(0, (lates:receive())) -- the clock may have been set back
        local step = math.floor(late / STEP)
        counts[step] = (counts[step] or 0) + 1
        largest = math.max(largest, late)
    end
    return {
        late_p50_ms = quantile_ms(counts, count, 0.50),
        late_p99_ms = quantile_ms(counts, count, 0.99),
        late_max_ms = largest / time.MILLISECOND,
        check = count,
    }
end

return { main = main }
