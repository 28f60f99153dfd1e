-- expect: fails RateLimited process_memory
return {
    main = function()
        local funcs, keep = require("funcs"), {}
        for i = 1, 1000 do
            keep[i] = assert(funcs.async("app:large_answer"))
            if i % 5 == 0 then time.sleep("1ms") end
        end
        time.sleep("10s")
    end,
}
