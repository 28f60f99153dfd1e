local time = require("time")
return { main = require("use").main(function(say)
    local begin = time.now()
    time.sleep(time.MILLISECOND)
    say(time.now():sub(begin):milliseconds() >= 1, time.unix(0, 0):utc():format(time.RFC3339), process.leak)
end) }
