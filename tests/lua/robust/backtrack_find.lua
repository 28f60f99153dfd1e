-- expect: runs
-- 2^40 steps.
return {
    main = function()
        local s = ("a"):rep(40)
        while true do pcall(string.find, s, ("a?"):rep(40) .. s) end
    end,
}
