-- expect: runs
return {
    main = function()
        while true do time.after("1ms") end
    end,
}
