-- Several producers, one counter, which replies when it has seen every message.
local time = require("time")

local function main(producers, each)
    producers, each = tonumber(producers) or 8, tonumber(each) or 250000
    local host, sums = process.info().host, process.listen("sum")

    local start = time.now()
    local counter = assert(process.spawn("bench:counter", host, process.pid(), producers * each))
    for _ = 1, producers do
        assert(process.spawn("bench:producer", host, counter, each))
    end
    local sum = sums:receive()
    local seconds = time.now():sub(start):seconds()

    return { messages_per_s = producers * each / seconds, check = sum }
end

return { main = main }
