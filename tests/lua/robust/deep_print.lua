-- expect: ends
return {
    main = function()
        local mt = {}
        function mt.__tostring() print(setmetatable({}, mt)) return "" end
        assert(not pcall(print, setmetatable({}, mt)))
    end,
}
