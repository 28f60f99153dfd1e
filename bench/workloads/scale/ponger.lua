local function main(pinger)
    local pings = process.listen("ping")
    while true do
        process.send(pinger, "pong", (pings:receive()))
    end
end

return { main = main }
