-- expect: runs
return {
    main = function()
        table.sort({ 3, 1, 2 }, function() while true do pcall(function() while true do end end) end end)
    end,
}
