-- expect: ends
return {
    main = function()
        collectgarbage("stop")
        collectgarbage("setpause", 1)
        collectgarbage("setstepmul", 1e9)
        collectgarbage("step", 2^31)
        assert(not pcall(collectgarbage, "generational"))
    end,
}
