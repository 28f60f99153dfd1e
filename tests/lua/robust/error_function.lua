-- expect: fails Unknown function
return {
    main = function()
        error(function() end)
    end,
}
