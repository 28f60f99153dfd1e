-- The module `test`: describe/it/expect blocks, the runner of one file, and the driver of a whole run (`troupe test`).
--
-- A file is a process of its own. It collects its blocks, runs them in order in its main coroutine and tells the driver
-- of each test's start and end; so the driver knows which test hangs, or has taken the process down with it, and
-- starts the file anew behind that one.
local lib, environment, drain, load, M = ...

local string, table, errors = lib("string"), lib("table"), lib("errors")
local base = lib("_base")
local error, pcall, select, tostring, type = base.error, base.pcall, base.select, base.tostring, base.type
local ipairs, next, pairs, setmetatable, xpcall = base.ipairs, base.next, base.pairs, base.setmetatable, base.xpcall
local rawequal, getmetatable, tonumber = base.rawequal, base.getmetatable, base.tonumber
-- As functions: the methods of strings are the program's, which may have replaced them.
local find, format, gmatch, gsub, sub, concat = string.find, string.format, string.gmatch, string.gsub, string.sub, table.concat

local TOPIC = "test"
local PLAN = "troupe.test" -- in the context of an entry's process

-- --- showing and comparing values ---------------------------------------------------------------------------------

local function show(v, depth, seen)
    if type(v) == "string" then
        return format("%q", #v > 200 and sub(v, 1, 200) .. "…" or v)
    end
    if type(v) ~= "table" or getmetatable(v) ~= nil then
        return tostring(v)
    end
    depth, seen = depth or 0, seen or {}
    if seen[v] then
        return "{<cycle>}"
    end
    if depth > 6 then
        return "{…}"
    end
    seen[v] = true
    local parts, n = {}, #v
    for i = 1, n < 50 and n or 50 do
        parts[i] = show(v[i], depth + 1, seen)
    end
    local keys = {}
    for k in next, v do
        if not (type(k) == "number" and k >= 1 and k <= n and k % 1 == 0) then
            keys[#keys + 1] = k
        end
    end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i = 1, #keys < 50 and #keys or 50 do
        local k = keys[i]
        local name = type(k) == "string" and find(k, "^[%a_][%w_]*$") and k or "[" .. show(k, depth + 1, seen) .. "]"
        parts[#parts + 1] = name .. " = " .. show(v[k], depth + 1, seen)
    end
    seen[v] = nil
    return "{" .. concat(parts, ", ") .. "}"
end

local function same(a, b, seen)
    if rawequal(a, b) or a == b then
        return true
    end
    if a ~= a and b ~= b then
        return true
    end
    if type(a) ~= "table" or type(b) ~= "table" then
        return false
    end
    seen = seen or {}
    if seen[a] == b then
        return true
    end
    seen[a] = b
    for k, v in next, a do
        if not same(v, b[k], seen) then
            return false
        end
    end
    for k in next, b do
        if a[k] == nil then
            return false
        end
    end
    return true
end

-- --- assertions -----------------------------------------------------------------------------------------------------

-- Each takes the number of its arguments and these, the value under test last, and returns whether it holds and a
-- text for when it should but does not.
local checks = {}

function checks.equal(n, want, got)
    return want == got, format("expected %s, got %s", show(want), show(got))
end

function checks.same(n, want, got)
    return same(want, got), format("expected the same as %s, got %s", show(want), show(got))
end

function checks.truthy(n, got)
    return not not got, format("expected a true value, got %s", show(got))
end

function checks.falsy(n, got)
    return not got, format("expected false or nil, got %s", show(got))
end

function checks.match(n, pattern, got)
    local ok = type(got) == "string" or type(got) == "userdata"
    return ok and find(tostring(got), pattern) ~= nil, format("expected a match of %s, got %s", show(pattern), show(got))
end

function checks.contain(n, want, got)
    if type(got) == "table" then
        for _, v in next, got do
            if same(want, v) then
                return true, "expected no " .. show(want)
            end
        end
        return false, format("expected %s in %s", show(want), show(got))
    end
    return find(tostring(got), tostring(want), 1, true) ~= nil, format("expected %s in %s", show(want), show(got))
end

function checks.near(n, want, got, tolerance)
    return got >= want - tolerance and got <= want + tolerance,
        format("expected %s ± %s, got %s", show(want), show(tolerance), show(got))
end

function checks.type(n, want, got)
    return type(got) == want, format("expected a %s, got %s", tostring(want), show(got))
end

function checks.key(n, want, got)
    return type(got) == "table" and got[want] ~= nil, format("expected the key %s in %s", show(want), show(got))
end

function checks.greater_than(n, want, got)
    return got > want, format("expected more than %s, got %s", show(want), show(got))
end

function checks.less_than(n, want, got)
    return got < want, format("expected less than %s, got %s", show(want), show(got))
end

function checks.length(n, want, got)
    return #got == want, format("expected %s elements, got %s", show(want), show(#got))
end

-- The function under test comes first, as in busted.
function checks.error(n, fn, want)
    local ok, err = pcall(fn)
    if ok then
        return false, "expected an error, none was raised"
    end
    if n < 2 then
        return true, format("expected no error, got %s", show(err))
    end
    local position = type(err) == "string" and gsub(err, "^[^\n]-:%d+: ", "") or tostring(err)
    return same(err, want) or position == tostring(want), format("expected the error %s, got %s", show(want), show(err))
end

function checks.error_match(n, fn, pattern)
    local ok, err = pcall(fn)
    if ok then
        return false, "expected an error, none was raised"
    end
    return find(tostring(err), pattern) ~= nil, format("expected an error like %s, got %s", show(pattern), show(err))
end

function checks.error_object(n, kind, got)
    return errors.is(got, kind), format("expected an error of kind %s, got %s", show(kind),
        type(got) == "userdata" and got.kind and show(got:kind()) .. " " .. show(tostring(got)) or show(got))
end

function checks.unique(n, got)
    for k, v in next, got do
        for l, w in next, got do
            if k ~= l and same(v, w) then
                return false, format("expected different elements, %s is there twice", show(v))
            end
        end
    end
    return true, "expected equal elements"
end

checks.equals = checks.equal
checks.errors, checks.raise, checks.throw = checks.error, checks.error, checks.error
checks.matches, checks.contains, checks.include = checks.match, checks.contain, checks.contain
checks.error_matches, checks.matches_error = checks.error_match, checks.error_match

-- These take the value under test first, from expect, too.
local function_first = { [checks.error] = true, [checks.error_match] = true }

local constants = { ["true"] = true, ["false"] = false, ["True"] = true, ["False"] = false }
local types = {}
for name in gmatch("string number table boolean function userdata thread", "%a+") do
    types[name] = true
end

-- Words that only make it read well.
local filler = {}
for word in gmatch("is are was has have be to does do a an the of", "%a+") do
    filler[word] = true
end

-- The check that a name means, and whether it is turned round; nil: no such name.
local function find_check(key, negated)
    local rest = {}
    for word in gmatch(key, "[^_]+") do
        if word == "not" or word == "no" or word == "Not" then
            negated = not negated
        elseif not (filler[word] and #rest == 0) then
            rest[#rest + 1] = word
        end
    end
    return concat(rest, "_"), negated
end

local function call_check(name, negated, reversed, n, ...)
    local ok, why
    if constants[name] ~= nil then
        local got = ...
        ok, why = got == constants[name], format("expected %s, got %s", string.lower(name), show(got))
    elseif name == "nil" or name == "Nil" then
        local got = ...
        ok, why = got == nil, format("expected nil, got %s", show(got))
    elseif types[name] then
        local got = ...
        ok, why = type(got) == name, format("expected a %s, got %s", name, show(got))
    elseif reversed and not function_first[checks[name]] and n >= 2 then
        local got, want = ...
        ok, why = checks[name](n, want, got, select(3, ...))
    else
        ok, why = checks[name](n, ...)
    end
    if negated then
        ok, why = not ok, "not true: " .. why
    end
    return ok, why
end

local function known(name)
    return checks[name] or constants[name] ~= nil or name == "nil" or name == "Nil" or types[name]
end

-- assert.is_true(x), assert.are.same(a, b), assert.is_not.equal(a, b), assert.has_no.errors(f)
local function chain(prefix)
    return setmetatable({}, {
        __index = function(_, key)
            local joined = prefix == "" and tostring(key) or prefix .. "_" .. tostring(key)
            local name, negated = find_check(joined, false)
            if name ~= "" and not known(name) then
                error("assert." .. gsub(joined, "_", ".") .. ": no such assertion", 2)
            end
            return chain(joined)
        end,
        __call = function(_, ...)
            local name, negated = find_check(prefix, false)
            if prefix == "" then -- plain assert
                local v, why = ...
                if not v then
                    error(why == nil and "assertion failed!" or why, type(why) == "string" and 2 or 0)
                end
                return ...
            end
            local ok, why = call_check(name, negated, false, select("#", ...), ...)
            if not ok then
                local extra = select(name == "near" and 4 or 3, ...)
                error(type(extra) == "string" and extra .. ": " .. why or why, 2)
            end
            return ...
        end,
    })
end

-- expect(x).to_equal(y), expect(x).to_not_equal(y), expect(x).to_not.equal(y); `prefix` holds the words read so far.
local function expectation(got, prefix)
    local methods = {}
    return setmetatable(methods, {
        __index = function(_, key)
            local joined = prefix .. tostring(key)
            local name, negated = find_check(joined, false)
            if name == "" then
                return expectation(got, joined .. "_")
            end
            if not known(name) then
                error("expect: no such expectation: " .. joined, 2)
            end
            if name == "equal" or name == "equals" then
                name = "same"
            end
            return function(...)
                local from = rawequal((...), methods) and 2 or 1 -- with a colon, too
                local ok, why = call_check(name, negated, true, select("#", ...) + 2 - from, got, select(from, ...))
                if not ok then
                    error(why, 2)
                end
                return true
            end
        end,
    })
end

local function expect(...)
    return expectation((...), "")
end

-- --- blocks of a file -----------------------------------------------------------------------------------------------

local PENDING = {}

local function collect(env, body)
    local root = { name = "", tests = {} }
    local block, order = root, {}
    local function add(list, f)
        block[list] = block[list] or {}
        block[list][#block[list] + 1] = f
    end
    local function describe(name, f)
        local outer = block
        block = { name = outer.name == "" and tostring(name) or outer.name .. " " .. tostring(name), outer = outer }
        f()
        block = outer
    end
    local function it(name, f)
        order[#order + 1] = { name = block.name == "" and tostring(name) or block.name .. " " .. tostring(name),
            block = block, f = f }
    end
    local function pending(name, f)
        if block.running then
            error(setmetatable({ why = name }, { __index = PENDING, __tostring = function() return "pending" end }), 0)
        end
        it(name, nil)
    end
    env.describe, env.context, env.insulate = describe, describe, describe
    env.it, env.spec, env.test = it, it, it
    env.pending = pending
    env.before_each = function(f) add("before", f) end
    env.after_each = function(f) add("after", f) end
    env.setup = function(f) add("setup", f) end
    env.teardown = function(f) add("teardown", f) end
    env.lazy_setup, env.before_all, env.strict_setup = env.setup, env.setup, env.setup
    env.lazy_teardown, env.after_all, env.strict_teardown = env.teardown, env.teardown, env.teardown
    env.finally = function(f)
        block.finally = block.finally or {}
        block.finally[#block.finally + 1] = f
    end
    env.assert, env.expect = chain(""), expect
    body()
    for _, t in ipairs(order) do -- so that teardown knows when a block is over
        local b = t.block
        while b do
            b.left = (b.left or 0) + 1
            b = b.outer
        end
    end
    return order, function(b)
        block = b
    end
end

local function chain_of(block)
    local list = {}
    while block do
        table.insert(list, 1, block)
        block = block.outer
    end
    return list
end

local function run_all(list)
    for _, f in ipairs(list or {}) do
        f()
    end
end

local function trace(err)
    if type(err) == "table" and err.why ~= nil and getmetatable(err).__index == PENDING then
        return err
    end
    local text = type(err) == "userdata" and tostring(err) or type(err) == "string" and err or show(err)
    local stack = type(err) == "userdata" and err.stack and err:stack() or errors.new(text):stack()
    local lines = {}
    for line in gmatch(stack, "[^\n]+") do
        if not find(line, "vm/lua/test.lua", 1, true) and not find(line, "[C]: in function", 1, true) then
            lines[#lines + 1] = line
        end
    end
    return { message = text, stack = concat(lines, "\n") }
end

local function guarded(f)
    return xpcall(f, trace)
end

local function run_one(t, enter)
    local blocks = chain_of(t.block)
    enter(t.block)
    t.block.running, t.block.finally = true, nil
    local ok, err = guarded(function()
        for _, b in ipairs(blocks) do
            if b.setup and not b.set_up then
                b.set_up = true
                run_all(b.setup)
            end
        end
        for _, b in ipairs(blocks) do
            run_all(b.before)
        end
        t.f()
    end)
    local function cleanup(list)
        for _, f in ipairs(list or {}) do
            local good, why = guarded(f)
            if ok and not good then
                ok, err = good, why
            end
        end
    end
    cleanup(t.block.finally)
    for i = #blocks, 1, -1 do
        cleanup(blocks[i].after)
    end
    for i = #blocks, 1, -1 do
        local b = blocks[i]
        b.left = b.left - 1
        if b.left == 0 then
            cleanup(b.teardown)
        end
    end
    t.block.running = false
    return ok, err
end

local function matches(name, filter)
    return not filter or find(name, filter) ~= nil
end

-- The main of a test file. `plan` comes from the driver, to an entry by its context; without one the file prints TAP by itself.
local function run_file(body, plan)
    local env, process, time = environment(), lib("process"), lib("time")
    plan = plan or lib("ctx").get(PLAN)
    local output = {}
    local original = env.print
    local function tell(...)
        if plan then
            process.send(plan.driver, TOPIC, ...)
        end
    end
    if plan then
        env.print = function(...)
            local parts = {}
            for i = 1, select("#", ...) do
                parts[i] = tostring((select(i, ...)))
            end
            output[#output + 1] = concat(parts, "\t")
        end
    end
    local order, enter = collect(env, body)
    tell("count", #order)
    local failures = 0
    for i, t in ipairs(order) do
        if i <= (plan and plan.skip or 0) or not matches(t.name, plan and plan.filter) then
            local b = t.block
            while b do
                b.left = b.left - 1
                b = b.outer
            end
        else
            tell("start", i, t.name)
            local status, message, stack = "ok", nil, nil
            local began = time.now()
            output = {}
            if not t.f then
                status, message = "skip", "pending"
            else
                local ok, err = run_one(t, enter)
                if not ok and type(err) == "table" and err.why ~= nil then
                    status, message = "skip", tostring(err.why)
                elseif not ok then
                    status, message, stack = "fail", err.message, err.stack
                    failures = failures + 1
                end
            end
            local ms = time.now():sub(began):milliseconds()
            if plan then
                tell("end", i, t.name, status, message or false, stack or false, concat(output, "\n"), ms)
            else
                original((status == "fail" and "not ok " or "ok ") .. i .. " - " .. t.name
                    .. (status == "skip" and " # SKIP " .. message or ""))
                if status == "fail" then
                    original("# " .. (gsub(message, "\n", "\n# ")))
                end
            end
        end
    end
    if plan then
        tell("done")
        return true
    end
    original("1.." .. #order)
    if failures > 0 then
        return false, failures .. " failed"
    end
    return true
end

function M.main(body)
    return { main = function(plan) return run_file(body, plan) end }
end

-- The main of `troupe test` for a file, whose code is the entry plan.id.
function M.file(plan)
    return run_file(load(plan.id), plan)
end

-- test.run_cases(f), for files that are written as ordinary entries.
function M.run_cases(body)
    return M.main(body).main
end

-- --- the driver -------------------------------------------------------------------------------------------------------

local TICK_MS = 50

-- Prints what happens, as TAP or for people.
local function printer(plan)
    local print, n = plan.print, 0
    local red, green, yellow, off = "", "", "", ""
    if plan.color then
        red, green, yellow, off = "\27[31m", "\27[32m", "\27[33m", "\27[0m"
    end
    local p, failed = {}, {}
    local function note(prefix, text)
        for line in gmatch(text .. "\n", "(.-)\n") do
            print(prefix .. line)
        end
    end
    function p.result(r)
        n = n + 1
        if plan.tap then
            local name = gsub((gsub(r.title, "#", "\\#")), "\n", " ")
            print((r.status == "fail" and "not ok " or "ok ") .. n .. " - " .. name
                .. (r.status == "skip" and " # SKIP " .. gsub(tostring(r.message), "\n", " ") or ""))
            if r.status == "fail" then
                note("# ", r.message .. (r.stack and "\n" .. r.stack or ""))
                if r.output and r.output ~= "" then
                    note("# output: ", r.output)
                end
            end
            return
        end
        if r.status == "fail" then
            failed[#failed + 1] = r
            print(red .. "✗ " .. off .. r.title)
        elseif r.status == "skip" then
            print(yellow .. "- " .. off .. r.title .. " (" .. tostring(r.message) .. ")")
        elseif plan.verbose then
            print(green .. "✓ " .. off .. r.title)
        end
    end
    function p.file(suite, passed, total, ms)
        if not plan.tap then
            print((passed == total and green .. "✓ " or red .. "✗ ") .. off .. suite
                .. format(" (%d of %d, %d ms)", passed, total, ms))
        end
    end
    function p.finish(sum)
        if plan.tap then
            print("1.." .. n)
            return
        end
        for _, r in ipairs(failed) do
            print("")
            print(red .. "✗ " .. r.title .. off)
            note("    ", r.message .. (r.stack and "\n" .. r.stack or ""))
            if r.output and r.output ~= "" then
                note("    output: ", r.output)
            end
        end
        print("")
        print(format("%d passed, %d failed%s", sum.passed, sum.failed,
            sum.skipped > 0 and format(", %d skipped", sum.skipped) or ""))
    end
    return p
end

-- name: of one of its tests; nil: the whole.
local function title_of(item, name)
    if item.kind == "file" then
        return item.suite .. ": " .. name
    end
    local title = item.title or item.suite .. ": " .. item.name
    return name and name ~= item.name and title .. ": " .. name or title
end

-- Why not one test ran, of all the `cases` that there are.
local function why_none(plan, cases)
    if #plan.items == 0 then
        return "no tests found"
    elseif cases > 0 then
        return format("no test cases ran: none of %d has a name that matches the filter %s", cases, plan.filter)
    end
    local files = {}
    for i, item in ipairs(plan.items) do
        files[i] = item.suite
    end
    return "no test cases ran: there are none in " .. concat(files, ", ")
end

-- plan: { items, jobs, timeout_ms, tap, filter, color, verbose }; an item is { entry, host, suite, kind = "file"|"entry",
-- name, title, timeout_ms }. Returns true, or nil and why not: an error NOT_FOUND when there was nothing to run.
function M.drive(plan)
    local process, time, channel = lib("process"), lib("time"), lib("channel")
    if type(plan) == "string" then
        plan = lib("json").decode(plan)
    end
    plan.print = environment().print
    local out, sum = printer(plan), { passed = 0, failed = 0, skipped = 0 }
    local queue, running, active = {}, {}, 0
    local cases = 0 -- that there are, whether they match the filter or not
    for _, item in ipairs(plan.items) do
        local is_file = item.kind == "file"
        cases = cases + (is_file and 0 or 1)
        if is_file or matches(title_of(item), plan.filter) then
            queue[#queue + 1] = item
        end
    end
    local reports, exits = process.listen(TOPIC, { message = true }), process.events()
    local ticker = time.ticker(TICK_MS .. "ms")

    local function count(item, r)
        r.title = title_of(item, r.name)
        item.total = (item.total or 0) + 1
        if r.status == "ok" then
            sum.passed = sum.passed + 1
            item.good = (item.good or 0) + 1
        elseif r.status == "skip" then
            sum.skipped = sum.skipped + 1
            item.good = (item.good or 0) + 1
        else
            sum.failed = sum.failed + 1
        end
        local lines = drain()
        if r.status == "fail" and lines ~= "" then
            r.output = (r.output and r.output ~= "" and r.output .. "\n" or "") .. lines
        end
        out.result(r)
    end

    local function over(item)
        if item.kind == "file" then
            out.file(item.suite, item.good or 0, item.total or 0, item.elapsed or 0)
        end
    end

    local function start(item)
        local args, pid, err = { driver = process.pid(), skip = item.skip or 0, id = item.id }, nil, nil
        if item.kind == "file" then
            args.filter = plan.filter
            pid, err = process.spawn_monitored(item.entry, item.host, args)
        else
            pid, err = process.with_context({ [PLAN] = args }):spawn_monitored(item.entry, item.host)
        end
        if not pid then
            count(item, { name = item.name or "load", status = "fail", message = tostring(err), stack = err:stack() })
            over(item)
            return
        end
        item.current, item.done, item.since = nil, false, 0
        running[pid] = item
        active = active + 1
    end

    local function report(msg)
        local item = running[msg:from()]
        if not item then
            return
        end
        local p = msg:payload()
        local what = type(p) == "table" and p[1] or p
        item.since = 0
        if what == "count" and not item.skip then
            cases = cases + p[2]
        elseif what == "start" then
            item.current, item.has_cases = { index = p[2], name = p[3] }, true
        elseif what == "end" then
            item.current = nil
            item.skip = p[2]
            count(item, { name = p[3], status = p[4], message = p[5], stack = p[6] or nil, output = p[7] })
        elseif what == "done" then
            item.done = true
        end
    end

    local function ended(event)
        local item = running[event.from]
        if not item or event.kind ~= process.event.EXIT then
            return
        end
        running[event.from] = nil
        active = active - 1
        local err = event.error
        local why = item.timed_out and format("timed out after %d ms", item.timeout_ms or plan.timeout_ms) or err and tostring(err)
        if item.kind == "entry" and (item.done or not item.has_cases) then
            local bad = why or (event.result == false and "returned false")
            if bad or not item.has_cases then
                count(item, { name = item.name, status = bad and "fail" or "ok", message = bad, stack = err and err:stack() })
            end
            return
        end
        if item.done and not err then
            over(item)
        elseif item.current then
            count(item, { name = item.current.name, status = "fail",
                message = why or "the process ended in the middle of the test", stack = err and err:stack() })
            item.skip = item.current.index
            item.timed_out = nil
            table.insert(queue, 1, item)
        else
            count(item, { name = item.name or "load", status = "fail", message = why or "the file ended before its tests",
                stack = err and err:stack() })
            over(item)
        end
    end

    local function tick()
        for pid, item in pairs(running) do
            item.since = item.since + TICK_MS
            item.elapsed = (item.elapsed or 0) + TICK_MS
            if item.since > (item.timeout_ms or plan.timeout_ms) and not item.timed_out then
                item.timed_out = true
                process.terminate(pid)
            end
        end
    end

    local waiting = { reports:case_receive(), exits:case_receive(), ticker:channel():case_receive() }
    while true do
        while active < (plan.jobs or 1) and queue[1] do
            start(table.remove(queue, 1))
        end
        if active == 0 then
            break
        end
        local r = channel.select(waiting)
        if r.channel == reports then
            report(r.value)
        elseif r.channel == exits then
            ended(r.value)
        else
            tick()
        end
    end
    out.finish(sum)
    if sum.failed > 0 then
        return nil, sum.failed .. " failed"
    end
    if sum.passed + sum.skipped == 0 then
        return nil, errors.new({ kind = errors.NOT_FOUND, message = why_none(plan, cases) })
    end
    return true
end
