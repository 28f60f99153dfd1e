-- expect: start
error("top")
return { main = function() end }
