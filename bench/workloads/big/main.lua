-- Everybody pings random others and answers everybody's pings.
local time = require("time")

local function main(members, rounds)
    members, rounds = tonumber(members) or 200, tonumber(rounds) or 2000
    local host, done = process.info().host, process.listen("done")
    local pids = {}
    for i = 1, members do
        pids[i] = assert(process.spawn("bench:member", host, process.pid(), i, rounds))
    end

    local start = time.now()
    for i = 1, members do
        process.send(pids[i], "start", pids)
    end
    for _ = 1, members do
        done:receive()
    end
    local seconds = time.now():sub(start):seconds()

    local messages = 2 * members * rounds
    return { messages_per_s = messages / seconds, check = messages }
end

return { main = main }
