-- string.gsub with a function or a table: in Lua, so that the function may block or be interrupted like any other.
-- (The second is named as errors about arguments shall name it.)
local text, gsub, step, put, finish, base = ...
local type, error = base.type, base.error

local function each(search, repl, call, more, ...)
    if not more then
        return finish(search)
    end
    local value
    if call then
        value = repl(...)
    else
        value = repl[(...)]
    end
    if not put(search, value) then
        error("invalid replacement value (a " .. type(value) .. ")", 2)
    end
    return each(search, repl, call, step(search))
end

return function(s, pattern, repl, n)
    local t = type(repl)
    if t ~= "function" and t ~= "table" then
        return text(s, pattern, repl, n)
    end
    local search = gsub(s, pattern, repl, n)
    return each(search, repl, t == "function", step(search))
end
