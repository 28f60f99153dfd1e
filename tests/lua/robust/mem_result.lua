-- expect: fails RateLimited process_memory
return {
    main = function()
        return ("x"):rep(15 * 2^20) .. "y"
    end,
}
