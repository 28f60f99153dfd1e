-- limit.take("login", user) -> true, or false when there were too many; limit.wait("mail", host) -> true when it is its turn.
local limit = {}
local number, answers = 0, process.listen("limit")

local function ask(name, key, wait)
    number = number + 1
    local ok, err = process.send("limiter", "take", { number = number, name = name, key = key, wait = wait })
    if not ok then
        return nil, errors.wrap(err, "limit " .. name)
    end
    while true do
        local a = answers:receive()
        if a.number == number then
            if a.error then
                return nil, a.error
            end
            return a.ok
        end
    end
end

function limit.take(name, key)
    return ask(name, key, false)
end

function limit.wait(name, key)
    return ask(name, key, true)
end

return limit
