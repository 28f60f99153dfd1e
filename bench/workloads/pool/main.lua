-- A parent, monitored workers, a stream of tasks; the parent has a time limit on the whole.
local time = require("time")

local function main(tasks, worker_count)
    tasks, worker_count = tonumber(tasks) or 100000, tonumber(worker_count) or 100
    local host = process.info().host
    local events, done = process.events(), process.listen("done", { message = true })
    local timeout = time.after("60s")
    local given, sum = 0, 0

    local function give(pid)
        if given < tasks then
            given = given + 1
            process.send(pid, "task", { task_id = given, value = given * 10 })
        else
            process.send(pid, "stop")
        end
    end

    local start = time.now()
    for _ = 1, worker_count do
        give(assert(process.spawn_monitored("bench:worker", host, process.pid())))
    end

    local running = worker_count
    while running > 0 do
        local result = channel.select {
            done:case_receive(),
            events:case_receive(),
            timeout:case_receive(),
        }
        if result.channel == timeout then
            return false, "timeout waiting for workers"
        elseif result.channel == done then
            local msg = result.value
            sum = sum + msg:payload().result
            give(msg:from())
        elseif result.value.kind == process.event.EXIT then
            if result.value.error then
                return false, result.value.error
            end
            running = running - 1
        end
    end
    local seconds = time.now():sub(start):seconds()

    return { tasks_per_s = tasks / seconds, check = sum }
end

return { main = main }
