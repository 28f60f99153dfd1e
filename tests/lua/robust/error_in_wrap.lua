-- expect: fails Unknown inside
return {
    main = function()
        coroutine.wrap(function() error("inside") end)()
    end,
}
