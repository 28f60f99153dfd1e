-- Compiled after a moment, and never at a point where it would give way by itself.
local function main()
    local x = 0
    while true do
        x = (x * 3 + 1) % 65536
    end
end

return { main = main }
