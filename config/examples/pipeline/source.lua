-- Hands out items to workers that ask, and remembers them until they are done.
local ATTEMPTS = 2

-- While the file is loaded, not in main: services that require this one start when its main begins, and find the name.
process.registry.register("source")

local function main(count)
    local inbox, events = process.inbox(), process.events()
    local next_item, again = 1, {}        -- what comes next; items that a dead worker had
    local attempts, set_aside = {}, {}    -- item -> how many workers it has killed; those that killed too many
    local workers = {}                    -- pid -> { room = how many more it takes, items = { set of what it has } }
    local in_hand, most, finished = 0, 0, 0

    local function give(pid, w)
        while w.room > 0 do
            local item = table.remove(again)
            if not item and next_item <= count then
                item, next_item = next_item, next_item + 1
            end
            if not item then
                return
            end
            if not process.send(pid, "item", item) then
                again[#again + 1] = item -- it has ended: its EXIT is on the way
                return
            end
            w.items[item], w.room, in_hand = true, w.room - 1, in_hand + 1
            most = math.max(most, in_hand)
        end
    end

    local function give_all()
        for pid, w in pairs(workers) do
            give(pid, w)
        end
    end

    local on = {}

    function on.ready(pid, room)
        if process.monitor(pid) then
            workers[pid] = { room = room, items = {} }
            give(pid, workers[pid])
        end
    end

    function on.done(pid, item)
        local w = workers[pid]
        w.items[item], w.room, in_hand, finished = nil, w.room + 1, in_hand - 1, finished + 1
        give(pid, w)
    end

    local function worker_ended(event)
        local w = workers[event.from]
        workers[event.from] = nil
        -- Which of them it was working on, it said in its error.
        local culprit = event.error and event.error:details() and event.error:details().item
        for item in pairs(w.items) do
            in_hand = in_hand - 1
            attempts[item] = (attempts[item] or 0) + (item == culprit and 1 or 0)
            if attempts[item] >= ATTEMPTS then
                set_aside[#set_aside + 1], finished = item, finished + 1
            else
                again[#again + 1] = item
            end
        end
        give_all()
    end

    while finished < count do
        local r = channel.select { events:case_receive(), inbox:case_receive() }
        if r.channel == inbox then
            on[r.value:topic()](r.value:from(), r.value:payload())
        elseif r.value.kind == process.event.CANCEL then
            return
        elseif r.value.kind == process.event.EXIT then
            worker_ended(r.value)
        end
    end
    print("source: all " .. count .. " items done, set aside: " .. table.concat(set_aside, ", "))
    print("source: never more than " .. most .. " in hand")
    process.send("sink", "finish")
end

return { main = main }
