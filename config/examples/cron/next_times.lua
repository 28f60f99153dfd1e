-- Run by `troupe test --config troupe.yaml`: raises what does not hold.
local cron, time = require("cron"), require("time")

local function at(text)
    return time.parse("2006-01-02 15:04:05", text)
end

local function expect(line, from, wanted)
    local t = assert(assert(cron.parse(line)).next(at(from)))
    local got = t:format("2006-01-02 15:04:05")
    assert(got == wanted, line .. " after " .. from .. ": " .. got .. ", not " .. wanted)
end

-- Where the clock is changed; `wanted` are the next times, one after the other.
local function expect_in(zone, line, from, wanted)
    local t = time.parse("2006-01-02 15:04:05", from, assert(time.load_location(zone)))
    for _, text in ipairs(wanted) do
        t = assert(assert(cron.parse(line)).next(t))
        local got = t:format("2006-01-02 15:04 -0700")
        assert(got == text, line .. " in " .. zone .. " after " .. from .. ": " .. got .. ", not " .. text)
    end
end

local function main()
    expect("* * * * * *", "2026-03-01 10:00:00", "2026-03-01 10:00:01")
    expect("* * * * *", "2026-03-01 10:00:00", "2026-03-01 10:01:00")
    expect("*/20 * * * *", "2026-03-01 10:40:00", "2026-03-01 11:00:00")
    expect("30 2 * * 1-5", "2026-03-06 02:30:00", "2026-03-09 02:30:00") -- a Friday: on Monday
    expect("0 0 1 1 *", "2026-03-01 10:00:00", "2027-01-01 00:00:00")
    expect("0 12 29 2 *", "2026-03-01 10:00:00", "2028-02-29 12:00:00")
    expect("0 0 13 * 5", "2026-03-01 10:00:00", "2026-03-06 00:00:00") -- a 13th or a Friday
    expect("5,35 10-12/2 * * 7", "2026-03-01 10:05:00", "2026-03-01 10:35:00") -- a Sunday
    -- The 6th begins at 01:00.
    expect_in("America/Santiago", "30 6 * * 0", "2026-09-04 12:00:00", { "2026-09-06 06:30 -0300", "2026-09-13 06:30 -0300" })
    expect_in("America/Santiago", "0 0 * * *", "2026-09-04 12:00:00", { "2026-09-05 00:00 -0400", "2026-09-07 00:00 -0300" })
    expect_in("Europe/Berlin", "30 2 * * *", "2026-03-28 00:00:00", { "2026-03-28 02:30 +0100", "2026-03-30 02:30 +0200" })
    expect_in("Europe/Berlin", "30 2 * * *", "2026-10-25 00:00:00", { "2026-10-25 02:30 +0200", "2026-10-25 02:30 +0100",
                                                                      "2026-10-26 02:30 +0100" })
    for line, why in pairs { ["* * *"] = "has 3 fields", ["61 * * * *"] = "minute 61: is not from 0 to 59",
                             ["* * * * 8"] = "weekday 8", ["x * * * *"] = "minute x" } do
        local schedule, err = cron.parse(line)
        assert(not schedule and err:find(why, 1, true), tostring(err))
    end
    local never = cron.parse("0 0 30 2 *")
    assert(never.next(at("2026-03-01 10:00:00")) == nil, "there is no 30th of February")
end

return { main = main }
