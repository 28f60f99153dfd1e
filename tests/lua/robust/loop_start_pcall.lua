-- expect: stuck
while true do pcall(function() while true do end end) end
return { main = function() end }
