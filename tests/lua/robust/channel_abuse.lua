-- expect: ends
return {
    main = function()
        local a, b = channel.new(), channel.new(1)
        coroutine.spawn(function() pcall(function() a:send(1) end) end)
        coroutine.spawn(function() channel.select({ a:case_receive(), b:case_receive() }) b:close() b:close() end)
        a:close()
        assert(not pcall(function() a:send(1) end))
        assert(not pcall(channel.select, { a:case_send(1) }))
        assert(not pcall(channel.select, { 1, 2, 3 }))
        assert(not pcall(channel.new, -1))
        assert(not pcall(channel.new, 0 / 0))
        local cases = {}
        for i = 1, 1000 do cases[i] = b:case_receive() end
        cases[#cases + 1] = time.after("5ms"):case_receive()
        channel.select(cases)
    end,
}
