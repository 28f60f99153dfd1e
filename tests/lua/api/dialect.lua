-- What dialect_test.lua asks for, in either dialect.
local does = {}

local function plain(v) return type(v) == "userdata" and v.data and v:data() or v end

function does.payload()
    process.listen("p", { message = true })
    process.send(process.pid(), "p", { 1 })
    local p = process.listen("p"):receive():payload()
    local again = process.listen("again")
    process.send(process.pid(), "again", p)
    local object = type(p) == "userdata"
    return { kind = type(p), data = plain(p), again = again:receive(), returned = object and pcall(p.unmarshal, p) or nil, printed = object and tostring(p) or nil }
end

does["payload of the other dialect"] = function()
    local ch = process.listen("x", { message = true })
    assert(process.spawn("app.test.dialect:seed_sends", "app:processes", process.pid()))
    local p = ch:receive():payload()
    return { kind = type(p), data = type(p:data()) }
end

local function exit(...)
    assert(process.spawn_monitored("app.test.api:returns", "app:processes", ...))
    return process.events():receive()
end

does["exit"] = function() return exit(5).result end

does["exit failed"] = function()
    local e = exit(nil, "bad")
    return { error = e.result and tostring(e.result.error), kept = tostring(e.error) }
end

function does.link()
    process.set_options({ trap_links = true })
    assert(process.spawn_linked("app.test.api:returns", "app:processes", nil, "down"))
    local e = process.events():receive()
    return { error = e.result and tostring(e.result.error), kept = tostring(e.error) }
end

function does.strings()
    local e = errors.new("name not found")
    local ok, at = pcall(string.find, e, "not found")
    if not ok then return { find = false } end
    return { find = at, upper = string.upper(e), method = ("x"):find("x") == 1, gsub = (string.gsub(e, "not found", "lost")), len = string.len(e) }
end

function does.wrap()
    local e = errors.wrap(errors.new("inner"), "outer")
    return e:message() .. "|" .. tostring(e)
end

function does.casts()
    local out, raised = {}, 0
    local g = { string = string, integer = integer, number = number, boolean = boolean }
    for i, c in ipairs({ { "string", "x" }, { "integer", 3 }, { "number", 1.5 }, { "boolean", false }, { "string", 1 }, { "integer", 1.5 }, { "integer", "1" },
        { "number", "1" }, { "boolean", nil }, { "number", {} } }) do
        local ok, v = pcall(g[c[1]], c[2])
        if ok then out[i] = v else raised = raised + 1 end
    end
    out.raised = raised
    return out
end

return { main = function(what) return does[what]() end }
