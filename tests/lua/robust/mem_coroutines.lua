-- expect: fails RateLimited process_memory
return {
    main = function()
        local keep = {}
        while true do
            keep[#keep + 1] = coroutine.create(function() coroutine.yield() end)
            coroutine.resume(keep[#keep])
        end
    end,
}
