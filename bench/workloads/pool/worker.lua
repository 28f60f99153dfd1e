local function main(parent)
    local inbox = process.inbox()
    while true do
        local msg = inbox:receive()
        if msg:topic() == "stop" then
            return
        end
        local task = msg:payload()
        process.send(parent, "done", { task_id = task.task_id, result = task.value * 2 })
    end
end

return { main = main }
