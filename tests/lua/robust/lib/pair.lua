-- The healthy neighbours: two processes that send one number to and fro; the first says how often, when asked.
return {
    main = function(first, other)
        local ball, ask = process.listen("ball"), process.listen("ask")
        local n = 0
        if first then
            other = assert(process.spawn_linked("app:pair", "app:processes", false, process.pid()))
            assert(process.send(other, "ball", 0))
        end
        while true do
            local r = channel.select({ ball:case_receive(), ask:case_receive() })
            if r.channel == ball then
                n = n + 1
                assert(process.send(other, "ball", n))
            else
                process.send(r.value, "count", n)
            end
        end
    end,
}
