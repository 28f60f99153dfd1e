-- One token handed round a ring of processes.
local time = require("time")

local function main(members, hops)
    members, hops = tonumber(members) or 1000, tonumber(hops) or 2000000
    local host, done = process.info().host, process.listen("done")

    local last = assert(process.spawn("bench:member", host, process.pid()))
    local first = last
    for _ = 2, members do
        first = assert(process.spawn("bench:member", host, process.pid(), first))
    end
    process.send(last, "next", first)

    local start = time.now()
    process.send(first, "token", hops - 1)
    done:receive()
    local seconds = time.now():sub(start):seconds()

    return { hops_per_s = hops / seconds, check = hops }
end

return { main = main }
