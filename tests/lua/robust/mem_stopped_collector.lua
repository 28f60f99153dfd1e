-- expect: fails RateLimited process_memory
return {
    main = function()
        collectgarbage("stop")
        local t
        while true do t = { t and #t, ("x"):rep(100) .. tostring({}) } end
    end,
}
