-- expect: fails RateLimited process_memory
return {
    main = function()
        local ch, i = channel.new(1e8), 0
        while true do
            i = i + 1
            ch:send(("x"):rep(100) .. i)
        end
    end,
}
