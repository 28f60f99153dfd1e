-- expect: ends
return {
    main = function()
        local n = 0
        for i = 1, 70000 do
            local ok, e = process.registry.register("squat." .. i)
            if not ok then assert(e:kind() == errors.RATE_LIMITED, tostring(e)) break end
            n = i
        end
        assert(n == 65536, n)
        local ok, e = process.registry.register(("x"):rep(256))
        assert(not ok)
    end,
}
