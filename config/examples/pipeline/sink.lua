-- The slow end: adds up what comes.
local time = require("time")

process.registry.register("sink") -- before main: see source.lua

local function main()
    local inbox, events = process.inbox(), process.events()
    local sum, n = 0, 0
    while true do
        local r = channel.select { events:case_receive(), inbox:case_receive() }
        if r.channel == events then
            return
        elseif r.value:topic() == "finish" then
            print("sink: " .. n .. " results, sum " .. sum)
            return
        end
        time.sleep("1ms")
        sum, n = sum + r.value:payload(), n + 1
        process.send(r.value:from(), "taken")
    end
end

return { main = main }
