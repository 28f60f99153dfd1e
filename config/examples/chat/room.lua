-- One room. Its members are pids; what one says, all get, in the same order.
local function main(room)
    local inbox, events = process.inbox(), process.events()
    local nicks, count = {}, 0 -- pid -> nick

    local function tell_all(text)
        for pid in pairs(nicks) do
            process.send(pid, "heard", text)
        end
    end

    local function remove(pid, text)
        local nick = nicks[pid]
        if nick then
            process.unmonitor(pid)
            nicks[pid], count = nil, count - 1
            tell_all(nick .. " left" .. text)
        end
    end

    local on = {}

    function on.join(_, who)
        local pid, nick = who[1], who[2]
        if nicks[pid] or not process.monitor(pid) then
            return -- is in already, or has ended meanwhile
        end
        nicks[pid], count = nick, count + 1
        tell_all(nick .. " joined")
    end

    function on.say(from, text)
        if nicks[from] then
            tell_all(nicks[from] .. ": " .. text)
        end
    end

    function on.leave(from)
        remove(from, "")
    end

    repeat
        local r = channel.select { events:case_receive(), inbox:case_receive() }
        if r.channel == events then
            local event = r.value
            if event.kind == process.event.CANCEL then
                return
            elseif event.kind == process.event.EXIT then
                remove(event.from, event.error and " (" .. event.error .. ")" or "")
            end
        elseif on[r.value:topic()] then
            on[r.value:topic()](r.value:from(), r.value:payload())
        end
    until count == 0
end

return { main = main }
