-- Squares numbers. Takes `room` items at a time, and says "done" when the sink has the result. One item kills it.
local function work(item)
    if item == 42 then
        error(errors.new { message = "item " .. item .. " cannot be squared", details = { item = item } })
    end
    return item * item
end

local function main(room)
    local items, taken, events = process.listen("item"), process.listen("taken"), process.events()
    local source = process.registry.lookup("source")
    if not source then
        return -- all is done
    end
    process.monitor(source)
    process.send(source, "ready", room)
    while true do
        local r = channel.select { events:case_receive(), items:case_receive() }
        if r.channel == events then
            return -- stopped, or the source has ended
        end
        process.send("sink", "result", work(r.value))
        taken:receive()
        process.send(source, "done", r.value)
    end
end

return { main = main }
