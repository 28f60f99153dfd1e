-- expect: runs
return {
    main = function()
        local keep = {}
        for i = 1, 2000 do keep[i] = time.ticker("1ms") end
        time.sleep("1h")
    end,
}
