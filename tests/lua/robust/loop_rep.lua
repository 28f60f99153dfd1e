-- expect: runs
return {
    main = function()
        while true do ("x"):rep(1000000) end
    end,
}
