-- Many live states, each running a hot loop when it starts and again when all are there: is the last batch as quick to
-- create, and are its loops as fast, as in the first?
local time = require("time")

local function median(values)
    table.sort(values)
    return values[math.ceil(#values / 2)]
end

local function main(count, batch, iterations)
    count, batch, iterations = tonumber(count) or 50000, tonumber(batch) or 5000, tonumber(iterations) or 20000
    local host, worked = process.info().host, process.listen("worked")
    local batches, seconds = count / batch, {}
    local pids, sum = {}, 0

    local function collect()
        local took = {}
        for i = 1, batch do
            took[i] = worked:receive()
        end
        return took
    end

    for b = 1, batches do
        local start = time.now()
        for i = (b - 1) * batch + 1, b * batch do
            pids[i] = assert(process.spawn("bench:worker", host, process.pid(), iterations))
        end
        collect()
        seconds[b] = time.now():sub(start):seconds()
    end

    local loops = {}
    for b = 1, batches do
        for i = (b - 1) * batch + 1, b * batch do
            process.send(pids[i], "again")
        end
        loops[b] = median(collect())
        sum = sum + batch
    end

    -- Of three batches each: one may have been held up by something else on the machine.
    local first = median { unpack(seconds, 1, 3) }
    local last = median { unpack(seconds, batches - 2) }

    return {
        create_first_per_s = batch / first,
        create_last_per_s = batch / last,
        create_last_to_first = first / last,
        loop_first_us = loops[1] / time.MICROSECOND,
        loop_last_us = loops[batches] / time.MICROSECOND,
        check = sum,
    }
end

return { main = main }
