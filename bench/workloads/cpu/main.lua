-- Computing without messages: the same function in several processes, each ending with its value.
local time = require("time")

local function main(kind, processes, size)
    kind, processes, size = kind or "fib", tonumber(processes) or 8, tonumber(size) or 32
    local host, events = process.info().host, process.events()
    local sum = 0

    local start = time.now()
    for _ = 1, processes do
        assert(process.spawn_monitored("bench:" .. kind, host, size))
    end
    for _ = 1, processes do
        local event = events:receive()
        if event.error then
            return false, event.error
        end
        sum = sum + event.result
    end
    local seconds = time.now():sub(start):seconds()

    return { seconds = seconds, check = sum }
end

return { main = main }
