-- expect: ends
return {
    main = function()
        local pid = assert(process.spawn("app:sleeper", "app:processes"))
        local big, sent = ("x"):rep(2^20), 0
        while true do
            local ok, e = process.send(pid, "t", big)
            if not ok then assert(e:kind() == errors.RATE_LIMITED, tostring(e)) break end
            sent = sent + 1
        end
        assert(sent == 7, sent)
        process.terminate(pid)
    end,
}
