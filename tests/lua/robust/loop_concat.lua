-- expect: runs
return {
    main = function()
        local t = setmetatable({}, { __concat = function() while true do end end })
        local v = t .. "x"
    end,
}
