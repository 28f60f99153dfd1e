-- Owns the buckets. Listens to "take"; answers with "limit" { number, true | false }.
local time = require("time")

-- While the file is loaded, not in main: services that require this one start when its main begins, and find the name.
process.registry.register("limiter")

local function main(rules)
    local requests, events = process.listen("take", { message = true }), process.events()
    local buckets = {}    -- name .. key -> { tokens =, at =, rule =, waiting = { requests, in order } }
    local wake            -- fires when the next waiting request can be served

    local function bucket_of(r)
        local id = r.name .. "\0" .. r.key
        local b = buckets[id]
        if not b then
            b = { tokens = rules[r.name].burst, at = time.now(), rule = rules[r.name], waiting = {} }
            buckets[id] = b
        end
        local now = time.now()
        local passed = math.max(0, now:sub(b.at):seconds())
        b.tokens, b.at = math.min(b.rule.burst, b.tokens + passed * b.rule.rate), now
        return b, id
    end

    local function answer(r, ok)
        return process.send(r.from, "limit", { number = r.number, ok = ok })
    end

    -- Those that wait and can be served; then the time until the next one can.
    local function serve_waiting()
        local soonest
        for id, b in pairs(buckets) do
            while b.waiting[1] and bucket_of(b.waiting[1]).tokens >= 1 do
                if answer(table.remove(b.waiting, 1), true) then -- who has ended costs nothing
                    b.tokens = b.tokens - 1
                end
            end
            if b.waiting[1] then
                local need = (1 - b.tokens) / b.rule.rate
                soonest = math.min(soonest or need, need)
            elseif b.tokens >= b.rule.burst then
                buckets[id] = nil -- full: as good as new
            end
        end
        wake = soonest and time.after(math.ceil(soonest * 1e9))
    end

    local function request(msg)
        local r = msg:payload()
        r.from = msg:from()
        if not rules[r.name] then
            return process.send(r.from, "limit", { number = r.number, error = "no such limit: " .. r.name })
        end
        local b = bucket_of(r)
        if b.tokens >= 1 and not b.waiting[1] then
            b.tokens = b.tokens - 1
            answer(r, true)
        elseif r.wait then
            b.waiting[#b.waiting + 1] = r
            serve_waiting()
        else
            answer(r, false)
        end
    end

    while true do
        local r = channel.select { events:case_receive(), requests:case_receive(), wake and wake:case_receive() }
        if r.channel == events then
            if r.value.kind == process.event.CANCEL then
                return
            end
        elseif r.channel == requests then
            request(r.value)
        else
            serve_waiting()
        end
    end
end

return { main = main }
