-- expect: fails RateLimited process_memory
return {
    main = function()
        collectgarbage("stop")
        local keep = {}
        while true do keep[#keep + 1] = ("x"):rep(100) .. tostring({}) end
    end,
}
