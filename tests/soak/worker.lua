-- One of many that come and go. What it gets on "work" is numbered from 1 without a gap, whatever happens in between, an
-- upgrade included; each is acknowledged to its owner when it has been handled, as far as it lives to do so.
local acts = {}

function acts.small() end

function acts.big(job)
    assert(#job.text == job.size and job.text:sub(-4) == "last", "a large message has changed")
end

function acts.nested(job)
    local depth, t = 0, job.tree
    while t do
        depth, t = depth + 1, t.sub
    end
    assert(depth == job.depth, "a deep message has changed")
end

function acts.pause(job)
    time.sleep(job.pause)
end

function acts.select()
    local never = channel.new()
    local r = channel.select { never:case_receive(), time.after("1ms"):case_receive() }
    assert(r.channel ~= never)
end

function acts.timers()
    for i = 1, 10 do
        local t = time.timer(i * 3 .. "ms")
        if i % 2 == 0 then
            t:stop()
        end
    end
    time.ticker("10ms") -- ticks as long as its process lives
end

function acts.coroutines()
    local results, sum = channel.new(), 0
    for i = 1, 10 do
        coroutine.spawn(function() results:send(i) end)
    end
    for _ = 1, 10 do
        sum = sum + results:receive()
    end
    assert(sum == 55)
end

function acts.name(job)
    assert(process.registry.register(job.name))
end

function acts.family()
    local pids = {}
    for i = 1, 3 do
        pids[#pids + 1] = process.spawn_linked("soak:relative", "soak:wild", i - 1) -- or none: the host is full
    end
    return pids
end

function acts.crash()
    error("as planned")
end

function acts.hang()
    local x = 0
    while true do
        x = x + 1
    end
end

function acts.memory()
    local all = {}
    while true do
        all[#all + 1] = ("x"):rep(10000) .. #all
    end
end

local function main(owner, count)
    local work = process.listen("work")
    while true do
        local job = work:receive()
        count = count + 1
        if job.n ~= count then
            process.send(owner, "violation", ("message %d came as number %d"):format(job.n, count))
            return nil, "violation"
        end
        local reply = acts[job.act] and acts[job.act](job)
        process.send(owner, "done", { from = process.pid(), n = count, reply = reply })
        if job.act == "finish" then
            return count
        elseif job.act == "upgrade" then
            process.upgrade(nil, owner, count)
        end
    end
end

return { main = main }
