-- expect: fails RateLimited process_memory
return {
    main = function()
        local keep = {}
        while true do keep[#keep + 1] = time.after("1h") end
    end,
}
