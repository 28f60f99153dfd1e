-- expect: start
return {}
