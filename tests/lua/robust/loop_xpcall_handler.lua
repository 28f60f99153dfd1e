-- expect: runs
-- The handler cannot be yielded out of: it is ended by errors, one for each pcall around it.
return {
    main = function()
        xpcall(error, function()
            while true do pcall(function() while true do end end) end
        end)
    end,
}
