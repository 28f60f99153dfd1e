-- Starts each job at its times, until it is stopped.
local cron, time = require("cron"), require("time")

local function main(options)
    local events = process.events()
    local zone, err = time.load_location(options.timezone)
    if not zone then
        return false, err
    end

    local jobs, running = {}, {} -- running: pid -> job
    for i, job in ipairs(options.jobs) do
        local schedule, why = cron.parse(job.at)
        if not schedule then
            return false, "job " .. job.name .. ": " .. why
        end
        jobs[i] = { job = job, schedule = schedule, due = schedule.next(time.now():in_location(zone)) }
    end

    local function start(j)
        if j.pid then
            print(j.job.name .. ": still runs, not started again")
            return
        end
        local pid, why = process.spawn_monitored(j.job.run, "app:processes", unpack(j.job.args or {}))
        if not pid then
            print(j.job.name .. ": " .. why)
            return
        end
        j.pid, running[pid] = pid, j
    end

    while true do
        local now, soonest = time.now():in_location(zone), nil
        for _, j in ipairs(jobs) do
            if j.due and not j.due:after(now) then
                start(j)
                j.due = j.schedule.next(now)
            end
            if j.due and (not soonest or j.due:before(soonest)) then
                soonest = j.due
            end
        end
        -- Not longer than a minute at a time: the clock may be set meanwhile.
        local wait = soonest and math.min(soonest:sub(now):seconds(), 60) or 60
        local r = channel.select { events:case_receive(), time.after(math.ceil(wait * 1e9)):case_receive() }
        if r.channel == events then
            local event = r.value
            if event.kind == process.event.CANCEL then
                return
            elseif event.kind == process.event.EXIT then
                local j = running[event.from]
                running[event.from], j.pid = nil, nil
                print(j.job.name .. ": " .. (event.error and "failed: " .. event.error or event.result))
            end
        end
    end
end

return { main = main }
