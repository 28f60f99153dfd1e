-- expect: runs
return {
    main = function()
        local t = {}
        for i = 1, 200000 do t[i] = i % 1000 end
        while true do table.sort(t, function(a, b) return a > b end) table.sort(t) end
    end,
}
