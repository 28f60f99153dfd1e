local function main(consumer, count)
    for i = 1, count do
        assert(process.send(consumer, "record", {
            id = i,
            name = "worker-" .. i,
            tags = { "a", "b", "c" },
            nested = { x = 1.5, y = 2.5 },
        }))
    end
end

return { main = main }
