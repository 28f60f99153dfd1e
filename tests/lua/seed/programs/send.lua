local function main(worker_pid)
-- PIDでプロセスに送信
local sent, err = process.send(worker_pid, "messages", "hello from parent")
if err then
    return false, "send failed: " .. err
end

-- sendは(bool, error)を返す

return sent
end

return { main = main }
