-- Counts. Version 1 has one sum.

-- While the file is loaded, not in main: services that require this one start when its main begins, and find the name.
process.registry.register("counter")

local function main(state)
    state = state or { version = 1, sum = 0 }
    local inbox, events = process.inbox(), process.events()
    while true do
        local r = channel.select { events:case_receive(), inbox:case_receive() }
        if r.channel == events then
            if r.value.kind == process.event.CANCEL then
                return
            end
        else
            local topic, value = r.value:topic(), r.value:payload()
            if topic == "add" then
                state.sum = state.sum + value
            elseif topic == "read" then
                process.send(r.value:from(), "sum", { version = 1, sum = state.sum })
            elseif topic == "upgrade" then
                local _, err = process.upgrade(value, state)
                print("counter: goes on as it is: " .. err) -- upgrade returns only when it fails
            end
        end
    end
end

return { main = main }
