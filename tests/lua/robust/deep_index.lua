-- expect: ends
return {
    main = function()
        local t = {}
        setmetatable(t, { __index = function(_, k) return t[k + 1] end })
        assert(not pcall(function() return t[1] end))
    end,
}
