-- expect: ends
-- A coroutine that waits belongs to the scheduler.
return {
    main = function()
        local co = coroutine.create(function() time.sleep("20ms") return 1 end)
        local n = 0
        coroutine.spawn(function() for i = 1, 5 do time.sleep("1ms") if not coroutine.resume(co) then n = n + 1 end end end)
        assert(coroutine.resume(co))
        time.sleep("5ms")
        assert(n == 5, n)
    end,
}
