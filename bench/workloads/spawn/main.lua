-- Short-lived monitored processes, a bounded number at a time, each ending with a value.
local time = require("time")

local function main(count, outstanding)
    count, outstanding = tonumber(count) or 100000, tonumber(outstanding) or 1000
    local host, events = process.info().host, process.events()
    local started, sum = 0, 0

    local function start_one()
        started = started + 1
        assert(process.spawn_monitored("bench:worker", host, started))
    end

    local start = time.now()
    while started < math.min(count, outstanding) do
        start_one()
    end
    for _ = 1, count do
        local event = events:receive()
        if event.error then
            return false, event.error
        end
        sum = sum + event.result
        if started < count then
            start_one()
        end
    end
    local seconds = time.now():sub(start):seconds()

    return { spawns_per_s = count / seconds, check = sum }
end

return { main = main }
