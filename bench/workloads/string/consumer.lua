local BATCH = 16

local function main(parent, count)
    local texts, bytes = process.listen("text"), 0
    local producer = process.listen("producer"):receive()
    for i = 1, count do
        bytes = bytes + #texts:receive()
        if i % BATCH == 0 then
            process.send(producer, "more")
        end
    end
    process.send(parent, "bytes", bytes)
end

return { main = main }
