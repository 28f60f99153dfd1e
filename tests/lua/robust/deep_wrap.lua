-- expect: ends
return {
    main = function()
        local function f() return coroutine.wrap(f)() end
        local ok, e = pcall(f)
        assert(not ok and tostring(e):find("stack overflow"), e)
    end,
}
