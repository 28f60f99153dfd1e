-- expect: bomb
-- Its file spawns itself: inside a spawn, inside a spawn, …
while true do process.spawn("app:fork_bomb_top", "app:bombs") end
return { main = function() end }
