-- expect: ends
return {
    main = function()
        assert(not pcall(coroutine.yield, 1))
        local co = coroutine.create(function() coroutine.yield() end)
        coroutine.resume(co) coroutine.resume(co)
        assert(not coroutine.resume(co))
        local mine = coroutine.running()
        local task
        coroutine.spawn(function() task = coroutine.running() time.sleep("1ms") end)
        if task then assert(not coroutine.resume(task)) end
        local inner
        local outer = coroutine.create(function() inner() end)
        inner = coroutine.wrap(function() local ok = coroutine.resume(outer) assert(not ok) end)
        assert(coroutine.resume(outer))
        assert(not pcall(coroutine.resume, 5))
        assert(not pcall(coroutine.wrap, 5))
        assert(not pcall(coroutine.spawn, nil))
        time.sleep("5ms")
    end,
}
