-- Version 2 also knows how often it was added to since then. It understands the state of version 1.

process.registry.register("counter") -- after an upgrade it has the name already: that is no mistake

local function main(state)
    local inbox, events = process.inbox(), process.events()
    state = { version = 2, sum = state and state.sum or 0, times = state and state.times or 0 }
    while true do
        local r = channel.select { events:case_receive(), inbox:case_receive() }
        if r.channel == events then
            if r.value.kind == process.event.CANCEL then
                return
            end
        else
            local topic, value = r.value:topic(), r.value:payload()
            if topic == "add" then
                state.sum, state.times = state.sum + value, state.times + 1
            elseif topic == "read" then
                process.send(r.value:from(), "sum", { version = 2, sum = state.sum, times = state.times })
            elseif topic == "upgrade" then
                local _, err = process.upgrade(value, state)
                print("counter: goes on as it is: " .. err)
            end
        end
    end
end

return { main = main }
