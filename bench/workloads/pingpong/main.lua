-- Two processes, a small integer there and back.
local time = require("time")

local function main(rounds)
    rounds = tonumber(rounds) or 1000000
    local pongs = process.listen("pong")
    local ponger = assert(process.spawn("bench:ponger", process.info().host, process.pid()))

    local start = time.now()
    for i = 1, rounds do
        process.send(ponger, "ping", i)
        pongs:receive()
    end
    local seconds = time.now():sub(start):seconds()

    return { hops_per_s = 2 * rounds / seconds, check = rounds }
end

return { main = main }
