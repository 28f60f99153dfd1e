-- The example's job: takes a while, and says so.
local time = require("time")

local function main(name, takes)
    if not takes then
        return false, "nobody said how long"
    end
    time.sleep(takes)
    return "done"
end

return { main = main }
