-- expect: start
error(nil)
return { main = function() end }
