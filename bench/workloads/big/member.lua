local function main(parent, index, rounds)
    -- Every state begins with the same random numbers.
    math.randomseed(index)
    local pids, me = process.listen("start"):receive(), process.pid()
    local inbox = process.inbox()

    -- Answers pings until a pong comes.
    local function await_pong()
        while true do
            local msg = inbox:receive()
            if msg:topic() == "pong" then
                return
            end
            process.send(msg:from(), "pong")
        end
    end

    for _ = 1, rounds do
        local other
        repeat
            other = pids[math.random(#pids)]
        until other ~= me
        process.send(other, "ping")
        await_pong()
    end
    process.send(parent, "done")
    await_pong()
end

return { main = main }
