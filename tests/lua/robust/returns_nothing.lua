-- expect: start

