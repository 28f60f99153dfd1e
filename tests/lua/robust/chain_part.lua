-- expect: helper
return {
    main = function(n)
        if n > 0 then
            assert(process.spawn_linked("app:chain_part", "app:processes", n - 1))
            time.sleep("1h")
        end
        error("the last one")
    end,
}
