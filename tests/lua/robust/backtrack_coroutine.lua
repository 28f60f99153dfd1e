-- expect: runs
return {
    main = function()
        local s = ("a"):rep(40)
        coroutine.wrap(function() coroutine.wrap(function() return s:find(("a?"):rep(40) .. s) end)() end)()
    end,
}
