-- Every process sleeps once for a random time and tells how late it woke.
local time = require("time")

local function main(count, longest_ms)
    count, longest_ms = tonumber(count) or 100000, tonumber(longest_ms) or 1000
    local host, lates = process.info().host, process.listen("late")
    for _ = 1, count do
        assert(process.spawn("bench:sleeper", host, process.pid(), math.random(0, longest_ms)))
    end
    local late = {}
    for i = 1, count do
        late[i] = lates:receive()
    end
    table.sort(late)

    local function quantile_ms(q)
        return late[math.max(1, math.ceil(q * count))] / time.MILLISECOND
    end
    return {
        late_p50_ms = quantile_ms(0.50),
        late_p99_ms = quantile_ms(0.99),
        late_max_ms = quantile_ms(1),
        check = count,
    }
end

return { main = main }
