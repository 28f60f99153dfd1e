-- expect: fails Invalid function
return {
    main = function()
        return function() end
    end,
}
