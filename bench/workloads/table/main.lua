-- A record of small parts per message; the consumer reads one field.
local time = require("time")

local function main(count)
    count = tonumber(count) or 200000
    local host, sums = process.info().host, process.listen("sum")

    local start = time.now()
    local consumer = assert(process.spawn("bench:consumer", host, process.pid(), count))
    assert(process.spawn("bench:producer", host, consumer, count))
    local sum = sums:receive()
    local seconds = time.now():sub(start):seconds()

    return { messages_per_s = count / seconds, check = sum }
end

return { main = main }
