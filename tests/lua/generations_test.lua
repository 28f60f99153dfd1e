-- States made later are copies of earlier ones, and share most of what is in them: nobody can tell.
local HOST, NS = "app:processes", "app.test.life:"

describe("An entry's first processes, and hundreds that come later,", function()
    local used = process.listen("used")

    local function generation(entry, count, spoil)
        local pids, found = {}, {}
        for i = 1, count do
            pids[i] = assert(process.spawn_monitored(NS .. entry, HOST, process.pid(), spoil))
        end
        for _, pid in ipairs(pids) do
            assert(process.send(pid, "go"))
        end
        for i = 1, count do
            found[i] = used:receive()
            local result = process.events():receive().result
            assert.is_nil(result and result.error, tostring(result and result.error))
        end
        return found
    end

    local begins = { text = "ABC k 002%.5 a;b to be or false raised ", lists = "3%-2%-1 3 2 1 2 3 2 1970", modules = '{"a":%[1,2%]} true 2d71',
        clock = "true 1970%-01%-01T00:00:00Z nil" }
    for entry, begin in pairs(begins) do
        it("find the same in every module, nothing of each other, and random numbers of their own: " .. entry, function()
            local text, random = generation(entry, 8, true)[1].text, {}
            assert.match("^" .. begin, text)
            for round = 1, 2 do
                for _, one in ipairs(generation(entry, 300, round == 1)) do
                    assert.equal(text, one.text)
                    assert.is_nil(random[one.random])
                    random[one.random] = true
                end
            end
        end)
    end
end)
