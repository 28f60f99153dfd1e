-- expect: ends
return {
    main = function()
        local mt = {}
        function mt.__tostring() return string.format("%s", setmetatable({}, mt)) end
        local ok, e = pcall(string.format, "%s", setmetatable({}, mt))
        assert(not ok, "it came back")
    end,
}
