local time = require("time")
local limit = 2

local does = {}

function does.first() return "ran" end

function does.args(...) return { select("#", ...), (select(2, ...)), #select(3, ...), 1 / select(4, ...) } end

function does.collect(n)
    local got, inbox = {}, process.inbox()
    while #got < n do
        local m = inbox:receive()
        local v = m:payload()
        got[#got + 1] = type(v) == "userdata" and v:data() or v
    end
    return got
end

function does.event()
    local e = process.events():receive()
    return { e.kind, e.reason }
end

function does.link(peer, parent)
    assert(process.link(peer))
    process.send(parent, "ready", process.pid())
    process.inbox():receive()
    error("on purpose")
end

function does.watch(peer, parent)
    assert(process.monitor(peer))
    process.send(parent, "ready", process.pid())
    repeat local e = process.events():receive() until e.from == peer
    return "seen"
end

function does.patch()
    if patched or string.patched or limit ~= 2 then return "seen" end
    patched, string.patched, limit = true, true, limit + 1
    return type(time.now) == "function" and "clean"
end

return { main = function(what, ...) return does[what](...) end }
