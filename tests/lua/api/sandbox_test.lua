-- lua-api.md, section 1: the sandbox.
local HOST, NS = "app:processes", "app.test.api:"
local wippy = boolean ~= nil

describe("1. Sandbox:", function()
    it("globals are the safe part of the base library", function()
        for name in ("assert error getmetatable ipairs next pairs pcall print rawequal rawget rawset require select setmetatable tonumber tostring type unpack xpcall collectgarbage _VERSION _G"):gmatch("%S+") do
            assert.not_nil(_G[name], name)
        end
    end)
    it("load*, dofile, setfenv, getfenv, newproxy, module are not there", function()
        for name in ("load loadstring loadfile dofile setfenv getfenv newproxy module"):gmatch("%S+") do
            assert.is_nil(_G[name], name)
        end
    end)
    it("no io, debug, ffi, jit, package", function()
        for name in ("io debug ffi jit package"):gmatch("%S+") do
            assert.is_nil(_G[name], name)
            assert.has_error(function() require(name) end)
        end
    end)
    it("string table math bit coroutine, without string.dump", function()
        for name in ("string table math bit coroutine os process channel time errors"):gmatch("%S+") do
            assert.is_table(_G[name], name)
        end
        assert.is_nil(string.dump)
        assert.is_function(table.new)
        assert.is_function(table.clear)
        assert.is_function(table.move)
        assert.same({ 1, 2, 1, 2 }, table.move({ 1, 2 }, 1, 2, 3, { 1, 2 }))
    end)
    it("os has time date clock difftime getenv only", function()
        for name in ("time date clock difftime getenv"):gmatch("%S+") do
            assert.is_function(os[name], name)
        end
        for name in ("execute exit remove rename tmpname setlocale"):gmatch("%S+") do
            assert.is_nil(os[name], name)
        end
    end)
    it("os.getenv reads only names allowed by runtime.env", function()
        assert.equal("from the environment", os.getenv("TEST_VALUE"))
        assert.is_nil(os.getenv("PATH"))
        assert.is_nil(os.getenv("TEST_NOT_SET"))
    end)
    it("require answers built-in modules and raises for others, saying how to declare them", function()
        assert.equal(time, require("time"))
        local ok, err = pcall(require, "no.such.module")
        assert.is_false(ok)
        assert.match("module 'no.such.module' not found", err)
        assert.match("imports", err)
    end)
    it("aliases from imports are instantiated once per process", function()
        local r = assert(process.exec(NS .. "with_import", HOST))
        assert.same({ n = 1, same = true, upper = "X" }, r)
        assert.equal(1, process.exec(NS .. "with_import", HOST).n)
    end)
    it("with a modules list, other built-in modules are not found", function()
        assert.equal("ok", process.exec(NS .. "limited", HOST, "json"))
        assert.equal("ok", process.exec(NS .. "limited", HOST, "errors"))
        assert.equal("ok", process.exec(NS .. "limited", HOST, "process"))
        assert.equal("ok", process.exec(NS .. "limited", HOST, "channel"))
        assert.match("module 'time' not found.*modules", process.exec(NS .. "limited", HOST, "time"))
    end)
    it("methods added to string work on strings", function()
        function string.first_letter(s) return s:sub(1, 1) end
        assert.equal("a", ("abc"):first_letter())
        string.first_letter = nil
        assert.has_error(function() return ("abc"):first_letter() end)
    end)

    it("and so do those added with rawset, in this process only", function()
        rawset(string, "shout", function(s) return s:upper() .. "!" end)
        assert.equal("A!", ("a"):shout())
        assert.equal("A!", string.shout("a"))
        assert.equal("a", ("A"):lower())
        assert.is_nil(process.exec(NS .. "string_method", HOST, "shout"))
        rawset(string, "upper", function() return "mine" end)
        assert.equal("mine", ("x"):upper())
        assert.equal("X", process.exec(NS .. "string_method", HOST, "upper"))
        rawset(string, "upper", nil)
        string.shout = nil
        assert.equal("X", ("x"):upper())
        assert.is_nil(("x").shout)
    end)
    it("an error that is raised with its file and line keeps them, in traceback and log", function()
        local v, err = process.exec(NS .. "indexes_nil", HOST)
        local line = tostring(err):match(":(%d+): attempt to index local 't'")
        assert.is_string(line)
        assert.match(":" .. line .. ": in function", err:stack())
        assert.match(":%d+: in function <", err:stack())
    end)
end)

describe("1. Errors about arguments name the function and the line of the program:", function()
    local cases = {
        ["bad argument #1 to 'sort'"] = function() table.sort(5) end,
        ["bad argument #2 to 'sort'"] = function() table.sort({}, 5) end,
        ["attempt to compare string with number"] = function() table.sort({ 3, "x", 1 }) end,
        ["attempt to compare two function values"] = function() table.sort({ print, type }) end,
        ["attempt to compare boolean with nil"] = function() table.sort(setmetatable({ nil, true }, {})) end,
        ["attempt to compare number with userdata"] = function() table.sort({ time.parse_duration("1s"), 1 }) end,
        ["attempt to compare two table values"] = function()
            local function one() return setmetatable({}, { __lt = function() return false end }) end
            table.sort({ one(), one() })
        end,
        ["invalid order function for sorting"] = function()
            local t = {}
            for i = 1, 200 do t[i] = i % 3 end
            table.sort(t, function() return true end)
        end,
        ["bad argument #1 to 'gsub' (string expected, got nil)"] = function() string.gsub(nil, "x", function() end) end,
        ["bad argument #2 to 'gsub' (string expected, got table)"] = function() string.gsub("x", {}, {}) end,
        ["bad argument #4 to 'gsub' (number expected, got boolean)"] = function() string.gsub("x", "x", {}, true) end,
        ["invalid capture index"] = function() -- after more than one time slice
            local s = string.gsub(("a"):rep(150) .. "xb", "a-a-a-b", "%2")
            return s
        end,
        ["attempt to yield across C-call boundary"] = function()
            local ch = channel.new()
            return string.format("%s", setmetatable({}, { __tostring = function() ch:send(1) return "" end }))
        end,
        ["cannot resume dead coroutine"] = function() local f = coroutine.wrap(function() end) f() f() end,
        ["bad argument #1 to 'spawn'"] = function() coroutine.spawn() end,
        ["bad argument #1 to 'wrap'"] = function() coroutine.wrap({}) end,
        ["bad argument #1 to 'resume'"] = function() coroutine.resume(5) end,
        ["bad argument #1 to 'status'"] = function() coroutine.status() end,
        ["bad argument #1 to 'create'"] = function() coroutine.create() end,
        ["invalid replacement value"] = function() string.gsub("x", ".", function() return {} end) end,
        ["unfinished capture"] = function() string.gsub("x", "(", function() end) end,
        ["bad argument #1 to 'select'"] = function() channel.select() end,
        ["select: case 1 is a channel"] = function() channel.select({ channel.new() }) end,
        ["bad argument #1 to 'send'"] = function() channel.new().send() end,
        ["bad argument #1 to 'receive'"] = function() channel.new().receive(5) end,
        ["send on closed channel"] = function() local ch = channel.new() ch:close() ch:send(1) end,
        ["send: cannot send to a channel that the runtime feeds"] = function() process.inbox():send(1) end,
        ["bad argument #1 to 'sleep'"] = function() time.sleep() end,
        ["bad argument #1 to 'require'"] = function() require({}) end,
        ["module 'x.y' not found"] = function() require("x.y") end,
    }
    for message, f in pairs(cases) do
        it(message, function()
            local ok, err = pcall(f)
            assert.is_false(ok)
            assert.match("^tests/lua/api/sandbox_test.lua:%d+: ", err)
            assert.contains(message, err)
        end)
    end
    it("a process that ends below a C function runs no further", function()
        local seen = process.listen("seen")
        local _, err = process.exec(NS .. "ends_below_c", HOST, process.pid())
        assert.equal("bad", tostring(err))
        assert.is_true(channel.select({ seen:case_receive() }, true).default)
        process.unlisten(seen)
    end)
end)

describe("1. 64-bit integers (1LL) are values like others, and no way to ffi:", function()
    it("arithmetic, comparison, tostring; what was collected meanwhile does no harm", function()
        local sum = 0LL
        for i = 1, 1000 do
            sum = sum + 1LL * i
            if i % 100 == 0 then collectgarbage() end
        end
        assert.is_true(sum == 500500LL)
        assert.equal("500500LL", tostring(sum))
        assert.equal("18446744073709551615ULL", tostring(-1ULL + 0ULL))
        assert.equal(500500, tonumber(sum))
        assert.equal("cdata", type(sum))
    end)
    it("in processes, functions and libraries, again and again", function()
        for _ = 1, 20 do
            assert.equal("9007199254740993LL", process.exec(NS .. "integers", HOST))
        end
    end)
    it("neither their metatable nor their type leads anywhere", function()
        assert.equal("ffi", getmetatable(1LL))
        for _, f in ipairs({ function() return (1LL).x end, function() return (1LL)() end, function() return #1LL end, function() return 1LL .. "" end,
            function() setmetatable(1LL, {}) end, function() for _ in pairs(1LL) do end end, function() return (2i).re.x end }) do
            assert.has_error(f)
        end
    end)
end)

describe("1. print:", function()
    local function printed(...)
        local r = assert(process.exec(NS .. "prints", HOST, ...))
        return r
    end
    it("tostring of each, tabs between", function()
        assert.equal("nil", printed())
        assert.equal("fine", printed("many"))
        assert.equal("'tostring' must return a string to 'print'", printed("bad tostring"))
        assert.equal("from tostring", printed("raises"))
    end)
end)

describe("1. require:", function()
    it("wrong types raise, numbers are names", function()
        for _, bad in ipairs({ false, {}, print }) do
            assert.error_match(function() require(bad) end, "bad argument #1")
        end
        assert.error_match(function() require(5) end, "module '5' not found")
    end)
    it("says how to declare what is not found", function()
        local err = assert(process.exec("app.test.api:requires", "app:processes", "helpers"))
        assert.match("module 'helpers' not found", err)
        assert.match("`imports:` of entry app.test.api:requires; .+helpers: namespace:library", err)
        local _, why = pcall(require, "helpers")
        assert.match("run by its name has no imports; .+helpers: namespace:library", why)
    end)
    it("the same module each time, also by its global", function()
        for _, name in ipairs({ "string", "table", "math", "bit", "os", "coroutine", "process", "channel", "time", "errors", "payload" }) do
            assert.equal(_G[name], require(name))
        end
        for _, name in ipairs({ "json", "hash", "base64", "uuid", "logger", "env", "ctx", "events", "funcs" }) do
            assert.equal(require(name), require(name))
            if not wippy then assert.is_nil(rawget(_G, name)) end
        end
    end)
    it("a library that raises, returns nothing, or requires itself", function()
        local r = assert(process.exec(NS .. "bad_imports", HOST))
        assert.match("library broken", r.raises)
        assert.match("library broken", r.again)
        assert.is_true(r.nothing)
        assert.match("required while it is being loaded", r.cycle)
        assert.is_true(r.waits)
    end)
    it("the traceback of a library's failure begins where it was raised", function()
        local function trace(...)
            local _, err = process.exec(NS .. "requires_broken", HOST, ...)
            return err:stack()
        end
        local program = ".*app.test.api:requires_broken:6: in function <app.test.api:requires_broken:1>$"
        local deep = "^stack traceback:\n\t%[C%]: in function 'error'\n\tapp.test.api:broken_deep:2: in function 'deep'\n"
            .. ("\tapp.test.api:broken_deep:3: in function 'deep'\n"):rep(3) .. "\tapp.test.api:broken_deep:5: "
        assert.match(deep .. program, trace("deep"))
        assert.match(deep .. ".*app.test.api:broken_inside:1: " .. program, trace("inside"))
        assert.match("^stack traceback:\n\tapp.test.api:broken_index:2: " .. program, trace("index"))
        assert.match("^stack traceback:\n\t%[C%]: in function 'error'\n\tapp.test.api:requires_broken:4: ", trace("deep", "other"))
    end)
    it("a library's own imports and modules are its own; then those of the process hold", function()
        local r = assert(process.exec(NS .. "imports_deep", HOST))
        assert.is_true(r.same)
        assert.equal(1, r.n)
        assert.match("module 'counter' not found.*imports_deep", r.hidden)
        assert.is_true(r.falls_back and r.hash and r.base64 and r.set and r.g)
        assert.is_false(r.mine)
        assert.match("module 'uuid' not found.*api:deeper.*modules", r.uuid)
        assert.equal(wippy and "table" or "nil", r.json)
        assert.equal("nil", r.no_uuid)
    end)
    it("a library sees the process' globals", function()
        assert.equal("set by main", process.exec(NS .. "shares_globals", HOST))
    end)
    it("modules: other modules are not found by require, nor as members of others", function()
        for _, name in ipairs({ "time", "hash", "uuid", "logger", "ctx", "funcs", "events", "env" }) do
            assert.match("module '" .. name .. "' not found.*modules", process.exec(NS .. "limited", HOST, name))
        end
        for _, name in ipairs({ "json", "process", "channel", "errors" }) do
            assert.equal("ok", process.exec(NS .. "limited", HOST, name))
        end
    end)
    it("modules: the listed ones are globals too [wippy]", function()
        assert.equal(wippy and "table" or "nil", process.exec(NS .. "limited_globals", HOST, "json"))
        assert.equal("nil", process.exec(NS .. "limited_globals", HOST, "hash"))
    end)
end)

describe("1. Yielding calls work inside", function()
    local function wait() time.sleep("1ms") return true end
    it("pcall and xpcall", function()
        assert.same({ true, true }, { pcall(wait) })
        assert.same({ true, true }, { xpcall(wait, tostring) })
        local ok, err = pcall(function() wait() error("after", 0) end)
        assert.is_false(ok)
        assert.equal("after", err)
    end)
    it("coroutines of the program", function()
        local co = coroutine.create(function(a) wait() local b = coroutine.yield(a + 1) wait() return b + 1 end)
        assert.same({ true, 2 }, { coroutine.resume(co, 1) })
        assert.equal("suspended", coroutine.status(co))
        assert.same({ true, 11 }, { coroutine.resume(co, 10) })
        assert.equal("dead", coroutine.status(co))
        local f = coroutine.wrap(function() wait() coroutine.yield("y") wait() return "r" end)
        assert.equal("y", f())
        assert.equal("r", f())
        assert.has_error(f)
    end)
    it("nested coroutines", function()
        local function nest(n)
            if n == 0 then wait() return "bottom" end
            local inner = coroutine.wrap(function() return nest(n - 1) end)
            return inner()
        end
        assert.equal("bottom", nest(20))
    end)
    it("metamethods", function()
        local t = setmetatable({}, {
            __index = function() wait() return "i" end, __newindex = function() wait() end,
            __add = function() wait() return "+" end, __concat = function() wait() return ".." end,
            __eq = function() wait() return true end, __lt = function() wait() return true end,
            __call = function() wait() return "()" end, __unm = function() wait() return "-" end,
        })
        t.x = 1
        assert.same({ "i", "+", "..", "()", "-" }, { t.x, t + 1, t .. 1, t(), -t })
        assert.is_true(t < setmetatable({}, getmetatable(t)))
    end)
    it("iterators", function()
        local n = 0
        for i in function(_, i) wait() i = (i or 0) + 1 return i <= 3 and i or nil end do n = n + i end
        assert.equal(6, n)
    end)
    it("comparators of table.sort and callbacks of gsub: they work or say why not", function()
        local ok, err = pcall(table.sort, { 3, 1, 2 }, function(a, b) wait() return a < b end)
        assert.truthy(ok or tostring(err):find("attempt to yield across C%-call boundary"), tostring(err))
        ok, err = pcall(string.gsub, "abc", ".", function() wait() return "x" end)
        assert.truthy(ok or tostring(err):find("attempt to yield across C%-call boundary"), tostring(err))
        wait()
        assert.is_true(wait())
    end)
    it("all metamethods of operators and calls, generators, nested callbacks", function()
        local mt = {}
        for _, name in ipairs({ "index", "len", "concat", "lt", "le", "eq", "mod", "pow", "div", "mul", "sub", "unm", "call" }) do
            mt["__" .. name] = function() wait() return "w" end
        end
        local a, b = setmetatable({}, mt), setmetatable({}, mt)
        assert.same({ "w", "w", "w", "w", "w", "w", "w", "w" }, { a % 1, a ^ 2, a / 2, a * 2, a - 1, -a, a(), a.x })
        assert.equal("w", "x" .. a)
        assert.is_true(a < b and a <= b and a == b)
        local gen = coroutine.wrap(function() for i = 1, 3 do wait() coroutine.yield(i) end end)
        assert.same({ 1, 2, 3 }, { gen(), gen(), gen() })
        assert.equal("ABC", (("abc"):gsub(".", function(c) return (c:gsub(".", function(d) wait() return d:upper() end)) end)))
        local words = {}
        for w in ("a b c"):gmatch("%a") do wait() words[#words + 1] = w end
        assert.same({ "a", "b", "c" }, words)
        assert.equal("w", (tostring(setmetatable({}, { __tostring = function() wait() return "w" end }))))
    end)
    it("error handlers, __tostring below print and format: an error, nothing stuck", function()
        local t = setmetatable({}, { __tostring = function() wait() return "w" end })
        for _, f in ipairs({ function() print(t) end, function() return string.format("%s", t) end }) do
            local ok, err = pcall(f)
            assert.truthy(ok or tostring(err):find("attempt to yield across C%-call boundary"), tostring(err))
        end
        local ok = xpcall(function() error("x") end, function() wait() return "handled" end)
        assert.is_false(ok)
        assert.is_true(wait())
    end)
    it("coroutine.isyieldable: only where coroutine.yield may be called", function()
        assert.is_false(coroutine.isyieldable())
        assert.error_match(coroutine.yield, "outside a coroutine")
        assert.is_true(coroutine.wrap(function() return coroutine.isyieldable() end)())
        local seen
        coroutine.spawn(function() seen = coroutine.isyieldable() end)
        assert.is_false(seen)
    end)
    it("and so does receiving in a coroutine below them", function()
        local ch = channel.new()
        coroutine.spawn(function() for _ = 1, 10 do time.sleep("1ms") ch:send(true) end end)
        local ok, err = pcall(table.sort, { 3, 2, 1 }, function(a, b)
            return coroutine.wrap(function() return ch:receive() and a < b end)()
        end)
        assert.truthy(ok or tostring(err):find("attempt to yield across C%-call boundary"), tostring(err))
    end)
    it("coroutine.spawn runs at once up to its first blocking call", function()
        local order = {}
        coroutine.spawn(function(a, b)
            order[#order + 1] = a .. b
            wait()
            order[#order + 1] = "later"
        end, "x", "y")
        assert.same({ "xy" }, order)
        time.sleep("5ms")
        assert.same({ "xy", "later" }, order)
    end)
    describe("an interruption does not end that", function()
        local function compute(turns) -- some slices
            local x = 0
            for i = 1, turns do x = x + i % 7 end
            return x
        end
        local function search() return (("a"):rep(150):find(("a*"):rep(3) .. "b")) end

        it("of computing", function()
            for _ = 1, 5 do
                local order = {}
                coroutine.spawn(function()
                    compute(3e6)
                    order[#order + 1] = 1
                    local inner = coroutine.spawn(function(tag)
                        compute(3e6)
                        order[#order + 1] = tag
                        time.sleep(0)
                        order[#order + 1] = "later"
                    end, 2)
                    order[#order + 1] = type(inner)
                end)
                order[#order + 1] = 4
                assert.same({ 1, 2, "thread", 4 }, order)
                time.sleep(0)
                assert.equal("later", order[5])
            end
        end)
        it("of a search in a long text; nor do others run during one", function()
            local found, other
            coroutine.spawn(function() time.sleep(0) other = true end)
            coroutine.spawn(function() found = search() or "nothing" end)
            assert.equal("nothing", found)
            search()
            assert.is_nil(other)
            time.sleep(0)
            assert.is_true(other)
        end)
        it("inside a coroutine, a comparator, a callback, below a C function", function()
            local function spawn()
                local done
                coroutine.spawn(function() compute(2e6) search() done = true time.sleep(0) end)
                assert.is_true(done)
                return "x"
            end
            local t = setmetatable({}, { __tostring = spawn, __index = spawn })
            assert.equal("x", coroutine.wrap(function() return coroutine.wrap(spawn)() end)())
            table.sort({ 2, 1 }, function(a, b) spawn() return a < b end)
            assert.equal("x", (("a"):gsub("a", spawn)))
            assert.equal("x", t.y)
            assert.equal("x", string.format("%s", t))
            assert.equal("x", string.format("%s", setmetatable({}, { __tostring = function() return coroutine.wrap(spawn)() end })))
        end)
        it("and an error in it still ends the process", function()
            local v, err = process.exec(NS .. "child_raises_late", HOST)
            assert.is_nil(v)
            assert.match("in a coroutine, late", tostring(err))
        end)
    end)
    it("an uncaught error in any coroutine ends the process with it", function()
        local v, err = process.exec(NS .. "child_raises", HOST)
        assert.is_nil(v)
        assert.match("in a coroutine", tostring(err))
    end)
    it("a coroutine that waits cannot be resumed by the program", function()
        local co
        local seen = {}
        co = coroutine.create(function() wait() return 1 end)
        coroutine.spawn(function() seen.first = { coroutine.resume(co) } end)
        seen.second = { coroutine.resume(co) }
        time.sleep("5ms")
        assert.same({ true, 1 }, seen.first)
        assert.is_false(seen.second[1])
    end)
end)
