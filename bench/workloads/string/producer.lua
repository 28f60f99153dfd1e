local WINDOW, BATCH = 64, 16

local function main(consumer, mode, count, size)
    local more = process.listen("more")
    local body = ("x"):rep(size)
    local tail = body:sub(9)
    local credit = WINDOW
    process.send(consumer, "producer", process.pid())
    for i = 1, count do
        if credit == 0 then
            more:receive()
            credit = BATCH
        end
        credit = credit - 1
        process.send(consumer, "text", mode == "fresh" and (10000000 + i) .. tail or body)
    end
end

return { main = main }
