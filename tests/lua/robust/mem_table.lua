-- expect: fails RateLimited process_memory
return {
    main = function()
        local t = {}
        while true do t[#t + 1] = {} end
    end,
}
