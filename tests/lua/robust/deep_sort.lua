-- expect: ends
return {
    main = function()
        local function f() table.sort({ 1, 2, 3 }, function(a, b) f() return a < b end) end
        local ok, e = pcall(f)
        assert(not ok and tostring(e):find("stack overflow"), e)
    end,
}
