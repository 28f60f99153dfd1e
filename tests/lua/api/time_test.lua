-- lua-api.md, section 5: durations, instants, layouts, zones, calendar arithmetic; timers in every state.
-- (How timers meet channels and select: channel_test.lua.)
local HOST, NS = "app:processes", "app.test.api:"
local function invalid(pattern, v, err)
    assert.falsy(v)
    assert.is_userdata(err)
    assert.equal(errors.INVALID, err:kind())
    assert.falsy(err:retryable())
    assert.match(pattern, tostring(err))
end
local function utc(y, mo, d, h, mi, s, ns) return assert(time.date(y, mo, d, h or 0, mi or 0, s or 0, ns or 0, time.utc)) end
local function dur(x) return assert(time.parse_duration(x)) end
local NANO = "2006-01-02 15:04:05.999999999"

describe("5. Durations:", function()
    it("a number (nanoseconds), a string in Go's grammar, a duration object", function()
        for text, ns in pairs({ ["1h30m"] = 5.4e12, ["1.5s"] = 1.5e9, ["500ms"] = 5e8, ["-2m"] = -1.2e11, ["7ns"] = 7, ["3us"] = 3000, ["3µs"] = 3000,
            ["3μs"] = 3000, ["2ms"] = 2e6, ["4s"] = 4e9, ["5m"] = 3e11, ["6h"] = 2.16e13, ["0"] = 0, ["-0"] = 0, ["+1s"] = 1e9, [".5s"] = 5e8, ["1.s"] = 1e9,
            ["1h2m3s4ms5us6ns"] = 3723004005006, ["1s1s"] = 2e9, ["0.000000001s"] = 1, ["2540400h10m10.000000000s"] = 9145440610e9 }) do
            assert.equal(ns, dur(text):nanoseconds(), text)
        end
        assert.equal(1500, dur(1500):nanoseconds())
        assert.equal(-1, dur(-1.9):nanoseconds())
        local d = dur("90m")
        assert.equal(d, dur(d))
        assert.is_false(rawequal(d, dur(d)))
    end)
    it("bad ones: INVALID with the text", function()
        for _, text in ipairs({ "", "1", "s", "5 parsecs", "1x", "1h30", " 1s", "1s ", "--1s", "1,5s", "1.5.5s", ".s", "-", "+", "1e3s", "0x1s", "1S",
            "9223372036854775808ns", "3000000h", "1s\0", "\xff" }) do
            local v, err = time.parse_duration(text)
            invalid("time.parse_duration: invalid duration", v, err)
            assert.contains(text:match("^%Z*"), tostring(err))
        end
        for _, n in ipairs({ 0 / 0, math.huge, -math.huge, 1e19 }) do
            invalid("invalid duration", time.parse_duration(n))
        end
        invalid("invalid duration", utc(2024, 1, 1):add("1 day"))
        invalid("invalid duration", utc(2024, 1, 1):round("x"))
        invalid("invalid duration", utc(2024, 1, 1):truncate("x"))
        invalid("reset: invalid duration \"x\"", time.timer("1h"):reset("x"))
        for _, f in ipairs({ time.after, time.timer, time.ticker, time.sleep, time.parse_duration }) do
            for _, bad in ipairs({ true, {}, print, time.now() }) do
                assert.error_match(function() f(bad) end, "bad argument #1")
            end
            assert.error_match(function() f() end, "bad argument #1")
            assert.falsy((f(0 / 0)))
        end
    end)
    it("nanoseconds microseconds milliseconds seconds minutes hours", function()
        local d = dur("1h30m45.123456789s")
        assert.same({ 5445123456789, 5445123456, 5445123 }, { d:nanoseconds(), d:microseconds(), d:milliseconds() })
        assert.near(5445.123456789, d:seconds(), 1e-9)
        assert.near(90.752, d:minutes(), 1e-3)
        assert.near(1.5125, d:hours(), 1e-3)
        assert.same({ -1, -1500 }, { dur("-1.5ms"):milliseconds(), dur("-1.5ms"):microseconds() })
        assert.equal(-1.5, dur("-1.5s"):seconds())
    end)
    it("tostring as Go prints it", function()
        for text, shown in pairs({ ["1h30m45s"] = "1h30m45s", ["0"] = "0s", ["1ns"] = "1ns", ["1100ns"] = "1.1µs", ["2200us"] = "2.2ms", ["3300ms"] = "3.3s",
            ["4m5s"] = "4m5s", ["4m5001ms"] = "4m5.001s", ["5h6m7001ms"] = "5h6m7.001s", ["8m1ns"] = "8m0.000000001s", ["-1m"] = "-1m0s", ["1h"] = "1h0m0s",
            ["9223372036854775807ns"] = "2562047h47m16.854775807s", ["-9223372036854775808ns"] = "-2562047h47m16.854775808s" }) do
            assert.equal(shown, tostring(dur(text)), text)
        end
    end)
    it("the constants are numbers of nanoseconds", function()
        assert.same({ 1, 1e3, 1e6, 1e9, 6e10, 3.6e12 }, { time.NANOSECOND, time.MICROSECOND, time.MILLISECOND, time.SECOND, time.MINUTE, time.HOUR })
        assert.equal("1m30s", tostring(dur(1.5 * time.MINUTE)))
    end)
    it("operators", function()
        assert.equal(dur("3s"), dur("1s") + dur("2s"))
        assert.equal(dur("3s"), dur("1s") + "2s")
        assert.equal(dur("-1s"), dur("1s") - 2 * time.SECOND)
        assert.equal(dur("-1s"), -dur("1s"))
        assert.equal(dur("3s"), dur("1s") * 3)
        assert.equal(dur("1.5s"), 1.5 * dur("1s"))
        assert.equal(dur("500ms"), dur("1s") / 2)
        assert.equal(2, dur("1s") / dur("500ms"))
        assert.is_true(dur("1s") < dur("2s"))
        assert.is_true(dur("1s") <= dur("1s"))
        assert.not_equal(dur("1s"), dur("2s"))
        assert.has_error(function() return dur("1s") + "x" end)
        assert.has_error(function() return dur("2562047h") * 2 end)
        assert.has_error(function() return -dur("-9223372036854775808ns") end)
    end)
end)

describe("5. Making times:", function()
    it("now", function()
        local before = os.time()
        local t = time.now()
        assert.is_true(t:unix() >= before and t:unix() <= os.time() + 1) -- whose clock is the coarse one
        assert.equal("Local", tostring(t:location()))
    end)
    it("unix(s, ns): full nanoseconds, a fraction of a second", function()
        assert.same({ 5, 7 }, { time.unix(5, 7):unix(), time.unix(5, 7):nanosecond() })
        assert.same({ 4, 999999999 }, { time.unix(5, -1):unix(), time.unix(5, -1):nanosecond() })
        assert.equal(7, time.unix(5, 2e9):unix())
        assert.equal(5e8, time.unix(1.5):nanosecond())
        assert.equal(-1, time.unix(-0.5):unix())
        invalid("time.unix: out of range", time.unix(1e300))
        invalid("time.unix", time.unix(0 / 0))
        assert.error_match(function() time.unix("x") end, "bad argument #1")
    end)
    it("date(y, mo, d, h, mi, s, ns[, loc]) carries over what is out of range", function()
        assert.equal("2024-02-29 12:30:45.123456789", utc(2024, 2, 29, 12, 30, 45, 123456789):format(NANO))
        assert.equal("2024-03-01", utc(2024, 2, 30):format(time.DATE_ONLY))
        assert.equal("2025-02-01", utc(2024, 14, 1):format(time.DATE_ONLY))
        assert.equal("2023-12-31 23:59:59", utc(2024, 1, 1, 0, 0, -1):format(time.DATE_TIME))
        assert.equal("2024-01-02 00:00:00", utc(2024, 1, 1, 24):format(time.DATE_TIME))
        assert.equal("2024-01-01 00:00:01", utc(2024, 1, 1, 0, 0, 0, 1e9):format(time.DATE_TIME))
        assert.equal("Local", tostring(time.date(2024, 1, 1):location()))
        invalid("time.date: out of range", time.date(1e18, 1, 1))
        assert.has_error(function() time.date(2024) end)
        assert.has_error(function() time.date(2024, 1, 1, 0, 0, 0, 0, "UTC") end)
    end)
    it("fixed_zone(name, seconds)", function()
        local z = assert(time.fixed_zone("XST", 5400))
        local t = time.date(2024, 1, 1, 12, 0, 0, 0, z)
        assert.equal("2024-01-01T12:00:00+01:30", t:format(time.RFC3339))
        assert.equal("XST", t:format("MST"))
        assert.equal("XST", tostring(t:location()))
        assert.equal("10:30:00", t:utc():format(time.TIME_ONLY))
        assert.equal("2024-01-01T12:00:00-03:00", time.date(2024, 1, 1, 12, 0, 0, 0, time.fixed_zone("", -10800)):format(time.RFC3339))
        invalid("offset", time.fixed_zone("x", 1e9))
        invalid("name", time.fixed_zone(("x"):rep(1000), 0))
        assert.has_error(function() time.fixed_zone("x") end)
    end)
    it("load_location(name): the system's tz database", function()
        local berlin = assert(time.load_location("Europe/Berlin"))
        assert.equal("Europe/Berlin", tostring(berlin))
        assert.equal(berlin, time.load_location("Europe/Berlin"))
        assert.equal("UTC", tostring(time.load_location("UTC")))
        assert.equal("Local", tostring(time.load_location("Local")))
        assert.equal(time.utc, time.load_location(""))
        for _, bad in ipairs({ "Nowhere/Town", "../../../etc/passwd", "/etc/passwd", "europe/berlin\0", ".", "Europe" }) do
            local loc, err = time.load_location(bad)
            assert.is_nil(loc, bad)
            assert.equal(errors.NOT_FOUND, err:kind())
            assert.match("unknown time zone", tostring(err))
        end
        assert.has_error(function() time.load_location() end)
    end)
    it("zones: summer and winter, years far ahead, hours that are not there and twice there", function()
        local berlin, new_york = time.load_location("Europe/Berlin"), time.load_location("America/New_York")
        local function shown(loc, ...)
            return time.date(...):in_location(loc):format("15:04 MST -0700")
        end
        assert.equal("13:00 CET +0100", shown(berlin, 2024, 1, 15, 12, 0, 0, 0, time.utc))
        assert.equal("14:00 CEST +0200", shown(berlin, 2024, 7, 15, 12, 0, 0, 0, time.utc))
        assert.equal("08:00 EDT -0400", shown(new_york, 2024, 7, 15, 12, 0, 0, 0, time.utc))
        assert.equal("14:00 CEST +0200", shown(berlin, 2400, 7, 15, 12, 0, 0, 0, time.utc))
        assert.equal("17:30 +0545 +0545", shown(time.load_location("Asia/Kathmandu"), 2024, 7, 15, 11, 45, 0, 0, time.utc))
        -- Go: "In such cases, the choice of time zone is not unique"; either way it is one of the two.
        local gap = time.date(2024, 3, 31, 2, 30, 0, 0, berlin)
        assert.truthy(gap:format("15:04 MST") == "03:30 CEST" or gap:format("15:04 MST") == "01:30 CET")
        local twice = time.date(2024, 10, 27, 2, 30, 0, 0, berlin)
        assert.equal("02:30", twice:format("15:04"))
        assert.equal("2024-03-31 03:00 CEST", time.date(2024, 3, 31, 1, 59, 59, 0, berlin):add("1s"):format("2006-01-02 15:04 MST"))
    end)
    it("zones before the first rule and after the last one in the database", function()
        local berlin = time.load_location("Europe/Berlin")
        assert.equal("1800-01-01 00:53:28 LMT", utc(1800, 1, 1):in_location(berlin):format("2006-01-02 15:04:05 MST"))
        assert.equal("+0100", utc(2999, 12, 1):in_location(berlin):format("-0700"))
    end)
end)

describe("5. Layouts:", function()
    local t = utc(2009, 11, 10, 23, 4, 5, 987654321)
    it("those of Go", function()
        for name, text in pairs({ RFC3339 = "2009-11-10T23:04:05Z", RFC3339NANO = "2009-11-10T23:04:05.987654321Z", RFC822 = "10 Nov 09 23:04 UTC",
            RFC822Z = "10 Nov 09 23:04 +0000", RFC850 = "Tuesday, 10-Nov-09 23:04:05 UTC", RFC1123 = "Tue, 10 Nov 2009 23:04:05 UTC",
            RFC1123Z = "Tue, 10 Nov 2009 23:04:05 +0000", KITCHEN = "11:04PM", STAMP = "Nov 10 23:04:05", STAMP_MILLI = "Nov 10 23:04:05.987",
            STAMP_MICRO = "Nov 10 23:04:05.987654", STAMP_NANO = "Nov 10 23:04:05.987654321", DATE_TIME = "2009-11-10 23:04:05", DATE_ONLY = "2009-11-10",
            TIME_ONLY = "23:04:05", ANSIC = "Tue Nov 10 23:04:05 2009", UNIX_DATE = "Tue Nov 10 23:04:05 UTC 2009",
            RUBY_DATE = "Tue Nov 10 23:04:05 +0000 2009" }) do
            assert.equal(text, t:format(time[name]), name)
        end
        assert.equal("2009-11-10T23:04:05Z", t:format_rfc3339())
        assert.equal("2009-11-10 23:04:05.987654321 +0000 UTC", tostring(t))
    end)
    it("each part", function()
        local early = utc(2006, 1, 2, 3, 4, 5, 60000000)
        for layout, text in pairs({ ["2006 06"] = "2006 06", ["January Jan 1 01"] = "January Jan 1 01", ["Monday Mon 2 _2 02"] = "Monday Mon 2  2 02",
            ["002 __2"] = "002   2", ["15 3 03 PM pm"] = "03 3 03 AM am", ["4 04 5 05"] = "4 04 5 05", [".000 .999 .00 .9"] = ".060 .06 .06 ",
            [",000"] = "5,060", ["-0700 -07:00 -07 Z0700 Z07:00"] = "+0000 +00:00 +00 Z Z", ["MST"] = "UTC", ["plain 'text'"] = "plain 'text'",
            [""] = "", ["ü\0x"] = "ü\0x" }) do
            if layout ~= ",000" and not layout:find("^%.") then
                assert.equal(text, early:format(layout), layout)
            end
        end
        assert.equal("05.060 05.06", early:format("05.000 05.999"))
        assert.equal("05,060", early:format("05,000"))
        assert.equal("05", utc(2006, 1, 2, 3, 4, 5):format("05.999"))
        assert.equal("05.000", utc(2006, 1, 2, 3, 4, 5):format("05.000"))
    end)
    it("parse(layout, text) reads back what format wrote", function()
        for _, name in ipairs({ "RFC3339NANO", "STAMP_NANO", "RFC1123Z", "RFC1123", "RFC850", "DATE_TIME", "ANSIC", "RFC822Z", "KITCHEN" }) do
            local text = t:format(time[name])
            local back, err = time.parse(time[name], text)
            assert.is_nil(err and tostring(err), name)
            assert.equal(text, back:format(time[name]), name)
        end
        assert.is_true(t:equal(time.parse(time.RFC3339NANO, t:format(time.RFC3339NANO))))
    end)
    it("parse: without a zone UTC, or the location given; offsets and abbreviations", function()
        assert.equal("UTC", tostring(time.parse(time.DATE_TIME, "2024-07-01 12:00:00"):location()))
        local berlin = time.load_location("Europe/Berlin")
        local b = time.parse(time.DATE_TIME, "2024-07-01 12:00:00", berlin)
        assert.equal("2024-07-01T12:00:00+02:00", b:format(time.RFC3339))
        assert.equal(1719828000, time.parse(time.RFC3339, "2024-07-01T12:00:00+02:00"):unix())
        assert.equal("CEST", time.parse("2006-01-02 MST", "2024-07-01 CEST", berlin):format("MST"))
        assert.equal(7200, 43200 - select(1, time.parse(time.RFC3339, "1970-01-01T12:00:00+02:00"):unix()) + 0)
    end)
    it("parse: what is not in the layout is that of year 0; a fraction need not be", function()
        local k = time.parse(time.KITCHEN, "3:04PM")
        assert.equal("0000-01-01 15:04:00", k:format(time.DATE_TIME))
        assert.equal(123456789, time.parse(time.TIME_ONLY, "12:00:00.123456789"):nanosecond())
    end)
    it("parse: what does not fit is INVALID and says where", function()
        for text, layout in pairs({ ["2024-13-01"] = "2006-01-02", ["2024-02-30"] = "2006-01-02", ["x"] = "2006", ["2024-01-01x"] = "2006-01-02",
            ["25:00:00"] = "15:04:05", ["Foo"] = "Mon", ["12:60"] = "15:04", ["2023-02-29"] = "2006-01-02", ["13PM"] = "3PM", [""] = "2006",
            ["2024-01-01T00:00:00"] = time.RFC3339, ["2024-01-01T00:00:00+25:00"] = time.RFC3339, ["2006"] = "" }) do
            local v, err = time.parse(layout, text)
            invalid("pars", v, err)
            assert.contains(text, tostring(err))
        end
        assert.has_error(function() time.parse(time.RFC3339) end)
        assert.has_error(function() time.parse(time.RFC3339, "x", "UTC") end)
    end)
    it("years of more than four digits and before year 0", function()
        assert.equal("12024-07-01", utc(12024, 7, 1):format(time.DATE_ONLY))
        assert.equal("-0001-07-01", utc(-1, 7, 1):format(time.DATE_ONLY))
    end)
end)

describe("5. Time objects:", function()
    local t = utc(2024, 2, 29, 12, 30, 45, 123456789)
    it("date clock year month day hour minute second nanosecond weekday year_day", function()
        assert.same({ 2024, 2, 29 }, { t:date() })
        assert.same({ 12, 30, 45 }, { t:clock() })
        assert.same({ 2024, 2, 29, 12, 30, 45, 123456789, 4, 60 },
            { t:year(), t:month(), t:day(), t:hour(), t:minute(), t:second(), t:nanosecond(), t:weekday(), t:year_day() })
        assert.equal(time.FEBRUARY, t:month())
        assert.equal(time.THURSDAY, t:weekday())
        assert.equal(time.SUNDAY, t:add_date(0, 0, 3):weekday())
        assert.equal(366, utc(2024, 12, 31):year_day())
        assert.equal(365, utc(2023, 12, 31):year_day())
    end)
    it("unix, unix_nano, is_zero", function()
        assert.equal(1709209845, t:unix())
        assert.near(1709209845123456789, t:unix_nano(), 256)
        assert.equal(1709209845 * 1e9 + 5e8, time.unix(1709209845, 5e8):unix_nano())
        assert.is_false(t:is_zero())
        assert.is_true(utc(1, 1, 1):is_zero())
        assert.is_false(time.unix(0):is_zero())
    end)
    it("add, sub, before, after, equal: full nanoseconds", function()
        assert.equal("2024-02-29 12:30:45.12345679", t:add(1):format(NANO))
        assert.equal("2024-02-29 12:30:45.123456788", t:add("-1ns"):format(NANO))
        assert.equal("2024-03-01 00:00:45.123456789", t:add(dur("11h30m")):format(NANO))
        assert.equal(1, t:add(1):sub(t):nanoseconds())
        assert.equal(-1, t:sub(t:add(1)):nanoseconds())
        assert.is_true(t:before(t:add(1)))
        assert.is_false(t:before(t))
        assert.is_true(t:add(1):after(t))
        assert.is_false(t:after(t))
        assert.is_true(t:equal(t:in_location(time.fixed_zone("x", 60))))
        assert.is_false(t:equal(t:add(1)))
        assert.equal("2562047h47m16.854775807s", tostring(utc(9999, 1, 1):sub(utc(1, 1, 1)))) -- as in Go: the largest there is
        assert.equal("-2562047h47m16.854775808s", tostring(utc(1, 1, 1):sub(utc(9999, 1, 1))))
        for _, f in ipairs({ "sub", "before", "after", "equal" }) do
            assert.error_match(function() t[f](t, 5) end, "bad argument #2.*time expected, got number")
            assert.error_match(function() t[f](t) end, "bad argument #2.*time expected, got n")
        end
    end)
    it("operators", function()
        assert.is_true(t == t:add(0))
        assert.is_true(t < t:add(1) and t <= t and t:add(1) > t)
        assert.equal("1s", tostring((t + "1s") - t))
        assert.is_true(t - dur("1s") == t:add("-1s"))
        assert.is_true(dur("1s") + t == t:add("1s"))
    end)
    it("add_date: calendar arithmetic", function()
        for text, moved in pairs({ ["2025-03-01"] = t:add_date(1, 0, 0), ["2024-03-29"] = t:add_date(0, 1, 0), ["2024-03-01"] = t:add_date(0, 0, 1),
            ["2023-03-01"] = t:add_date(-1, 0, 0), ["2024-02-29"] = t:add_date(0, 0, 0), ["2028-02-29"] = t:add_date(4, 0, 0),
            ["2025-04-01"] = t:add_date(1, 1, 3), ["2024-01-29"] = t:add_date(0, -1, 0), ["2021-12-30"] = t:add_date(-2, -2, 1) }) do
            assert.equal(text, moved:format(time.DATE_ONLY), text)
            assert.equal(t:format(time.TIME_ONLY), moved:format(time.TIME_ONLY))
            assert.equal(t:nanosecond(), moved:nanosecond())
        end
        assert.equal("2024-03-02", utc(2024, 1, 31):add_date(0, 1, 0):format(time.DATE_ONLY))
        local berlin = time.load_location("Europe/Berlin") -- a day is a day of the calendar, not 24 hours
        assert.equal("2024-04-01T12:00:00+02:00", time.date(2024, 3, 30, 12, 0, 0, 0, berlin):add_date(0, 0, 2):format(time.RFC3339))
        invalid("out of range", t:add_date(1e15, 0, 0))
    end)
    it("in_location location utc in_local", function()
        local tokyo = time.load_location("Asia/Tokyo")
        local there = t:in_location(tokyo)
        assert.equal("2024-02-29T21:30:45+09:00", there:format_rfc3339())
        assert.equal(tokyo, there:location())
        assert.equal("UTC", tostring(there:utc():location()))
        assert.equal("Local", tostring(there:in_local():location()))
        assert.equal(time.localtz, there:in_local():location())
        assert.is_true(t == there)
        assert.equal(tokyo, there:add("1h"):location())
        assert.equal(tokyo, there:add_date(1, 1, 1):location())
        assert.equal(tokyo, there:truncate("1h"):location())
        assert.error_match(function() t:in_location("UTC") end, "bad argument #1")
    end)
    it("round and truncate: multiples since the zero time; nothing for d <= 0", function()
        assert.equal("12:30:45.123", t:truncate("1ms"):format("15:04:05.999999999"))
        assert.equal("12:30:00", t:truncate("1m"):format("15:04:05.999999999"))
        assert.equal("12:31:00", t:round("1m"):format("15:04:05.999999999"))
        assert.equal("13:00:00", utc(2024, 1, 1, 12, 30):round("1h"):format(time.TIME_ONLY)) -- halfway: up
        assert.equal("2024-02-29 00:00:00", t:truncate("24h"):format(time.DATE_TIME))
        assert.equal("2024-03-01 00:00:00", t:round("24h"):format(time.DATE_TIME))
        assert.equal("2024-02-26", t:truncate("168h"):format(time.DATE_ONLY)) -- weeks since the zero time begin on Monday, as in Go
        assert.is_true(t:truncate(0):equal(t))
        assert.is_true(t:round("-1s"):equal(t))
    end)
    it("they are values: no method changes them; they cross processes with zone and nanoseconds", function()
        local there = t:in_location(time.load_location("Asia/Tokyo"))
        local back = process.exec(NS .. "returns", HOST, { there, dur("1h"), time.fixed_zone("F", 60), there:location(), time.utc, time.localtz })
        assert.equal(tostring(there), tostring(back[1]))
        assert.equal(123456789, back[1]:nanosecond())
        assert.equal("1h0m0s", tostring(back[2]))
        assert.same({ "F", "Asia/Tokyo", "UTC", "Local" }, { tostring(back[3]), tostring(back[4]), tostring(back[5]), tostring(back[6]) })
        assert.has_error(function() t.year = 5 end)
    end)
    it("methods of the wrong object raise", function()
        assert.error_match(function() t.year(5) end, "expected")
        assert.error_match(function() dur("1s").hours(t) end, "expected")
        assert.error_match(function() return t < dur("1s") end, "attempt to compare")
        assert.has_error(function() return t:nothing() end)
    end)
end)

describe("5. after, timer, ticker in every state:", function()
    local function empty(ch) return channel.select({ ch:case_receive(), default = true }).default == true end
    it("a timer that is pending, stopped, fired and unread, fired and read", function()
        local t = time.timer("1h")
        assert.is_true(t:reset("1h")) -- pending
        assert.is_true(t:stop())
        assert.is_false(t:reset("1ms")) -- stopped
        assert.not_nil((t:channel():receive()))
        assert.is_false(t:reset("1ms")) -- fired and read
        while #t:channel() == 0 do time.sleep("1ms") end
        assert.is_false(t:stop()) -- fired and unread: as for Go's channels, the element stays or goes; never two
        assert.is_false(t:reset("1h"))
        local n = #t:channel()
        assert.is_true(n <= 1)
        assert.is_true(t:stop())
        while not empty(t:channel()) do n = n - 1 end
        assert.equal(0, n)
    end)
    it("a stopped timer never fires", function()
        local list = {}
        for i = 1, 50 do
            list[i] = time.timer(i * 20 .. "us")
        end
        local fired = {}
        for i, t in ipairs(list) do fired[i] = not t:stop() end
        time.sleep("5ms")
        for i, t in ipairs(list) do assert.equal(fired[i], not empty(t:channel()), i) end
    end)
    it("a timer stopped by another coroutine while one waits for it", function()
        local t, got = time.timer("1h"), nil
        coroutine.spawn(function() got = t:channel():receive() end)
        assert.is_true(t:stop())
        assert.is_nil(got)
        t:reset("1ms")
        time.sleep("5ms")
        assert.not_nil(got)
    end)
    it("zero and negative durations fire at once; those of tickers are INVALID", function()
        assert.not_nil((time.after(0):receive()))
        assert.not_nil((time.after("-1h"):receive()))
        assert.not_nil((time.timer(-5):channel():receive()))
        invalid("positive", time.ticker("-1s"))
        invalid("positive", time.ticker("1h"):reset(0))
    end)
    it("a far future is no problem", function()
        local t = time.timer(9.2e18)
        assert.is_true(t:stop())
        assert.is_true(empty(time.after("2562047h")))
    end)
    it("a ticker: its ticks, surplus dropped and not made up for, stopped, reset", function()
        local t = time.ticker("1ms")
        while #t:channel() < 16 do time.sleep("1ms") end
        time.sleep("5ms")
        t:reset("1h")
        local n = 0
        while not empty(t:channel()) do n = n + 1 end
        assert.equal(16, n)
        t:stop()
        t:stop()
        t:reset("1ms")
        local a, b = t:channel():receive(), t:response():receive()
        assert.is_true(b:after(a))
        assert.is_true(t:stop())
        assert.is_false(t:stop())
    end)
    it("a timer's channel cannot be sent to; it stays open, unless it is closed", function()
        local t = time.timer("1ms")
        assert.has_error(function() t:channel():send(1) end)
        assert.has_error(function() process.unlisten(t:channel()) end)
        local v, ok = t:channel():receive()
        assert.is_true(ok)
        assert.is_true(empty(t:channel()))
        for _, make in ipairs({ time.timer, time.ticker, time.after }) do
            local made = make("1ms")
            local closed = make == time.after and made or made:channel()
            closed:close()
            time.sleep("3ms")
            assert.same({ nil, false }, { closed:receive() })
        end
    end)
    it("RATE_LIMITED at max_timers; dropped timers do not count", function()
        local r = assert(process.exec(NS .. "many_timers", "app:small"))
        assert.equal(errors.RATE_LIMITED, r.kind)
        assert.match("max_timers", r.text)
        assert.is_true(r.again)
    end)
    it("sleep(d <= 0) only yields; a sleeping coroutine holds up no other", function()
        local order = {}
        for i = 3, 1, -1 do
            coroutine.spawn(function() time.sleep(i * 3 .. "ms") order[#order + 1] = i end)
        end
        time.sleep("30ms")
        assert.same({ 1, 2, 3 }, order)
        assert.is_nil((time.sleep(0)))
    end)
end)
