-- expect: ends
-- Positions far below 1: nothing is there to be moved.
return { main = function()
    for _, position in ipairs({ -1, -2 ^ 20, -2 ^ 31 + 1, -2 ^ 31 }) do
        assert(not pcall(table.insert, { 1, 2 }, position, 3))
    end
end }
