-- What a program needs to know of rooms. A library: each process has its own copy of it.
local rooms = {}

-- Enters a room; it is started if nobody is in it. Two who come at once get the same one: a name has one holder.
function rooms.join(room, nick)
    local name = "room:" .. room
    local spawner = process.with_options({}):with_name(name):with_message("join", process.pid(), nick)
    local pid, err = spawner:spawn("app:room", "app:processes", room)
    if not pid then
        return nil, errors.wrap(err, "join " .. room)
    end
    return name
end

function rooms.say(room, text)
    return process.send("room:" .. room, "say", text)
end

function rooms.leave(room)
    return process.send("room:" .. room, "leave")
end

return rooms
