-- expect: runs
return {
    main = function()
        while true do process.spawn("app:nobody", "app:processes") end
    end,
}
