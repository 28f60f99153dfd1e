-- expect: runs
return {
    main = function()
        local t = setmetatable({}, { __index = function() while true do end end })
        local v = t.x
    end,
}
