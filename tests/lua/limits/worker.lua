-- What processes do that go to a limit, or stay just below. The limit of app.test.limits:memory is 8 MiB.
local json = require("json")
local MIB = 2 ^ 20
local f = {}

-- Memory: each holds, at its peak, about `n` MiB.

function f.rep(n) return #("x"):rep(n / 2 * MIB) end

function f.array(n)
    local t = {}
    for i = 1, n * MIB / 8 do t[i] = i end
    return #t
end

function f.hash(n)
    local t = {}
    for i = 1, n * MIB / 24 do t[-i] = true end
    return t[-1]
end

function f.concat(n)
    local s = "0123456789abcdef"
    while #s < n / 4 * MIB do s = s .. s end
    return #s
end

function f.table_concat(n)
    local part, t = ("x"):rep(1024), {}
    for i = 1, n / 2 * 1024 do t[i] = part end
    return #table.concat(t)
end

function f.format(n) return #("%s%s"):format(("x"):rep(n / 8 * MIB), ("y"):rep(n / 8 * MIB)) end

function f.gsub(n) return #(("x"):rep(n / 16 * MIB):gsub("x", "yyyy")) end

-- An error of that size, passed through a handler that makes another one of it.
function f.error(n)
    local ok, e = xpcall(function() error(("x"):rep(n / 4 * MIB), 0) end, function(m) return m .. "!" end)
    return #e
end

function f.decode(n)
    local ch, keep = process.listen("t"), {}
    for i = 1, n * 4 do
        assert(process.send(process.pid(), "t", i .. ("x"):rep(2 ^ 18)))
        keep[i] = ch:receive()
    end
    return #keep
end

function f.json_decode(n)
    local keep = {}
    for i = 1, n * 16 do keep[i] = json.decode('["' .. i .. ("x"):rep(MIB / 16) .. '"]') end
    return #keep
end

function f.json_encode(n)
    local keep, text = {}, ("x"):rep(MIB / 16)
    for i = 1, n * 16 do keep[i] = json.encode({ text, i }) end
    return #keep
end

-- What is garbage does not count, whatever the collector's habits: ten times the limit of it.
function f.garbage(n)
    local keep, junk = {}, nil
    for i = 1, n * 1024 do keep[i] = i .. ("x"):rep(1024) end
    for i = 1, 1e6 do junk = { i, tostring(i) } end
    return #keep
end

function f.coroutines(n)
    local keep = {}
    for i = 1, n * 800 do
        keep[i] = coroutine.create(function() coroutine.yield() end)
        coroutine.resume(keep[i])
    end
    return #keep
end

function f.context(n)
    local keep = {}
    for i = 1, n * 16 do keep[i] = process.with_context({ k = i .. ("x"):rep(MIB / 16) }) end
    return #keep
end

function f.topics(n)
    for i = 1, n * 16 do process.listen(i .. ("x"):rep(65000)) end
    return n
end

function f.timers(n)
    local keep = {}
    for i = 1, n * 1500 do keep[i] = time.timer("1h") end
    return #keep
end

-- Holds about `n` MiB until told to go on.
function f.hold(n)
    local keep = {}
    for i = 1, n * 16 do keep[i] = i .. ("x"):rep(MIB / 16) end
    process.send("limits.test", "holds", process.pid())
    process.listen("go"):receive()
    return #keep
end

-- Starts a process with a context of about `n` MiB, which is then its memory.
function f.passes_context(n)
    local s = process.with_context({ k = ("x"):rep(n * MIB) })
    return s:exec("app.test.limits:worker", "app.test.limits:memory", "memory_now")
end

function f.memory_now()
    time.sleep("1ms")
    return process.info(process.pid()).memory
end

-- Figures.

function f.sleep_timers(n)
    local keep = {}
    for i = 1, n do keep[i] = assert(time.after("1h")) end
    return time.sleep("1ms")
end

function f.timers_again(n)
    for _ = 1, 5 do
        for _ = 1, n do assert(time.after("1ms")):receive() end
        collectgarbage()
    end
    return "good"
end

function f.spawn_coroutines(n)
    for _ = 1, n do coroutine.spawn(function() time.sleep("1h") end) end
    return "good"
end


function f.coroutines_again(n)
    for _ = 1, 10 do
        for _ = 1, n do coroutine.spawn(function() time.sleep("1ms") end) end
        time.sleep("20ms")
    end
    return "good"
end

-- Depth.

local function down(n) return n == 0 and 0 or 1 + down(n - 1) end
function f.recursion(n) return down(n) end

local function nest(n) return n == 0 and 0 or 1 + coroutine.wrap(nest)(n - 1) end
function f.nested_coroutines(n) return nest(n) end

local function protect(n)
    if n == 0 then return 0 end
    local ok, v = pcall(protect, n - 1)
    return ok and 1 + v or error(v, 0)
end
function f.nested_pcall(n) return protect(n) end

-- Time.

function f.burn(ms)
    local t = time.now()
    while time.now():sub(t):milliseconds() < ms do end
    return "good"
end

function f.burn_and_wait(ms, times)
    for _ = 1, times do
        f.burn(ms)
        time.sleep("1ms")
    end
    return "good"
end

function f.pattern(n)
    local a = ("a"):rep(n)
    return a:find(("a?"):rep(n) .. a) == 1 and "good"
end

function f.forever() while true do end end

return function(name, ...) return f[name](...) end
