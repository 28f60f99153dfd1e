-- A service: it answers messages until it is asked to stop. Try it with
--   troupe send greeter greet '"world"'

-- A name that others send to. It is taken while the file is loaded: services that require this one start later.
assert(process.registry.register("greeter"))

local function main(greeting)
    local requests = process.listen("greet", { message = true })
    local events = process.events()
    while true do
        local r = channel.select { events:case_receive(), requests:case_receive() }
        if r.channel == events then
            if r.value.kind == process.event.CANCEL then
                return -- the service is stopped
            end
        else
            local message = r.value
            local text = greeting .. ", " .. tostring(message:payload()) .. "!"
            print(text)
            if message:from() then -- nobody, when it came from the tool
                process.send(message:from(), "greeting", text)
            end
        end
    end
end

return { main = main }
