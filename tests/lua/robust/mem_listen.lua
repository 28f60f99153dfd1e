-- expect: fails RateLimited process_memory
-- Topics are C memory: they count.
return {
    main = function()
        for i = 1, 1e9 do process.listen(i .. ("x"):rep(30000)) end
    end,
}
