-- expect: fails RateLimited process_memory
return {
    main = function()
        local s = "x"
        while true do s = s .. s end
    end,
}
