-- What vm/editor/troupe.d.lua and troupe-lua(7) describe as fields is there (functions: tests/unit/test_vm_stubs.c).
describe("constants:", function()
    it("of time", function()
        for name in ([[NANOSECOND MICROSECOND MILLISECOND SECOND MINUTE HOUR JANUARY DECEMBER SUNDAY SATURDAY RFC3339 RFC3339NANO RFC822 RFC822Z RFC850
            RFC1123 RFC1123Z KITCHEN STAMP DATE_TIME DATE_ONLY TIME_ONLY utc localtz]]):gmatch("%S+") do
            assert.not_nil(time[name], name)
        end
        assert.equal(0, time.SUNDAY)
        assert.equal(1, time.JANUARY)
    end)
    it("of process.event", function()
        assert.same({ "pid.exit", "pid.link.down", "pid.cancel" }, { process.event.EXIT, process.event.LINK_DOWN, process.event.CANCEL })
    end)
    it("functions that the prelude makes", function()
        for _, f in ipairs({ coroutine.spawn, channel.select, channel.new().send, require("test").main, require("test").file,
            require("test").drive, require("test").run_cases }) do
            assert.is_function(f)
        end
    end)
end)
