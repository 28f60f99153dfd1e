-- A process that uses something before and after it waits, and tells what came out of it.
local function main(use)
    return function(parent, spoil)
        local out, go = {}, process.listen("go")
        local function say(...)
            for i = 1, select("#", ...) do table.insert(out, tostring((select(i, ...)))) end
        end
        use(say)
        go:receive()
        use(say)
        process.send(parent, "used", { text = table.concat(out, " "), random = math.random() })
        if spoil then
            for _, t in ipairs({ string, _G, process }) do t.leak = "leaked" end
        end
    end
end

return { main = main }
