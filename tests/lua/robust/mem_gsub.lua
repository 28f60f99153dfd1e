-- expect: fails RateLimited process_memory
return {
    main = function()
        local r = ("x"):rep(2^20):gsub("x", ("y"):rep(1000))
    end,
}
