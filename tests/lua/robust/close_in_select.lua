-- expect: ends
return {
    main = function()
        local ch = channel.new()
        coroutine.spawn(function() time.sleep("2ms") ch:close() end)
        local r = channel.select({ ch:case_receive(), process.inbox():case_receive() })
        assert(r.channel == ch and r.ok == false)
        local full = channel.new(0)
        coroutine.spawn(function() time.sleep("2ms") full:close() end)
        assert(not pcall(channel.select, { full:case_send(1), process.inbox():case_receive() }))
    end,
}
