-- expect: runs
-- string.format calls it from C.
return {
    main = function()
        local t = setmetatable({}, { __tostring = function() while true do end end })
        while true do pcall(string.format, "%s", t) end
    end,
}
