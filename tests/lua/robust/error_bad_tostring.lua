-- expect: fails Unknown table
-- __tostring is not called for it.
return {
    main = function()
        error(setmetatable({}, { __tostring = function() error("no") end }))
    end,
}
