local function main()
local events_ch = process.events()

-- モニタリングなしで生成
local worker_pid, err = process.spawn("app.test.process:long_worker", "app:processes")
if err then
    return false, "spawn failed: " .. err
end

-- 明示的にモニタリングを追加
local ok, monitor_err = process.monitor(worker_pid)
if monitor_err then
    return false, "monitor failed: " .. monitor_err
end

-- これでこのワーカーのEXITイベントを受信する

local event = events_ch:receive()
return { ok = ok, worker = worker_pid, from = event.from, kind = event.kind, result = event.result }
end

return { main = main }
