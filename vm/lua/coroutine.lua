-- The coroutine module of a process, on top of LuaJIT's.
--
-- A blocking call, or the end of a time slice, yields from wherever the process is: out of as many nested coroutines as
-- there are, up to the scheduler. On the way it must not look like a yield of the program. So both yield no values and
-- set a flag, which leaving() reads; resume and wrap pass them on and hand what the scheduler answers down again.
local native, leaving, put_off, refuse, place, room, start, start_on, error, select, setmetatable, type, M = ...
local create, resume, yield, status, running, isyieldable =
    native.create, native.resume, native.yield, native.status, native.running, native.isyieldable

-- Coroutines that the program must not resume: those that wait inside a resume of theirs, and the scheduler's own.
local taken = setmetatable({}, { __mode = "k" })

local pass_on

local function go_on(co, ...)
    taken[co] = nil
    return pass_on(co, resume(co, ...))
end

function pass_on(co, ok, ...)
    local first = ...
    if not ok or first ~= nil or select("#", ...) > 0 then
        return ok, ...
    end
    local why = leaving()
    if not why then
        return ok, ...
    end
    if isyieldable() then
        taken[co] = true
        return go_on(co, yield())
    end
    -- Below us is a C function (a comparator of table.sort, say), through which nothing can yield.
    if why == "block" then
        return pass_on(co, resume(co, refuse()))
    end
    put_off()
    return pass_on(co, resume(co))
end

-- As LuaJIT says it. Called by a function of the module, about its first argument.
local function check(v, expected, name)
    if type(v) ~= expected then
        error("bad argument #1 to '" .. name .. "' (" .. (expected == "thread" and "coroutine" or expected) .. " expected, got "
            .. (v == nil and "no value" or type(v)) .. ")", 3)
    end
end

function M.resume(co, ...)
    check(co, "thread", "resume")
    if taken[co] then
        return false, "cannot resume non-suspended coroutine"
    end
    if not room() then
        return false, "stack overflow (coroutine inside coroutine)"
    end
    return pass_on(co, resume(co, ...))
end

-- `co` is where the traceback of a process that this ends looks for what is below (vm/spawn.c): its name, and that it is the
-- first argument, matter.
local function unwrap(co, ok, ...)
    if ok then
        return ...
    end
    local why = ...
    error(why, why == "cannot resume dead coroutine" and 2 or 0)
end

function M.wrap(f)
    check(f, "function", "wrap")
    local co = create(f)
    return function(...)
        if taken[co] then
            error("cannot resume non-suspended coroutine", 2)
        end
        if not room() then
            error("stack overflow (coroutine inside coroutine)", 2)
        end
        return unwrap(co, pass_on(co, resume(co, ...)))
    end
end

function M.yield(...)
    if place() then
        error("attempt to yield from outside a coroutine", 2)
    end
    return yield(...)
end

function M.status(co)
    check(co, "thread", "status")
    local s = status(co)
    return s == "suspended" and taken[co] and "normal" or s
end

function M.running()
    if place() ~= "main" then
        return running()
    end
end

function M.spawn(f, ...)
    check(f, "function", "spawn")
    if not room() then
        error("stack overflow (coroutine.spawn inside coroutine.spawn)", 2)
    end
    local co = create(f)
    taken[co] = true
    local begun = start(co, ...)
    while not begun do
        begun = start_on(co)
    end
    return co
end

-- Whether coroutine.yield may be called here; the scheduler's own coroutines have nobody to yield to.
function M.isyieldable()
    return not place() and isyieldable()
end

M.create = create
