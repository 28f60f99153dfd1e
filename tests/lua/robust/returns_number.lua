-- expect: start
return 5
