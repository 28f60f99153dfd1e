-- expect: fails Unknown inside
return {
    main = function()
        coroutine.spawn(function() time.sleep("1ms") error("inside") end)
        time.sleep("1h")
    end,
}
