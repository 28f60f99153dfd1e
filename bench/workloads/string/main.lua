-- Large strings in a window. "same": one string again and again; "fresh": every message another one.
local time = require("time")

local function main(mode, count, size)
    mode, count, size = mode or "same", tonumber(count) or 50000, tonumber(size) or 65536
    local host, totals = process.info().host, process.listen("bytes")

    local start = time.now()
    local consumer = assert(process.spawn("bench:consumer", host, process.pid(), count))
    assert(process.spawn("bench:producer", host, consumer, mode, count, size))
    local bytes = totals:receive()
    local seconds = time.now():sub(start):seconds()

    return { mib_per_s = bytes / seconds / 1048576, check = bytes }
end

return { main = main }
