-- expect: ends
-- Events that do not fit into the mailbox (8 MiB) are dropped.
return {
    main = function()
        local events, text, subs = require("events"), ("x"):rep(1000000), {}
        for i = 1, 20 do subs[i] = assert(events.subscribe("robust", "mem_bus")) end
        for _ = 1, 20 do assert(events.send("robust", "mem_bus", "path", text)) end
        local got = 0
        for i = 1, 20 do
            while not channel.select({ subs[i]:channel():case_receive() }, true).default do got = got + 1 end
        end
        assert(got >= 7 and got <= 8, got)
        assert(events.send("robust", "mem_bus", "path", "there is room again"))
        for i = 1, 20 do assert(subs[i]:channel():receive().data == "there is room again") end
    end,
}
