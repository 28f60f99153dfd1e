-- Many pairs at once, each with its share of the round trips.
local time = require("time")

local function main(pairs_, total)
    pairs_, total = tonumber(pairs_) or 8, tonumber(total) or 1000000
    local rounds = math.floor(total / pairs_)
    local host, done = process.info().host, process.listen("done")
    local pingers = {}
    for i = 1, pairs_ do
        pingers[i] = assert(process.spawn("bench:pinger", host, process.pid(), rounds))
    end

    local start = time.now()
    for i = 1, pairs_ do
        process.send(pingers[i], "start")
    end
    for _ = 1, pairs_ do
        done:receive()
    end
    local seconds = time.now():sub(start):seconds()

    local messages = 2 * rounds * pairs_
    return { messages_per_s = messages / seconds, check = messages }
end

return { main = main }
