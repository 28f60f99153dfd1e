-- expect: fails RateLimited process_memory
return {
    main = function()
        local text = "[" .. ("1,"):rep(1500000) .. "1]"
        local json = require("json")
        local keep = {}
        while true do keep[#keep + 1] = json.decode(text) end
    end,
}
