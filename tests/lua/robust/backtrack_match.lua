-- expect: runs
return {
    main = function()
        local s = ("a"):rep(3000)
        local r = s:match((".-"):rep(20) .. "b")
    end,
}
