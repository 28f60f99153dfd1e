-- expect: runs
return {
    main = function()
        local mt = { __lt = function() while true do end end }
        local v = setmetatable({}, mt) < setmetatable({}, mt)
    end,
}
