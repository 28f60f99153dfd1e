-- expect: ends
return {
    main = function()
        assert(process.registry.register(("x"):rep(255)))
        local ok, e = process.registry.register(("x"):rep(256))
        assert(not ok and e:kind() == errors.INVALID)
    end,
}
