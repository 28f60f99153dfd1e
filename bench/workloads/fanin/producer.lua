local function main(counter, count)
    for i = count, 1, -1 do
        assert(process.send(counter, "add", i))
    end
end

return { main = main }
