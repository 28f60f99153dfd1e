-- expect: fails RateLimited process_memory
return {
    main = function()
        while true do coroutine.spawn(function() channel.new():receive() end) end
    end,
}
