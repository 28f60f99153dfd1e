-- No path from user code to ffi, debug, the registry, another process' values, or bytecode; and nothing is left in a state
-- for the next process that gets it.
local HOST, NS = "app:processes", "app.test.api:"

-- Every value that can be reached from where we are, by indexing, pairs and metatables.
local function reach(visit)
    local seen, queue = {}, {}
    local function add(path, v)
        if (type(v) == "table" or type(v) == "function" or type(v) == "userdata") and not seen[v] then
            seen[v] = path
            queue[#queue + 1] = { path, v }
        end
        visit(path, v)
    end
    add("_G", _G)
    add('""', "")
    local names = { "string", "table", "math", "bit", "os", "coroutine", "process", "channel", "time", "errors", "payload", "json", "hash",
        "base64", "uuid", "logger", "env", "ctx", "events", "funcs", "test" }
    for _, name in ipairs(names) do
        add(name, require(name))
    end
    for i, v in ipairs({ errors.new("x"), channel.new(1), channel.new():case_receive(), time.now(), time.timer("1h"), time.utc,
        (time.parse_duration("1s")), process.inbox(), payload.new(1), process.with_options({}), require("funcs").new(), require("logger"):named("x"),
        require("events").subscribe("x"), coroutine.create(print) }) do
        add("object" .. i, v)
    end
    local keys = { "__index", "__newindex", "__metatable", "__gc", "__call", "__tostring", "_G", "_M", "_LOADED", "_PRELOAD", "loaded", "ffi", "debug",
        "jit", "load", "dump", "registry", "event", "format", "preload", "loadlib", "io", "popen", "execute", "from", "topic", "__missing" }
    while #queue > 0 do
        local path, v = unpack(table.remove(queue))
        if type(v) == "table" then
            for k, w in next, v do
                add(path .. "." .. tostring(k), w)
            end
        end
        local ok, mt = pcall(getmetatable, v)
        if ok and mt ~= nil then
            add("getmetatable(" .. path .. ")", mt)
        end
        if type(v) ~= "function" then
            for _, k in ipairs(keys) do
                local good, w = pcall(function() return v[k] end)
                if good and w ~= nil then
                    add(path .. "." .. k, w)
                end
            end
        end
    end
    return seen
end

describe("escape:", function()
    it("nothing that can be reached has a forbidden name", function()
        local bad = {}
        reach(function(path, v)
            local last = path:match("([%w_]+)$")
            for _, name in ipairs({ "ffi", "debug", "jit", "io", "package", "loadstring", "loadfile", "dofile", "load", "setfenv", "getfenv",
                "newproxy", "module", "dump", "execute", "_PRELOAD", "_LOADED", "loadlib", "getregistry", "sethook", "getupvalue" }) do
                if last == name and v ~= nil and not path:find("logger") and not path:find("^object12") then
                    bad[#bad + 1] = path
                end
            end
        end)
        assert.same({}, bad)
    end)
    it("metatables of what is shared are not to be had", function()
        for i, v in ipairs({ "", _G, string, table, math, process, channel, time, errors, errors.new("x"), channel.new(), time.now(),
            payload.new(1), process.inbox() }) do
            assert.not_table(getmetatable(v), i)
            if type(v) == "table" then
                assert.has_error(function() setmetatable(v, {}) end)
            end
        end
        assert.has_error(function() setmetatable("", {}) end)
        assert.has_error(function() getmetatable("").__index = nil end)
    end)
    it("require of odd names", function()
        for _, name in ipairs({ "ffi", "jit", "jit.util", "jit.opt", "debug", "io", "package", "table.new\0", "string.buffer", "../x", "./x", "/etc/passwd",
            "process.registry", "process.event", "string.wippy", "_G", "_base", "import:x", "", " ", "os\0", ("x"):rep(1e6) }) do
            local ok, m = pcall(require, name)
            if ok then
                assert.is_true(name == "os\0" and m == os or name == "table.new\0", name)
            end
        end
        assert.has_error(function() require() end)
        assert.has_error(function() require({}) end)
    end)
    it("no bytecode: dump and load are not there", function()
        assert.is_nil(string.dump)
        assert.is_nil(("x").dump)
        assert.has_error(function() return ("x"):dump() end)
    end)
    it("functions' environments and upvalues cannot be reached by errors or coroutines", function()
        local co = coroutine.create(function() error({}) end)
        local ok, err = coroutine.resume(co)
        assert.same({ false, {} }, { ok, err })
        assert.has_error(function() coroutine.resume(coroutine.running() or 1) end)
        assert.is_false(pcall(coroutine.wrap(coroutine.wrap)))
        local tb = select(2, xpcall(function() error(errors.new("x")) end, function(e) return e:stack() end))
        assert.is_string(tb)
        assert.is_nil(tb:find("0x"), tb)
    end)
    it("__gc of tables is never called, and userdata cannot be made", function()
        local called = false
        setmetatable({}, { __gc = function() called = true end })
        collectgarbage()
        collectgarbage()
        assert.is_false(called)
        assert.is_nil(newproxy)
    end)
    it("methods of objects take only objects of their type", function()
        local objects = { errors.new("x"), channel.new(), channel.new():case_receive(), time.now(), time.timer("1h"), (time.parse_duration("1s")),
            payload.new(1), process.with_options({}), require("funcs").new(), require("logger"):named("x"), require("events").subscribe("y"),
            process.inbox(), time.utc, "text", 1, {}, print, coroutine.create(print), true }
        local names = {}
        for name in ([[kind message retryable details stack receive send close case_receive case_send stop reset channel response
            add sub unix format seconds nanoseconds data unmarshal transcode get_format with_context with_options with_name with_message spawn call async
            info named with topic from payload is_complete result error cancel year utc]]):gmatch("%S+") do
            names[#names + 1] = name
        end
        for _, o in ipairs(objects) do
            for _, name in ipairs(names) do
                local ok, method = pcall(function() return o[name] end)
                if ok and type(method) == "function" then
                    for _, other in ipairs(objects) do
                        if name ~= "receive" and name ~= "send" and name ~= "close" then
                            pcall(method, other)
                            pcall(method, other, {}, {})
                        end
                    end
                    pcall(method)
                    pcall(method, nil, nil, nil)
                end
            end
        end
        assert.equal(process.pid(), process.info().pid)
    end)
    it("another process' values stay its own", function()
        local t = { 1 }
        local r = process.exec(NS .. "returns", HOST, t)
        r[1] = 2
        assert.equal(1, t[1])
    end)
    it("huge strings end the process, not the daemon", function()
        local v, err = process.exec(NS .. "bomb", "app:small", "rep")
        assert.is_nil(v)
        assert.match("memory", tostring(err))
    end)
    it("deep recursion in patterns and calls raises", function()
        for pattern, times in pairs({ ["a?"] = 250000, ["("] = 100, ["%f[%w]"] = 250000, ["%b"] = 1, ["[a"] = 1, ["(a*"] = 40, ["(a*)"] = 40 }) do
            local v, err = process.exec(NS .. "bomb", HOST, "pattern", pattern, times)
            assert.truthy(type(v) == "string" or err and err:kind() == errors.RATE_LIMITED, tostring(err))
        end
        local v, err = process.exec(NS .. "bomb", HOST, "recursion")
        assert.is_nil(v)
        assert.match("stack overflow", tostring(err))
    end)
    it("pcall cannot keep a process alive that is to end", function()
        local pid = process.spawn_monitored(NS .. "bomb", HOST, "pcall")
        time.sleep("20ms")
        process.terminate(pid)
        assert.equal(errors.CANCELED, process.events():receive().error:kind())
        pid = process.spawn_monitored(NS .. "bomb", HOST, "coroutines")
        time.sleep("20ms")
        process.terminate(pid)
        assert.equal(errors.CANCELED, process.events():receive().error:kind())
        local v, err = process.exec(NS .. "bomb", "app:small", "pcall memory")
        assert.equal(errors.RATE_LIMITED, err:kind())
    end)
    it("messages with hostile tables: metamethods never run while encoding", function()
        local ran = false
        local t = setmetatable({ 1 }, { __index = function() ran = true end, __pairs = function() ran = true end, __len = function() ran = true return 5 end,
            __newindex = function() ran = true end, __tostring = function() ran = true return "x" end })
        process.send(process.pid(), "hostile", t)
        assert.is_false(ran)
        local json = require("json")
        json.encode(t)
        assert.is_false(ran)
    end)
end)

describe("a recycled state is indistinguishable from a new one:", function()
    it("a first generation patches everything it can reach", function()
        for generation = 1, 6 do
            local found, err = process.exec(NS .. "patches", HOST, generation % 3 ~= 0)
            assert.is_nil(err and tostring(err))
            assert.same({}, found, "generation " .. generation)
        end
    end)
    it("many generations of many at once", function()
        local pids = {}
        for _ = 1, 50 do
            pids[assert(process.spawn_monitored(NS .. "patches", HOST, true))] = true
        end
        for _ = 1, 50 do
            local e = process.events():receive()
            local found = boolean and e.result.value or not boolean and e.result
            assert.is_nil(e.error and tostring(e.error))
            assert.same({}, found)
        end
    end)
    it("collector settings go with the process", function()
        for _ = 1, 4 do
            assert.is_number(process.exec(NS .. "stops_gc", HOST))
        end
        assert.equal(3, process.exec(NS .. "garbage", HOST))
    end)
    it("random numbers differ", function()
        local seen = {}
        for _ = 1, 10 do
            local r = process.exec(NS .. "random", HOST)
            assert.is_nil(seen[r])
            seen[r] = true
        end
    end)
    it("failed, killed and limited generations leave nothing either", function()
        for _ = 1, 3 do
            process.exec(NS .. "patches_and_fails", HOST)
        end
        assert.equal("clean", process.exec(NS .. "patches_and_fails", HOST, "look"))
    end)
end)
