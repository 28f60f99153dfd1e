-- expect: fails RateLimited process_memory
return {
    main = function()
        local s = ("x"):rep(100 * 2^20)
    end,
}
