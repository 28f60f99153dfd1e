-- expect: ends
return {
    main = function()
        local t = {}
        for i = 1, 5000 do t = { t } end
        local ok, e = process.send(process.pid(), "t", t)
        assert(not ok and e:kind() == errors.INVALID, tostring(e))
        t = {}
        for i = 1, 990 do t = { t } end
        assert(process.send(process.pid(), "t", t))
        assert(process.listen("t"):receive())
    end,
}
