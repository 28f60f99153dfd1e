local function main(parent, next_member)
    -- The member that was started first learns its neighbour by a message: that one is started last.
    next_member = next_member or process.listen("next"):receive()
    local tokens = process.listen("token")
    while true do
        local left = tokens:receive()
        if left == 0 then
            process.send(parent, "done")
        else
            process.send(next_member, "token", left - 1)
        end
    end
end

return { main = main }
