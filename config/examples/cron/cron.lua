-- Lines of cron: cron.parse("*/5 8-18 * * 1-5") -> schedule, or nil and why not; schedule.next(t) -> the first time after t
-- at which t's zone has such a clock. So 02:30 is left out on the day when 02:00 to 03:00 is, and is there twice when that is.
local cron = {}

local MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60

local FIELDS = {
    { name = "second", from = 0, to = 59 },
    { name = "minute", from = 0, to = 59 },
    { name = "hour", from = 0, to = 23 },
    { name = "day", from = 1, to = 31 },
    { name = "month", from = 1, to = 12 },
    { name = "weekday", from = 0, to = 7 }, -- 0 and 7 are Sunday
}

-- "*/15", "1-5", "3,7", "10-30/10" -> the set of numbers that it names.
local function parse_field(text, field)
    local set = {}
    for part in (text .. ","):gmatch("(.-),") do
        local range, step = part:match("^([^/]+)/(%d+)$")
        range, step = range or part, tonumber(step or 1)
        local from, to = range:match("^(%d+)%-(%d+)$")
        if range == "*" then
            from, to = field.from, field.to
        else
            from = tonumber(from or range:match("^%d+$"))
            to = tonumber(to or from)
        end
        if not from or from < field.from or to > field.to or from > to or step < 1 then
            return nil, field.name .. " " .. part .. ": is not from " .. field.from .. " to " .. field.to
        end
        for n = from, to, step do
            set[n] = true
        end
    end
    return set
end

local function seconds_of_day(t)
    local hour, minute, second = t:clock()
    return hour * HOUR + minute * MINUTE + second
end

-- The next beginning of a unit of so many seconds; of a smaller one, if the clock is changed before that.
local function skip(t, unit)
    local now = seconds_of_day(t)
    local left = unit - now % unit
    local after = t:add(left .. "s")
    if unit == 1 or seconds_of_day(after) == (now + left) % DAY then
        return after
    end
    return skip(t, unit == DAY and HOUR or unit / 60)
end

function cron.parse(line)
    local words = {}
    for word in line:gmatch("%S+") do
        words[#words + 1] = word
    end
    if #words == 5 then
        table.insert(words, 1, "0")
    end
    if #words ~= #FIELDS then
        return nil, line .. ": has " .. #words .. " fields, not five or six"
    end
    local set = {}
    for i, field in ipairs(FIELDS) do
        local numbers, err = parse_field(words[i], field)
        if not numbers then
            return nil, line .. ": " .. err
        end
        set[field.name] = numbers
    end
    set.weekday[0] = set.weekday[0] or set.weekday[7]
    -- As in cron: if both kinds of day are given, either will do.
    local any_day, any_weekday = words[4] == "*", words[6] == "*"

    local function day_fits(t)
        local day, weekday = set.day[t:day()], set.weekday[t:weekday()]
        if any_day or any_weekday then
            return day and weekday
        end
        return day or weekday
    end

    -- From the largest unit to the smallest: where one does not fit, its next beginning is tried.
    local function next_time(t)
        t = t:truncate("1s"):add("1s")
        local limit = t:add_date(8, 0, 0) -- the 29th of February may be that far
        while t:before(limit) do
            if not set.month[t:month()] or not day_fits(t) then
                t = skip(t, DAY)
            elseif not set.hour[t:hour()] then
                t = skip(t, HOUR)
            elseif not set.minute[t:minute()] then
                t = skip(t, MINUTE)
            elseif not set.second[t:second()] then
                t = skip(t, 1)
            else
                return t
            end
        end
        return nil, line .. ": never"
    end

    return { next = next_time }
end

return cron
