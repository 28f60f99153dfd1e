-- require for code that imports libraries: in Lua, so that a library's top level may block or be interrupted like any
-- other code.
local find, keep, note, base = ...
local error, type, xpcall = base.error, base.type, base.xpcall

return function(name)
    local t = type(name)
    if t ~= "string" and t ~= "number" then
        error("bad argument #1 to 'require' (string expected, got " .. (t == "nil" and "no value" or t) .. ")", 2)
    end
    local chunk, key = find(name)
    if chunk then
        return keep(key, xpcall(chunk, note, name))
    elseif chunk == nil then
        error(key, 2)
    end
    return key
end
