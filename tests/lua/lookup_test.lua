-- What is looked up behind the runtime's own modules and objects is remembered (scripts/luajit/lj_index.h): nobody may notice.
local NAMES = {
    time = { "now", "unix", "date", "parse", "sleep", "after", "timer", "ticker", "parse_duration", "SECOND", "RFC3339", "nothing" },
    process = { "pid", "id", "spawn", "send", "listen", "unlisten", "inbox", "events", "monitor", "exec", "nothing" },
    json = { "encode", "decode", "validate", "nothing" },
    string = { "byte", "char", "find", "format", "gsub", "upper", "nothing" },
    math = { "floor", "max", "huge", "nothing" },
}
local OBJECTS = {
    { errors.new("m"), { "kind", "message", "retryable", "details", "stack", "nothing" } },
    { require("time").now(), { "unix", "sub", "add", "format", "before", "nothing" } },
    { require("time").parse_duration("3s"), { "seconds", "nanoseconds", "milliseconds", "nothing" } },
    { channel.new(1), { "receive", "send", "close", "case_receive", "case_send", "nothing" } },
    { process.listen("test.lookup"), { "receive", "close", "case_receive", "nothing" } },
}

-- Modules in which fields are written, and what has to be found in them then.
local modules, expected = {}, {}
for name, names in pairs(NAMES) do
    local m = require(name)
    modules[#modules + 1] = { m, names }
    expected[m] = {}
    for _, key in ipairs(names) do
        expected[m][key] = m[key]
    end
end

describe("Look-ups:", function()
    it("what a program writes into a module comes first, and what was there before is there when that is gone", function()
        local r = 1
        local function random(n)
            r = r * 16807 % 2147483647
            return r % n + 1
        end
        local written = {}
        for i = 1, 200000 do
            local m, names = unpack(modules[random(#modules)])
            local key = names[random(#names)]
            local what = random(20)
            if what == 1 then
                m[key] = i
                written[m] = written[m] or {}
                written[m][key] = i
            elseif what == 2 then
                m[key] = nil
                if written[m] then
                    written[m][key] = nil
                end
            elseif i % 50000 == 0 then
                collectgarbage()
            end
            local want = written[m] and written[m][key]
            if want == nil then
                want = expected[m][key]
            end
            if m[key] ~= want then -- an assertion each time would take most of the time
                assert.equal(want, m[key], key)
            end
        end
        for _, of in ipairs(modules) do
            for _, key in ipairs(of[2]) do
                of[1][key] = nil
                assert.equal(expected[of[1]][key], of[1][key], key)
            end
        end
    end)
    it("methods of objects of several types do not mix", function()
        local first = {}
        for round = 1, 2000 do
            for o, of in ipairs(OBJECTS) do
                for k, key in ipairs(of[2]) do
                    local at = o * 100 + k
                    local found = of[1][key]
                    if round == 1 then
                        first[at] = found or false
                        assert.equal(key == "nothing", found == nil, key)
                    elseif (found or false) ~= first[at] then
                        assert.equal(first[at], found, key)
                    end
                end
            end
            if round % 500 == 0 then
                collectgarbage()
            end
        end
    end)
    it("a string's methods are those of now", function()
        local upper = string.upper
        for i = 1, 20 do
            assert.equal("X", ("x"):upper())
            string.upper = function()
                return i
            end
            assert.equal(i, ("x"):upper())
            string.upper = nil
            assert.equal(upper, ("x").upper)
        end
    end)
    it("a program's own metatables may change at any time", function()
        local class, other = { f = 1 }, { f = 2 }
        local meta = { __index = class }
        local o = setmetatable({}, meta)
        for i = 1, 20 do
            assert.equal(i, o.f)
            class.f = i + 1
        end
        meta.__index = other
        assert.equal(2, o.f)
        other.f = nil
        assert.is_nil(o.f)
        meta.__index = function(_, key)
            return key .. "!"
        end
        assert.equal("f!", o.f)
        rawset(o, "f", 5)
        assert.equal(5, o.f)
        setmetatable(o, nil)
        assert.is_nil(o.g)
    end)
    it("a table that was received, or made by the runtime, is a metatable like any other", function()
        local ch = process.listen("test.lookup.tables")
        for i = 1, 6 do
            for _, t in ipairs({ { __index = { a = i } }, { [1] = 5, __index = { a = i }, [true] = 1 }, { __index = { a = i }, __call = "x" } }) do
                process.send(process.pid(), "test.lookup.tables", t)
                assert.equal(i, setmetatable({}, (ch:receive())).a)
            end
        end
        process.send(process.pid(), "test.lookup.tables", { __len = 1, __eq = 2 })
        assert.is_nil(setmetatable({}, (ch:receive())).a)
        assert.equal(3, setmetatable({}, require("json").decode('{"__index": {"a": 3}}')).a)
        assert.equal(4, setmetatable({}, errors.new({ message = "m", details = { __index = { a = 4 } } }):details()).a)
        local t = {}
        rawset(t, "__index", { a = 5 })
        assert.equal(5, setmetatable({}, t).a)
        process.unlisten(ch)
    end)
    it("a topic may be a number's text", function()
        local ch = process.listen("42")
        assert.truthy(process.send(process.pid(), 42, 1.5))
        assert.equal(1.5, (ch:receive()))
        process.unlisten(ch)
    end)
    it("strings of all lengths are one and the same when their bytes are, and no others", function()
        for n = 1, 100 do
            local chars = {}
            for i = 1, n do
                chars[i] = string.char(65 + i % 26)
            end
            local seen = { [table.concat(chars)] = 0 }
            for i = 1, n do
                local old = chars[i]
                chars[i] = "?"
                local text = table.concat(chars)
                assert.is_nil(seen[text], n)
                seen[text] = i
                chars[i] = old
            end
            assert.equal(0, seen[table.concat(chars)])
        end
    end)
end)
