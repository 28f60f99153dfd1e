-- expect: runs
return {
    main = function()
        while true do local s = ("x"):rep(100) .. tostring({}) end
    end,
}
