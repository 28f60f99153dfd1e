local function main(parent)
    local inbox = process.inbox()
    process.send(parent, "ready")
    inbox:receive()
end

return { main = main }
