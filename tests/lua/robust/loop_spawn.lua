-- expect: runs
local function go(n)
    if n == 0 then
        while true do end
    end
    coroutine.spawn(function() go(n - 1) end)
end
return { main = function() go(50) end }
