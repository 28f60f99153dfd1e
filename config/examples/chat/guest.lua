-- A guest who answers what others say. `answers` maps what is heard to what is said.
local rooms = require("rooms")

local function main(room, nick, answers)
    local heard = process.listen("heard")
    local ok, err = rooms.join(room, nick)
    if not ok then
        return false, err
    end
    while true do
        local answer = answers[heard:receive()]
        if answer == "/leave" then
            return rooms.leave(room)
        elseif answer == "/crash" then
            return false, "connection lost"
        elseif answer then
            rooms.say(room, answer)
        end
    end
end

return { main = main }
