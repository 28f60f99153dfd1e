-- expect: runs
return {
    main = function()
        while true do
            local co = coroutine.create(function() for i = 1, 10 do coroutine.yield(i) end end)
            while coroutine.resume(co) do end
        end
    end,
}
