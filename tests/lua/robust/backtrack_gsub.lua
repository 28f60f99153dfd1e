-- expect: runs
return {
    main = function()
        local s = ("a"):rep(40)
        local r = s:gsub(("a?"):rep(40) .. s, "x")
    end,
}
