-- expect: fails RateLimited process_memory
-- The compiled loop runs out of memory in machine code.
return {
    main = function()
        local t = {}
        for i = 1, 1e9 do t[i] = ("x"):rep(i) end
    end,
}
