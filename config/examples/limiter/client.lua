-- Uses two limits, and prints what came of it.
local limit, time = require("limit"), require("time")

local function main()
    for _, user in ipairs { "ann", "bob" } do
        local allowed = 0
        for _ = 1, 8 do
            if limit.take("login", user) then
                allowed = allowed + 1
            end
        end
        print(user .. ": " .. allowed .. " of 8 logins allowed")
    end

    local before = time.now()
    for _ = 1, 11 do
        limit.wait("mail", "example.org")
    end
    local took = time.now():sub(before):milliseconds()
    print("11 mails sent, " .. (took >= 200 and "no" or "too many") .. " faster than one in 20 ms")

    local _, err = limit.take("coffee", "ann")
    print("limit.take: " .. err)
end

return { main = main }
