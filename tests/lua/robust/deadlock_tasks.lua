-- expect: fails Unknown deadlock
return {
    main = function()
        local ch = channel.new()
        for i = 1, 100 do coroutine.spawn(function() ch:send(i) end) end
        local other = channel.new()
        other:receive()
    end,
}
