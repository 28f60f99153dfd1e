local function main(parent, rounds)
    local start, pongs = process.listen("start"), process.listen("pong")
    local ponger = assert(process.spawn("bench:ponger", process.info().host, process.pid()))
    start:receive()
    for i = 1, rounds do
        process.send(ponger, "ping", i)
        pongs:receive()
    end
    process.send(parent, "done")
end

return { main = main }
