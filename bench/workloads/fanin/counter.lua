local function main(parent, count)
    local adds, sum = process.listen("add"), 0
    for _ = 1, count do
        sum = sum + adds:receive()
    end
    process.send(parent, "sum", sum)
end

return { main = main }
