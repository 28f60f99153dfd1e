-- expect: fails RateLimited process_memory
-- Small on the way, large when decoded again and again.
return {
    main = function()
        local t = {}
        for i = 1, 2000 do t[i] = { { { {} } } } end
        local ch, keep = process.listen("t"), {}
        while true do
            assert(process.send(process.pid(), "t", t))
            keep[#keep + 1] = ch:receive()
        end
    end,
}
