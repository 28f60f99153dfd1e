return { main = require("use").main(function(say)
    say(("aBc"):upper(), (("k=1"):match("(%w)=(%d)")), ("%05.1f"):format(2.5), (("a,b"):gsub(",", ";")))
    for word in ("to be or"):gmatch("%a+") do say(word) end
    say(pcall(error, "raised"))
    say(string.leak, ("x").leak, _G.leak, getmetatable(""), getmetatable(_G))
end) }
