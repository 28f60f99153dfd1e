-- Short-lived monitored processes of 200 entries in turn. The first pass, in which nothing of an entry has ever run, is
-- timed by itself.
local time = require("time")

local ENTRIES = 200

local function main(count, outstanding)
    count, outstanding = tonumber(count) or 100000, tonumber(outstanding) or 1000
    local host, events = process.info().host, process.events()
    local names, started, ended, sum = {}, 0, 0, 0
    for i = 1, ENTRIES do
        names[i] = "bench:worker" .. i
    end

    local function run_until(last)
        local start = time.now()
        while ended < last do
            while started < last and started - ended < outstanding do
                started = started + 1
                assert(process.spawn_monitored(names[(started - 1) % ENTRIES + 1], host, started))
            end
            local event = events:receive()
            if event.error then
                error(event.error)
            end
            sum = sum + event.result
            ended = ended + 1
        end
        return time.now():sub(start):seconds()
    end

    local first = run_until(ENTRIES)
    local rest = run_until(count)
    return { first_per_s = ENTRIES / first, spawns_per_s = (count - ENTRIES) / rest, check = sum }
end

return { main = main }
