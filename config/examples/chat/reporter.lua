-- Sits in a room, prints what it hears, lets the guests in one after the other, and leaves when all of them have.
local rooms = require("rooms")

local function main(room, guests)
    local heard = process.listen("heard")
    local ok, err = rooms.join(room, "reporter")
    if not ok then
        return false, err
    end
    local came, left = 0, 0
    while left < #guests do
        local text = heard:receive()
        print("[" .. room .. "] " .. text)
        if text:find("^%w+ left") then
            left = left + 1
        elseif text:find("^%w+ joined$") and guests[came + 1] then
            came = came + 1
            ok, err = process.spawn("app:guest", "app:processes", room, guests[came].nick, guests[came].answers)
            if not ok then
                return false, err
            end
        end
    end
    rooms.leave(room)
end

return { main = main }
