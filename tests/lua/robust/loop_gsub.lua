-- expect: runs
return {
    main = function()
        local r = ("x"):gsub("x", function() while true do end end)
    end,
}
