-- The string library of the wippy dialect: where a string is expected, an error object stands for its message.
local string, text_of, base, M = ...
local type, pairs = base.type, base.pairs

for name, f in pairs(string) do
    M[name] = f
end

-- One argument may be an error object.
for _, name in base.ipairs({ "len", "upper", "lower", "reverse", "rep", "sub", "byte" }) do
    local f = string[name]
    M[name] = function(s, ...)
        if type(s) == "userdata" then
            s = text_of(s)
        end
        return f(s, ...)
    end
end

-- Two may.
for _, name in base.ipairs({ "find", "match", "gmatch", "gsub" }) do
    local f = string[name]
    M[name] = function(s, pattern, ...)
        if type(s) == "userdata" then
            s = text_of(s)
        end
        if type(pattern) == "userdata" then
            pattern = text_of(pattern)
        end
        return f(s, pattern, ...)
    end
end
