-- expect: bomb
return {
    main = function()
        while true do process.spawn("app:fork_bomb", "app:bombs") end
    end,
}
