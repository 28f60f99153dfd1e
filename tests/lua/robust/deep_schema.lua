-- expect: ends
-- A schema that refers to itself for ever.
return {
    main = function()
        local json = require("json")
        local ok, e = json.validate({ ["$ref"] = "#" }, 1)
        assert(not ok, "it holds?")
    end,
}
