-- expect: runs
return {
    main = function()
        local s = ("a"):rep(40)
        for w in s:gmatch(("a?"):rep(40) .. s) do end
    end,
}
