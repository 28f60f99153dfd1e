-- expect: runs
return {
    main = function()
        while true do pcall(error, 'again') end
    end,
}
