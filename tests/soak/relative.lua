-- Linked to a worker, or to another relative: ends when that one fails, and nobody else knows of the last in line.
local function main(more)
    if more > 0 then
        process.spawn_linked("soak:relative", "soak:wild", more - 1) -- or none: the host is full
    end
    process.inbox():receive()
end

return { main = main }
