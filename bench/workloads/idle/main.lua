-- Processes that wait for a message that does not come. Says "ready" and stays until it is told to end.
local function main(count)
    count = tonumber(count) or 100000
    local host, ready = process.info().host, process.listen("ready")
    for _ = 1, count do
        assert(process.spawn("bench:waiter", host, process.pid()))
    end
    for _ = 1, count do
        ready:receive()
    end
    print("ready")
    process.events():receive()
end

return { main = main }
