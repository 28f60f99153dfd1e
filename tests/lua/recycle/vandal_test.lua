-- The first generation of "a recycled state is indistinguishable from a new one": whatever it can reach it spoils. tests/lua/run
-- puts it before every suite, on a host with one worker, so that each suite runs in a state that has been through this.
local HOST, KEEPER = "app:processes", "test.vandal.keeper"

-- The modules and everything in them; they are empty tables that fall back to what nobody can list.
local NAMES = {
    string = "byte char find format gmatch gsub len lower match rep reverse sub upper", table = "concat insert maxn remove sort new clear move",
    math = "abs floor random randomseed max min huge pi", bit = "band bor bxor tobit lshift", os = "time date clock getenv difftime",
    coroutine = "create resume yield wrap status running spawn isyieldable", channel = "new select", errors = "new wrap is call_stack NOT_FOUND INVALID",
    process = "pid id spawn spawn_monitored spawn_linked send listen unlisten inbox events monitor unmonitor link unlink exec terminate cancel registry event "
        .. "set_options get_options info list with_context with_options upgrade",
    ["process.registry"] = "register lookup unregister", ["process.event"] = "EXIT LINK_DOWN CANCEL", ["payload.format"] = "JSON LUA",
    time = "now unix date parse sleep after timer ticker parse_duration SECOND RFC3339 utc localtz", payload = "new format",
    json = "encode decode validate validate_string", hash = "md5 sha256 fnv32", base64 = "encode decode", uuid = "v4 v7 validate", env = "get get_all set",
    ctx = "get all", events = "subscribe send", funcs = "call async new", logger = "info warn error debug with named", test = "main file drive run_cases",
}
local BASE = "assert error getmetatable ipairs next pairs pcall print rawequal rawget rawset require select setmetatable tonumber tostring type unpack xpcall "
    .. "collectgarbage _VERSION"

-- Every table of ours that is reached from the globals and modules, with a name.
local function tables()
    local found = {}
    for path in pairs(NAMES) do
        local t = require(path:match("^[^.]+"))
        local member = path:match("%.(.+)$")
        found[path] = member and t[member] or t
    end
    return found
end

describe("1. A recycled state:", function()
    it("shows nothing of what happened in it before", function()
        for path, t in pairs(tables()) do
            for k in next, t do
                assert.not_nil(NAMES[path .. "." .. tostring(k)], path .. "." .. tostring(k) .. " has been written")
            end
            for name in NAMES[path]:gmatch("%S+") do
                assert.truthy(t[name] ~= nil and t[name] ~= false, path .. "." .. name)
            end
        end
        for name in BASE:gmatch("%S+") do
            assert.not_nil(_G[name], name)
        end
        for _, name in ipairs({ "leak", "spoilt", "leaked" }) do
            assert.is_nil(_G[name], name)
            assert.is_nil(("x")[name], name)
            assert.is_nil(require("json")[name], name)
        end
        assert.equal("function", type(("x").upper))
        assert.equal("X", ("x"):upper())
        assert.is_false(process.get_options().trap_links)
        assert.same({}, process.info().names)
        assert.equal(0, process.info().mailbox)
        assert.is_true(channel.select({ process.inbox():case_receive(), process.events():case_receive(), default = true }).default)
        assert.not_equal(math.random(), math.random())
        assert.equal("environment", getmetatable(_G))
        assert.same({ true, "ok" }, { coroutine.resume(coroutine.create(function() return "ok" end)) })
    end)
    it("is the very one that a vandal had before", function()
        local ch = process.listen("seen")
        if not process.registry.lookup(KEEPER) then
            local keeper = assert(process.spawn("app.test.api:keeper", HOST))
            process.registry.register(KEEPER, keeper)
        end
        assert(process.send(KEEPER, "state", tostring(collectgarbage))) -- this function is the state's, as long as it lives
        local before = ch:receive()
        if before == 0 then pending("a new state") end
        assert.is_true(before > 0)
    end)
    it("is spoilt as far as a program can", function()
        local say, set, each, try, mt, setmt = assert, rawset, pairs, pcall, getmetatable, setmetatable
        local split, list, coro, chan, proc, clock = string.gmatch, tables(), {}, {}, {}, {}
        for k, lib in each({ [coro] = "coroutine", [chan] = "channel", [proc] = "process", [clock] = "time" }) do
            for name in split(NAMES[lib], "%S+") do k[name] = list[lib][name] end
        end
        local registry, subscribe = process.registry.register, require("events").subscribe
        local objects = { "", 1, print, true, errors.new("x"), channel.new(), channel.new():case_receive(), time.now(), time.utc, time.timer("1h"),
            (time.parse_duration("1s")), payload.new(1), process.inbox(), process.with_options({}), coroutine.create(print), _G }

        -- What is left running and waiting when the process ends.
        local stuck = coro.create(function() try(function() coro.yield(setmt({}, { __gc = say, __mode = "kv" })) end) end)
        coro.resume(stuck)
        coro.wrap(function() for i = 1, 10 do coro.yield(i) end end)()
        coro.spawn(function() chan.new():receive() end)
        coro.spawn(function() try(clock.sleep, "1h") end)
        coro.spawn(function() coro.wrap(function() proc.listen("never"):receive() end)() end)
        clock.ticker("1ms")
        clock.after("1h")
        registry("test.vandal." .. #proc.list())
        subscribe("*")
        proc.set_options({ trap_links = true })
        proc.send(proc.pid(), "left", { 1, 2, 3 })
        proc.listen("left too", { message = true })
        proc.send(proc.pid(), "left too", 1)
        math.randomseed(1)

        -- Metatables, of whatever has one that can be had.
        for _, o in each(objects) do
            local m = mt(o)
            if type(m) == "table" then
                m.__index, m.leak = false, true
            end
            try(setmt, o, { __index = function() return "leaked" end })
            try(function() o.leak = true end)
            try(set, o, "leak", true)
        end

        -- Libraries, and the methods of strings.
        for path, t in each(list) do
            set(t, "leak", true)
            t.spoilt = function() return "leaked" end
            for name in split(NAMES[path], "%S+") do
                t[name] = false
            end
            if mt(t) == nil then setmt(t, { __index = function() return "leaked" end }) end
        end
        say(("x").upper == false and ("x").leak == true)

        -- Globals: set, replaced, and the environment itself.
        leak = true
        set(_G, "leaked", true)
        local g = _G
        for name in split(BASE .. " _G string table math process channel time errors payload bit os coroutine require", "%S+") do
            set(g, name, false)
        end
        say(print == false and string == false)
    end)
end)
