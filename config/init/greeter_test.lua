-- Run it with
--   troupe test --config troupe.yaml greeter_test.lua
-- The services run while the tests do; the file itself is a process, so it can send and receive like any other.
local time = require("time")

describe("the greeter", function()
    local greetings = process.listen("greeting")

    local function next_greeting()
        local r = channel.select { greetings:case_receive(), time.after("5s"):case_receive() }
        return r.channel == greetings and r.value or nil
    end

    it("greets who asks", function()
        assert(process.send("greeter", "greet", "world"))
        expect(next_greeting()).to_equal("Hello, world!")
    end)

    it("takes any payload", function()
        assert(process.send("greeter", "greet", 42))
        expect(next_greeting()).to_equal("Hello, 42!")
    end)
end)
