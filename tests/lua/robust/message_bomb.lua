-- expect: ends
-- To one that sleeps: refused at its limit, and nothing is lost silently.
return {
    main = function()
        local pid = assert(process.spawn("app:sleeper", "app:processes"))
        local sent = 0
        while true do
            local ok, e = process.send(pid, "t", ("x"):rep(100))
            if not ok then assert(e:kind() == errors.RATE_LIMITED, tostring(e)) break end
            sent = sent + 1
        end
        assert(sent == 10000, sent)
        process.terminate(pid)
    end,
}
