-- A service that starts waiting processes, says "ready", and waits too. This one runs in the daemon.
local function main(count)
    count = tonumber(count) or 10000
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
