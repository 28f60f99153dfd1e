-- expect: start
return { main = 5 }
