return { main = require("use").main(function(say)
    local list = { 3, 1, 2 }
    table.sort(list, function(a, b) return a > b end)
    say(table.concat(list, "-"), unpack(list))
    say(math.floor(2.5), math.max(1, 3), bit.band(6, 3), os.date("!%Y", 0), next({}), rawequal(list, list))
    say(coroutine.wrap(function(a) return coroutine.yield(a) end)("in a coroutine"))
    say(_G.leak)
end) }
