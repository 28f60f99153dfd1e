-- expect: fails Unknown linked process failed
-- The last of a chain of links fails: all go.
return {
    main = function()
        local function link(n)
            local pid = assert(process.spawn_linked("app:chain_part", "app:processes", n))
        end
        link(1500)
        time.sleep("1h")
    end,
}
