local function main(worker_pid)
local ok, err = process.unmonitor(worker_pid)

return { ok = ok, err = err }
end

return { main = main }
