-- Adds all the while that the counter is upgraded, and reads what became of it.
local function main()
    local sums = process.listen("sum")

    local function read(pid)
        process.send(pid, "read")
        return sums:receive()
    end

    local pid = process.registry.lookup("counter")
    process.monitor(pid)
    for _ = 1, 1000 do
        process.send(pid, "add", 1)
    end
    local before = read(pid)
    print("version " .. before.version .. ": " .. before.sum)

    process.send(pid, "upgrade", "app:no_such_entry")
    process.send(pid, "upgrade", "app:counter_v2")
    for _ = 1, 1000 do
        process.send(pid, "add", 1) -- some of these arrive before the new code runs: they wait in the mailbox
    end
    local after = read(pid)
    print("version " .. after.version .. ": " .. after.sum .. ", of these " .. after.times .. " since the upgrade")
    print("the same process: " .. tostring(process.registry.lookup("counter") == pid))
end

return { main = main }
