-- Builds documents of 1,000 fields each out of small pieces and counts their bytes.
local function main(documents)
    local bytes = 0
    for d = 1, documents do
        local parts, n = {}, 0
        for i = 1, 1000 do
            parts[n + 1], parts[n + 2], parts[n + 3], parts[n + 4], parts[n + 5] = "key", i, "=", (i * d) % 9973, ";"
            n = n + 5
        end
        bytes = bytes + #table.concat(parts)
    end
    return bytes
end

return { main = main }
