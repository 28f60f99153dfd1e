local time = require("time")

local function main(parent, ms)
    local start = time.now()
    time.sleep(ms * time.MILLISECOND)
    local slept = time.now():sub(start):nanoseconds()
    process.send(parent, "late", slept - ms * time.MILLISECOND)
end

return { main = main }
