-- Rounds of a few clients each; after a round everything must have ended. What it prints is read by tests/soak/run.
local json = require("json")
local CLIENTS, REST = 3, "1500ms"

local function play(round, seconds, seed)
    local events, sums = process.events(), {}
    for i = 1, CLIENTS do
        assert(process.spawn_monitored("soak:client", "soak:steady", seconds, seed + round * 100 + i))
    end
    for _ = 1, CLIENTS do
        local e = events:receive()
        if e.error then
            error(e.error:message(), 0)
        end
        for name, n in pairs(e.result) do
            sums[name] = (sums[name] or 0) + n
        end
    end
    if sums.sent ~= sums.received + sums.full + sums.gone + sums.dropped then
        error("violation: the books do not balance: " .. json.encode(sums), 0)
    end
    -- Relatives of relatives end by links, which nobody is told.
    for _ = 1, 1000 do
        if #process.list() == 1 then
            return sums
        end
        time.sleep("10ms")
    end
    local left = {}
    for _, pid in ipairs(process.list()) do
        local info = process.info(pid)
        if info and pid ~= process.pid() then
            left[#left + 1] = json.encode(info)
        end
    end
    error(("violation: %d processes are left: %s"):format(#left, table.concat(left, "; ")), 0)
end

local function main(rounds, seconds, seed)
    for round = 1, rounds do
        local sums = play(round, seconds, seed)
        collectgarbage()
        sums.round = round
        print("round " .. json.encode(sums))
        time.sleep(REST) -- to be looked at
    end
    print("done")
end

return { main = main }
