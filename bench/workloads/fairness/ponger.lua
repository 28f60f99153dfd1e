local function main(pinger)
    local pings = process.listen("ping")
    while true do
        pings:receive()
        process.send(pinger, "pong")
    end
end

return { main = main }
