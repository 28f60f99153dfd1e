-- expect: ends
return {
    main = function()
        for i = 1, 5000 do process.spawn("app:returns_nothing", "app:processes") end
    end,
}
