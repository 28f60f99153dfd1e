-- expect: fails RateLimited process_memory
return {
    main = function(child)
        if child then return ("x"):rep(1000000) end
        for i = 1, 1000 do
            assert(process.spawn_monitored("mem_exit_results", "processes", true))
            if i % 5 == 0 then time.sleep("1ms") end
        end
        time.sleep("10s")
    end,
}
