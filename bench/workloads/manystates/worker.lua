local time = require("time")

local function work(iterations)
    local x = 0
    for i = 1, iterations do
        x = x + i % 7
    end
    return x
end

local function main(parent, iterations)
    local again = process.listen("again")
    while true do
        local start = time.now()
        work(iterations)
        process.send(parent, "worked", time.now():sub(start):nanoseconds())
        again:receive()
    end
end

return { main = main }
