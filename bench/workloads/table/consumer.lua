local function main(parent, count)
    local records, sum = process.listen("record"), 0
    for _ = 1, count do
        sum = sum + records:receive().id
    end
    process.send(parent, "sum", sum)
end

return { main = main }
