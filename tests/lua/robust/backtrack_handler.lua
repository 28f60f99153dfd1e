-- expect: runs
-- In place: below an error handler nothing can yield.
return {
    main = function()
        local s = ("a"):rep(40)
        xpcall(error, function() while true do pcall(string.find, s, ("a?"):rep(40) .. s) end end)
    end,
}
