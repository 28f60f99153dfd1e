-- The string library of the wippy dialect: where a string is expected, an error object stands for its message.
local string, functions, text_of, base, M = ...
local type, pairs, select, unpack = base.type, base.pairs, base.select, base.unpack

for name in pairs(functions) do
    M[name] = string[name]
end

local function text(v)
    if type(v) == "userdata" then
        return text_of(v)
    end
    return v
end

-- One argument may be an error object.
for _, name in base.ipairs({ "len", "upper", "lower", "reverse", "sub", "byte" }) do
    local f = string[name]
    M[name] = function(s, ...)
        return f(text(s), ...)
    end
end

-- Two may.
for _, name in base.ipairs({ "find", "match", "gmatch" }) do
    local f = string[name]
    M[name] = function(s, pattern, ...)
        return f(text(s), text(pattern), ...)
    end
end

local gsub, rep, format = string.gsub, string.rep, string.format

function M.gsub(s, pattern, repl, n)
    return gsub(text(s), text(pattern), text(repl), n)
end

function M.rep(s, ...)
    local n, separator = ...
    if type(separator) == "userdata" then
        return rep(text(s), n, text_of(separator))
    end
    return rep(text(s), ...)
end

local function texts(...)
    local all, n = { ... }, select("#", ...)
    for i = 1, n do
        all[i] = text(all[i])
    end
    return unpack(all, 1, n)
end

function M.format(s, ...)
    local a, b, c, d = ...
    if type(a) == "userdata" or type(b) == "userdata" or type(c) == "userdata" or type(d) == "userdata" or select("#", ...) > 4 then
        return format(text(s), texts(...))
    end
    return format(text(s), ...)
end
