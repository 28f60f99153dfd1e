-- expect: fails RateLimited process_memory
return {
    main = function()
        local keep = {}
        while true do keep[#keep + 1] = errors.new(("x"):rep(1000)) end
    end,
}
