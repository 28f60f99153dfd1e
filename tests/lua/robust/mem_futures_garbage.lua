-- expect: ends
return {
    main = function()
        local funcs = require("funcs")
        for _ = 1, 500 do
            assert(funcs.async("app:large_answer")):response():receive()
        end
    end,
}
