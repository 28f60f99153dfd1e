-- expect: bomb
return {
    main = function()
        while true do process.spawn_linked("app:fork_bomb_linked", "app:bombs") end
    end,
}
