-- expect: ends
return {
    main = function()
        assert(not xpcall(error, function() error("again") end))
    end,
}
