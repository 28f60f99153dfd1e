-- expect: fails Unknown table
return {
    main = function()
        error(setmetatable({}, { __tostring = function() while true do end end }))
    end,
}
