-- Builds documents of 1,000 formatted lines each and counts their bytes.
local function main(documents)
    local bytes = 0
    for d = 1, documents do
        local lines = {}
        for i = 1, 1000 do
            lines[i] = ("%s-%d: %.2f\n"):format("item", i, (i * d) % 9973 / 4)
        end
        bytes = bytes + #table.concat(lines)
    end
    return bytes
end

return { main = main }
