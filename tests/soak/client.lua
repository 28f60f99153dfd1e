-- Starts workers, gives them work, has them end in every way there is, and keeps the books:
-- what it sent = what was acknowledged + what was refused + what its receiver took along into the grave.
local MOST = 25 -- workers at a time

local books = { sent = 0, received = 0, full = 0, gone = 0, dropped = 0, spawned = 0, refused = 0, exits = 0, downs = 0 }
local workers, living = {}, 0 -- by pid
local relatives = {}          -- pid -> true: monitored
local downs = {}              -- pid -> true: a LINK_DOWN is due
local done, events, violations

local function violation(text, ...)
    error("violation: " .. text:format(...), 0)
end

-- What is sent, and how often.
local kinds = {
    { 400, "small" },
    { 40, "nested", function(job)
        job.depth = math.random(1, 200)
        for _ = 1, job.depth do
            job.tree = { sub = job.tree }
        end
    end },
    { 20, "big", function(job)
        job.size = math.random(4, 300000)
        job.text = ("x"):rep(job.size - 4) .. "last"
    end },
    { 20, "pause", function(job) job.pause = math.random(0, 5) .. "ms" end },
    { 10, "select" },
    { 10, "timers" },
    { 10, "coroutines" },
    { 6, "upgrade" },
    { 6, "name", function(job, w)
        w.name = "soak " .. w.pid
        job.name = w.name
    end },
    { 3, "family" },
    { 3, "finish" },
    { 2, "crash" },
    { 1, "hang" },
    { 1, "memory" },
}
local weights = 0
for _, kind in ipairs(kinds) do
    weights = weights + kind[1]
end
-- What ends a worker, and how it may then have ended.
local ends = { finish = "normal", crash = "", memory = "RateLimited", terminate = "Canceled" }

local function pick()
    local n = math.random(weights)
    for _, kind in ipairs(kinds) do
        n = n - kind[1]
        if n <= 0 then
            return kind[2], kind[3]
        end
    end
end

local function put(w, act, fill)
    local job = { n = w.accepted + 1, act = act }
    if fill then
        fill(job, w)
    end
    books.sent = books.sent + 1
    local ok, err = process.send(w.pid, "work", job)
    if ok then
        w.accepted = job.n
        if ends[act] then
            w.ends[ends[act]] = w.ends[ends[act]] or job.n
        end
        w.hangs = w.hangs or act == "hang"
    elseif err:kind() == errors.NOT_FOUND then
        books.gone = books.gone + 1
    elseif err:kind() == errors.RATE_LIMITED then
        books.full = books.full + 1
    else
        violation("send: %s", tostring(err))
    end
    return ok
end

local function terminate(w)
    w.ends.Canceled = true
    process.terminate(w.pid)
end

local function start()
    local spawn = math.random(3) == 1 and "spawn_linked_monitored" or "spawn_monitored"
    local pid, err = process[spawn]("soak:worker", "soak:wild", process.pid(), 0)
    if not pid then
        if err:kind() ~= errors.RATE_LIMITED then
            violation("spawn: %s", tostring(err))
        end
        books.refused = books.refused + 1
        return
    end
    books.spawned = books.spawned + 1
    living = living + 1
    workers[pid] = { pid = pid, accepted = 0, acked = 0, ends = {}, family = {}, linked = spawn ~= "spawn_monitored" }
end

local function on_done(m)
    local w = workers[m.from] or violation("%s acknowledges after its EXIT", m.from)
    if m.n ~= w.acked + 1 then
        violation("%s acknowledges %d after %d", m.from, m.n, w.acked)
    end
    w.acked = m.n
    books.received = books.received + 1
    for _, pid in ipairs(m.reply or {}) do
        w.family[#w.family + 1] = pid
        if process.monitor(pid) then
            relatives[pid] = true
        end
    end
end

local function on_worker_exit(w, e)
    workers[w.pid], living = nil, living - 1
    books.exits = books.exits + 1
    books.dropped = books.dropped + w.accepted - w.acked
    local how = e.error and e.error:kind() or "normal"
    if not w.ends[how] then
        violation("%s ended unexpectedly: %s", w.pid, tostring(e.error or "normally"))
    elseif how == "normal" and w.acked < w.ends.normal then
        violation("%s finished after %d messages, told to at %d", w.pid, w.acked, w.ends.normal)
    end
    if w.name and process.registry.lookup(w.name) then
        violation("%s has ended and is still registered", w.pid)
    end
    if process.send(w.pid, "work", {}) then
        violation("%s has ended and takes messages", w.pid)
    end
    downs[w.pid] = w.linked and e.error and true or nil
    for _, pid in ipairs(w.family) do
        process.terminate(pid) -- gone already if it failed
    end
end

local function on_event(e)
    if e.kind == process.event.LINK_DOWN then
        if not downs[e.from] then
            violation("LINK_DOWN of %s, not asked for, twice, or before its EXIT", e.from)
        end
        downs[e.from] = nil
        books.downs = books.downs + 1
    elseif workers[e.from] then
        on_worker_exit(workers[e.from], e)
    elseif relatives[e.from] then
        relatives[e.from] = nil
    else
        violation("%s of %s, unasked", e.kind, tostring(e.from))
    end
end

-- Acknowledgements come before the EXIT of the same worker: as long as there are any, events wait.
local function listen(pause)
    local cases = { violations:case_receive(), done:case_receive(), events:case_receive() }
    local late = pause and time.after(pause)
    cases[4] = late and late:case_receive()
    while true do
        local r = channel.select(cases, not late)
        if r.default or r.channel == late then
            return
        elseif r.channel == violations then
            violation("%s", r.value)
        elseif r.channel == done then
            on_done(r.value)
        else
            on_event(r.value)
        end
    end
end

local function any()
    local n = math.random(living)
    for _, w in pairs(workers) do
        n = n - 1
        if n == 0 then
            return w
        end
    end
end

local function turn()
    if living < MOST and math.random(10) == 1 then
        start()
    end
    if living == 0 then
        return
    end
    local w, dice = any(), math.random(300)
    if dice == 1 or w.hangs and dice < 30 then
        terminate(w)
    elseif dice == 2 then -- more than its mailbox takes
        put(w, "pause", function(job) job.pause = "20ms" end)
        for _ = 1, 600 do
            put(w, "small")
        end
    else
        for _ = 1, math.random(20) do
            put(w, pick())
        end
    end
end

-- All have to end in order; who hangs is terminated. Nothing that was accepted may then be missing.
local function close()
    local deadline = time.now():add("60s")
    while living > 0 or next(relatives) or next(downs) do
        for _, w in pairs(workers) do
            if w.hangs then
                terminate(w)
            elseif not next(w.ends) then
                put(w, "finish")
            end
        end
        listen("5ms")
        if time.now():after(deadline) then
            violation("%d workers do not end", living)
        end
    end
    listen("20ms") -- for what should not come
end

local function main(seconds, seed)
    process.set_options { trap_links = true }
    math.randomseed(seed)
    done, events, violations = process.listen("done"), process.events(), process.listen("violation")
    local stop = time.now():add(seconds .. "s")
    while time.now():before(stop) do
        turn()
        listen(math.random(5) == 1 and "1ms" or nil)
    end
    close()
    return books
end

return { main = main }
