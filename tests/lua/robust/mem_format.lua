-- expect: fails RateLimited process_memory
return {
    main = function()
        local s = ("x"):rep(2^22)
        local r = string.format("%s%s%s%s%s", s, s, s, s, s)
    end,
}
