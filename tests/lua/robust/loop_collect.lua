-- expect: runs
return {
    main = function()
        local t = {}
        for i = 1, 50000 do t[i] = {} end
        while true do collectgarbage() end
    end,
}
