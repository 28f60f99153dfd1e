-- expect: ends
return {
    main = function()
        local json = require("json")
        assert(not json.decode(("["):rep(100000)))
        local t = {}
        for i = 1, 200 do t = { t } end
        assert(not json.encode(t))
    end,
}
