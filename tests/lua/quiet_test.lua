-- What a process that goes quiet has left behind is collected, without its doing.
local HOST, NS = "app:processes", "app.test.life:"

describe("Garbage of a process that waits", function()
    it("goes after some seconds, unless it has set the collector itself; what it still holds stays", function()
        local memory, pids, before = process.listen("memory"), {}, {}
        for _, what in ipairs({ "small", "large", "stopped" }) do
            pids[what] = assert(process.spawn_monitored(NS .. "garbage", HOST, what, process.pid()))
            local told = memory:receive()
            before[told[1]] = told[2]
        end
        assert.is_true(before.large > 1000000, tostring(before.large))
        time.sleep("4s")
        local function now(what) return process.info(pids[what]).memory end
        assert.is_true(now("small") < before.small * 0.75, now("small") .. " of " .. before.small)
        assert.is_true(now("large") < 64 * 1024, now("large") .. " of " .. before.large)
        assert.is_true(now("stopped") >= before.stopped)
        for _, what in ipairs({ "small", "large", "stopped" }) do
            process.send(pids[what], "go")
            local result = process.events():receive().result
            assert.equal("kept", type(result) == "table" and result.value or result)
        end
    end)
end)
