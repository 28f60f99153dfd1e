-- expect: runs
return {
    main = function()
        while true do string.format("%5.3f %s %q", 1.5, "x", ("y"):rep(1000)) end
    end,
}
