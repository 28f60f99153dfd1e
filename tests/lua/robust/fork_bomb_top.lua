-- expect: bomb
-- Its file spawns itself: inside a spawn, inside a spawn, …
while true do process.spawn("app:fork_bomb_top", "app:processes") end
return { main = function() end }
